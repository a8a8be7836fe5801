"""One self-contained page: its style, its font and its body, no script, nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from html import escape
from importlib.resources import files

#: The colours of pages and of figures in files of their own, by daylight.
COLOURS = """\
--paper:#fff;--ink:#1c1c1e;--soft:#5b5f66;--faint:#d8dade;--panel:#f5f6f8;--first:#1f5fbf;
--second:#b4470f;--positive:#c0392b;--negative:#1f5fbf;--good:#1a7f37;--bad:#b3261e"""

STYLE = """
@font-face{font-family:"Gradwright Math";src:url(data:font/woff2;base64,FONT) format("woff2")}
:root{COLOURS}
@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e6e7ea;--soft:#a3a8b0;
--faint:#3a3e46;--panel:#1f2228;--first:#7db0ff;--second:#ffab70;--positive:#ff8a80;
--negative:#7db0ff;--good:#5fd38a;--bad:#ff8a80}}
*{box-sizing:border-box}
html{color-scheme:light dark}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:60rem;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
math{font-family:"Gradwright Math",math;font-size:1.12em}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin:2rem 0 .6rem}
p.note{margin:.2rem 0;color:var(--soft)}
.wide{overflow-x:auto;padding:.2rem 0 .5rem}
table.lines{border-collapse:collapse}
table.lines td{padding:.32rem .25rem;vertical-align:middle;white-space:nowrap}
table.lines td:first-child{text-align:right}
table.lines td.remark{padding-left:1.5rem;color:var(--soft);font-size:.88rem}
table.data{border-collapse:collapse;font-size:.9rem}
table.data th,table.data td{padding:.2rem .7rem;border-bottom:1px solid var(--faint);
text-align:right;white-space:nowrap}
table.data th:first-child,table.data td:first-child{text-align:left}
.badge{display:inline-block;padding:.15rem .6rem;border:1px solid currentColor;border-radius:1rem}
.good{color:var(--good)}.bad{color:var(--bad)}
svg.figure{display:inline-block;width:100%;height:auto;margin:.4rem 1rem .4rem 0;vertical-align:top}
svg.figure text{font-family:system-ui,sans-serif}
pre{background:var(--panel);padding:.8rem;overflow-x:auto;font-size:.85rem;line-height:1.4}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--first)}
@media print{body{max-width:none;font-size:11pt}details>*{display:block}pre{white-space:pre-wrap}
h2{break-after:avoid}table.lines tr,svg.figure{break-inside:avoid}.wide{overflow:visible}}
"""


@cache
def _font() -> str:
    data = (files("gradwright.report") / "font" / "gradwright-math.woff2").read_bytes()
    return b64encode(data).decode("ascii")


def page(title: str, body: str) -> str:
    """A complete HTML document."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE.replace('COLOURS', COLOURS).replace('FONT', _font())}</style></head>",
            f"<body><h1>{escape(title.replace('->', '→'))}</h1>",
            body,
            "</body></html>",
            "",
        ]
    )


def section(title: str, *parts: str) -> str:
    """A titled part of the page."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def notes(*texts: str) -> str:
    """Remarks in small type, a paragraph each."""
    return "".join(f'<p class="note">{escape(text)}</p>' for text in texts)


def wide(content: str) -> str:
    """What may be wider than the page scrolls in a box of its own."""
    return f'<div class="wide" tabindex="0">{content}</div>'


def details(summary: str, content: str) -> str:
    """What is folded away until it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def code(text: str) -> str:
    """Source code."""
    return f"<pre><code>{escape(text)}</code></pre>"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of plain texts."""
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return wide(f'<table class="data"><tr>{first}</tr>{body}</table>')
