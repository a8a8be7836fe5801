"""Emitted LaTeX compiles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import gradwright as gw

NETWORKS = [
    "3 -> 10 relu -> 6 relu -> 3 softmax",
    "64 -> 30 * 64 sigmoid -> 10 softmax",
    "2 -> 3 leaky_relu(0.2) no_bias -> 2 tanh -> 1 sigmoid",
]
FORMULAS = [
    ("x'*A*x", "x"),
    ("phi(W*x)", "W"),
    ("g(f(x))", "x"),
    ("logdet(A'*A)", "A"),
    ("norm2(A*x - y)/norm1(x)", "x"),
    ("softmax(X*W)", "W"),
    ("relu(α'*x)^2", "x"),
]


def compiles(document: str, folder: Path) -> None:
    (folder / "it.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "it.tex"],
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-1500:]
    assert (folder / "it.pdf").stat().st_size > 1000


@pytest.mark.parametrize("text", NETWORKS)
def test_the_document_of_a_network_compiles(text: str, tmp_path: Path) -> None:
    loss = "binary_cross_entropy" if text.endswith("sigmoid") else "cross_entropy"
    compiles(gw.Network(text, loss=loss).backprop().latex(), tmp_path)


def test_formulas_compile(tmp_path: Path) -> None:
    lines = []
    for text, wrt in FORMULAS:
        formula = gw.formula(text)
        scalar = formula.scope.shape.kind == "scalar"
        made = formula.gradient(wrt) if scalar else formula.jacobian(wrt)
        lines.append(rf"\[ {made.latex()} \]")
    head = r"\documentclass{article}\usepackage{amsmath,amssymb,stmaryrd}\begin{document}"
    compiles("\n".join([head, *lines, r"\end{document}"]), tmp_path)


def test_a_broken_document_is_noticed(tmp_path: Path) -> None:
    broken = r"\documentclass{article}\begin{document}\nothing\end{document}"
    with pytest.raises(AssertionError):
        compiles(broken, tmp_path)
