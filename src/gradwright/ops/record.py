"""What an operation knows of itself: one record holds everything the other packages ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal, Protocol

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation
from gradwright.ops.counts import Shapes


class ProofLine(Struct, frozen=True):
    """One line of a proof: an expression equal to the one before, and the rule that says why."""

    expression: str
    rule: str


class IndexCase(Struct, frozen=True):
    """The lines of one case of a proof with indices.

    Each line is an expression in index notation that is equal to the one before; `indices` are
    those that it leaves free. `condition` says when it holds, or nothing where it always does.
    """

    indices: tuple[str, ...]
    lines: tuple[ProofLine, ...]
    condition: str = ""


class IndexProof(Struct, frozen=True):
    """A derivation with indices: definitions, what is derived, and its lines case by case.

    `definitions` are equations in index notation, from the first on. `left` is the left side of
    every line: a derivative whose indices are those of the definitions' names.
    """

    definitions: tuple[str, ...]
    left: str
    cases: tuple[IndexCase, ...]


class NumpyCode(Struct, frozen=True):
    """How NumPy computes an operation.

    `expression` has `{0}`, `{1}` for the arguments and `{name}` for options. `statements` write
    the same into `{out}` without allocating; `{out}` may be the argument itself. `helper` names a
    function of `emit`'s support text that the code calls.
    """

    expression: str
    statements: tuple[str, ...] = ()
    helper: str | None = None


class TorchCode(Struct, frozen=True):
    """How PyTorch computes an operation: `expression` and `helper` as in `NumpyCode`."""

    expression: str
    helper: str | None = None


#: What any array library is told of an operation.
Code = NumpyCode | TorchCode


class ModularNumbers(Protocol):
    """What an operation's value modulo a prime is computed with, on object arrays.

    Functions such as exp and log are hashes that keep their identities. A point at which something
    does not exist is left out by an exception.
    """

    def each(self, function: str, *arrays: Any) -> Any:
        """An elementwise operation that the numbers know, at every entry."""

    def hashed(self, tag: str, array: Any) -> Any:
        """An opaque function of every entry."""

    def reciprocal(self, array: Any) -> Any:
        """1 over every entry."""

    def mean(self, array: Any) -> Any:
        """The mean along the last axis, which stays."""

    def number(self, option: str) -> int:
        """The value of an option."""

    def log(self, value: int) -> int:
        """The logarithm."""

    def log_of_absolute(self, value: int) -> int:
        """log|value|."""

    def log_of_positive(self, value: int) -> int:
        """The logarithm of a number that is known to be positive."""

    def inverse_and_det(self, matrix: Any) -> tuple[Any, int]:
        """The inverse and the determinant of a matrix."""


class Elementwise(Struct, frozen=True):
    """An operation on single entries.

    `derivative` gives, for each argument, the elementwise derivative as a node with the axes of
    the operation itself. `definition` and `proof` are notation in the scalars `x` and `y`: the
    definition, then expressions equal to its derivative in `x`, from the first that the named
    rule gives to the one that `derivative` returns. `levels` are the values below, at and above
    zero of a function that is constant on each side, with `{name}` for options. A function with a
    `kink` has it where its argument, or the difference of two, is one of `kinks_at`. `torch` is
    given where PyTorch does not spell it as NumPy does. `c` is an expression of C in arguments that
    are names or entries of arrays; functions of it begin with `real_`.
    """

    name: str
    derivative: Callable[[Graph, Function], tuple[Node, ...]]
    value: Callable[..., Any]
    numpy: NumpyCode
    definition: str
    proof: tuple[ProofLine, ...]
    source: str
    arity: int = 1
    options: tuple[tuple[str, Fraction], ...] = ()
    domain: str = ""
    kink: str = ""
    sample: str = ""
    levels: tuple[str, ...] = ()
    kinks_at: tuple[Fraction, ...] = (Fraction(0),)
    torch: TorchCode | None = None
    c: str = ""


class Structured(Struct, frozen=True):
    """An operation on whole vectors or matrices (the last axes; axes before them are batches).

    `jacobian` gives, for each argument, a node with the axes of the result followed by those of
    the argument. `definition` and `proof` are notation in `x` or `X`; the proof's last line is
    the Jacobian, or for a scalar result the gradient, or `vec` form for a matrix result.
    `with_indices` is a proof of the same entry by entry, of y by x. `torch` is given where PyTorch
    does not spell it as NumPy does. `result` says which axes it has: those of the argument, those
    before its last, or none. An option `guard` that is not 0 makes it defined everywhere.
    `c` is a call of C for each row of the array {0} of {rows} x {columns}, into {out}; {along} is
    "rows", or "columns" where the array lies transposed; {count} columns has the array {1}. Where
    it has {room}, that is as much memory as the array {0} takes. `modular` is its value among the
    integers modulo a prime, where it has one. `multiplications` are those of its value, divisions
    included, for arguments of given shapes; without it there are none to speak of.
    """

    name: str
    jacobian: Callable[[Graph, Operation], tuple[Node, ...]]
    value: Callable[..., Any]
    numpy: NumpyCode
    definition: str
    proof: tuple[ProofLine, ...]
    source: str
    options: tuple[tuple[str, Fraction], ...] = ()
    domain: str = ""
    sample: str = ""
    argument: str = "x"
    with_indices: IndexProof | None = None
    result: Literal["argument", "batch", "scalar"] = "argument"
    guard: str = ""
    torch: TorchCode | None = None
    c: str = ""
    modular: Callable[..., Any] | None = None
    multiplications: Callable[[Shapes], int] | None = None


Record = Elementwise | Structured


def options_of(node: Function | Operation) -> dict[str, Fraction]:
    """The options of a node by name."""
    return dict(node.options)


def affine(graph: Graph, node: Node, slope: Fraction | int, constant: Fraction | int) -> Node:
    """`slope · node + constant`, elementwise."""
    return graph.add([(slope, node), (constant, graph.ones(*node.axes))], node.axes)


def by_name(records: Sequence[Record]) -> dict[str, Record]:
    """Records keyed by name; two of one name are a mistake."""
    table = {record.name: record for record in records}
    if len(table) != len(records):
        raise AssertionError("two operations share a name")
    return table
