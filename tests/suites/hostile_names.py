"""Hostile names of symbols and sizes: none reaches emitted code but as a harmless identifier.

`python -m tests.suites.hostile_names --count 10000` gives each name to a symbol or to a size of a
formula. What is accepted is emitted for every target, parsed, and compared with the code for a
harmless name: it may differ in one identifier for another, one to one, and in nothing else. LaTeX
and pages are compared with those for a harmless name too. `--shard`, `--log` and `--seed` are as
in the other suites.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import json
import keyword
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import gradwright as gw
from gradwright.errors import GradwrightError
from tests.suites.hostile_texts import PARTS

TARGETS = ("numpy", "torch", "c")

#: The keywords of C (C99, 6.4.1), and what the headers that modules include take.
KEYWORDS = frozenset(
    (
        *("auto", "break", "case", "char", "const", "continue", "default", "do", "double"),
        *("else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long"),
        *("register", "restrict", "return", "short", "signed", "sizeof", "static", "struct"),
        *("switch", "typedef", "union", "unsigned", "void", "volatile", "while", "NULL", "NAN"),
        *("INFINITY", "size_t", "memcpy", "memset", "sqrt", "tanh", "fabs"),
    )
)

#: A name of C that is nobody else's.
C_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")

#: Names with nothing to fear: one for a symbol, one for a size.
PLAIN = ("xq", "nq")  # of four characters together: they have a page

#: What code, documents and the interpreter call things.
KNOWN = (
    *keyword.kwlist,
    *keyword.softkwlist,
    *dir(builtins),
    *(
        "np",
        "numpy",
        "torch",
        "os",
        "sys",
        "self",
        "cls",
        "ctx",
        "dy",
        "dx",
        "d_xq",
        "dxq",
        "value",
    ),
    *("gradient", "value_and_gradient", "Value", "Gradient", "second", "tensors", "plain", "run"),
    *("given", "wide", "device", "dtype", "outputs", "inputs", "output", "function", "first"),
    *("t1", "t2", "v0", "v1", "x_", "_", "__", "___", "__class__", "__globals__", "__builtins__"),
    *("__file__", "__name__", "__debug__", "ones", "eye", "sum", "logsumexp", "softmax", "einsum"),
    *("input", "write", "def", "csname", "catcode", "script", "onerror", "style", "math", "mi"),
)
LETTERS = (
    "abxyzABXZαβγδΣσφψϕϵℓℝℏåéñß中文あ한עא\u0430\u0435\u043e\u0440\u0441"
    "ⅷｘﬁﬀ𝐱𝑦𝔸ªºₓ₁²⁽⁾ˡ·ـ\u0301\u0327\u200d\u200c"
)


def hostile_name(draw: random.Random) -> str:
    """A name that somebody might try."""
    match draw.randrange(6):
        case 0:
            return draw.choice(KNOWN)
        case 1:
            return draw.choice(KNOWN) + draw.choice(
                ("", "_", "__", "1", "²", "₁", "ᵀ", "'", " ", "\n")
            )
        case 2:
            return "".join(
                draw.choices(LETTERS + "_0189", k=draw.choice((1, 2, 3, 8, 40, 100, 101)))
            )
        case 3:
            return draw.choice("xA_") + draw.choice(PARTS)
        case 4:
            wide = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in "abcdefghijklmnopqrstuvwxyz"})
            return draw.choice(KNOWN).translate(wide)
        case _:
            return "".join(
                draw.choices(
                    "xy_()[]{};:'\"\\\n\r\t #%$&<>=+-*/.,@!?`~^|0123456789", k=draw.randint(1, 12)
                )
            )


VALUES = np.array([0.5, -1.0, 2.0])


def judge(name: str, place: str) -> str:
    """`refused`, `harmless`, or what is wrong, for a symbol ("symbol") or a size ("size")."""
    if name.isdecimal():
        return "refused" if place == "symbol" else "harmless"
    symbol, size = (name, PLAIN[1]) if place == "symbol" else (PLAIN[0], name)
    try:
        found, value = written(symbol, size)
    except GradwrightError:
        return "refused"
    expected, right = written(*PLAIN)
    if not np.allclose(value, right, rtol=1e-12):
        return "another value"
    for key, text in found.items():
        wrong = compared(key, text, expected[key], name)
        if wrong:
            return f"{key}: {wrong}"
    return "harmless"


@lru_cache(maxsize=4)
def written(symbol: str, size: str) -> tuple[dict[str, str], np.ndarray]:
    """Everything that is written about one formula, and its gradient by the code."""
    text = f"sum(tanh({symbol}).^2)/{size}"
    d = gw.formula(text, **{symbol: f"vector {size}"}).gradient(symbol)
    found = {target: d.source(target) for target in TARGETS}
    pages = {"page": d.html()} if len(symbol + size) % 4 == 0 else {}
    return found | {"latex": d.latex(), **pages}, d(**{symbol: VALUES})


def compared(key: str, text: str, expected: str, name: str) -> str:
    """What is wrong with a text beside that for a harmless name; empty where nothing is."""
    if key == "c":
        return different_tokens(text, expected)
    if key in TARGETS:
        return different_code(text, expected, name)
    if key == "page":
        more = tags(text) - tags(expected)
        return f"other elements {sorted(more)}" if more else ""
    commands = set(re.findall(r"\\(?:[a-zA-Z]+|.)", text)) - set(
        re.findall(r"\\(?:[a-zA-Z]+|.)", expected)
    )
    return f"commands {sorted(commands)}" if commands - HARMLESS else ""


#: Commands that a name may be written with: letters, fonts, accents and escaped signs.
HARMLESS = (
    frozenset({r"\_", r"\mathrm", r"\mathit", r"\text", r"\textit", r"\operatorname"})
    | {f"\\{unicodedata.name(chr(code)).split()[-1].lower()}" for code in range(0x3B1, 0x3CA)}
    | {
        f"\\{unicodedata.name(chr(code)).split()[-1].capitalize()}"
        for code in range(0x391, 0x3AA)
        if code != 0x3A2
    }
    | {r"\varepsilon", r"\varphi", r"\varsigma", r"\ell", r"\hbar", r"\lambda", r"\Lambda"}
)


INCLUDES = re.compile(r"^#include <\w+\.h>$", re.MULTILINE)

#: Comments, strings, names and numbers, and signs of C.
C_TOKENS = re.compile(r"/\*.*?\*/|//[^\n]*|\"[^\"]*\"|[A-Za-z_]\w*|[\d.]+|\S", re.DOTALL)


def different_tokens(source: str, expected: str) -> str:
    """Where code of C differs from other code in more than names; factors go by their names."""
    if not source.isascii() and not re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL).isascii():
        return "letters that are none of C's"
    one, two = (
        [x for x in C_TOKENS.findall(INCLUDES.sub("", text)) if not x.startswith("/*")]
        for text in (source, expected)
    )
    signs = [Counter(x for x in tokens if not x[0].isalpha()) for tokens in (one, two)]
    new, gone = set(one) - set(two), set(two) - set(one)
    if signs[0] != signs[1] or len(one) != len(two) or len(new) != len(gone):
        return f"{sorted(new)} in place of {sorted(gone)}"
    bad = [name for name in sorted(new) if name in KEYWORDS or not C_NAME.match(name)]
    return f"the names {bad}" if bad else ""


def tags(page: str) -> set[str]:
    """The elements and attributes of a page."""
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update([tag, *(f"{tag} {name}" for name, _ in attrs)])

        def handle_comment(self, data: str) -> None:
            found.add("a comment")

    Reader().feed(page)
    return found


def different_code(source: str, expected: str, name: str) -> str:
    """Where code differs from other code in more than names given one for one.

    The order of terms and factors may differ: it goes by the names.
    """
    try:
        one, two = map(parsed, (source, expected))
    except SyntaxError as error:
        return f"no code: {error}"
    for kind in ("statement", "attribute", "module", "defined"):
        if said(one, kind) != said(two, kind):
            return f"another {kind}"
    new: set[str] = set()
    for first, second in zip(functions(one), functions(two), strict=True):
        names, plain = set(said(first, "name")), set(said(second, "name"))
        # A name such as t1 is not told from an intermediate value, which then has another one.
        if len(names - plain) != len(plain - names) and not TEMPORARY.match(name):
            return f"{sorted(names - plain)} in place of {sorted(plain - names)}"
        new |= names - plain
    bad = [name for name in sorted(new) if not is_harmless(name)]
    return f"the names {bad}" if bad else different_lines(source, expected)


def parsed(source: str) -> ast.Module:
    """Code for PyTorch in which functions by each symbol have one name for all symbols."""
    tree = ast.parse(source)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    starts = {name: start for name in defined for start in BY_SYMBOL if name.startswith(start)}
    for node in ast.walk(tree):
        # A sign that is in no identifier: no symbol is called so.
        if isinstance(node, ast.FunctionDef) and node.name in starts:
            node.name = f"{starts[node.name]} of"
        elif isinstance(node, ast.Name) and node.id in starts:
            node.id = f"{starts[node.id]} of"
    return tree


#: What the names of functions by one symbol begin with.
BY_SYMBOL = ("second_", "along_", "gradient_along_")


def functions(tree: ast.AST) -> list[ast.AST]:
    """The functions of a module: a name means one thing in each."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in found:
        # A decorator stands outside, where the names of the function mean nothing.
        node.decorator_list = []
    return list(found)


