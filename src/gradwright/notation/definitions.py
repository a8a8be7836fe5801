"""Statements before a formula: named sub-expressions and functions of single numbers.

`r = A*x - b; r'*r` is `(A*x - b)'*(A*x - b)`, and `swish(t) = t*sigmoid(t); sum(swish(W*x))`
applies the formula of swish to each entry of W*x. A formula is what its names stand for; what is
printed has the names again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from fractions import Fraction
from itertools import chain
from itertools import count as counting

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.sizes import names_in
from gradwright.errors import GradwrightError, LimitError, NotationError, Span, SymbolError
from gradwright.notation.declarations import AnyDeclaration, by_convention
from gradwright.notation.functions import CONSTANTS, EACH_ENTRY, FUNCTIONS
from gradwright.notation.parser import parse
from gradwright.notation.reader import MAX_NODES
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.statements import Defined, Statement, statements
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Symbol,
    Tree,
    children,
    walk,
    with_children,
)
from gradwright.ops.compositions import COMPOSITIONS, USAGES

Options = tuple[tuple[str, Fraction], ...]


class Definition(Struct, frozen=True):
    """A name, or a function of `parameters`, and what it stands for as it was written."""

    name: str
    parameters: tuple[str, ...]
    value: Tree

    @property
    def left(self) -> Tree:
        """The name, or the function at its parameters."""
        if not self.parameters:
            return Symbol(self.name)
        return Call(self.name, tuple(map(Symbol, self.parameters)))


class Definitions(Struct, frozen=True):
    """The definitions of a formula, in order, and what was written for each expanded part."""

    listed: tuple[Definition, ...] = ()
    written: Mapping[Tree, Tree] = {}

    def folded(self, tree: Tree) -> Tree:
        """A tree with names for the parts that have one."""
        if not self.written:
            return tree
        done: dict[int, Tree] = {}
        stack = [(tree, False)]
        while stack:
            part, ready = stack.pop()
            if id(part) in done:
                continue
            if part in self.written:
                done[id(part)] = self.written[part]
            elif ready:
                parts = children(part)
                new = tuple(done[id(child)] for child in parts)
                same = all(a is b for a, b in zip(parts, new, strict=True))
                done[id(part)] = part if same else with_children(part, new)
            else:
                stack.append((part, True))
                stack += [(child, False) for child in children(part)]
        return done[id(tree)]

    def used(self, trees: Iterable[Tree]) -> tuple[Definition, ...]:
        """The definitions that folded trees need to be read, in order."""
        if not self.listed:
            return ()
        wanted = set[str]()
        for tree in trees:
            wanted |= _names(tree)
        found = []
        for definition in reversed(self.listed):
            if definition.name in wanted:
                found.append(definition)
                wanted |= _names(definition.value) - set(definition.parameters)
        return tuple(reversed(found))

    def shown(self, tree: Tree, show: Callable[[Tree], str]) -> str:
        """A tree with its names, behind the definitions that it needs: statements again."""
        folded = self.folded(tree)
        before = [f"{show(d.left)} = {show(d.value)}" for d in self.used([folded])]
        return "; ".join([*before, show(folded)])


NONE = Definitions()


def _names(tree: Tree) -> set[str]:
    symbols = {part.name for part in walk(tree) if isinstance(part, Symbol)}
    return symbols | {part.function for part in walk(tree) if isinstance(part, Call)}


def read(
    text: str, declared: Mapping[str, AnyDeclaration] | None = None
) -> tuple[Tree, Definitions]:
    """The tree of a formula in which every name is what it stands for, and the definitions.

    Raises:
        NotationError: a statement cannot be read, or one before the last defines nothing.
        SymbolError: a name is used before its definition, defined twice, or has a meaning already;
            a function that does not act on single numbers.
        LimitError: the formula is too long when its names are written out.
    """
    *before, last = statements(text)
    if not before:
        tree = parse(text)
        if not any(isinstance(part, Call) and part.function in USAGES for part in walk(tree)):
            return tree, NONE
    reading = _Reading(text, before, declared or {})
    for statement in before:
        reading.define(statement)
    tree = reading.expanded(_part(text, last.start, last.end))
    return tree, Definitions(tuple(reading.listed), reading.written)


def _part(text: str, start: int, end: int) -> Tree:
    """The tree of what stands between two places of a text, which spans point into."""
    return parse(" " * start + text[start:end])


class _Reading:
    def __init__(
        self, text: str, before: Iterable[Statement], declared: Mapping[str, AnyDeclaration]
    ) -> None:
        self.text = text
        self.declared = declared
        self.sizes = names_in(size for d in declared.values() for size in d.sizes)
        self.ahead = [s.defined.name for s in before if s.defined is not None]
        self.values: dict[str, Tree] = {}
        self.functions: dict[str, tuple[tuple[str, ...], Tree]] = {}
        self.listed: list[Definition] = []
        self.written: dict[Tree, Tree] = {}
        #: Equal calls are one tree, so that names which multiply stay quick to read.
        self.applied: dict[tuple[str, tuple[Tree, ...], Options], Tree] = {}
        #: Every word of the text, so that no part of a composition is called like a symbol.
        self.names = set(re.findall(r"\w+", text))

    def define(self, statement: Statement) -> None:
        """Read one definition."""
        defined = statement.defined
        if defined is None:
            raise NotationError(
                "reading the statements",
                "a statement before the last defines no name",
                "write name = expression, or one formula",
                text=self.text,
                span=Span(statement.start, statement.end),
            )
        self._check_name(defined)
        value = _part(self.text, defined.start, statement.end)
        made = self.expanded(value, defined.parameters)
        if defined.parameters:
            self._check_function(defined, made)
            self.functions[defined.name] = (defined.parameters, made)
        else:
            self.values[defined.name] = made
            if not isinstance(made, Symbol | Number):
                self.written.setdefault(made, Symbol(defined.name))
        self.ahead.remove(defined.name)
        self.listed.append(Definition(defined.name, defined.parameters, value))

    def _check_name(self, defined: Defined) -> None:
        name = defined.name
        clash, instead = "", "use another name"
        twice = [p for k, p in enumerate(defined.parameters) if p in defined.parameters[:k]]
        if name in self.values or name in self.functions:
            clash = f"{name} is defined twice"
        elif name in self.declared or name in self.sizes:
            clash = f"{name} is declared as a symbol or a size and defined by a statement"
        elif name in FUNCTIONS:
            clash = f"{name} is a function of the notation and defined by a statement"
        elif twice:
            clash, instead = f"the parameter {twice[0]} of {name} stands twice", "give it once"
        if clash:
            raise self._error(defined.span, clash, instead)

    def _check_function(self, defined: Defined, body: Tree) -> None:
        """Only what acts on single numbers has a meaning for each entry."""
        for part in _parts(body):
            fits = isinstance(part, Number | Negate | Binary)
            if isinstance(part, Call):
                fits = part.function in EACH_ENTRY or part.function not in FUNCTIONS
            elif isinstance(part, Symbol):
                fits = part.name in defined.parameters or self._is_scalar(part.name)
            if not fits:
                called = part.name if isinstance(part, Symbol) else "a part of its formula"
                clash = f"{defined.name} is a function of single numbers and {called} is none"
                instead = f"make it a parameter, as in {defined.name}(t, s) = …"
                raise self._error(part.span or defined.span, clash, instead)

    def _is_scalar(self, name: str) -> bool:
        declared = self.declared.get(name)
        kind = by_convention(name) if declared is None else declared.kind
        return kind == "scalar" or (declared is None and name in self.sizes)

    # Names written out ------------------------------------------------------------------------

    def expanded(self, tree: Tree, parameters: Collection[str] = ()) -> Tree:
        """A tree with what its names stand for; parameters and sizes stay."""
        kept = {
            id(argument)
            for part in walk(tree)
            if isinstance(part, Call) and part.function in CONSTANTS
            for argument in part.arguments
        }

        def change(part: Tree) -> Tree:
            if isinstance(part, Symbol) and part.name not in parameters and id(part) not in kept:
                return self._value(part)
            return self._applied(part) if isinstance(part, Call) else part

        return self._checked(rebuilt(tree, change), tree.span)

    def _value(self, part: Symbol) -> Tree:
        if part.name in self.ahead:
            clash = f"{part.name} is used before it is defined"
            raise self._error(part.span, clash, "define it in a statement before this one")
        if part.name in self.functions:
            clash = f"{part.name} is a function, and no argument in parentheses touches it"
            raise self._error(part.span, clash, f"write {part.name}(x)")
        return self.values.get(part.name, part)

    def _applied(self, part: Call) -> Tree:
        name, count = part.function, len(part.arguments)
        if name in self.ahead:
            clash = f"{name} is used before it is defined"
            raise self._error(part.span, clash, "define it in a statement before this one")
        if name in self.values:
            clash = f"{name} is no function, and ( touches it as if it were one"
            raise self._error(part.span, clash, f"write {name}*(…) for a product")
        if name in USAGES and name not in self.functions and name not in self.declared:
            return self._composed(part)
        if name not in self.functions:
            return part
        parameters, body = self.functions[name]
        if count != len(parameters) or part.options:
            given = f"{count} are given" if count != len(parameters) else "it has no options"
            clash = f"{name} takes {len(parameters)} arguments and {given}"
            raise self._error(part.span, clash, f"write {name}({', '.join(parameters)})")
        known = self.applied.get((name, part.arguments, ()))
        if known is not None:
            return known
        values = dict(zip(parameters, part.arguments, strict=True))
        made = self._checked(_each_entry(body, values), part.span)
        self.applied[name, part.arguments, ()] = made
        folded = Definitions(written=self.written).folded
        self.written.setdefault(made, with_children(part, tuple(map(folded, part.arguments))))
        return made

    def _composed(self, part: Call) -> Tree:
        """An operation of the literature, written out; its parts get names that are free."""
        name, count = part.function, len(part.arguments)
        record = COMPOSITIONS.get((name, count))
        if record is None:
            if name in FUNCTIONS:
                return part
            clash = f"{name} takes other arguments and {count} are given"
            raise self._error(part.span, clash, f"write {USAGES[name]}")
        known = self.applied.get((name, part.arguments, part.options))
        if known is not None:
            return known
        folded = Definitions(written=self.written).folded
        made = dict(zip(record.parameters, part.arguments, strict=True))
        for part_name, formula in record.parts:
            made[part_name] = self._filled(formula, part, made)
            free = self._free_name(part_name)
            self.listed.append(Definition(free, (), folded(made[part_name])))
            self.written.setdefault(made[part_name], Symbol(free))
        whole = self._checked(self._filled(record.formula, part, made), part.span)
        self.applied[name, part.arguments, part.options] = whole
        self.written.setdefault(whole, with_children(part, tuple(map(folded, part.arguments))))
        return whole

    def _filled(self, formula: str, call: Call, values: Mapping[str, Tree]) -> Tree:
        """A formula with trees for its parameters; errors about it point at the call."""

        def change(part: Tree) -> Tree:
            if isinstance(part, Symbol):
                return values.get(part.name, replace(part, span=call.span))
            if isinstance(part, Call) and part.function == call.function:
                part = replace(part, options=call.options)
            return replace(part, span=call.span)

        if call.options and (call.function not in FUNCTIONS):
            clash = f"{call.function} has no options and {call.options[0][0]} is given"
            raise self._error(call.span, clash, f"write {USAGES[call.function]}")
        return rebuilt(parse(formula), change)

    def _free_name(self, wanted: str) -> str:
        taken = {*self.declared, *self.sizes, *self.names, *(d.name for d in self.listed)}
        others = (f"{wanted}{k}" for k in counting(2))
        return next(name for name in chain([wanted], others) if name not in taken)

    def _checked(self, tree: Tree, span: Span | None) -> Tree:
        """A tree that is not too long; parts that it shares count each time."""
        length: dict[int, int] = {}
        for part in _parts(tree):
            length[id(part)] = 1 + sum(length[id(child)] for child in children(part))
        if length[id(tree)] > MAX_NODES:
            raise LimitError(
                "reading the formula",
                f"with its names written out it has more than {MAX_NODES} symbols and operators",
                "use shorter definitions",
                text=self.text,
                span=span,
            )
        return tree

    def _error(self, span: Span | None, clash: str, instead: str) -> GradwrightError:
        return SymbolError("reading the statements", clash, instead, text=self.text, span=span)


def _parts(tree: Tree) -> list[Tree]:
    """Every node once, children first; a node that is shared is not gone through again."""
    found: dict[int, Tree] = {}
    stack = [(tree, False)]
    while stack:
        part, ready = stack.pop()
        if ready:
            found.setdefault(id(part), part)
        elif id(part) not in found:
            stack.append((part, True))
            stack += [(child, False) for child in children(part)]
    return list(found.values())


def _each_entry(body: Tree, values: Mapping[str, Tree]) -> Tree:
    """A formula of single numbers at arrays: what combines two of them acts on each entry."""
    done: dict[int, Tree] = {}
    varies: dict[int, bool] = {}
    for part in _parts(body):
        below = children(part)
        varies[id(part)] = any(varies[id(child)] for child in below)
        new = with_children(part, tuple(done[id(child)] for child in below))
        if isinstance(part, Symbol) and part.name in values:
            varies[id(part)], new = True, values[part.name]
        elif isinstance(new, Binary):
            left, right = (varies[id(child)] for child in below)
            dotted = {"*": left and right, "/": right, "^": left or right}.get(new.operator, False)
            if dotted:
                new = Binary(f".{new.operator}", new.left, new.right, new.span)
        done[id(part)] = new
    return done[id(body)]
