"""Emitted LaTeX compiles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.reporting import formula_latex
from gradwright.explain.conventions import NOTATIONS

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

DOCUMENTS = [
    ("x'*A*x", "x", "gradient"),
    ("max(L*c, c)", "c", "gradient"),
    ("relu(W*x)", "x", "jacobian"),
    ("diag(x)*A", "x", "jacobian"),
    ("tanh(A*X*B)", "X", "jacobian"),
    ("norm2(x - y)", "x", "hessian"),
    ("A*X*B", "X", "vjp"),
    ("A*X*B", "X", "jvp"),
    ("x'*A*x", "x", "hvp"),
    ("logdet(A)", "A", "gradient"),
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


@pytest.mark.parametrize("notation", NOTATIONS)
def test_x1_every_notation_compiles(notation: str, tmp_path: Path) -> None:
    net = gw.Network("d -> L * H sigmoid -> 4 relu -> K softmax")
    compiles(net.backprop(notation=notation).latex(), tmp_path)


def test_formulas_compile(tmp_path: Path) -> None:
    lines = []
    for text, wrt in FORMULAS:
        formula = gw.formula(text)
        scalar = formula.scope.shape.kind == "scalar"
        made = formula.gradient(wrt) if scalar else formula.jacobian(wrt)
        lines.append(rf"\[ {made.latex()} \]")
    head = r"\documentclass{article}\usepackage{amsmath,amssymb,stmaryrd}\begin{document}"
    compiles("\n".join([head, *lines, r"\end{document}"]), tmp_path)


def test_the_documents_of_formulas_compile(tmp_path: Path) -> None:
    """S1.1 among them: cases. One document with the parts of all."""
    bodies = []
    for text, wrt, kind in DOCUMENTS:
        made = getattr(gw.formula(text), kind)(wrt)
        whole = formula_latex(made, made.check())
        bodies.append(whole.partition(r"\begin{document}")[2].partition(r"\end{document}")[0])
    head = whole.partition(r"\begin{document}")[0] + r"\begin{document}"
    compiles("\n".join([head, *bodies, r"\end{document}"]), tmp_path)


@pytest.mark.parametrize("text", ["2 -> 3 sigmoid -> 1 sigmoid", "12 -> 3 tanh no_bias -> 2"])
def test_the_trace_compiles(text: str, tmp_path: Path) -> None:
    """X5, with arrays that are shown in full and one that is too large for that."""
    net = gw.Network(text, loss="squared_error")
    p, X = net.init(seed=1), np.linspace(-1, 1, 2 * net.widths[0]).reshape(2, -1)
    y = np.array([[1e-7] * net.widths[-1], [2.5] * net.widths[-1]])
    compiles(net.backprop().trace(p, X, y).latex(), tmp_path)


def test_a_broken_document_is_noticed(tmp_path: Path) -> None:
    broken = r"\documentclass{article}\begin{document}\nothing\end{document}"
    with pytest.raises(AssertionError):
        compiles(broken, tmp_path)
