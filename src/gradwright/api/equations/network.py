"""Equations about a network, in its own names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
from msgspec.structs import replace

from gradwright.api.equations.derivatives import by_name, opened
from gradwright.api.equations.network_chains import is_chain, linked, result
from gradwright.api.equations.network_conventions import (
    entry_by_entry,
    one_sample,
    with_formulas,
)
from gradwright.api.equations.network_formulas import (
    batch_name,
    declaration,
    quantities,
    single_axes,
    width,
)
from gradwright.api.equations.network_names import STEP_SIZE
from gradwright.api.equations.network_points import (
    NetworkPoint,
    drawn_point,
    jacobian_formula,
    single_formula,
)
from gradwright.api.equations.network_reading import NetworkReader
from gradwright.api.equations.setting import Condition, Reading, Variant
from gradwright.api.equations.single import as_single
from gradwright.api.network import Network
from gradwright.errors import LimitError, UnsupportedError
from gradwright.explain.conventions import Convention
from gradwright.notation.declarations import Declaration
from gradwright.notation.equation import Written
from gradwright.notation.mapped import MappedText
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

    def __init__(self, network: Network, convention: Convention) -> None:
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
        self.reader = NetworkReader(self.model, self.batch, convention)
        self.single = single_axes(self.batch)
        self.chains: set[str] = set()
        self._points: dict[tuple[bool, bool], list[NetworkPoint]] = {}

    @property
    def has_batches(self) -> bool:
        """Yes."""
        return True

    # Names ------------------------------------------------------------------------------------

    def declared(
        self, reading: Reading, *, sizes_as_given: bool = False
    ) -> Mapping[str, Declaration]:
        """Every quantity with its type."""
        widths = self.model.widths
        lengths = {width(k): widths[k] for k in range(len(widths))} if sizes_as_given else {}
        found = {q.name: declaration(q.name, q.axes, lengths) for q in self.batch.values()}
        found[STEP_SIZE] = declaration(STEP_SIZE, (), lengths)
        for name, axes in self.single.items():
            found[name] = declaration(name, axes, lengths)
        for name, like in self.reader.slopes.names().items():
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
        yield from self.reader.readings(sides)

    def define(self, written: Written) -> bool:
        """Take an equation as the definition of a new name, if it is one."""
        return self.reader.define(written)

    def names(self, reading: Reading) -> tuple[str, ...]:
        """Names that may stand in place of a wrong one."""
        declared = self.declared(reading)
        if reading.single:
            matrices = {name for name, q in self.batch.items() if "n" in q.axes}
            matrices |= {
                name for name, like in self.reader.slopes.names().items() if like in matrices
            }
            if "b" not in reading.like:
                matrices |= {name for name in self.batch if name.startswith("δb")}
            return tuple(name for name in declared if name not in matrices | self.chains)
        large = {name for name, like in self.reader.slopes.names().items() if like in self.batch}
        return (*self.batch, *sorted(large))

    def factors(self, reading: Reading) -> tuple[Tree, ...]:
        """The slopes of the activations, as the equation calls them or written out."""
        return self.reader.slopes.factors(single=reading.single)

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
        entries = Variant(
            "with derivatives by entries and · entry by entry",
            before=lambda tree: entry_by_entry(tree, self.model),
        )
        if not reading.single:
            sample = Variant("for one sample", before=one_sample)
            as_row = Variant(
                "with b as a row", after=lambda tree: replaced(tree, biases, Transpose)
            )
            return (as_row, entries, sample) if self.model.layout.row_samples else (entries, sample)
        rows = Variant("with gradients as rows", after=self._with_rows)
        if self.model.widths[-1] != 1:
            return (rows, entries)
        number = Variant("with the output as a number", before=self._with_number)
        both = replace(rows, remark=f"{rows.remark} and the output as a number")
        return rows, number, replace(both, before=self._with_number), entries

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

        tree = replaced(linked(tree), letters, lambda node: Call("sum", (node,)))
        tree = rebuilt(
            tree, lambda node: Call("sum", (node,)) if by_name(node) in letters else node
        )
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
        if tree.name.startswith("J_"):
            return jacobian_formula(self.model, tree.name)
        return single_formula(self.model, tree.name) or self._single_gradient(tree.name)

    def _single_gradient(self, name: str) -> Tree | None:
        whole = self.batch.get(batch_name(name))
        if whole is None or whole.formula is None:
            return None
        return as_single(whole.formula, self.model.layout.row_samples, column=True)

    def count(self, name: str) -> tuple[Mapping[str, int], str] | None:
        """The widths by name and the number of weights, for W as the vector of all weights."""
        if name not in ("W", "w") or self.depth == 1:
            return None
        widths = {width(k): units for k, units in enumerate(self.model.widths)}
        terms = (f"{'d' if k == 0 else width(k)}*{width(k + 1)}" for k in range(self.depth))
        return widths | {"d": self.model.widths[0]}, " + ".join(terms)

    def has_row_twin(self, reading: Reading) -> bool:
        """Whether it is a bias, which a batch may write as a row."""
        (tree,) = reading.sides
        name = tree.name.removeprefix("δ") if isinstance(tree, Symbol) else ""
        return name.startswith("b") and self.model.layout.row_samples

    def prepared(self, tree: Tree, reading: Reading) -> Tree:
        """Derivatives taken, and chains of derivatives as names of their own."""
        if any(by_name(part) for part in walk(tree)):
            whole = with_formulas(tree, self.model, self.batch)
            tree = opened(whole, self.declared(reading))
        made = linked(tree)
        self.chains |= {p.name for p in walk(made) if isinstance(p, Symbol) and is_chain(p.name)}
        return made

    def spelled(self, text: str, reading: Reading) -> str:
        """A text with names and derivatives as the equation writes them."""
        return self.reader.spelled(text, reading)


def replaced(tree: Tree, names: set[str], make: Callable[[Tree], Tree]) -> Tree:
    """A tree with other trees in the place of some names."""
    return rebuilt(
        tree,
        lambda node: make(node) if isinstance(node, Symbol) and node.name in names else node,
    )
