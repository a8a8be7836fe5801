"""Kinds and sizes: rules by kind, unification, errors that name both sides."""

from __future__ import annotations

import csv
import re

import pytest

from conformance.rows import TABLE
from gradwright.errors import ShapeError, Span, SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration, declare
from gradwright.notation.functions import CONSTANTS, FUNCTIONS
from gradwright.notation.lower_calls import WHOLE
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer, shape_of
from gradwright.notation.tree import Binary
from gradwright.ops.table import OPERATIONS

#: A, B, C matrices; x, y columns; a a scalar; sizes all different.
DECLARED = {
    "A": "matrix m n",
    "B": "matrix n k",
    "C": "matrix m n",
    "S": "matrix n n",
    "R": "matrix 1 n",
    "x": "vector n",
    "y": "vector n",
    "u": "vector m",
    "a": "scalar",
    "b": "scalar",
}


def inferred(text, **declared):
    symbols = {name: declare(name, given) for name, given in declared.items()}
    return infer(parse(text), symbols, text)


SHAPES = [
    ("2", "scalar"),
    ("a*b", "scalar"),
    ("a^b", "scalar"),
    ("a*A", "matrix m × n"),
    ("A*a", "matrix m × n"),
    ("A*x", "column m"),
    ("x'*y", "scalar"),
    ("u*x'", "matrix m × n"),
    ("u'*A", "row n"),
    ("x'*B", "row k"),
    ("A*B", "matrix m × k"),
    ("x'*y*A*B", "matrix m × k"),
    ("A'", "matrix n × m"),
    ("x''", "column n"),
    ("a'", "scalar"),
    ("R*x", "column 1"),
    ("R'", "matrix n × 1"),
    ("A + a", "matrix m × n"),
    ("1 - x", "column n"),
    ("A + x'", "matrix m × n"),
    ("A + u", "matrix m × n"),
    ("u .* A", "matrix m × n"),
    ("x' ./ A", "matrix m × n"),
    ("A .* C", "matrix m × n"),
    ("2 .^ x", "column n"),
    ("A .^ (x')", "matrix m × n"),
    ("x .^ y", "column n"),
    ("x/2", "column n"),
    ("A/(x'*y)", "matrix m × n"),
    ("S^3", "matrix n × n"),
    ("S^(-2)", "matrix n × n"),
    ("S⁻¹", "matrix n × n"),
    ("S⁻ᵀ", "matrix n × n"),
    ("exp(A)", "matrix m × n"),
    ("relu(x')", "row n"),
    ("leaky_relu(x)", "column n"),
    ("leaky_relu(x, 0.2, -1/2)", "column n"),
    ("leaky_relu(x, slope=0.2, kink=1)", "column n"),
    ("step(A, kink=0.5)", "matrix m × n"),
    ("max(A, x')", "matrix m × n"),
    ("min(0, u)", "column m"),
    ("softmax(x)", "column n"),
    ("softmax(A)", "matrix m × n"),
    ("logsumexp(x)", "scalar"),
    ("logsumexp(x')", "scalar"),
    ("logsumexp(A)", "column m"),
    ("sum(A)", "scalar"),
    ("norm1(A) + norm2(x)", "scalar"),
    ("tr(S) + det(S) + logdet(S)", "scalar"),
    ("diag(x)", "matrix n × n"),
    ("diag(x')", "matrix n × n"),
    ("diag(S)", "column n"),
    ("tr(kron(S, S))", "scalar"),
    ("ones(m)", "column m"),
    ("ones(m)*x'", "matrix m × n"),
    ("ones(m, 3)", "matrix m × 3"),
    ("eye(n)*x", "column n"),
    ("eye(3)", "matrix 3 × 3"),
    ("kron(A, B)", "matrix m·n × n·k"),
    ("kron(x, u)", "column n·m"),
    ("kron(x', A)", "matrix m × n·n"),
    ("vec(A)", "column n·m"),
    ("vec(x')", "column n"),
    ("kron(B', A)*vec(S)", "column k·m"),
    ("n*x", "column n"),
    ("sum(x)/n", "scalar"),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES, ids=[text for text, _ in SHAPES])
def test_shapes(text, shape):
    assert str(inferred(text, **DECLARED).shape) == shape


@pytest.mark.parametrize("text", [text for text, _ in SHAPES])
def test_shapes_of_parts(text):
    scope = inferred(text, **DECLARED)
    tree = parse(text)
    assert shape_of(tree, scope) == scope.shape
    if isinstance(tree, Binary) and tree.operator in ("+", "-", ".*", "./"):
        sides = {shape_of(tree.left, scope).kind, shape_of(tree.right, scope).kind}
        assert scope.shape.kind in sides


