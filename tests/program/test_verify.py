"""A broken program never reaches a target."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradwright.core.nodes import Size
from gradwright.program.ir import (
    AddTied,
    Apply,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    Einsum,
    Function,
    Gram,
    Kernel,
    Length,
    Map,
    MatMul,
    Operand,
    Permute,
    Ref,
    SoftmaxLogSumExp,
    Spread,
    Statement,
    Sum,
)
from gradwright.program.verify import verify

AXES: dict[str, tuple[Size, ...]] = {
    "A": ("m", "n"),
    "S": ("n", "n"),
    "x": ("n",),
    "y": ("m",),
}


def function(kernel: Kernel, operands: tuple[Operand, ...], *results: tuple[Size, ...]) -> Function:
    targets = tuple(f"r{k}" for k in range(len(results)))
    axes = AXES | dict(zip(targets, results, strict=True))
    made = (Statement(targets, kernel, operands),)
    return Function("f", tuple(AXES), made, (Ref(targets[0]),), axes)


A, X, Y = Ref("A"), Ref("x"), Ref("y")

#: kernel, operands, axes of the results; and axes that are wrong for each.
STATEMENTS: dict[str, tuple[Kernel, tuple[Operand, ...], list[tuple[Size, ...]]]] = {
    "matrix vector": (MatMul(), (A, X), [("m",)]),
    "transposed": (MatMul(left_transposed=True), (A, Y), [("n",)]),
    "right transposed": (MatMul(right_transposed=True), (A, A), [("m", "m")]),
    "gram": (Gram(), (A, Y), [("n", "n")]),
    "einsum": (Einsum("ab,b->ba"), (A, X), [("n", "m")]),
    "row": (Map("add"), (A, X), [("m", "n")]),
    "column": (Map("add"), (A, Ref("y", (0, None))), [("m", "n")]),
    "outer": (Map("multiply"), (Ref("y", (0, None)), X), [("m", "n")]),
    "number": (Map("add"), (X, Fraction(1)), [("n",)]),
    "size": (Map("divide"), (X, Length("m")), [("n",)]),
    "sum": (Sum((0,)), (A,), [("n",)]),
    "permute": (Permute((1, 0)), (A,), [("n", "m")]),
    "softmax": (Apply("softmax"), (A,), [("m", "n")]),
    "logsumexp": (Apply("logsumexp"), (A,), [("m",)]),
    "both": (SoftmaxLogSumExp(), (A,), [("m", "n"), ("m",)]),
    "factor": (Cholesky(), (Ref("S"),), [("n", "n")]),
    "inverse from a factor": (CholeskyInverse(), (Ref("S"),), [("n", "n")]),
    "solution from a factor": (CholeskySolve(), (Ref("S"), X), [("n",)]),
    "spread": (Spread((0, 1, 1), (1,)), (X,), [("m", "n", "n")]),
    "added on a diagonal": (AddTied((0, 0), (0,)), (Ref("S"), X), [("n", "n")]),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_right_axes_pass_and_wrong_ones_do_not(name: str) -> None:
    kernel, operands, results = STATEMENTS[name]
    right = function(kernel, operands, *results)
    assert verify(right) is right
    wrong = [tuple("k" for _ in axes) for axes in results]
    with pytest.raises(AssertionError):
        verify(function(kernel, operands, *wrong))


#: Operands that do not fit their kernel, with what the message names.
BROKEN: dict[str, tuple[Kernel, tuple[Operand, ...], tuple[Size, ...], str]] = {
    "inner sizes differ": (MatMul(), (A, Y), ("m",), "'m', 'n'"),
    "a column as a row": (Map("add"), (A, Y), ("m", "n"), "'m', 'n'"),
    "a label of two sizes": (Einsum("ab,a->b"), (A, X), ("n",), "a of ab,a->b is m and n"),
    "no order of the axes": (Permute((0, 0)), (A,), ("m", "m"), r"\(0, 0\)"),
    "a value not there": (Map("add"), (Ref("B"), X), ("n",), "B is used before"),
    "a size not there": (Map("add"), (X, Length("q")), ("n",), "the size q"),
    "a label of the operand lost": (Spread((0,), (1,)), (X,), ("n",), "not all among"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_statement(name: str) -> None:
    kernel, operands, result, message = BROKEN[name]
    with pytest.raises(AssertionError, match=message):
        verify(function(kernel, operands, result))


def test_a_name_is_defined_once() -> None:
    statement = Statement(("x",), Map("square"), (X,))
    with pytest.raises(AssertionError, match="x is defined twice"):
        verify(Function("f", tuple(AXES), (statement,), (X,), AXES))


def test_outputs_are_defined() -> None:
    with pytest.raises(AssertionError, match="r is used before"):
        verify(Function("f", tuple(AXES), (), (Ref("r"),), AXES))


def test_inputs_have_names_of_their_own() -> None:
    with pytest.raises(AssertionError, match="share a name"):
        verify(Function("f", ("x", "x"), (), (), AXES))
