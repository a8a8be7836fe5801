"""The flow diagram of a network, from top to bottom: what goes down, and the gradient back up."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gradwright.nn.layer import Layer
from gradwright.report.svg import FAINT, INK, SECOND, figure, line, path, rectangle, text

#: Layers that are drawn; of a deeper network the first and the last ones.
LAYERS = 6

#: Height of a box and of the space to the next one, and the middles of the two columns.
BOX, GAP = 30.0, 22.0
DOWN, UP = 130.0, 350.0

WIDTH = 450.0


class _Place(Struct, frozen=True):
    """A value on the way down, with its shape, and whether a gradient comes back to it."""

    name: str
    shape: str
    gradient: bool = True


class _Step(Struct, frozen=True):
    """What happens between two values, or dots for the layers that are left out."""

    label: str


def forward_diagram(layers: Sequence[Layer], loss: str, row_samples: bool = True) -> str:
    """X → Z₁ → A₁ → … → L from top to bottom with shapes, and ∂L/∂Z back up beside it.

    Args:
        layers: the layers, all sizes being numbers.
        loss: the name of the loss.
        row_samples: whether the rows of X are the samples.
    """
    y, parts = 12.0, list[str]()
    for item in _items(layers, loss, row_samples):
        if isinstance(item, _Step):
            parts += _step(item, y)
            y += GAP + BOX / 2
        else:
            parts += _place(item, y)
            y += BOX
    return figure(
        WIDTH, y + 12, "From the inputs down to the loss, and the gradient back up", parts
    )


def _items(layers: Sequence[Layer], loss: str, row_samples: bool) -> list[_Place | _Step]:
    def shape(units: int) -> str:
        return f"n × {units}" if row_samples else f"{units} × n"

    items: list[_Place | _Step] = [_Place("X", shape(layers[0].fan_in), gradient=False)]
    shown = range(1, len(layers) + 1)
    left_out = range(LAYERS // 2 + 1, len(layers) - LAYERS // 2 + 1)
    for number in shown:
        layer = layers[number - 1]
        if number in left_out:
            if number == left_out[0]:
                items.append(_Step(f"… {len(left_out)} layers"))
                items.append(_Place(f"A_{left_out[-1]}", shape(layers[left_out[-1] - 1].fan_out)))
            continue
        parameters = [
            f"{letter}_{number} {' × '.join(map(str, sizes)) or '1'}"
            for letter, sizes in layer.parameters
        ]
        if layer.formula is None:
            items.append(_Step(", ".join(parameters)))
            items.append(_Place(f"Z_{number}", shape(layer.fan_out)))
            items.append(_Step(layer.activation))
        else:
            items.append(_Step(", ".join([layer.formula.text, *parameters])))
        items.append(_Place(f"A_{number}", shape(layer.fan_out)))
    return [*items, _Step(f"{loss} with Y"), _Place("L", "", gradient=False)]


def _place(item: _Place, y: float) -> list[str]:
    middle = y + BOX / 2 + 5
    frame = f' rx="4" fill-opacity="0" stroke="{INK}"'
    parts = [rectangle(DOWN - 62, y, 124, BOX, "none", frame)]
    parts.append(text(DOWN - 22 if item.shape else DOWN, middle, item.name))
    if item.shape:
        parts.append(text(DOWN + 26, middle, item.shape, size=11))
    if item.gradient:
        parts.append(rectangle(UP - 40, y, 80, BOX, "none", f' rx="4" stroke="{FAINT}"'))
        parts.append(text(UP, middle, f"∂L/∂{item.name}", colour=SECOND))
    return parts


def _step(item: _Step, y: float) -> list[str]:
    bottom = y + GAP + BOX / 2
    parts = [line(DOWN, y, DOWN, bottom - 4)]
    parts.append(path([(DOWN - 4, bottom - 8), (DOWN, bottom - 1), (DOWN + 4, bottom - 8)], INK))
    parts.append(line(UP, y + 4, UP, bottom, SECOND))
    parts.append(path([(UP - 4, y + 8), (UP, y + 1), (UP + 4, y + 8)], SECOND))
    stem = item.label if len(item.label) <= 40 else item.label[:39] + "…"
    parts.append(text(DOWN + 8, (y + bottom) / 2 + 4, stem, "start", 11))
    return parts