#: Intermediate values of emitted code.
TEMPORARY = re.compile(r"t\d+")


def said(tree: ast.AST, kind: str) -> list[str]:
    """What parts of one kind say, sorted; intermediate values come and go with the order."""
    found = (text for what, text in walked(tree) if what == kind)
    return sorted(text for text in found if not TEMPORARY.fullmatch(text))


def different_lines(source: str, expected: str) -> str:
    """Texts and comments hold no other signs than those for a harmless name."""
    texts = [{c for c in ast.unparse(ast.parse(t)) if not c.isalnum()} for t in (source, expected)]
    more = {c for c in texts[0] - texts[1] if not unicodedata.category(c).startswith("M")} - set(
        "_⁽⁾"
    )
    return f"the signs {sorted(more)}" if more else ""


def is_harmless(name: str) -> bool:
    """An identifier that Python reads as it is written, and that means nothing to it."""
    return (
        name.isidentifier()
        and unicodedata.normalize("NFKC", name) == name
        and not keyword.iskeyword(name)
        and not hasattr(builtins, name)
        and not (name.strip("_") and name.startswith("__") and name.endswith("__"))
    )


def walked(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(kind, what it says) of the parts that say something."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                yield "name", name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield "defined", name
            case ast.Attribute(attr=name):
                yield "attribute", name
            case ast.alias(name=name, asname=asname):
                yield "module", f"{name} {asname}"
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Assign):
            yield "statement", type(node).__name__


