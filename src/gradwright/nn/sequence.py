"""Networks as lists: the text of a network cut at its arrows, with layers by formula among them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from msgspec.structs import replace

from gradwright.errors import LimitError, NetworkError, Span
from gradwright.nn.layer import Layer
from gradwright.nn.text import MAX_LAYERS, parse_network, parse_piece
from gradwright.nn.unplaced_layer import UnplacedLayer

ARROW = " -> "

EXAMPLE = 'write a network as ["4", dense(m=6), "3 softmax"]'


#: A network as users describe it.
Source = str | Sequence[str | int | UnplacedLayer]


def read_network(source: Source) -> tuple[str, tuple[Layer, ...]]:
    """(the network as text, its layers).

    A list has between its commas what a text has between its arrows: first the number of inputs,
    then layers such as "6 relu", and layers by formula. A list may start with a layer by formula
    that says how long its input is.

    Raises:
        NotationError, LimitError: a piece of text cannot be read, or there are too many layers.
        NetworkError: an item of another kind, or sizes that are missing or clash.
    """
    if isinstance(source, str) or not isinstance(source, Sequence):
        return str(source), parse_network(source)
    reader = _Items()
    for item, members in groupby(source):
        count = sum(1 for _ in members)
        if isinstance(item, UnplacedLayer):
            reader.formula(item, count)
        elif isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
            for _ in range(count):
                reader.piece(str(item).strip())
        else:
            raise NetworkError(
                "a network as a list",
                f"a {type(item).__name__} is among its items, which are pieces of text and layers",
                EXAMPLE,
            )
        if len(reader.layers) > MAX_LAYERS:
            raise LimitError(
                "a network as a list",
                f"it has {len(reader.layers)} layers so far and {MAX_LAYERS} are allowed",
                "use fewer layers",
            )
    if not reader.layers:
        raise NetworkError(
            "a network as a list",
            f"it has {len(source)} items and none of them is a layer",
            EXAMPLE,
        )
    return reader.text, tuple(reader.layers)


class _Items:
    """The items read so far: their text, the layers, the units behind them."""

    def __init__(self) -> None:
        self.text = ""
        self.layers: list[Layer] = []
        self.width: int | None = None

    def formula(self, item: UnplacedLayer, count: int) -> None:
        """A layer by formula, `count` times."""
        made: list[Layer] = []
        for _ in range(min(count, MAX_LAYERS + 1)):
            made.append(item.layer(self.width, len(self.layers) + len(made) + 1))
            self.width = made[-1].fan_out
        if not self.text:
            self.text = str(made[0].fan_in)
        start = len(self.text) + len(ARROW)
        self.text += f"{ARROW}{count} * " if count > 1 else ARROW
        self.text += item.piece(made[-1].fan_out)
        span = Span(start, len(self.text))
        self.layers += [replace(layer, span=span) for layer in made]

    def piece(self, text: str) -> None:
        """What stands between arrows."""
        self.width, read = parse_piece(text, self.width)
        self.text += ARROW if self.text else ""
        start = len(self.text)
        self.text += text
        self.layers += [_moved(layer, start) for layer in read]


def _moved(layer: Layer, by: int) -> Layer:
    """A layer whose piece of text stands further behind."""
    span = layer.span
    return layer if span is None else replace(layer, span=Span(span.start + by, span.end + by))
