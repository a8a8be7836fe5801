"""Names for the parts of a layer's formula, so that its way back reads like a textbook's.

Three kinds of parts get a name: what an activation is applied to, the value of an activation inside
the formula, and an expression that occurs more than once. Only vectors that depend on the input are
named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from gradwright.nn.activations import ACTIVATIONS
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Size,
)
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.shapes import infer
from gradwright.notation.tree import (
    Call,
    Symbol,
    Tree,
    children,
    literal,
    with_children,
)

#: Names of parts: what an activation is applied to, and values.
ARGUMENTS = "ZVQPT"
VALUES = "HGKMNRSDEFJ"

#: Functions that are read as activations; log and exp are not, which belong to larger expressions
#: such as log(1 + exp(x)).
ACTIVATION_LIKE = frozenset(ACTIVATIONS) | {"softplus", "sin", "cos", "arctan", "abs"}

#: Heads of expressions that stay whole, so that they are recognised: exp(x)/sum(exp(x)).
WHOLE = ("exp", "log")


class Part(Struct, frozen=True):
    """A named part: the formula in earlier names, and the number of its entries."""

    name: str
    tree: Tree
    size: Size


def is_activation(tree: Tree, functions: Sequence[FunctionDeclaration]) -> bool:
    """Whether a tree is an activation of something that is worth a name."""
    if not isinstance(tree, Call) or not tree.arguments or isinstance(tree.arguments[0], Symbol):
        return False
    abstract = any(d.name == tree.function and d.kind == "elementwise" for d in functions)
    numbers = all(literal(argument) is not None for argument in tree.arguments[1:])
    return numbers and (abstract or tree.function in ACTIVATION_LIKE)


def named_parts(
    whole: Tree,
    symbols: Mapping[str, Declaration],
    functions: Sequence[FunctionDeclaration],
    *sources: str,
    named: Collection[Tree] = (),
) -> list[Part]:
    """The parts in order of computation; the last one is the layer's value, A.

    `sources` are the vectors that differ between samples, `named` further parts to name.
    """
    parts = _Parts(symbols, functions, sources)
    counted = _occurrences(whole)
    done: dict[int, Tree] = {}
    ends = is_activation(whole, functions)
    names = {"argument": iter(ARGUMENTS[1:] if ends else ARGUMENTS), "value": iter(VALUES)}
    for part in reversed(list(_values(whole))):
        new = with_children(part, tuple(done.get(id(child), child) for child in children(part)))
        if is_activation(part, functions) and isinstance(new, Call):
            first, *others = new.arguments
            own = iter("Z") if part is whole else names["argument"]
            new = with_children(new, (parts.named(first, own), *others))
        inside = part is not whole
        again = counted[part] > 1 and not (isinstance(part, Call) and part.function in WHOLE)
        again |= part in named
        if inside and (again or is_activation(part, functions)):
            new = parts.named(new, names["value"])
        done[id(part)] = new
    value = done[id(whole)]
    return [*parts.found, Part("A", value, parts.size(value))]


def _values(tree: Tree) -> Iterator[Tree]:
    """Every part but the sizes in ones(n)."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if not (isinstance(node, Call) and node.function in CONSTANTS):
            stack.extend(reversed(children(node)))


def _occurrences(tree: Tree) -> Counter[Tree]:
    """How often each part occurs, those inside a part that occurs again not counted again."""
    counted: Counter[Tree] = Counter()
    stack = [tree]
    while stack:
        node = stack.pop()
        counted[node] += 1
        constant = isinstance(node, Call) and node.function in CONSTANTS
        if counted[node] == 1 and not constant:
            stack.extend(reversed(children(node)))
    return counted


class _Parts:
    """The parts that have names so far."""

    def __init__(
        self,
        symbols: Mapping[str, Declaration],
        functions: Sequence[FunctionDeclaration],
        sources: Sequence[str],
    ) -> None:
        self.names: dict[str, AnyDeclaration] = {**symbols, **{d.name: d for d in functions}}
        held = {size for declared in self.names.values() for size in declared.sizes}
        self.sizes = frozenset(size for size in held if isinstance(size, str))
        self.varying = set(sources)
        self.found: list[Part] = []
        self._known: dict[Tree, Symbol] = {}

    def size(self, tree: Tree) -> Size:
        """The number of entries of a vector."""
        (size,) = infer(tree, self.names, sizes=self.sizes).shape.rows
        return size

    def named(self, tree: Tree, names: Iterator[str]) -> Tree:
        """The name of a vector that depends on the input; anything else stays as it is."""
        if isinstance(tree, Symbol):
            return tree
        if tree in self._known:
            return self._known[tree]
        scope = infer(tree, self.names, sizes=self.sizes)
        shape = scope.shape
        if shape.kind != "column" or len(shape.rows) != 1 or not self.varying & set(scope.symbols):
            return tree
        name = next((name for name in names if name not in self.names), None)
        if name is None:
            return tree
        self.names[name] = Declaration(name, "vector", shape.rows)
        self.varying.add(name)
        self.found.append(Part(name, tree, shape.rows[0]))
        self._known[tree] = Symbol(name)
        return self._known[tree]
