"""LaTeX as people write it in notes, and as it is printed here, is read."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, LimitError, NotationError
from gradwright.notation.informal import formal
from gradwright.notation.latex import MAX_NESTING, is_latex, read_latex
from gradwright.notation.parser import parse
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from tests.identities.rows import ROWS

WRITTEN = [
    (
        r"\frac{\partial L}{\partial W_3} = A_2^T \cdot \frac{\partial L}{\partial Z_3}",
        "∂L/∂W3 = A2' · ∂L/∂Z3",
    ),
    (r"z^{[2]} = W^{[2]} a^{[1]} + b^{[2]}", "z^(2) = W^(2) a^(1) + b^(2)"),
    (r"\mathbf{z}^{(j)} = \mathbf{w}^{(j)T} \mathbf{x}", "z^(j) = w^(j)' x"),
    (r"\frac{\partial L}{\partial b_3} = \sum_i Z_{3ik}", "∂L/∂b3 = Σ_i Z3[i,k]"),
    (r"L = - \sum_{i=1}^{k} y_i \log \hat{y}_i", "L = -Σ_i y[i] log(ŷ[i])"),
    (r"\sum_{\substack{i=1, \\ i \neq r}}^K y_i", "Σ_i (1 - δ[i,r])*y[i]"),
    (r"w_{kj}^{r+1} \delta_k^{r+1}", "w^(r+1)[k,j] δ^(r+1)[k]"),
    (r"\begin{cases} 1, & x > 0 \\ 0, & x \leq 0 \end{cases}", "{1, x > 0; 0, x <= 0}"),
    (
        r"\begin{cases} 1 & \text{if } z \geq 0 \\ 0.1 & \text{if } z < 0 \end{cases}",
        "{1, if z >= 0; 0.1, if z < 0}",
    ),
    (r"\varphi(\underbrace{Wx}_z)", "φ((W x))"),
    (r"\mathrm{diag}\left[\varphi'(W x)\right] \circ \|x\|", "diag(φ'(W x)) .* norm2(x)"),
    (r"\frac{1}{1+e^{-x}}", "((1)/(1+exp(-x)))"),
    (r"1 - \tanh^2(x)", "1 - (tanh(x))^(2)"),
    (r"\frac{\partial}{\partial x_k} \sum_j a_{kj} x_j", "∂/∂x[k] Σ_j a[k,j] x[j]"),
    (r"\frac{d}{dx} \max(0, x)", "d/dx max(0,x)"),
]


@pytest.mark.parametrize(("written", "text"), WRITTEN)
def test_what_notes_hold_is_read(written: str, text: str) -> None:
    assert read_latex(written).text.replace(" ", "") == text.replace(" ", "")


def test_lines_under_each_other_are_lines() -> None:
    text = r"\begin{aligned} a^{[3]} &= W^{[3]} a^{[2]} \\ &= \tilde{W} x \end{aligned}"
    lines = [line.strip() for line in read_latex(text).text.split("\n")]
    assert lines == ["a^(3)=W^(3) a^(2)", "=Wtilde x"]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
@pytest.mark.parametrize("column", ["expression", "expected"])
def test_what_is_printed_is_read_back(row: dict[str, str], column: str) -> None:
    pairs = (part.split(":") for part in row["variables"].split(";") if part.strip())
    declared = {name.strip(): text.strip() for name, text in pairs}
    try:
        tree = parse(row[column])
        gw.formula(row[column], **declared)
    except GradwrightError:
        pytest.skip("the table has no formula there")
    again = plain_text(parse(formal(read_latex(latex(tree))).text))
    found = gw.equal(row[column], again, **declared)
    assert found, (again, found)


@pytest.mark.parametrize(
    "text",
    [
        r"D_{i,j} = \sum_{k} A_{i,k} B_{k,j}",
        r"\llbracket x > 0 \rrbracket \odot x^{\odot 2}",
        r"\left\lVert x \right\rVert_{1} + \mathbf{1}_{n}^{\top} x",
        r"\frac{\partial f}{\partial x_{i}} = \sum_{j} A_{i,j} x_{j}",
    ],
)
def test_index_notation_and_constants_are_read(text: str) -> None:
    tree = parse(formal(read_latex(text)).text)
    assert parse(formal(read_latex(latex(tree))).text) == tree


def test_a_formula_may_be_latex(rng: np.random.Generator) -> None:
    f = gw.formula(r"\frac{1}{2} x^\top A x + \log \|x\|", A="matrix n n", x="vector n")
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    np.testing.assert_allclose(f(A=A, x=x), x @ A @ x / 2 + np.log(np.sqrt(x @ x)))
    assert f.gradient("x").check(seed=1).ok
    with pytest.raises(NotationError) as caught:
        gw.formula(r"\frac{1}{2} x + \unknown")
    assert caught.value.span is not None
    assert caught.value.text is not None
    shown = caught.value.text[caught.value.span.start : caught.value.span.end]
    assert shown == r"\unknown"


@pytest.mark.parametrize(
    "text",
    [
        r"\frac{1}{2",
        r"\frac{1}",
        r"x_{",
        r"\begin{cases} 1 & x > 0",
        r"\begin{pmatrix} 1 \end{pmatrix}",
        r"a + \dots + b",
        r"\left( x",
        r"x^{",
        r"\}",
        r"\sum x",
        r"\frac{\partial^2 f}{\partial x^2}",
    ],
)
def test_what_cannot_be_read_is_a_typed_error(text: str) -> None:
    with pytest.raises(GradwrightError):
        parse(formal(read_latex(text)).text)


def test_nesting_has_a_limit() -> None:
    with pytest.raises(LimitError):
        read_latex("{" * (MAX_NESTING + 1) + "x" + "}" * (MAX_NESTING + 1) + r"\alpha")


def test_plain_text_is_no_latex() -> None:
    assert not is_latex("x'*A*x")
    assert is_latex(r"x^\top A x")


@pytest.mark.parametrize("text", [r"\log \left෦ x", r"\sin\left", r"\begin{cases} x & x > 0 \end"])
def test_what_opens_no_bracket_or_ends_too_early_is_refused_or_read(text: str) -> None:
    try:
        read_latex(text)
    except NotationError as error:
        assert error.span is not None