def run(
    seed: int, numbers: Sequence[int], log: Path | None = None
) -> tuple[Counter[str], list[str]]:
    """(outcomes, failures) of some names; those in the log are not tried again."""
    done: dict[int, str] = {}
    if log is not None and log.exists():
        rows = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        done = {row["number"]: row["outcome"] for row in rows}
    failures = []
    for number in numbers:
        draw = random.Random(f"{seed} {number}")
        name, place = hostile_name(draw), draw.choice(("symbol", "size"))
        if number not in done:
            done[number] = judge(name, place)
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"number": number, "outcome": done[number]}) + "\n")
        if done[number] not in ("refused", "harmless"):
            failures.append(f"{number}: {place} {name!r}: {done[number]}")
            print(failures[-1], file=sys.stderr, flush=True)
    kinds = Counter(o if o in ("refused", "harmless") else "failure" for o in done.values())
    return kinds, failures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; 1 when a name did harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1", help="K/N: every Nth name, from the Kth on")
    parser.add_argument("--log", type=Path, default=None)
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    first, step = map(int, given.shard.split("/"))
    print(f"seed {seed}", flush=True)
    counts, failures = run(seed, range(first - 1, given.count, step), given.log)
    for outcome, count in counts.most_common():
        print(f"{count:6} {outcome}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
