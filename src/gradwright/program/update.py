"""A rule of descent as a program: formulas that change vectors in place, entry by entry."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable, variables
from gradwright.errors import SymbolError
from gradwright.notation.declarations import Declaration
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Symbol, walk
from gradwright.program.build import Builder, build_function
from gradwright.program.ir import Function, Ref, Statement
from gradwright.simplify.rewrite import substitute

#: The parameters, and the gradient of the loss by them.
PARAMETERS, GRADIENT = "w", "g"

#: The scalars that every rule may use: the rate of the step, and the steps before it.
RATE, STEPS = "learning_rate", "t"


class Update(Struct, frozen=True):
    """What a step does to the parameters, the gradient and the vectors of `state`.

    `function` reads the scalars and vectors that the lines mention; all its vectors have the one
    axis n, and entry i of a result depends on entries i and on scalars alone. `belongs` says of
    which vector a value is the next one, and `made` names the last value of each that is kept: the
    gradient is not, and may be written over.
    """

    lines: tuple[str, ...]
    state: tuple[str, ...]
    settings: tuple[str, ...]
    function: Function
    belongs: Mapping[str, str]
    made: Mapping[str, str]

    @property
    def scalars(self) -> tuple[str, ...]:
        """The scalars that are read: rate and number of steps first, then the settings."""
        return tuple(x for x in self.function.inputs if not self.function.axes[x])

    @property
    def counts_steps(self) -> bool:
        """Whether a step depends on how many there were before it."""
        return STEPS in self.scalars

    def is_scalar(self, statement: Statement) -> bool:
        """Whether a statement makes a number."""
        return not self.function.axes[statement.targets[0]]


@lru_cache(maxsize=128)
def build_update(
    lines: tuple[str, ...], state: tuple[str, ...], settings: tuple[str, ...]
) -> Update:
    """Read, lower and build the lines of a rule.

    A line `name = formula` gives a vector its new value, or a number a name; lines below it mean
    the new value. The letters are w, g, those of `state`, the settings, learning_rate and t.

    Raises:
        NotationError, SymbolError, ShapeError: a line that cannot be read.
    """
    vectors = (PARAMETERS, GRADIENT, *state)
    declared = {name: Declaration(name, "vector", ("n",)) for name in vectors}
    scalars = (RATE, STEPS, *settings)
    declared |= {name: Declaration(name, "scalar", ()) for name in scalars}
    reading = _Reading(declared)
    current: dict[Node, Node] = {}
    defined: list[tuple[Variable, Node]] = []
    belongs: dict[str, str] = {}
    for name, node in map(reading.line, lines):
        node = substitute(reading.graph, node, current)
        if name in vectors:
            value = reading.graph.variable(_newer(name, belongs), node.axes)
            belongs[value.name] = name
        else:
            value = reading.symbol(name)
        current[reading.symbol(name)] = value
        defined.append((value, node))
    last = {name: value for value, name in belongs.items()}
    return Update(
        lines,
        state,
        settings,
        _built(defined, [reading.symbol(x) for x in (*scalars, *vectors)]),
        belongs,
        {name: last[name] for name in vectors if name in last and name != GRADIENT},
    )


@lru_cache(maxsize=128)
def build_rate(lines: tuple[str, ...], scalars: tuple[str, ...]) -> Function:
    """The rate of a step by the lines of a schedule, from numbers alone.

    The function `rate` is of the letters that are read; all its operations are elementwise, so
    that t may be an array.

    Raises:
        NotationError, SymbolError, ShapeError: a line that cannot be read.
    """
    reading = _Reading({name: Declaration(name, "scalar", ()) for name in scalars})
    current: dict[Node, Node] = {}
    for name, node in map(reading.line, lines):
        current[reading.symbol(name)] = substitute(reading.graph, node, current)
    rate = current[reading.symbol(RATE)]
    read = variables(rate)
    inputs = [reading.symbol(x) for x in scalars if reading.symbol(x) in read]
    return build_function("rate", inputs, [(RATE, rate)])


class _Reading:
    """Lines `name = formula` in declared letters; a new name stands for a number."""

    def __init__(self, declared: Mapping[str, Declaration]) -> None:
        self.graph = Graph()
        self._declared = dict(declared)

    def symbol(self, name: str) -> Variable:
        """The variable of a letter, as it is before the first line."""
        declared = self._declared[name]
        return self.graph.variable(name, declared.sizes, declared.facts)

    def line(self, line: str) -> tuple[str, Node]:
        """The name on the left, and the formula on the right in the letters as they are."""
        name, text = (part.strip() for part in line.split("=", 1))
        tree = parse(text)
        named = {part.name for part in walk(tree) if isinstance(part, Symbol)}
        unknown = sorted(named - self._declared.keys())
        if unknown:
            raise SymbolError(
                f"the formula {text}",
                f"{unknown[0]} stands in it and its letters are {', '.join(self._declared)}",
                "use those letters and numbers",
                text=text,
            )
        node = lower(tree, infer(tree, self._declared, text), self.graph, text=text).value.node
        self._declared.setdefault(name, Declaration(name, "scalar", ()))
        return name, node


def _newer(name: str, taken: Container[str]) -> str:
    """A name for the next value of a vector."""
    made, place = f"new_{name}", 2
    while made in taken:
        made, place = f"new_{name}_{place}", place + 1
    return made


def _built(defined: Sequence[tuple[Variable, Node]], inputs: Sequence[Variable]) -> Function:
    builder = Builder("update", inputs, {})
    builder.share([node for _, node in defined])
    for variable, node in defined:
        builder.define(variable, node)
    made = builder.function([Ref(variable.name) for variable, _ in defined])
    read = {o.name for s in made.statements for o in s.operands if isinstance(o, Ref)}
    kept = tuple(x for x in made.inputs if x in read or x in (PARAMETERS, GRADIENT))
    return Function(made.name, kept, made.statements, made.outputs, made.axes)
