"""Blocks with layers over the batch inside: their formulas of training and of prediction.

Between such layers a block is a formula of one sample, which has a form for a batch. So its formula
of training is a row of lines: what the first of them is given, what it makes of that, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.sizes import renamed_size
from gradwright.errors import LimitError
from gradwright.explain.lines import renamed
from gradwright.nn.batch_text import batch_text
from gradwright.nn.layer_formula import TAKEN, LayerFormula
from gradwright.nn.layer_reading import layer_formula
from gradwright.nn.masks import batch_letter
from gradwright.nn.naming import VALUES, named_parts
from gradwright.notation.declarations import AnyDeclaration, Declaration, Size
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Call, Symbol, Tree, walk
from gradwright.render.plain import plain_text


class Inner(Struct, frozen=True):
    """A layer over the batch inside a block, in the block's letters.

    `name` stands for its value in the formulas around it, and `given` is what it is given.
    `predicted` and `shown` are formulas of one sample in z; `batch`, and `updates` of the state,
    are formulas of a batch in X.
    """

    name: str
    given: Tree
    predicted: Tree
    shown: Tree
    batch: Tree
    updates: tuple[tuple[str, Tree], ...]


def with_inner(value: Tree, inner: Sequence[Inner], of: Callable[[Inner], Tree]) -> Tree:
    """A formula with those of the layers inside in place of their names."""
    for layer in reversed(inner):
        value = put(value, layer.name, put(of(layer), "z", layer.given))
    return value


def put(tree: Tree, name: str, value: Tree) -> Tree:
    """A tree with another in place of a symbol."""
    return rebuilt(tree, lambda part: value if part == Symbol(name) else part)


def over_batch(
    value: Tree,
    inner: Sequence[Inner],
    parameters: Mapping[str, Declaration],
    state: Mapping[str, Declaration],
    starts: Mapping[str, Fraction],
    rates: Mapping[str, Fraction],
) -> LayerFormula:
    """The layer with a value in which layers over the batch have names.

    Raises:
        LimitError: it has more values with names than there are letters.
        UnsupportedError: a part has no form in matrices for a batch.
    """

    def predicted(tree: Tree) -> Tree:
        # Read back: the text of the whole is read too, and the parts are looked for in that.
        return parse(plain_text(with_inner(tree, inner, lambda layer: layer.predicted)))

    parts = {predicted(tree) for x in inner for tree in (x.given, Symbol(x.name))}
    text, declared = plain_text(predicted(value)), {**parameters, **state}
    sampled = layer_formula(text, "vector n", declared, starts, rates, parts)
    plain = sampled.predicted or sampled
    held = tuple(d for d in plain.parameters if d.name in state)
    trained = tuple(d for d in plain.parameters if d.name not in state)
    plain = replace(plain, parameters=trained, state=held)
    shown = plain_text(with_inner(value, inner, lambda layer: layer.shown))
    lines = _Lines(shown, sampled)
    updates = [update for layer in inner for update in lines.add_inner(layer)]
    lines.add(value, "A")
    sizes = dict(lines.parts)
    return replace(
        plain,
        text=shown,
        sample=(),
        batch=tuple(lines.batch),
        activation=value.function if isinstance(value, Call) else "",
        parts=tuple((x, size) for x, size in lines.parts if x not in ("Z", "A")),
        pre_activation=sizes.get("Z", plain.outputs),
        masks=sampled.masks,
        predicted=plain,
        updates=tuple(updates),
    )


class _Lines:
    """The lines of a formula of training so far, in the letters of a kind."""

    def __init__(self, text: str, formula: LayerFormula) -> None:
        self.text = text
        self.batch: list[tuple[str, str]] = []
        self.parts: list[tuple[str, Size]] = []
        self._sizes: dict[str, Size] = dict(formula.sizes)
        declared = (*formula.parameters, *formula.masks)
        self._known = {d.name: d for d in declared}
        self._known["x"] = Declaration("x", "vector", (formula.inputs,))
        self._rows = {"x": "X", **{m.name: batch_letter(m.name) for m in formula.masks}}
        self._drawn = {batch_letter(m.name): m for m in formula.masks}
        self._names: dict[str, str] = {}

    def add(self, tree: Tree, name: str) -> str:
        """Lines for a formula of one sample; the name of its value, which is `name` or older."""
        tree = self._own(tree)
        if isinstance(tree, Symbol) and name != "A":
            return self._rows[tree.name]
        # Neither the name of this value nor Z, the argument of what the layer ends with.
        closed = {x: Declaration(x, "vector", (1,)) for x in ("Z", name) if name != "A"}
        named = {**self._known, **self._drawn, **closed}
        for part in named_parts(tree, named, (), *self._rows):
            own = name if part.name == "A" else part.name
            used = {part.name for part in walk(part.tree) if isinstance(part, Symbol)}
            rows = {single: row for single, row in self._rows.items() if single in used}
            known: dict[str, AnyDeclaration] = dict(self._known)
            self._line(own, batch_text(f"the layer {self.text}", part.tree, known, rows), part.size)
        return name

    def add_inner(self, layer: Inner) -> list[tuple[str, str]]:
        """Lines for a layer over the batch and what it is given; how its state moves."""
        given = self.add(layer.given, self._free())
        single = next(x for x, row in self._rows.items() if row == given)
        name = self._names[layer.name] = self._free()
        size = self._known[single].sizes[0]
        self._line(name, plain_text(put(layer.batch, "X", Symbol(given))), size)
        return [(x, plain_text(put(tree, "X", Symbol(given)))) for x, tree in layer.updates]

    def _line(self, name: str, text: str, size: Size) -> None:
        self.batch.append((name, text))
        self.parts.append((name, size))
        self._known[name] = Declaration(name, "vector", (size,))
        self._rows[name] = name

    def _own(self, tree: Tree) -> Tree:
        """A tree in the letters of the kind."""

        def size(name: str) -> Size:
            return self._sizes.get(name, name)

        def letter(name: str) -> str:
            name = self._names.get(name, name)
            return name if name in self._known else str(size(name))

        return renamed(tree, letter, lambda given: renamed_size(given, size))

    def _free(self) -> str:
        taken = {*TAKEN, *self._known, *self._drawn}
        name = next((x for x in VALUES if x not in taken), None)
        if name is None:
            raise LimitError(
                f"the layer {self.text}",
                f"it has more values with names than there are letters, {len(self.parts)} so far",
                "make it of fewer layers",
            )
        return name
