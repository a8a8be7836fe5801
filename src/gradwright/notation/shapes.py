"""Kinds and sizes of a formula.

Every symbol's kind is declared or follows from its letter, so kinds are known from the leaves up;
they alone decide what `*` and `+` mean and what broadcasts. Sizes then obey equations, and never
change a meaning: a vector whose length happens to be 1 stays a vector.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct

from gradwright.core.sizes import is_compound, names_in
from gradwright.core.work import spend
from gradwright.errors import GradwrightError, ShapeError, Span, SymbolError
from gradwright.notation.abstract import AbstractFunctions
from gradwright.notation.declarations import (
    ORDER,
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Kind,
    Size,
    by_convention,
)
from gradwright.notation.definitions import NONE, Definitions
from gradwright.notation.functions import EACH_ENTRY, FUNCTIONS, checked
from gradwright.notation.indexed import Indices
from gradwright.notation.operands import names_of_sizes, operands_of, size_arguments
from gradwright.notation.products import times
from gradwright.notation.ranges import Range
from gradwright.notation.rearranging import MOVING, Rearranging
from gradwright.notation.selecting import BY_INDICES, selected_form
from gradwright.notation.tree import (
    Binary,
    Call,
    Identity,
    Negate,
    Number,
    Part,
    Symbol,
    Transpose,
    Tree,
    literal,
    walk,
)
from gradwright.notation.unify import (
    SCALAR,
    Atom,
    Atoms,
    Equations,
    Form,
    ShapeKind,
    Unknown,
    size_names,
)
from gradwright.notation.whole_tensors import of_axes, tensor_form
from gradwright.ops.table import OPERATIONS

#: Units of work before the first node.
BEGUN = 30


class Shape(Struct, frozen=True):
    """Kind, and rows and columns as products of atomic sizes; `()` means one.

    `deeper` are the axes of a tensor behind its second.
    """

    kind: ShapeKind
    rows: tuple[Size, ...] = ()
    columns: tuple[Size, ...] = ()
    deeper: tuple[Size, ...] = ()

    def __str__(self) -> str:
        sides = [_product(side) for side in (self.rows, self.columns) if side]
        sides += map(str, self.deeper)
        return " ".join([self.kind, " × ".join(sides)]) if sides else self.kind


class Scope(Struct, frozen=True):
    """The symbols of a formula with all sizes known, the names of sizes, the formula's shape.

    `functions` holds its abstract functions; `least` how long sizes must be, because a number
    stands as an index. `verify_facts` says whether values are compared with declared facts,
    `definitions` what was written for parts of the formula, `ordered` pairs of sizes of which the
    first is not the larger one.
    """

    symbols: dict[str, Declaration]
    sizes: frozenset[str]
    shape: Shape
    functions: dict[str, FunctionDeclaration] = {}
    least: dict[str, int] = {}
    verify_facts: bool = True
    definitions: Definitions = NONE
    ordered: tuple[tuple[Size, Size], ...] = ()

    @property
    def known(self) -> dict[str, AnyDeclaration]:
        """Symbols and functions."""
        return {**self.symbols, **self.functions}


def infer(
    tree: Tree,
    declared: Mapping[str, AnyDeclaration],
    text: str | None = None,
    *,
    sizes: Collection[str] = (),
    axes: Sequence[Size] | None = None,
) -> Scope:
    """Kinds and sizes of a tree; `sizes` are names of sizes besides those in declarations.

    `axes` are the sizes of the left side of an equation, where they are known. A size that nothing
    determines gets a name of its own. A name of a size that is not declared as a symbol is a scalar
    where it is used as one, as n in `sum(x)/n`.

    Raises:
        ShapeError: kinds or sizes clash.
        SymbolError: an unknown function or option, a name that is both a symbol and a size, an
            index that is free or bound twice.
        LimitError: too many indices in one term.
        UnsupportedError: an operation on Kronecker products that has no meaning here.
    """
    inference = _Inference(declared.values(), sizes, text, axes)
    form = inference.form(tree)
    inference.name_unknowns(form)
    least = inference.indices.finish(tree, form)
    symbols = {name: inference.declaration(name) for name in inference.symbols}
    functions = {
        name: FunctionDeclaration(name, kind, inference.sizes_of(atoms))
        for name, (kind, atoms) in inference.abstract.used.items()
    }
    held = [d.sizes for d in symbols.values()] + [d.sizes for d in functions.values()]
    held.append(tuple(d.among for d in symbols.values() if d.among is not None))
    named = names_in(size for sizes in held for size in sizes)
    if inference.indices.entries:
        inference.indices.require_sizes({*named, *sizes, *names_of_sizes(tree)})
    shape = inference.shape(form)
    ordered = inference.rearranging.ordered
    ordered += [(1, size) for sizes in held for size in sizes if is_compound(size)]
    names = frozenset(named | inference.names)
    return Scope(symbols, names, shape, functions, least, ordered=tuple(ordered))


def shape_of(tree: Tree, scope: Scope) -> Shape:
    """The shape of a sub-tree of a formula with a scope."""
    known: list[AnyDeclaration] = [*scope.symbols.values(), *scope.functions.values()]
    inference = _Inference(known, scope.sizes)
    form = inference.form(tree)
    inference.name_unknowns(form)
    return inference.shape(form)


def identity_sizes(tree: Tree, scope: Scope) -> dict[int, Size]:
    """How many values the indices of each δ of a formula take, by the identity of the node."""
    if not any(isinstance(part, Identity) for part in walk(tree)):
        return {}
    shape = scope.shape
    axes = (*shape.rows, *shape.columns, *shape.deeper)
    inference = _Inference(scope.known.values(), scope.sizes, None, axes)
    inference.form(tree)
    found = inference.indices.identities
    return {id(node): inference.sizes_of((size,))[0] for node, size in found}


def _product(side: tuple[Size, ...]) -> str:
    return "·".join(map(str, side))


def _callee(tree: Call) -> Symbol:
    """The name of a call, for an error to point at."""
    if tree.span is None:
        return Symbol(tree.function)
    start = tree.span.start
    return Symbol(tree.function, Span(start, start + len(tree.function)))


class _Inference:
    def __init__(
        self,
        declared: Iterable[AnyDeclaration],
        names: Iterable[str],
        text: str | None = None,
        axes: Sequence[Size] | None = None,
    ) -> None:
        given = {declaration.name: declaration for declaration in declared}
        spend(BEGUN + 5 * len(given))
        self.declared = {n: d for n, d in given.items() if isinstance(d, Declaration)}
        self.names = set(names)
        self.names |= names_in(s for d in given.values() for s in d.sizes)
        self.names |= names_in(d.among for d in self.declared.values())
        self.equations = Equations(text, self.names | set(given))
        self.symbols: dict[str, tuple[Kind, Atoms, frozenset[str]]] = {}
        functions = {n: d for n, d in given.items() if isinstance(d, FunctionDeclaration)}
        self.abstract = AbstractFunctions(self.equations, functions)
        self.indices = Indices(self.equations, axes)
        self.rearranging = Rearranging(self.equations)

    def form(self, tree: Tree) -> Form:
        """The form of a tree, each node after its children."""
        for node in walk(tree):
            for argument in size_arguments(node):
                self.names |= {a.name for a in walk(argument) if isinstance(a, Symbol)}
            if isinstance(node, Part):
                ends = (e for p in node.places if isinstance(p, Range) for e in (p.start, p.end))
                self.names |= names_in(ends)
        done: dict[int, Form] = {}
        stack: list[tuple[Tree, bool]] = [(tree, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                spend(10)
                done[id(node)] = self._node(node, [done[id(part)] for part in operands_of(node)])
            elif id(node) not in done:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed(operands_of(node)))
        return done[id(tree)]

    def declaration(self, name: str) -> Declaration:
        """A symbol after the unknown sizes have got names."""
        kind, atoms, facts = self.symbols[name]
        sizes = self.sizes_of(atoms)
        if kind == "indices":
            return Declaration(name, kind, sizes[:-1], facts, sizes[-1])
        return Declaration(name, kind, sizes, facts)

    def _indices_of(self, name: str) -> tuple[Atoms, Atom] | None:
        """The axes of a name of indices, and the number of places that they choose from."""
        declared = self.declared.get(name)
        if declared is None or declared.among is None:
            return None
        self.symbols[name] = ("indices", (*declared.sizes, declared.among), declared.facts)
        return declared.sizes, declared.among

    def name_unknowns(self, whole: Form) -> None:
        """Names for the sizes that no equation determines; columns first, so A is m × n."""
        taken = {*self.symbols, *self.declared, *self.abstract.used, *self.abstract.declared}
        names = size_names(self.names | taken)
        held = [atoms for _, atoms, _ in self.symbols.values()]
        held += [atoms for _, atoms in self.abstract.used.values()]
        held.append(whole.axes)
        for atoms in held:
            for atom in reversed(atoms):
                found = self.equations.sizes.find(atom)
                if isinstance(found, Unknown):
                    name = next(names)
                    self.names.add(name)
                    self.equations.sizes.name(found, name)

    def sizes_of(self, atoms: Atoms) -> tuple[Size, ...]:
        """Sizes after the unknown ones have got names."""
        found = self.equations.sizes.resolve(atoms)
        return tuple(atom for atom in found if not isinstance(atom, Unknown))

    def shape(self, form: Form) -> Shape:
        """A form after the unknown sizes have got names."""
        sides = (form.rows, form.columns, form.deeper)
        return Shape(form.kind, *map(self.sizes_of, sides))

    # Nodes ------------------------------------------------------------------------------------

    def _node(self, tree: Tree, parts: list[Form]) -> Form:
        if isinstance(tree, Part) or (isinstance(tree, Call) and tree.function in MOVING):
            return self.rearranging.form(tree, parts)
        if isinstance(tree, Call) and tree.function in BY_INDICES:
            return selected_form(self.equations, tree, parts, self._indices_of)
        indexed = self.indices.form(tree, parts)
        if indexed is not None:
            if isinstance(tree, Call):
                self._call(tree, [SCALAR] * len(parts))
            return indexed
        tensor = tensor_form(self.equations, tree, parts)
        if tensor is not None:
            if isinstance(tree, Call) and tree.function in EACH_ENTRY:
                self._call(tree, [SCALAR] * len(parts))
            elif isinstance(tree, Call):
                checked(self.equations, tree)
            return tensor
        match tree:
            case Number():
                return SCALAR
            case Symbol():
                return self._symbol(tree)
            case Negate():
                return parts[0]
            case Transpose():
                return Form(parts[0].columns, parts[0].rows)
            case Binary("*"):
                return times(self.equations, tree, *parts)
            case Binary("/"):
                return self._divide(tree, *parts)
            case Binary("^"):
                return self._power(tree, *parts)
            case Binary(_, left, right):
                return self.equations.broadcast(tree, left, right, *parts)
            case Call():
                return self._call(tree, parts)
        raise AssertionError(type(tree))

    def _symbol(self, tree: Symbol) -> Form:
        name = tree.name
        declared = self.declared.get(name)
        if declared is None and name in self.names:
            return SCALAR
        if declared is None and name in FUNCTIONS:
            clash = f"{name} is a function, and no argument in parentheses touches it"
            instead = f"write {name}(x) without a space, or declare {name} as a symbol"
            raise self.equations.error(SymbolError, tree, clash, instead)
        if declared is not None and declared.kind == "indices":
            clash = f"{name} is declared as {declared}, and indices stand for no numbers here"
            instead = f"write gather(E, {name}) for what they choose, or onehot({name})"
            raise self.equations.error(SymbolError, tree, clash, instead)
        if declared is not None and declared.kind == "scalar" and name in self.names:
            clash = f"{name} is declared as a scalar and is also the name of a size"
            raise self.equations.error(
                SymbolError, tree, clash, f"rename the symbol or the size {name}"
            )
        if name not in self.symbols:
            kind = by_convention(name) if declared is None else declared.kind
            facts = frozenset[str]() if declared is None else declared.facts
            atoms: Atoms = () if declared is None else declared.sizes
            if declared is None:
                atoms = tuple(self.equations.sizes.fresh() for _ in range(ORDER[kind]))
            self.symbols[name] = (kind, atoms, facts)
        _, atoms, _ = self.symbols[name]
        if self.symbols[name][0] == "row":
            return Form(columns=atoms)
        return of_axes(atoms)

    # Operators --------------------------------------------------------------------------------

    def _divide(self, tree: Binary, one: Form, other: Form) -> Form:
        if other.kind != "scalar":
            raise self.equations.error(
                ShapeError,
                tree,
                f"/ divides by a scalar and {self.equations.said(tree.right, other)}",
                "write ./ to divide entry by entry, or inv(A)*x to solve",
            )
        return one

    def _power(self, tree: Binary, one: Form, other: Form) -> Form:
        if one.kind in ("row", "column"):
            said = self.equations.said(tree.left, one)
            clash = f"^ is the power of a scalar or a square matrix and {said}"
            raise self.equations.error(
                ShapeError, tree, clash, "write .^ for the power of each entry"
            )
        if other.kind != "scalar":
            clash = f"an exponent of ^ is a scalar and {self.equations.said(tree.right, other)}"
            raise self.equations.error(
                ShapeError, tree, clash, "write .^ for powers entry by entry"
            )
        if one.kind == "scalar":
            return one
        exponent = literal(tree.right)
        if exponent is None or exponent.denominator != 1:
            raise self.equations.error(
                ShapeError,
                tree,
                f"{self.equations.said(tree.left, one)} and the exponent "
                f"{self.equations.called(tree.right)} is not an integer",
                "write an integer for a power of a matrix, or .^ for the power of each entry",
            )
        return self.equations.square(tree, tree.left, one)

    # Functions --------------------------------------------------------------------------------

    def _call(self, tree: Call, parts: list[Form]) -> Form:
        if tree.function not in FUNCTIONS:
            return self._abstract(tree, parts)
        return checked(self.equations, tree).shape(self.equations, tree, parts)

    def _abstract(self, tree: Call, parts: list[Form]) -> Form:
        base = self.abstract.base(tree)
        if base not in self.abstract.declared:
            near = get_close_matches(base, FUNCTIONS, n=1, cutoff=0.8) if len(base) > 3 else []
            taken = base in self.declared or base in self.names or base in self.symbols
            if near or taken or base in OPERATIONS:
                raise self._unknown_function(tree)
        return self.abstract.form(tree, parts)

    def _unknown_function(self, tree: Call) -> GradwrightError:
        name = tree.function
        if {name, name.rstrip("'")} & {*self.declared, *self.names, *self.symbols}:
            clash = f"{name} is a symbol or a size, and ( touches it as if it were a function"
            return self.equations.error(
                SymbolError, _callee(tree), clash, f"write {name}*(…) for a product"
            )
        near = get_close_matches(name, FUNCTIONS, n=3, cutoff=0.6) if len(name) > 1 else []
        instead = f"write {name}*(…) for a product, or one of {', '.join(FUNCTIONS)}"
        if near:
            instead = f"write {' or '.join(near)}, or {name}*(…) for a product"
        clash = f"{name} is called and there is no function of that name"
        return self.equations.error(SymbolError, _callee(tree), clash, instead)
