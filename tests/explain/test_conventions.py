"""X1: every notation says the same with other letters, shapes and sides."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.backprop import NetworkDerivation
from gradwright.errors import NetworkError
from gradwright.explain.conventions import NOTATIONS
from gradwright.notation.parser import parse
from tests.explain.written import PLAIN, indexed, lines_of, values_of
from tests.nn.random_networks import random_network
from tests.suites.conventions import TOLERANCE, given_values, notation_differs, relative

NOTE_003 = "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid"
CHOICES = [
    ("000", {}), ("001", {}), ("002", {}), ("003", {}), ("004", {}),
    ("003", {"gradient": "column"}), ("002", {"gradient": "row"}),
    ("004", {"jacobian": "transposed", "layer_jacobian": "pre-activation"}),
]  # fmt: skip


@pytest.mark.parametrize(("notation", "choices"), CHOICES)
def test_x1_a_notation_gives_equal_numbers(
    notation: str, choices: dict[str, str], rng: np.random.Generator
) -> None:
    for _ in range(4):
        text, loss, X, y = random_network(rng)
        net = gw.Network(text, loss, "sum")
        p = net.init(int(rng.integers(2**31)), "he_normal")
        assert notation_differs(net, p, X, y, notation, **choices) < TOLERANCE, text


def test_x1_a_wrong_derivation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    explain = NetworkDerivation.explain

    def wrong(self: NetworkDerivation, level: str = "full") -> str:
        return (
            explain(self, level).replace("W⁽³⁾ᵀ", "(2*W⁽³⁾ᵀ)").replace("δ⁽³⁾ W⁽³⁾", "2*δ⁽³⁾ W⁽³⁾")
        )

    net = gw.Network(NOTE_003, "binary_cross_entropy", "sum")
    p, X, y = net.init(1), np.ones((1, 2)), np.ones((1, 1))
    for notation in ("000", "002", "003"):
        assert notation_differs(net, p, X, y, notation) < TOLERANCE
    monkeypatch.setattr(NetworkDerivation, "explain", wrong)
    for notation in ("000", "002", "003"):
        assert notation_differs(net, p, X, y, notation) > 0.1


def test_x1_the_choices_in_force_are_printed() -> None:
    net = gw.Network(NOTE_003, "binary_cross_entropy")
    for notation, c in NOTATIONS.items():
        text = net.backprop(notation=notation).explain()
        for sentence in c.sentences:
            assert sentence in text
    text = net.backprop(notation="003", gradient="column", jacobian="transposed").explain()
    assert "are columns" in text and "has a column for each entry" in text
    assert "∂z⁽ˡ⁾/∂a⁽ˡ⁻¹⁾ = W⁽ˡ⁾ᵀ" in text


def test_x1_a_derivation_is_converted_from_one_notation_to_another() -> None:
    net = gw.Network(NOTE_003, "binary_cross_entropy")
    here = net.backprop("000")
    for notation in NOTATIONS:
        there = here.written(notation, jacobian="transposed")
        assert there.explain() == net.backprop(notation, jacobian="transposed").explain()
        assert there.written("000").explain() == here.explain()


def test_s0_8_the_letters_of_note_000() -> None:
    net = gw.Network("4 -> 3 tanh no_bias -> 2 no_bias", "squared_error")
    text = net.backprop(notation="000").explain()
    assert "z⁽¹⁾ = W⁽¹⁾ x" in text and "v⁽¹⁾ = tanh(z⁽¹⁾)" in text and "v⁽²⁾ = W⁽²⁾ v⁽¹⁾" in text
    assert "δ⁽ⁱ⁾ = δ⁽ⁱ⁺¹⁾ W⁽ⁱ⁺¹⁾ diag(φ'(z⁽ⁱ⁾))" in text
    assert "∂L/∂W⁽ⁱ⁾ = δ⁽ⁱ⁾ᵀ v⁽ⁱ⁻¹⁾ᵀ" in text
    assert "δ⁽ⁱ⁾ = δ⁽ᴸ⁾ W⁽ᴸ⁾ diag(φ'(z⁽ᴸ⁻¹⁾)) ⋯ W⁽ⁱ⁺¹⁾ diag(φ'(z⁽ⁱ⁾))" in text


def test_s4_1_s4_2_the_letters_of_note_004() -> None:
    text = gw.Network("5 -> 3 sigmoid no_bias -> 2 softmax no_bias").backprop("004").explain()
    assert "z⁽ᴷ⁾ = A(w⁽ᴷ⁾ᵀ A(w⁽ᴷ⁻¹⁾ᵀ ⋯ A(w⁽¹⁾ᵀ x)))" in text
    assert "∂z⁽ʲ⁺¹⁾/∂z⁽ʲ⁾ = diag(A'(u⁽ʲ⁺¹⁾)) w⁽ʲ⁺¹⁾ᵀ" in text
    assert "∂L/∂w⁽ʲ⁾ = ∂L/∂z⁽ᴷ⁾ ∂z⁽ᴷ⁾/∂z⁽ᴷ⁻¹⁾ ⋯ ∂z⁽ʲ⁺¹⁾/∂z⁽ʲ⁾ ∂z⁽ʲ⁾/∂w⁽ʲ⁾" in text
    assert "diag(softmax(u⁽ʲ⁾)) − softmax(u⁽ʲ⁾) softmax(u⁽ʲ⁾)ᵀ" in text


def test_s3_9_the_product_of_note_003() -> None:
    text = gw.Network(NOTE_003, "binary_cross_entropy").backprop("003").explain()
    assert "δ⁽ˡ⁾ = δ⁽ᴸ⁾ W⁽ᴸ⁾ diag(g'(z⁽ᴸ⁻¹⁾)) ⋯ W⁽ˡ⁺¹⁾ diag(g'(z⁽ˡ⁾))" in text
    assert "δ⁽³⁾ = a⁽³⁾ᵀ ⊙ ε⁽³⁾ ⊙ (1 − a⁽³⁾ᵀ)" in text and "= a⁽³⁾ᵀ − yᵀ" in text


# Layer l of L -------------------------------------------------------------------------------------


def unrolled(formula: str, low: int, high: int, layer: str, depth: str) -> str:
    """The formula of layer `low` of `high` with all factors written out.

    The factor on one side of the dots has the highest index, that on the other the lowest; the
    factors between are those of the lowest, moved up.
    """

    def at(text: str, number: int) -> str:
        return indexed(text, {layer: number, depth: high})

    if "⋯" not in formula:
        return at(formula, low)
    left, right = formula.split(" ⋯ ")
    plain = left.translate(PLAIN)
    if depth in plain:
        # The factor nearest to the last layer stands on the left of the dots already.
        return " ".join([at(left, low), *(at(right, k) for k in reversed(range(low, high - 1)))])
    return " ".join([*(at(left, k) for k in range(low, high - 1)), at(right, low)])


@pytest.mark.parametrize(("notation", "choices"), [c for c in CHOICES if c[0] != "001"])
def test_x4_the_recursion_and_the_product_give_the_gradients(
    notation: str, choices: dict[str, str], rng: np.random.Generator
) -> None:
    c = NOTATIONS[notation].changed(**choices)
    net = gw.Network("3 -> 5 tanh -> 2 tanh -> 4 tanh -> 6 tanh", "squared_error", "sum")
    p = net.init(int(rng.integers(2**31)))
    for name in ("b1", "b2", "b3", "b4"):
        p[name] = rng.standard_normal(p[name].shape)
    X, y = rng.standard_normal((1, 3)), rng.standard_normal((1, 6))
    printed = net.backprop(notation, **choices).explain()
    values = given_values(net, p, X, y, notation)
    known = {k: forms[-1] for k, forms in values_of(printed, values).items()} | values
    known[c.name_of("A", 0)] = X[0]
    gradients = {name: known.pop(name) for name in [*known] if name.startswith("∂")}
    deltas = {k for k in known if k[0] in "δεe" and c.row_gradients}
    checked = 0
    for low in (1, 2, 3):
        for line in lines_of(printed):
            jacobian = line.left.startswith("∂") and "⁺" in line.left
            nested = line.remark.endswith("inside each other")
            if not line.section.startswith("Layer") or jacobian or nested or "∂" in line.formula:
                continue
            text = unrolled(line.formula, low, 4, c.layer, c.depth)
            phi = rf"(?<![a-z]){c.letters['φ']}"
            text = re.sub(rf"{phi}'\(([^)]*)\)", r"(1 - tanh(\1).^2)", text)
            text = re.sub(rf"{phi}\(", "tanh(", text)
            name = unrolled(line.left, low, 4, c.layer, c.depth)
            others = {key: value for key, value in known.items() if key != name}
            (got,) = values_of(f"1. x\n   {name} = {text}", others, None, deltas)[name]
            assert relative(got, (known | gradients)[name]) < TOLERANCE, (name, text)
            checked += 1
    assert checked >= 3 * 6


def test_x4_a_planted_fault_in_the_product_is_found() -> None:
    rows = "δ⁽ᴸ⁾ W⁽ᴸ⁾ diag(φ'(z⁽ᴸ⁻¹⁾)) ⋯ W⁽ⁱ⁺¹⁾ diag(φ'(z⁽ⁱ⁾))"
    assert unrolled(rows, 2, 4, "i", "L") == ("δ⁽⁴⁾ W⁽⁴⁾ diag(φ'(z⁽³⁾)) W⁽³⁾ diag(φ'(z⁽²⁾))")
    assert unrolled(rows, 3, 4, "i", "L") == "δ⁽⁴⁾ W⁽⁴⁾ diag(φ'(z⁽³⁾))"
    columns = "diag(φ'(z⁽ⁱ⁾)) W⁽ⁱ⁺¹⁾ᵀ ⋯ diag(φ'(z⁽ᴸ⁻¹⁾)) W⁽ᴸ⁾ᵀ δ⁽ᴸ⁾"
    assert unrolled(columns, 2, 4, "i", "L") == ("diag(φ'(z⁽²⁾)) W⁽³⁾ᵀ diag(φ'(z⁽³⁾)) W⁽⁴⁾ᵀ δ⁽⁴⁾")


def test_x4_names_for_sizes_and_depth() -> None:
    net = gw.Network("d -> L * H sigmoid -> K softmax")
    text = net.backprop().explain()
    assert "A₀ = X" in text and "l = 1, …, L" in text and "n × H" in text
    assert "Layer l of L+1" in text
    assert "δZₗ = diag(φ'(Zₗ)) W₍ₗ₊₁₎ ⋯ diag(φ'(Z_L)) W₍L₊₁₎ δZ₍L₊₁₎" in text
    assert net.sized(d=3, L=2, H=4, K=2).widths == (3, 4, 4, 2)
    assert net.backprop().check(seed=5).ok
    for asked in (lambda: net.init(0), lambda: net.widths, lambda: net.backprop().source()):
        with pytest.raises(NetworkError, match="may be any size"):
            asked()
    assert "l = L, …, 1" in text
    assert "Layer l of L, " in gw.Network("d -> 3 softmax").backprop().explain()
    two = gw.Network("d -> L * H tanh -> M * K relu -> 3 softmax")
    assert "L+M" in two.backprop("004").explain()
    with pytest.raises(NetworkError, match="the sizes with names are H, K, L, d"):
        net.sized(m=3)
    with pytest.raises(NetworkError):
        gw.Network("d -> L * K softmax")
    with pytest.raises(gw.GradwrightError, match="number of samples"):
        gw.Network("n -> 3 softmax")


def test_x4_symbolic_lines_are_those_of_every_size() -> None:
    """With the names replaced, the recursion is that of the network with numbers."""
    symbolic = gw.Network("d -> L * H tanh -> K softmax").backprop().explain()
    numbers = gw.Network("5 -> 4 * 7 tanh -> 3 softmax").backprop().explain()

    def formulas(text: str) -> set[str]:
        lines = (line for line in lines_of(text) if not line.section.startswith("Layer"))
        return {f"{line.left} = {line.formula}" for line in lines}

    def with_numbers(text: str) -> str:
        text = text.replace("₍L₊₁₎", "₅").replace("_L", "₄").replace("ones(K)", "ones(3)")
        return text

    assert {with_numbers(line) for line in formulas(symbolic)} == formulas(numbers)


@pytest.mark.parametrize(
    ("notation", "choices", "said"),
    [
        ("005", {}, "000, 001, 002, 003, 004"),
        ("003", {"gradient": "diagonal"}, "column, row"),
        ("003", {"jacobian": "square"}, "numerator, transposed"),
        ("001", {"gradient": "row"}, "000, 002, 003, 004"),
        (None, {"gradient": "row"}, "no notation is named"),
    ],
)
def test_unknown_conventions(notation: str | None, choices: dict[str, str], said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        gw.Network("3 -> 2 softmax").backprop(notation, **choices)


def test_names_with_names_in_their_index_read_back() -> None:
    assert parse("W₍L₊₁₎").name == "W[L+1]"  # type: ignore[union-attr]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_names_of_every_notation_read_back(notation: str) -> None:
    c = NOTATIONS[notation]
    for letter in ("W", "b", "Z", "A", "δZ", "δA"):
        for index in (1, 12):
            name = c.name_of(letter, index)
            assert parse(name).name == name  # type: ignore[union-attr]


def test_a_depth_whose_letter_has_no_raised_sign() -> None:
    bp = gw.Network("d -> M * H tanh -> m softmax").backprop("003")
    assert "δ₍M₊₁₎" in bp.explain()
    assert bp.latex() and bp.html() and bp.check().ok