CLASHES = [
    ("A*u", "A*u", ["A has n columns", "u has m rows"]),
    ("1 + A*u", "A*u", ["A has n columns", "u has m rows"]),
    ("x'*A", "x'*A", ["x' has n columns", "A has m rows"]),
    ("A*x + x", "A*x + x", ["A*x has m rows", "x has n rows"]),
    ("A + B", "A + B", ["A has m rows", "B has n rows"]),
    ("A .* u'", "A .* u'", ["A has n columns", "u' has m columns"]),
    ("max(x, u)", "max(x, u)", ["x has n rows", "u has m rows"]),
    ("x + ones(5)", "x + ones(5)", ["x has n rows", "ones(5) has 5 rows"]),
    ("tr(A)", "tr(A)", ["A has m rows", "A has n columns"]),
    ("A^2", "A^2", ["A has m rows", "A has n columns"]),
    ("x*y", "x*y", ["x is a column of n entries", "y is a column of n entries"]),
    ("x'*y'", "x'*y'", ["x' is a row", "y' is a row"]),
    ("A*x'", "A*x'", ["A is a matrix", "x' is a row of n entries"]),
    ("x*A", "x*A", ["x is a column", "A is a matrix of m rows and n columns"]),
    ("x + x'", "x + x'", ["x is a column of n entries", "x' is a row of n entries"]),
    ("x.*y'", "x.*y'", ["x is a column", "y' is a row", "even if they are equally long"]),
    ("x/y", "x/y", ["divides by a scalar", "y is a column"]),
    ("2/A", "2/A", ["A is a matrix"]),
    ("x^2", "x^2", ["x is a column"]),
    ("S^0.5", "S^0.5", ["S is a matrix", "0.5 is not an integer"]),
    ("S^a", "S^a", ["the exponent a"]),
    ("2^x", "2^x", ["x is a column"]),
    ("inv(a)", "inv(a)", ["a is a scalar"]),
    ("tr(x)", "tr(x)", ["x is a column"]),
    ("softmax(a)", "softmax(a)", ["a is a scalar"]),
    ("diag(a)", "diag(a)", ["a is a scalar"]),
    ("exp(x, y)", "exp(x, y)", ["1 arguments and 2"]),
    ("outer(x)", "outer(x)", ["2 arguments and 1"]),
    ("leaky_relu(x, a)", "a", ["a is given where leaky_relu takes a number"]),
    ("ones(0)", "0", ["0"]),
    ("eye(1.5)", "1.5", ["1.5"]),
    ("kron(A, B) + A", "kron(A, B) + A", ["kron(A, B) has m·n rows", "A has m rows"]),
    ("kron(x, u) + kron(u, x)", "kron(x, u) + kron(u, x)", ["n·m rows", "m·n rows"]),
]


@pytest.mark.parametrize(("text", "at", "facts"), CLASHES, ids=[row[0] for row in CLASHES])
def test_clashes_name_both_sides(text, at, facts):
    with pytest.raises(ShapeError) as caught:
        inferred(text, **DECLARED)
    error = caught.value
    assert text[error.span.start : error.span.end] == at
    for fact in facts:
        assert fact in error.clash
    assert error.instead


def test_row_times_column_entrywise_is_an_error_even_when_square_S3_8():
    with pytest.raises(ShapeError, match="row and a column"):
        inferred("(W'*d)' .* g", W="matrix 4 4", d="vector 4", g="vector 4")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("x*y", "x'*y (a scalar), x*y' (a matrix) or x.*y"),
        ("x'*y'", "x'*y (a scalar), x*y' (a matrix) or x'.*y'"),
        ("A*x'", "A*x for the product"),
        ("(A+A)*x'", "(A+A)*x for the product"),
        ("x*A", "x'*A for the product"),
        ("x^2", ".^"),
        ("x/y", "./"),
    ],
)
def test_suggestions(text, instead):
    with pytest.raises(ShapeError) as caught:
        inferred(text, **DECLARED)
    assert instead in caught.value.instead


@pytest.mark.parametrize(
    ("text", "at", "fact", "instead"),
    [
        ("1 + sofmax(x)", "sofmax", "sofmax", "softmax"),
        ("tahn(x)", "tahn", "tahn", "tanh"),
        ("x(y)", "x", "x is a symbol", "x*(…)"),
        ("A(x+y)", "A", "A is a symbol", "A*(…)"),
        ("sin (x)", "sin", "sin is a function", "without a space"),
        ("relu(x, slope=1)", "relu(x, slope=1)", "slope is no option of relu", "relu(x)"),
        ("step(x, kin=1)", "step(x, kin=1)", "kin is no option", "kink"),
        ("leaky_relu(x, 0.1, slope=1)", None, "by place and by name", "once"),
    ],
)
def test_unknown_names(text, at, fact, instead):
    with pytest.raises(SymbolError) as caught:
        inferred(text, **DECLARED)
    error = caught.value
    assert text[error.span.start : error.span.end] == (at or text)
    assert fact in error.clash
    assert instead in error.instead


@pytest.mark.parametrize(
    "text", ["det(kron(S, S))", "inv(kron(S, S))", "softmax(vec(A))", "logsumexp(vec(A))"]
)
def test_kronecker_products_are_refused_where_they_have_no_meaning(text):
    with pytest.raises(UnsupportedError):
        inferred(text, **DECLARED)


