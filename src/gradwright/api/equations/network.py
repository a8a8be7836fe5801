"""Equations about a network, in its own names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from gradwright.api.equations.derivatives import with_primes
from gradwright.api.equations.layers import layer_letters, with_layers
from gradwright.api.equations.network_chains import is_chain, linked, result
from gradwright.api.equations.network_formulas import (
    batch_name,
    declaration,
    quantities,
    single_axes,
    width,
)
from gradwright.api.equations.network_names import NetworkNames, is_single
from gradwright.api.equations.network_points import NetworkPoint, drawn_point, single_formula
from gradwright.api.equations.network_slopes import Slopes
from gradwright.api.equations.setting import Condition, Reading, Variant
from gradwright.api.equations.single import as_single
from gradwright.api.network import Network
from gradwright.errors import LimitError, SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.informal import formal
from gradwright.notation.informal_indices import with_entries
from gradwright.notation.mapped import MappedText
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Binary, Call, Symbol, Transpose, Tree, walk

#: Deepest network whose equations are checked.
MAX_LAYERS = 32
#: Random points that a right equation has passed, and small ones that are tried for a wrong one.
POINTS = 3
SMALL_POINTS = 60
_DERIVATIVE = re.compile(r"(?<![^\W_])(?:δ\w+|J_\w+)")


class NetworkSetting:
    """The quantities of a network, and their values.

    Raises:
        LimitError: the network has too many layers.
        UnsupportedError: it has layers by formula.
    """

    def __init__(self, network: Network) -> None:
        self.model = network.model
        self.depth = len(self.model.layers)
        if self.depth > MAX_LAYERS:
            raise LimitError(
                "checking equations about a network",
                f"it has {self.depth} layers and at most {MAX_LAYERS} are checked",
                "give a network with fewer layers; its equations are the same",
            )
        by_formula = [layer for layer in self.model.layers if layer.formula is not None]
        if by_formula:
            raise UnsupportedError(
                "checking equations about a network",
                "it has layers by formula, and only equations about dense layers are checked",
                "give a network that is written as text",
                text=self.model.text,
                span=by_formula[0].span,
            )
        self.batch = quantities(self.model)
        self.of_names = NetworkNames(self.batch, self.depth)
        self.single = single_axes(self.batch)
        self.slopes = Slopes(self.model.kinds)
        self.chains: set[str] = set()
        self._points: dict[tuple[bool, bool], list[NetworkPoint]] = {}

    # Names ------------------------------------------------------------------------------------

    def declared(
        self, reading: Reading, *, sizes_as_given: bool = False
    ) -> Mapping[str, Declaration]:
        """Every quantity with its type."""
        widths = self.model.widths
        lengths = {width(k): widths[k] for k in range(len(widths))} if sizes_as_given else {}
        found = {q.name: declaration(q.name, q.axes, lengths) for q in self.batch.values()}
        for name, axes in self.single.items():
            found[name] = declaration(name, axes, lengths)
        for name, like in self.slopes.names().items():
            if like in found:
                found[name] = replace(found[like], name=name)
        order = ["x", *(f"{letter}{k}" for k in range(1, self.depth + 1) for letter in "za")]
        for start, bottom in enumerate(order):
            for top in order[start:]:
                name = f"J_{top}_{bottom}"
                axes = (*self.single[top], *self.single[bottom])
                found[name] = declaration(name, axes, lengths)
        for name in self.chains:
            if result(name) in found:
                found[name] = replace(found[result(name)], name=name)
        return found

    def readings(self, sides: tuple[MappedText, ...]) -> Iterator[Reading]:
        """The equation for every layer that it can be about."""
        letters = set().union(*(layer_letters(side) for side in sides))
        if len(letters) > 1:
            shown = " and ".join(sorted(letters))
            raise SymbolError(
                "the layers of an equation",
                f"{shown} both stand for a layer and one index can",
                "write one of them as a number",
                text=sides[0].original,
            )
        letter = letters.pop() if letters else None
        count = 0
        for layer in range(self.depth + 1) if letter else [0]:
            entries = [with_entries(side, self.of_names.known) for side in sides]
            plain = [with_layers(side, letter, layer, self.depth) for side in entries]
            texts = tuple(text for text in plain if text is not None)
            if len(texts) < len(sides):
                continue
            told = None if letter is None else (letter, layer)
            reading = self._reading(texts, told)
            if reading is None:
                continue
            count += 1
            yield reading
        if not count:
            raise SymbolError(
                "the layers of an equation",
                f"there is none of the layers 0 to {self.depth} for which all its names exist",
                "write layers from 1 to the last",
                text=sides[0].original,
            )

    def _reading(
        self, texts: tuple[MappedText, ...], layer: tuple[str, int] | None
    ) -> Reading | None:
        """The equation of one layer; None if a name does not exist there."""
        single = is_single(" ".join(text.text for text in texts))
        trees, plain = [], []
        for text in texts:
            formally = formal(self.of_names.with_derivatives(text, single=single))
            with formally.errors_at_the_original():
                tree = parse(formally.text)
                named = self._named(tree, formally, single=single, may_fail=layer is not None)
            if named is None:
                return None
            trees.append(with_primes(named))
            plain.append(formally.text)
        return Reading(
            tuple(trees), tuple(plain), " = ".join(text.text for text in texts), single, layer
        )

    def _named(self, tree: Tree, text: MappedText, *, single: bool, may_fail: bool) -> Tree | None:
        """A tree in the names of this network; None if a name does not exist and may fail to."""
        sizes = {id(a) for part in walk(tree) for a in _sizes(part)}
        names: dict[str, str] = {}
        for part in walk(tree):
            if not isinstance(part, Symbol) or id(part) in sizes or part.name == "n":
                continue
            found = self.of_names.canonical(part.name, single=single)
            if found is not None and self.of_names.known(found):
                names[part.name] = found
            elif may_fail:
                return None
            else:
                known = ", ".join(self._main_names(single))
                shown = self._called(part.name, "d")
                raise SymbolError(
                    f"the name {shown}",
                    f"{shown} is no name of this network, whose names are {known} and dL/d…",
                    "use one of those",
                    text=text.text,
                    span=part.span,
                )
        return rebuilt(tree, lambda node: self._changed(node, names))

    def _changed(self, node: Tree, names: Mapping[str, str]) -> Tree:
        if isinstance(node, Symbol) and node.name in names:
            return Symbol(names[node.name], node.span)
        return self.slopes.with_activations(node)

    def _main_names(self, single: bool) -> list[str]:
        chosen = [*self.batch, *(self.single if single else ())]
        return [name for name in chosen if not name.startswith("δ")]

    def names(self, reading: Reading) -> tuple[str, ...]:
        """Names that may stand in place of a wrong one."""
        declared = self.declared(reading)
        if reading.single:
            matrices = {name for name, q in self.batch.items() if "n" in q.axes}
            matrices |= {name for name, like in self.slopes.names().items() if like in matrices}
            return tuple(name for name in declared if name not in matrices | self.chains)
        large = {name for name, like in self.slopes.names().items() if like in self.batch}
        return (*self.batch, *sorted(large))

    def factors(self, reading: Reading) -> tuple[Tree, ...]:
        """The slopes of the activations, as the equation calls them or written out."""
        return self.slopes.factors(single=reading.single)

    # Points -----------------------------------------------------------------------------------

    def points(self, reading: Reading) -> Iterator[NetworkPoint]:
        """Random points, where no two widths are equal."""
        yield from self._held(reading.single, small=False)

    def small_points(self, reading: Reading) -> Iterator[NetworkPoint]:
        """Whole numbers from small ones on."""
        yield from self._held(reading.single, small=True)

    def _held(self, single: bool, *, small: bool) -> Iterator[NetworkPoint]:
        """The points of one sort, made once."""
        held = self._points.setdefault((single, small), [])
        made = self._small(single) if small else self._random(single)
        for place, (lengths, seed, reach) in enumerate(made):
            if place == len(held):
                generator = np.random.default_rng(seed)
                held.append(drawn_point(self.model, self.batch, lengths, generator, reach=reach))
            yield held[place]

    def _lengths(self, samples: int, widths: tuple[int, ...]) -> dict[str, int]:
        lengths = {"n": samples, **{width(k): widths[k] for k in range(self.depth + 1)}}
        # A single output may be read as a number, so it stays one.
        return lengths | ({width(self.depth): 1} if self.model.widths[-1] == 1 else {})

    def _random(self, single: bool) -> Iterator[tuple[dict[str, int], int, int | None]]:
        for k in range(POINTS):
            order = range(2, self.depth + 3) if k % 2 == 0 else range(self.depth + 2, 1, -1)
            samples = 1 if single else self.depth + 3 + k
            yield self._lengths(samples, tuple(order)), k, None

    def _small(self, single: bool) -> Iterator[tuple[dict[str, int], int, int | None]]:
        least = (1,) * self.depth + (2,)
        shapes = [(1, least), (2, least)]
        for samples, first, hidden, last in product((1, 2), (1, 2), (1, 2), (2, 3)):
            shapes.append((samples, (first, *(hidden,) * (self.depth - 1), last)))
        shapes.sort(key=lambda shape: (shape[0] + sum(shape[1]), shape))
        chosen = [shape for shape in shapes if not single or shape[0] == 1]
        count = max(1, SMALL_POINTS // len(chosen))
        for samples, widths in chosen:
            for k in range(count):
                yield self._lengths(samples, widths), k, 1 + k // 2

    # Conventions and answers ------------------------------------------------------------------

    def variants(self, reading: Reading) -> tuple[Variant, ...]:
        """Biases as rows; for one sample, gradients as rows and a single output as a number."""
        biases = {name for name in self.batch if name.removeprefix("δ").startswith("b")}
        if not reading.single:
            as_row = Variant(
                "with b as a row", after=lambda tree: replaced(tree, biases, Transpose)
            )
            return (as_row,) if self.model.layout.row_samples else ()
        rows = Variant("with gradients as rows", after=self._with_rows)
        if self.model.widths[-1] != 1:
            return (rows,)
        number = Variant("with the output as a number", before=self._with_number)
        both = replace(rows, remark=f"{rows.remark} and the output as a number")
        return rows, number, replace(both, before=self._with_number)

    def _with_rows(self, tree: Tree) -> Tree:
        """Gradients by vectors as rows."""
        gradients = {f"δ{name}" for name in self.single if not name.startswith("δ")}
        gradients |= {name for name in self.batch if name.startswith("δb")}
        gradients |= {name for name in self.chains if result(name) in gradients}
        return replaced(tree, gradients, Transpose)

    def conditions(self, reading: Reading) -> Iterator[Condition]:
        """None: what holds for a network holds for all its values."""
        yield from ()

    def _with_number(self, tree: Tree) -> Tree:
        """The one output and what has its length as numbers, its weights as a vector."""
        last = self.depth
        letters = {f"{delta}{name}{last}" for name in "zab" for delta in ("", "δ")} | {"y"}
        ones = Call("ones", (Symbol(width(last)),))

        def weights(node: Tree) -> Tree:
            if self.model.layout.row_inputs:
                return Binary("*", node, ones)
            return Binary("*", Transpose(ones), node)

        tree = replaced(tree, letters, lambda node: Call("sum", (node,)))
        return replaced(tree, {f"W{last}", f"δW{last}"}, weights)

    def derived(self, tree: Tree, reading: Reading) -> Tree | None:
        """The derived formula of a left side that is one quantity."""
        if isinstance(tree, Transpose):
            inner = self.derived(tree.operand, reading)
            return None if inner is None else Transpose(inner)
        if not isinstance(tree, Symbol):
            return None
        if tree.name in self.batch:
            formula = self.batch[tree.name].formula
            if formula is None or not reading.single:
                return formula
            return as_single(formula, self.model.layout.row_samples, column=False)
        return single_formula(self.model, tree.name) or self._single_gradient(tree.name)

    def _single_gradient(self, name: str) -> Tree | None:
        whole = self.batch.get(batch_name(name))
        if whole is None or whole.formula is None:
            return None
        return as_single(whole.formula, self.model.layout.row_samples, column=True)

    def prepared(self, tree: Tree, reading: Reading) -> Tree:
        """Chains of derivatives as names of their own."""
        made = linked(tree)
        self.chains |= {p.name for p in walk(made) if isinstance(p, Symbol) and is_chain(p.name)}
        return made

    def spelled(self, text: str, reading: Reading) -> str:
        """A text with derivatives, and the layer index, as the equation writes them."""
        sign = "∂" if "∂" in reading.like else "δ" if "δ" in reading.like else "d"
        return _DERIVATIVE.sub(lambda found: self._called(found[0], sign), text)

    def _called(self, name: str, sign: str) -> str:
        if name.startswith("δ") and sign != "δ":
            return f"{sign}L/{sign}{name[1:]}"
        if name.startswith("J_"):
            sign = "∂" if sign == "δ" else sign
            _, top, bottom = name.split("_")
            return f"{sign}{top}/{sign}{bottom}"
        return name


def replaced(tree: Tree, names: set[str], make: Callable[[Tree], Tree]) -> Tree:
    """A tree with other trees in the place of some names."""
    return rebuilt(
        tree,
        lambda node: make(node) if isinstance(node, Symbol) and node.name in names else node,
    )


def _sizes(tree: Tree) -> tuple[Tree, ...]:
    return tree.arguments if isinstance(tree, Call) and tree.function in CONSTANTS else ()
