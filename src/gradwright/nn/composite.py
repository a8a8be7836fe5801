"""Layers made of layers: their formulas put into each other, around each other, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec.structs import replace

from gradwright.core.sizes import is_compound, renamed_size
from gradwright.errors import LimitError, NetworkError, UnsupportedError
from gradwright.explain.lines import renamed
from gradwright.nn.activations import activation_text
from gradwright.nn.block_over_batch import Inner, over_batch, put
from gradwright.nn.layer_formula import TAKEN, LayerFormula
from gradwright.nn.layer_reading import layer_formula
from gradwright.nn.masks import batch_letter
from gradwright.nn.text import LayerGroup, piece_groups
from gradwright.nn.unplaced_layer import UnplacedLayer
from gradwright.notation.declarations import Declaration, Kind, Size
from gradwright.notation.parser import parse
from gradwright.notation.tree import Binary, Call, Symbol, Tree
from gradwright.render.plain import plain_text

#: Letters for parameters of each order, the usual one first.
LETTERS = {0: "cabdefg", 1: "bcdefghuv", 2: "WVUTSRQPMNKJHGFEDCB"}

#: Letters for masks; their capitals are the names for a batch.
MASKS = "mudveltw"

#: Letters for running mean and variance, the usual ones first.
STATE = {"mu": ("mu", "nu", "xi", "eta"), "var": ("var", "tau", "rho", "chi")}

#: Letters for sizes inside a layer.
SIZES = "mkhrstuvwijdefgabc"

#: The input of a layer made of layers, and its length.
INPUT = ("x", "n")

#: A part of a network: text such as "32 relu -> 16", or a layer by formula.
Piece = str | UnplacedLayer


def residual(*pieces: Piece) -> UnplacedLayer:
    """x + f(x), with f the layers of `pieces` one behind the other (He et al., 2016).

    It stands in the list of a `Network`, and has as many outputs as inputs.

    >>> from gradwright import Network
    >>> Network([3, residual("4 relu -> 3"), "2 softmax"]).widths
    (3, 3, 2)

    Raises:
        NotationError, NetworkError, LimitError: pieces that are no layers, or whose values have
            not as many entries as their input.
        UnsupportedError: a layer with an abstract function.
    """
    block = _Block("residual", pieces)
    value, width = block.through(pieces)
    block.require_width(width, "n", "a residual adds the value of its layers to their input")
    return block.layer(Binary("+", Symbol("x"), value))


def parallel(*branches: Piece | Sequence[Piece]) -> UnplacedLayer:
    """[f(x); g(x); …]: the values of layers that all have the same input, behind each other.

    A branch is a piece of a network or a list of pieces; "identity" passes its input on. It stands
    in the list of a `Network`, and has as many outputs as all branches together.

    >>> from gradwright import Network
    >>> Network([3, parallel("identity", "4 relu"), "2 softmax"]).widths
    (3, 7, 2)

    Raises:
        NotationError, NetworkError, LimitError: branches that are no layers, or only one.
        UnsupportedError: a layer with an abstract function.
    """
    block = _Block("parallel", branches)
    if len(branches) < 2:
        raise NetworkError(
            "layers in parallel",
            f"{len(branches)} branch is given, and at least two have values to put behind each "
            "other",
            'write parallel("identity", "8 relu")',
        )
    made = [block.through(_listed(branch))[0] for branch in branches]
    return block.layer(Call("[;]", tuple(made), (("columns", Fraction(1)),)))


def _listed(branch: Piece | Sequence[Piece]) -> Sequence[Piece]:
    return [branch] if isinstance(branch, str | UnplacedLayer) else branch


class _Block:
    """The parameters of a layer made of layers, so far, and what its sizes are."""

    def __init__(self, name: str, pieces: Sequence[object]) -> None:
        self.asked = f"the layer {name}({', '.join(map(repr, pieces))})"
        self.declared: dict[str, Declaration] = {}
        self.starts: dict[str, Fraction] = {}
        self.rates: dict[str, Fraction] = {}
        self.numbers: dict[str, int] = {}
        self.equal: dict[str, Size] = {}
        self.state: dict[str, Declaration] = {}
        self.inner: list[Inner] = []
        self._sizes: set[str] = {INPUT[1]}

    def through(self, pieces: Sequence[Piece]) -> tuple[Tree, Size]:
        """(the value of layers one behind the other, the number of its entries)."""
        value: Tree = Symbol(INPUT[0])
        width: Size = INPUT[1]
        for piece in pieces:
            for item in self._items(piece):
                if isinstance(item, UnplacedLayer):
                    value, width = self._formula(value, width, item)
                else:
                    value, width = self._dense(value, width, item)
        return value, width

    def _items(self, piece: Piece) -> Iterator[LayerGroup | UnplacedLayer]:
        if isinstance(piece, UnplacedLayer):
            yield piece
            return
        if not isinstance(piece, str):
            raise NetworkError(
                self.asked,
                f"a {type(piece).__name__} is among its parts, which are pieces of text and layers",
                'write residual("32 relu -> 16")',
            )
        if piece.strip() == "identity":
            return
        for group in piece_groups(piece, INPUT[1]):
            named = group.layer is None and not isinstance(group.fan_out, int)
            if named or not isinstance(group.count, int):
                raise NetworkError(
                    self.asked,
                    f"{piece} has a size that is a name, and a layer made of layers has numbers",
                    "write the number of units",
                )
            yield from [group.layer or group] * group.count

    def _dense(self, value: Tree, width: Size, group: LayerGroup) -> tuple[Tree, Size]:
        units = self._size()
        self._bind(units, int(group.fan_out))
        weights = self._parameter(LETTERS[2][0], "matrix", (units, width))
        value = Binary("*", Symbol(weights), value)
        if group.bias:
            value = Binary("+", value, Symbol(self._parameter("b", "vector", (units,))))
        inner = parse(activation_text(group.activation, group.options, argument="z"))
        return put(inner, "z", value), units

    def _formula(self, value: Tree, width: Size, item: UnplacedLayer) -> tuple[Tree, Size]:
        formula = item.formula
        if formula.functions:
            raise UnsupportedError(
                self.asked,
                f"{formula.functions[0].name} is abstract, and a layer made of layers has code",
                "write the function out",
            )
        if formula.codes:
            raise NetworkError(
                self.asked,
                f"{formula.text} takes codes of categories, which are inputs of a network",
                "put the embedding in front of the block",
            )
        if formula.over_batch and len(formula.batch) > 1:
            raise NetworkError(
                self.asked,
                f"{formula.text} has a layer over the batch, and it is a part of another",
                "put the blocks behind each other, or write its layers in this one",
            )
        known = dict(formula.sizes)
        sizes: dict[str, Size] = {name: self._size() for name in known.values() if name != "p"}
        if isinstance(formula.inputs, str):
            sizes[formula.inputs] = width
        else:
            self._bind(width, formula.inputs)
        for name, number in item.sizes:
            self._bind(sizes[known[name]], number)

        def size(given: Size) -> Size:
            return renamed_size(given, lambda name: sizes.get(name, name))

        names = {}
        for letter in formula.parameters:
            axes = tuple(map(size, letter.sizes))
            names[letter.name] = self._parameter(letter.name, letter.kind, axes)
        for mask in formula.masks:
            names[mask.name] = self._mask(size(mask.sizes[0]))
        self.rates |= {names[letter]: rate for letter, rate in item.rates}
        for letter in formula.state:
            names[letter.name] = self._held(letter.name, size(letter.sizes[0]))
        self.starts |= {names[letter]: number for letter, number in formula.starts}

        def own(tree: Tree) -> Tree:
            return renamed(tree, lambda name: names.get(name, name), size)

        outputs = size(formula.outputs)
        if formula.over_batch:
            return self._over_batch(value, formula, names, own), outputs
        return put(own(_one_sample(formula)), "z", value), outputs

    def _over_batch(
        self,
        value: Tree,
        formula: LayerFormula,
        names: Mapping[str, str],
        own: Callable[[Tree], Tree],
    ) -> Tree:
        """The name of the value of a layer over the batch, from here on."""
        assert formula.predicted is not None
        shown = put(parse(formula.text), formula.input, Symbol("z"))
        # A batch has n samples, and n is also what a block calls the length of its input.
        batch, *moves = (
            renamed(parse(text), lambda name: names.get(name, name), lambda given: given)
            for _, text in (*formula.batch, *formula.updates)
        )
        updates = zip((names[letter] for letter, _ in formula.updates), moves, strict=True)
        name = f"over the batch {len(self.inner)}"
        predicted = own(_one_sample(formula.predicted))
        self.inner.append(Inner(name, value, predicted, own(shown), batch, tuple(updates)))
        return Symbol(name)

    def _parameter(self, wanted: str, kind: Kind, sizes: tuple[Size, ...]) -> str:
        """A free name for a parameter: the wanted one, or another letter."""
        free = [x for x in (wanted, *LETTERS[len(sizes)]) if x not in self.declared]
        taken = {*TAKEN, INPUT[0], *self._sizes, *map(batch_letter, self.rates)}
        name: str | None = next((x for x in free if x not in taken), None)
        if name is None:
            raise LimitError(
                self.asked,
                f"it has more parameters than there are letters, {len(self.declared)} so far",
                "make it of fewer layers",
            )
        self.declared[name] = Declaration(name, kind, sizes)
        return name

    def _held(self, wanted: str, size: Size) -> str:
        """A free name for a part of the state: the wanted one, or that of a further layer."""
        names = STATE[wanted]
        taken = {*TAKEN, *self._sizes, *self.declared, *self.state}
        name = next((x for x in names if x not in taken), None)
        if name is None:
            raise LimitError(
                self.asked,
                f"it has more layers over the batch than there are letters, {len(names)}",
                "make it of fewer layers",
            )
        self.state[name] = Declaration(name, "vector", (size,))
        return name

    def _mask(self, size: Size) -> str:
        """A free name for a mask, whose capital is free too."""
        taken = {*TAKEN, *self._sizes, *self.declared}
        name = next((x for x in MASKS if not {x, batch_letter(x)} & taken), None)
        if name is None:
            raise LimitError(
                self.asked,
                f"it has more masks than there are letters, {len(self.rates)} so far",
                "make it of fewer layers",
            )
        self.declared[name] = Declaration(name, "vector", (size,))
        self.rates[name] = Fraction(0)
        return name

    def _size(self) -> str:
        name = next((x for x in SIZES if x not in {*self._sizes, *self.declared}), None)
        if name is None:
            raise LimitError(
                self.asked,
                f"it has more sizes than there are letters, {len(self._sizes)} so far",
                "make it of fewer layers",
            )
        self._sizes.add(name)
        return name

    def _bind(self, size: Size, number: int) -> None:
        """A number for a size."""
        known = self.numbers.setdefault(size, number) if isinstance(size, str) else size
        if known != number or is_compound(size):
            raise NetworkError(
                self.asked,
                f"a part of it has {known if known != number else size} entries, and {number} "
                "are given for the input of the part behind it",
                "make the two equal, or leave the number out",
            )

    def require_width(self, width: Size, wanted: str, why: str) -> None:
        """The value has as many entries as the input."""
        if width == wanted:
            return
        if not isinstance(width, str) or is_compound(width):
            raise NetworkError(
                self.asked,
                f"its layers give {width} values for {wanted} inputs, and {why}",
                "end it with a layer that has as many units as stand before it",
            )
        self.equal[width] = wanted
        if width in self.numbers:
            self._bind(wanted, self.numbers.pop(width))

    def layer(self, value: Tree) -> UnplacedLayer:
        """The layer with a value."""

        def size(given: Size) -> Size:
            return renamed_size(given, lambda name: self.equal.get(name, name))

        def sized(tree: Tree) -> Tree:
            return renamed(tree, lambda name: name, size)

        parameters, state = (
            {
                name: Declaration(name, d.kind, tuple(map(size, d.sizes)))
                for name, d in declared.items()
            }
            for declared in (self.declared, self.state)
        )
        if self.inner:
            inner = [
                replace(
                    layer,
                    given=sized(layer.given),
                    predicted=sized(layer.predicted),
                    shown=sized(layer.shown),
                )
                for layer in self.inner
            ]
            numbers = (self.starts, self.rates)
            formula = over_batch(sized(value), inner, parameters, state, *numbers)
        else:
            text = plain_text(sized(value))
            formula = layer_formula(text, "vector n", parameters, self.starts, self.rates)
        rates = tuple(self.rates.items())
        return UnplacedLayer(formula, tuple(self.numbers.items()), rates=rates)


def _one_sample(formula: LayerFormula) -> Tree:
    """The formula of one sample, in z."""
    whole: Tree = Symbol("z")
    for _, text in reversed(formula.sample):
        whole = put(whole, "z", parse(text))
    return put(whole, formula.input, Symbol("z"))
