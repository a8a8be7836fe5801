"""Signs and names in LaTeX: nothing is printed that a document of ours cannot hold."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

import gradwright
from gradwright.notation.lexer import is_name
from gradwright.notation.tree import Symbol
from gradwright.render.latex import escape, latex_name
from tests.render.latex_reader import read_latex

SOURCES = sorted(Path(gradwright.__file__).parent.rglob("*.py"))
#: Commands that need no package, or one of those that the module names.
COMMANDS = {
    "dots", "textasciitilde", "textasciicircum", "textbackslash",
    "odot", "oslash", "otimes", "circ", "cdot", "times", "pm", "to", "neq", "leq", "geq", "approx",
    "infty", "in", "mathbb", "partial", "nabla", "sum", "prod", "surd", "Vert", "top", "prime",
    "llbracket", "rrbracket", "langle", "rangle", "vert", "mathrm", "phi",
    "vdots", "cdots", "ddots", "ell", "epsilon", "bullet", "ast", "mapsto", "mathcal", "mathbf",
    "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "varsigma", "tau", "upsilon", "varphi", "chi",
    "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi",
    "Psi", "Omega",
}  # fmt: skip


def assert_valid(written: str) -> None:
    """Running text: every sign is defined, dollars and braces are in pairs, nothing is special."""
    bare = re.sub(r"\\[A-Za-z]+", "", re.sub(r"\\[&%#_${}]", "", written))
    assert set(re.findall(r"\\([A-Za-z]+)", written)) <= COMMANDS
    outside = re.sub(r"\$[^$]*\$", "", bare)
    assert re.search(r"[$^_&%#~<>|\\]", outside) is None, written
    assert bare.count("{") == bare.count("}")


def test_every_sign_of_the_package_can_be_a_remark() -> None:
    signs = {sign for path in SOURCES for sign in path.read_text(encoding="utf-8")}
    assert {"⊙", "∂", "δ", "→", "×", "≠", "‖", "σ", "Σ", "ᵀ", "₁", "²"} <= signs
    for sign in sorted(signs - {"\n"}):
        written = escape(sign)
        assert_valid(written)
        latin = unicodedata.name(sign).startswith("LATIN")
        assert written.isascii() or latin, f"{sign} is {unicodedata.name(sign)}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("64 -> 32 relu", r"64 $\to$ 32 relu"),
        ("leaky_relu'(0) = 0.1", r"leaky\_relu'(0) = 0.1"),
        ("n × 3, l = 2, …, 6", r"n $\times$ 3, l = 2, \dots{}, 6"),
        ("δZ₁ᵀ ⊙ ∂L/∂Σ", r"$\delta$Z$_{1}$$^{\top}$ $\odot$ $\partial$L/$\partial$$\Sigma$"),
        ("a < 1 > b | 5 % {#} \\ ~ ^ $ &", "a $<$ 1 $>$ b $|$ 5 \\% \\{\\#\\} "
         "\\textbackslash{} \\textasciitilde{} \\textasciicircum{} \\$ \\&"),
    ],
)  # fmt: skip
def test_running_text(text: str, written: str) -> None:
    assert escape(text) == written
    assert_valid(written)


NAMES = {
    "x": "x",
    "W12": "W_{12}",
    "learning_rate2": r"\mathit{learning\_rate}_{2}",
    "x_1": r"\mathit{x\_1}",
    "_": r"\mathit{\_}",
    "σ": r"\sigma",
    "λ2": r"\lambda_{2}",
    "δZ1": r"\delta_{Z_{1}}",
    "αβ": r"\alpha_{\beta}",
    "δrate": r"\delta_{\mathit{rate}}",
    "Zδ": r"\mathit{Z{\delta}}",
    "xδy3": r"\mathit{x{\delta}y}_{3}",
    "Α": r"\mathrm{A}",
    "ο": r"\mathrm{o}",
    "ς": r"\varsigma",
    "é": r"\textit{é}",
    "ж7": r"\textit{ж}_{7}",
    "A[l-1]": "A_{l-1}",
    "δZ[l]": r"\delta_{Z_{l}}",
    "I3": "I_{3}",
}


@pytest.mark.parametrize(("name", "written"), NAMES.items())
def test_names(name: str, written: str) -> None:
    assert latex_name(name) == written
    assert read_latex(written) == Symbol(name)


def test_every_greek_letter_is_a_symbol_of_its_own() -> None:
    letters = [chr(code) for code in range(0x386, 0x3CF) if is_name(chr(code))]
    plain = [c for c in letters if " WITH " not in unicodedata.name(c)]
    assert len(plain) == 24 + 25
    written = {latex_name(letter) for letter in plain}
    assert len(written) == len(plain)
    for text in written:
        assert text.isascii()
        assert len(text) > 1, "a bare Latin letter is another symbol"
        assert read_latex(text) != Symbol(text)