def test_a_name_cannot_be_a_scalar_and_a_size():
    with pytest.raises(SymbolError) as caught:
        inferred("sum(x)/n", x="vector n", n="scalar")
    assert caught.value.span == Span(7, 8)
    # A vector of the same name cannot be mixed up with it.
    assert inferred("n'*ones(n)", n="vector n").sizes == {"n"}


UNIFIED = [
    ("x'*A*x", {"x": "vector n", "A": "matrix n n"}),
    ("A*x + b", {"A": "matrix m n", "x": "vector n", "b": "scalar"}),
    ("A*B*C", {"A": "matrix m n", "B": "matrix n k", "C": "matrix k p"}),
    ("det(A*X*B)", {"A": "matrix m n", "X": "matrix n k", "B": "matrix k m"}),
    ("x'*y*A", {"x": "vector n", "y": "vector n", "A": "matrix k m"}),
    ("A^2", {"A": "matrix n n"}),
    ("x + ones(k)", {"x": "vector k"}),
    ("x + ones(3)", {"x": "vector 3"}),
    ("kron(A, B)*vec(X)", {"A": "matrix m n", "B": "matrix p k", "X": "matrix k n"}),
    ("δ*x'", {"δ": "vector n", "x": "vector m"}),
    ("A + x' + y", {"A": "matrix m n", "x": "vector n", "y": "vector m"}),
    ("ones(n)*x' + Z", {"x": "vector m", "Z": "matrix n m"}),
]


@pytest.mark.parametrize(("text", "symbols"), UNIFIED, ids=[text for text, _ in UNIFIED])
def test_undeclared_symbols_get_sizes(text, symbols):
    found = inferred(text)
    assert {name: str(symbol) for name, symbol in found.symbols.items()} == symbols
    names = {s for symbol in found.symbols.values() for s in symbol.sizes if isinstance(s, str)}
    assert names <= found.sizes


def test_declared_sizes_reach_undeclared_symbols():
    found = inferred("y'*(A*x)", A="matrix p q")
    assert str(found.symbols["x"]) == "vector q"
    assert str(found.symbols["y"]) == "vector p"


def test_fresh_names_avoid_those_in_use():
    found = inferred("A*n + m*k", m="matrix p n", k="vector n")
    assert found.symbols["A"].sizes[1] not in ("n", "m", "k", "p")


def test_clash_of_an_undeclared_symbol_with_itself():
    with pytest.raises(ShapeError) as caught:
        inferred("A*x + B*x", A="matrix m n", B="matrix m k")
    assert "B has k columns" in caught.value.clash
    assert "x has n rows" in caught.value.clash


def test_a_vector_never_becomes_a_number():
    found = inferred("R*x + u", R="matrix 1 n", x="vector n", u="vector 1")
    assert str(found.shape) == "column 1"
    with pytest.raises(ShapeError):
        inferred("u*A", u="vector 1", A="matrix 3 3")
    with pytest.raises(ShapeError):
        inferred("A + u", u="vector 1", A="matrix 3 3")


def test_scope_holds_facts_and_only_the_symbols_of_the_tree():
    found = inferred("x'*P*x", P="posdef n n", x="vector n", y="vector k")
    assert set(found.symbols) == {"x", "P"}
    assert "symmetric" in found.symbols["P"].facts
    assert found.sizes == {"n", "k"}
    assert isinstance(found.symbols["x"], Declaration)


def test_every_function_of_the_notation_has_an_operation_or_is_built_in():
    lowered = {*CONSTANTS, *WHOLE, *OPERATIONS}
    assert set(FUNCTIONS) <= lowered


@pytest.mark.parametrize("joint", ["+", ".*", "*"])
def test_long_chains(joint):
    assert str(inferred(joint.join(["A"] * 5_000), A="matrix n n").shape) == "matrix n × n"


def rows():
    with TABLE.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_identities_with_hidden_sizes(row):
    """With only the kinds declared, every size pattern is the declared one or a freer one."""
    declared = {}
    for part in row["variables"].split(";"):
        name, _, text = part.strip().partition(":")
        declared[name] = declare(name, text)
    text = row["expression"]
    known = infer(parse(text), declared, text)
    # The kinds follow from letters after renaming: scalars to a1, vectors to x1, matrices to A1.
    letters = {"scalar": "a", "vector": "x", "matrix": "A"}
    names = {name: f"{letters[d.kind]}9{k}" for k, (name, d) in enumerate(declared.items())}
    renamed = "".join(
        names.get(piece, piece) for piece in re.split(r"([A-Za-z_][A-Za-z_0-9]*)", text)
    )
    found = infer(parse(renamed), {}, renamed)
    assert found.shape.kind == known.shape.kind
    pairing = {}
    for name, symbol in known.symbols.items():
        free = found.symbols[names[name]]
        for size, other in zip(free.sizes, symbol.sizes, strict=True):
            assert pairing.setdefault(size, other) == other, row["id"]
