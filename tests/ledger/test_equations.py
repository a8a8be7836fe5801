"""Row X2: the slips of the notes, typed as they stand, are found and corrected."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.equations.report import EquationCheck
from gradwright.errors import NetworkError
from tests.identities.rows import ROWS
from tests.ledger import notes_about

NETWORK = gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", reduction="sum")

RIGHT = """
# S1.7 to S1.9
∂L/∂Z3 = Ŷ - Y
dL/dW3 = A2' * dL/dZ3
dL/dA2 = dL/dZ3 * W3'
dL/dZ2 = dL/dA2 ∘ [Z2 > 0]
dZ2 = dA2 .* {1, Z2 > 0; 0, Z2 <= 0}
dL/dW2 = A1ᵀ · dL/dZ2
dL/db2 = dZ2'*ones(n)
dL/dA1 = dL/dZ2 * W2'
dL/dZ1 = dL/dA1 ∘ relu'(Z1)
dL/dW1 = X' * dL/dZ1
Z2 = A1 W2 + b2 
L = -sum(Y ∘ log(Ŷ))
Ŷ = softmax(Z3) = A3
# one sample
∂z3/∂a2 = W3'
∂L/∂z3 = ŷ - y
∂L/∂W2 = a1 (∂L/∂z2)'
δ^(l) = W^(l+1) δ^(l+1) ∘ g'(z^(l))
z^[l] = W^[l]ᵀ a^[l-1] + b^[l]
"""


def only(text: str, network: gw.Network = NETWORK) -> EquationCheck:
    (found,) = gw.check_equations(text, network).equations
    return found


def test_s1_7_to_s1_9_and_the_formulas_of_one_sample_are_right() -> None:
    report = gw.check_equations(RIGHT, NETWORK)
    assert report.ok, report
    assert len(report.equations) == 19


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ("dL/dW3 = A2' * dL/dZ2", "A2'*dL/dZ3"),
        ("dL/dW3 = A2 * dL/dZ3", "A2'*dL/dZ3"),
        ("dL/dA2 = W3' * dL/dZ3", "dL/dZ3*W3'"),
        ("Z_2 = A_1 W_1 + b_2", "A1*W2 + b2"),
        ("∂L/∂Z3 = Ŷ + Y", "Ŷ - Y"),
        ("∂L/∂b3 = ∂L/∂Z3", "∂L/∂Z3'*ones(n)"),
        ("∂L/∂Z2 = ∂L/∂A2", "∂L/∂A2.*step(Z2)"),
        ("∂L/∂Z2 = Z1", "∂L/∂A2.*step(Z2)"),
        ("z^(l) = W^(l-1)ᵀ a^(l-1) + b^(l)", "W^(l)'*a^(l-1) + b^(l)"),
    ],
)
def test_x2_a_wrong_equation_is_corrected(typed: str, corrected: str) -> None:
    found = only(typed)
    assert not found.ok
    assert found.corrected == corrected


def test_x2_the_counterexample_shows_two_values_by_hand() -> None:
    found = only("∂L/∂Z3 = Y - Ŷ")
    values = {name: np.asarray(value) for name, value in found.counterexample.items()}
    hidden = values["X"]
    for layer in (1, 2):
        hidden = np.maximum(hidden @ values[f"W{layer}"] + values[f"b{layer}"], 0)
    scores = np.exp(hidden @ values["W3"] + values["b3"])
    expected = scores / scores.sum(axis=1, keepdims=True) - values["Y"]
    np.testing.assert_allclose(found.left_value, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.right_value, -expected, rtol=1e-12, atol=1e-15)
    assert values["X"].shape == (1, 1)


def test_what_is_not_conformable_is_wrong_with_its_shapes() -> None:
    assert only("dL/dW3 = A2*dL/dZ3").reason == (
        "A2*dL/dZ3: A2 has 6 columns and dL/dZ3 has n rows"
    )
    # Three inputs and three outputs: the widths agree by chance.
    assert "for these widths only" in only("Z3 = X .* Y").reason


@pytest.mark.parametrize("text", ["dL/dW9 = A2", "A2", "A1 = ", "A1 = relu(Z1", "z^(l) = a^(k)"])
def test_what_cannot_be_read_is_a_typed_error(text: str) -> None:
    with pytest.raises(gw.GradwrightError):
        gw.check_equations(text, NETWORK)


COLUMNS = """
∂L/∂z^(3) = a^(3) - y
∂L/∂W^(2) = (W^(3)ᵀ (a^(3) - y) ∘ g'(z^(2))) a^(1)ᵀ
∂L/∂a^(2) = W^(3)ᵀ (a^(3) - y)
∂L/∂a^(2) = (a^(3) - y)' W^(3)
z^(l) = W^(l) a^(l-1) + b^(l)
∂z^(l)/∂a^(l-1) = W^(l)
∂a^(2)/∂z^(2) = diag(g'(z^(2)))
Z1 = W1 X + b1*ones(n)'
dL/dW1 = dL/dZ1 X'
"""


def test_s3_8_in_columns_is_right() -> None:
    network = gw.Network(
        "3 -> 4 tanh -> 3 sigmoid -> 1 sigmoid", "binary_cross_entropy", "sum", "columns"
    )
    report = gw.check_equations(COLUMNS, network)
    assert report.ok, report
    assert report.equations[3].condition == "with gradients as rows"


def test_x2_s3_8_a_row_with_a_column_is_an_error() -> None:
    """Note 003, line 162: g' must be a row there."""
    network = gw.Network(
        "3 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", "binary_cross_entropy", "sum", "columns"
    )
    found = only("∂L/∂z2 = (a3 - y) W3 ∘ g'(z2)", network)
    assert not found.ok
    assert "row" in found.reason and "column" in found.reason
    assert found.change == "a transpose"


# Declared symbols --------------------------------------------------------------------------------

QUADRATIC = {"A": "matrix n n", "x": "vector n"}
SCALARS = {"L": "scalar", "x": "scalar", "z": "scalar"}
RIGHT_FORMULAS = [
    ("f = x'*A*x\ndf/dx = (A + Aᵀ) x\n∇_x f = A x + Aᵀ x = (A + A')x", QUADRATIC),
    ("d/dx max(0, x) = {0, x < 0; 1, x > 0}", SCALARS),
    ("d/dx sigmoid(x) = σ(x) [1 - σ(x)]\nd/dx tanh(x) = 1 - tanh(x)^2", SCALARS),
    ("φ(z) = max(z, 0) + 0.1 min(z, 0)\nφ'(z) = {1, z > 0; 0.1, z < 0}", SCALARS),
    ("f(x) = W x\nJ_f(x) = W\ndf/dx = W", {"W": "matrix m n", "x": "vector n"}),
    ("d/dx (φ(W x)) = diag(φ'(W x)) W", {"W": "matrix m n", "x": "vector n"}),
    ("d/dx g(f(x)) = J_g(f(x)) J_f(x)", {"x": "vector n", "f": "map n m", "g": "map m k"}),
    ("d/dx ‖x - y‖ = (x - y)/‖x - y‖", {"x": "vector n", "y": "vector n"}),
]


@pytest.mark.parametrize(("text", "declared"), RIGHT_FORMULAS)
def test_right_formulas_of_the_notes_are_right(text: str, declared: dict[str, str]) -> None:
    report = gw.check_equations(text, **declared)
    assert report.ok, report
    assert not any(equation.condition for equation in report.equations)


def test_x2_what_holds_under_a_condition_is_reported_so() -> None:
    """Note 001, line 5: for L < 1 only."""
    report = gw.check_equations("d/dx max(L*x, x) = {L, x < 0; 1, x > 0}", **SCALARS)
    (found,) = report.equations
    assert found.ok
    assert found.condition == "holds if L < 1, and not always"
    L, x = (float(found.counterexample[name]) for name in "Lx")
    assert L > 1
    assert found.left_value == (L if x > 0 else 1)
    (symmetric,) = gw.check_equations("d/dx (x'*A*x) = 2*A*x", **QUADRATIC).equations
    assert symmetric.condition == "holds if A is symmetric, and not always"


@pytest.mark.parametrize(
    ("typed", "declared", "corrected", "change"),
    [
        (
            "d/dx (1/(1 + exp(-x))) = (1 + exp(-x))^(-1)",
            SCALARS,
            "d/dx ((1 + exp(-x))^(-1))",
            "a missing derivative",
        ),
        ("d/dx (x'*A*x) = (A - A')*x", QUADRATIC, "(A + A')*x", "a sign"),
        ("d/dx (x'*A*x) = A*x", QUADRATIC, "(A + A')*x", "the derived formula"),
        ("d/dx (A*x) = A'", {"A": "matrix m n", "x": "vector n"}, "A", "a transpose"),
    ],
)
def test_x2_wrong_derivatives_are_corrected(
    typed: str, declared: dict[str, str], corrected: str, change: str
) -> None:
    (found,) = gw.check_equations(typed, **declared).equations
    assert (found.ok, found.corrected, found.change) == (False, corrected, change)


# The notes, formula by formula -------------------------------------------------------------------

NOTES_RIGHT = notes_about.sections("notes_right.tex")
NOTES_SLIPS = notes_about.sections("notes_slips.tex")


@pytest.mark.parametrize("place", NOTES_RIGHT)
def test_the_right_formulas_of_the_notes_are_accepted(place: str) -> None:
    section = NOTES_RIGHT[place]
    report = section.about.check(section.lines)
    assert report.equations
    assert report.ok, report


@pytest.mark.parametrize("place", NOTES_SLIPS)
def test_x2_every_slip_is_found_and_corrected(place: str) -> None:
    section = NOTES_SLIPS[place]
    found = section.about.check(section.lines).equations[-1]
    what, _, expected = section.expected.partition(": ")
    if what == "condition":
        assert (found.ok, found.condition) == (True, expected)
        return
    assert not found.ok
    corrected = found.corrected_left if what == "left" else found.corrected
    assert corrected is not None, found
    assert expected in corrected


def test_x2_a_network_is_no_text() -> None:
    with pytest.raises(NetworkError, match="a str is given as the network"):
        gw.check_equations("dL/dW1 = X'*dL/dZ1", "3 -> 2 softmax")  # type: ignore[arg-type]


GRADIENTS = [row for row in ROWS if row["kind"] == "gradient"]


@pytest.mark.parametrize("row", GRADIENTS, ids=[row["id"] for row in GRADIENTS])
def test_the_identities_of_the_table_are_right(row: dict[str, str]) -> None:
    pairs = (part.split(":") for part in row["variables"].split(";") if part.strip())
    declared = {name.strip(): text.strip() for name, text in pairs}
    typed = f"d/d{row['wrt']} ({row['expression']}) = {row['expected']}"
    (found,) = gw.check_equations(typed, **declared).equations
    assert found.ok and not found.condition, found
