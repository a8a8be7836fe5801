"""A rule of descent as a program: formulas that change vectors in place, entry by entry."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable
from gradwright.notation.declarations import Declaration
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.program.build import Builder
from gradwright.program.ir import Function, Ref, Statement
from gradwright.simplify.rewrite import substitute

#: The parameters, and the gradient of the loss by them.
PARAMETERS, GRADIENT = "w", "g"

#: The scalars that every rule may use: the rate of the step, and the steps before it.
RATE, STEPS = "learning_rate", "t"


@dataclass(frozen=True, slots=True)
class Update:
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
    graph = Graph()
    symbols = {name: graph.variable(name, d.sizes, d.facts) for name, d in declared.items()}
    current: dict[str, Variable] = {}
    defined: list[tuple[Variable, Node]] = []
    belongs: dict[str, str] = {}
    for line in lines:
        name, text = (part.strip() for part in line.split("=", 1))
        tree = parse(text)
        node = lower(tree, infer(tree, declared, text), graph, text=text).value.node
        known: dict[Node, Node] = {symbols[x]: variable for x, variable in current.items()}
        node = substitute(graph, node, known)
        if name not in symbols:
            declared[name] = Declaration(name, "scalar", ())
            symbols[name] = current[name] = graph.variable(name, node.axes)
        else:
            current[name] = graph.variable(_newer(name, belongs), node.axes)
            belongs[current[name].name] = name
        defined.append((current[name], node))
    return Update(
        lines,
        state,
        settings,
        _built(defined, [symbols[x] for x in (*scalars, *vectors)]),
        belongs,
        {x: current[x].name for x in vectors if x in current and x != GRADIENT},
    )


def _newer(name: str, taken: Container[str]) -> str:
    """A name for the next value of a vector."""
    made = f"new_{name}"
    while made in taken:
        made = f"new_{made}"
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
