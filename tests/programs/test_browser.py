"""A real browser reads a page: its mathematics is MathML, and it asks for nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import gradwright as gw
from gradwright.api.reporting import network_page
from tests.house.tree import ROOT
from tests.programs.installed import CHROMIUM

#: Reports the window's width, what overflows it, formulas without height, and the font.
PROBE = """
document.fonts.load('16px "Gradwright Math"').then(() => {
  const outside = e => !e.closest('.wide, svg, pre, details');
  const right = e => e.getBoundingClientRect().right;
  const wide = [...document.querySelectorAll('body *')]
    .filter(e => outside(e) && right(e) > innerWidth + 1).map(e => e.tagName);
  const flat = [...document.querySelectorAll('math')]
    .filter(e => !e.closest('details') && e.getBoundingClientRect().height < 8).length;
  parent.document.title = `W${innerWidth} scroll ${document.documentElement.scrollWidth} `
    + `wide [${wide}] flat ${flat} font ${document.fonts.check('16px "Gradwright Math"')}`;
})
"""


def chromium(page: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", *arguments, page.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode()


def require_as_wide_as_its_window(page: str, width: int, tmp_path: Path) -> None:
    """A script that only this test adds reports what overflows the window, and the font."""
    inner = page.replace("</body>", f"<script>{PROBE}</script></body>")
    frame = f"<iframe style='border:0;width:{width}px;height:900px' srcdoc='PAGE'></iframe>"
    outer = tmp_path / "page.html"
    quoted = inner.replace("&", "&amp;").replace("'", "&#39;")
    outer.write_text(f"<!doctype html><body>{frame.replace('PAGE', quoted)}", encoding="utf-8")
    found = chromium(outer, "--virtual-time-budget=4000", "--window-size=1600,1000", "--dump-dom")
    (title,) = re.findall(r"<title>(W.*?)</title>", found)
    shown = re.fullmatch(r"W(\d+) scroll (\d+) wide \[\] flat 0 font true", title)
    assert shown is not None, title
    # A scroll bar takes a little of the window's width.
    assert int(shown[1]) == width and width - 20 <= int(shown[2]) <= width


@pytest.mark.parametrize("width", [360, 1440])
def test_a_page_is_as_wide_as_its_window(width: int, tmp_path: Path) -> None:
    net = gw.Network("64 -> 32 relu -> 2 tanh -> 2 tanh -> 10 softmax")
    page = network_page(net.backprop(), flow=gw.flow(net, net.init()))
    require_as_wide_as_its_window(page, width, tmp_path)


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize(
    "note", sorted((ROOT / "docs" / "notes").glob("*.html")), ids=lambda p: p.stem
)
def test_x7_the_page_of_a_note_is_as_wide_as_its_window(
    note: Path, width: int, tmp_path: Path
) -> None:
    require_as_wide_as_its_window(note.read_text(encoding="utf-8"), width, tmp_path)


def test_the_page_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = tmp_path / "formula.html"
    page.write_text(gw.formula("tanh(A*X*B)").jacobian("X").html(), encoding="utf-8")
    log = tmp_path / "net.json"
    found = chromium(page, f"--log-net-log={log}", "--dump-dom")
    assert "<math" in found
    addresses = set(re.findall(r'"url":"([^"]+)"', log.read_text(errors="replace")))
    outside = {a for a in addresses if not a.startswith(("file:", "data:", "chrome"))}
    # The browser's own start-up asks its maker; what the page refers to would be named in it.
    assert not {a for a in outside if a in page.read_text(encoding="utf-8")}
