"""What was measured of the gradient flow through a network, layer by layer and along the chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.errors import ShapeError
from gradwright.gradientflow.stages import Stage

Array = Any

SCHEMA = "gradwright.flow/1"

#: Wider layers are listed in the report's document by their extreme singular values only.
LISTED = 64


class LayerFlow(Struct, frozen=True, eq=False):
    """One layer at the sample that is shown, and its typical gain over all samples.

    `norm` is ‖J‖₂ of J = D w. It is at most `product` = ‖D‖₂ ‖w‖₂, which is at most
    `bound` = (least upper bound of ‖D‖₂) ‖w‖₂. `gain` is the root of the mean of ‖Jᵀu‖²/‖u‖² over
    samples and directions u, ‖J‖_F/√(fan-out): what a layer does to the length of a gradient.
    `right` and `left` hold the singular vectors as columns: perturbations of the input along a
    right one come out along the left one, gradients travel the other way.

    `number` counts layers from 1, `sample` says which sample is shown, counted from 0, and `stage`
    is the layer there. `saturated` is the part of all slopes that are nearly 0, of an activation
    that saturates; of others `dead` is the part of the units whose slope is 0 for every sample.
    `gradient_norm` is ‖∂L/∂w‖ where there are labels.
    """

    number: int
    stage: Stage
    sample: int
    singular_values: Array
    weight_singular_values: Array
    right: Array
    left: Array
    slope_norm: float
    gain: float
    saturated: float
    dead: float
    gradient_norm: float | None = None

    @property
    def norm(self) -> float:
        """‖J‖₂."""
        return float(self.singular_values[0])

    @property
    def weight_norm(self) -> float:
        """‖w‖₂."""
        return float(self.weight_singular_values[0])

    @property
    def product(self) -> float:
        """‖D‖₂ ‖w‖₂, which no ‖J‖₂ exceeds."""
        return self.slope_norm * self.weight_norm

    @property
    def bound(self) -> float:
        """The activation's bound times ‖w‖₂, which no sample exceeds."""
        return self.stage.bound * self.weight_norm

    @property
    def expanding(self) -> int:
        """Directions whose length grows: singular values above 1."""
        return int(np.sum(self.singular_values > 1))

    @property
    def shrinking(self) -> int:
        """Directions whose length falls: singular values below 1, those to zero included."""
        return int(min(self.stage.shape) - np.sum(self.singular_values >= 1))

    def stretch(self, v: Array) -> tuple[float, float]:
        """(‖J v‖, its bound ‖D‖₂ ‖w‖₂ ‖v‖) for a perturbation v of the layer's input.

        Raises:
            ShapeError: v has another length than the input.
        """
        vector = np.asarray(v, dtype=np.float64)
        if vector.shape != (self.stage.shape[1],):
            raise ShapeError(
                f"a perturbation of the input of {self.stage.name}",
                f"it has shape {vector.shape} and the layer has {self.stage.shape[1]} inputs",
                f"give a vector of {self.stage.shape[1]} entries",
            )
        moved = self.stage.jacobian(self.sample) @ vector
        return float(np.linalg.norm(moved)), self.product * float(np.linalg.norm(vector))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; all singular values up to 64, beyond that the extreme ones."""
        return {
            "layer": self.number,
            "name": self.stage.name,
            "activation": self.stage.activation,
            "shape": list(self.stage.shape),
            "norm": self.norm,
            "slope_norm": self.slope_norm,
            "slope_bound": _finite(self.stage.bound),
            "weight_norm": self.weight_norm,
            "product": self.product,
            "bound": _finite(self.bound),
            "gain": self.gain,
            "expanding": self.expanding,
            "shrinking": self.shrinking,
            "saturated": self.saturated,
            "dead": self.dead,
            "gradient_norm": self.gradient_norm,
            "singular_values": _listed(self.singular_values),
            "weight_singular_values": _listed(self.weight_singular_values),
        }


def _listed(values: Array) -> list[float]:
    kept = values if len(values) <= LISTED else values[[0, -1]]
    return [float(value) for value in kept]


class ChainFlow(Struct, frozen=True, eq=False):
    """The product of the layers' Jacobians from one layer to the output, as logarithms to base 10.

    `log_norm` is that of the product, `log_product` the sum of those of the factors' norms, and
    `log_bound` of the activations' bounds times the weights' norms: each at most the next.
    `right` and `left` hold singular vectors as columns, for the singular values down to 1e-8 of
    the largest: perturbations of the first layer's input along a right one reach the output along
    the left one, gradients travel the other way.
    """

    first: int
    log_singular_values: Array
    right: Array
    left: Array
    log_product: float
    log_bound: float
    log_gain: float

    @property
    def log_norm(self) -> float:
        """log₁₀ of the largest singular value."""
        return float(self.log_singular_values[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain values; minus infinity, of a product that is zero, is None."""
        return {
            "from_layer": self.first,
            "log10_norm": _finite(self.log_norm),
            "log10_product_of_norms": _finite(self.log_product),
            "log10_bound": _finite(self.log_bound),
            "log10_gain": _finite(self.log_gain),
            "log10_singular_values": [
                _finite(float(value)) for value in self.log_singular_values[:LISTED]
            ],
        }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


class Verdict(Struct, frozen=True):
    """What is wrong, where, why and what to do.

    `kind` is "healthy", "vanishing", "exploding", "dead", "saturated", "zero" or "not finite".
    """

    kind: str
    layer: int | None
    cause: str
    confidence: str
    fix: str


class FlowReport(Struct, frozen=True, eq=False):
    """How gradients flow through a network at given parameters.

    `layers` holds each layer, `chains` the product from each of some layers to the output. `source`
    says which samples they were, and `samples` how many. Printed it is the verdict and two tables;
    a report is `ok` where the verdict is "healthy".
    """

    network: str
    source: str
    samples: int
    judged: Verdict
    layers: tuple[LayerFlow, ...]
    chains: tuple[ChainFlow, ...]

    @property
    def verdict(self) -> str:
        """The kind, such as "healthy" or "vanishing"; all of them are in `Verdict`."""
        return self.judged.kind

    @property
    def layer(self) -> int | None:
        """The number of the layer the verdict is about, counted from 1; None if healthy."""
        return self.judged.layer

    @property
    def cause(self) -> str:
        """Why, in words."""
        return self.judged.cause

    @property
    def confidence(self) -> str:
        """How sure the verdict is: "high", "medium" or "low"."""
        return self.judged.confidence

    @property
    def fix(self) -> str:
        """What to do, with the effect it was measured to have."""
        return self.judged.fix

    @property
    def ok(self) -> bool:
        """Whether the verdict is healthy."""
        return self.verdict == "healthy"

    def to_dict(self) -> dict[str, Any]:
        """The report in the schema gradwright.flow/1."""
        return {
            "schema": SCHEMA,
            "network": self.network,
            "source": self.source,
            "samples": self.samples,
            "verdict": self.verdict,
            "layer": self.layer,
            "cause": self.cause,
            "confidence": self.confidence,
            "fix": self.fix,
            "layers": [layer.to_dict() for layer in self.layers],
            "chains": [chain.to_dict() for chain in self.chains],
        }

    def __str__(self) -> str:
        lines = [self.summary(), f"  {self.network}, {self.source}"]
        if self.layers:
            lines += ["", *self._table(), "", *self._chain_table()]
        return "\n".join(lines)

    def summary(self) -> str:
        """The verdict in a sentence or two."""
        where = "" if self.layer is None else f" at layer {self.layer}"
        lines = [f"{self.verdict}{where} ({self.confidence} confidence): {self.cause}"]
        if self.layers and self._measured():
            lines.append(f"  {self._measured()}")
        if self.fix:
            lines.append(f"  what to do: {self.fix}")
        return "\n".join(lines)

    def _measured(self) -> str:
        """The gradients of the first and the last weights, compared, when there were labels."""
        first, last = self.layers[0].gradient_norm, self.layers[-1].gradient_norm
        if first is None or last is None:
            return ""
        text = f"measured: ‖∂L/∂w1‖ = {_number(first)}"
        if len(self.layers) == 1:
            return text
        text += f", ‖∂L/∂w{len(self.layers)}‖ = {_number(last)}"
        return text + (f", their ratio {_number(first / last)}" if last else "")

    def _table(self) -> list[str]:
        head = ["layer", "size", "‖J‖", "≤ ‖D‖·‖w‖", "≤ bound·‖w‖", "gain", "grow", "shrink"]
        rows = [
            [
                f"{layer.number} {layer.stage.activation}",
                f"{layer.stage.shape[1]}→{layer.stage.shape[0]}",
                _number(layer.norm),
                f"{_number(layer.slope_norm)}·{_number(layer.weight_norm)}"
                f" = {_number(layer.product)}",
                f"{layer.stage.bound:g}·{_number(layer.weight_norm)} = {_number(layer.bound)}",
                _number(layer.gain),
                str(layer.expanding),
                str(layer.shrinking),
                *(cell(layer) for _, cell in self._optional()),
            ]
            for layer in shortened(self.layers)
        ]
        titles = [title for title, _ in self._optional()]
        return aligned([[*head, *titles], *rows], len(self.layers))

    def _optional(self) -> list[tuple[str, Callable[[LayerFlow], str]]]:
        """Columns that only some networks have something to say in."""
        columns: list[tuple[str, Callable[[LayerFlow], str]]] = []
        if any(layer.stage.saturates for layer in self.layers):
            columns.append(("saturated", lambda layer: f"{100 * layer.saturated:.0f} %"))
        if any(layer.dead for layer in self.layers):
            columns.append(("dead", lambda layer: f"{100 * layer.dead:.0f} %"))
        if self.layers[0].gradient_norm is not None:
            columns.append(("‖∂L/∂w‖", lambda layer: _number(layer.gradient_norm or 0.0)))
        return columns

    def _chain_table(self) -> list[str]:
        head = ["from layer", "log₁₀ ‖product‖", "≤ of norms", "≤ of bounds", "gain"]
        rows = [
            [
                f"{chain.first} to {len(self.layers)}",
                *(f"{x:.2f}" for x in (chain.log_norm, chain.log_product, chain.log_bound)),
                f"{chain.log_gain:.2f}",
            ]
            for chain in shortened(self.chains)
        ]
        return aligned([head, *rows], len(self.chains))


#: Rows that a table shows before it leaves out its middle.
ROWS = 12


def shortened(rows: Sequence[Any]) -> list[Any]:
    """All rows, or the first and last ones of many."""
    listed = list(rows)
    return listed if len(listed) <= ROWS else [*listed[: ROWS // 2], *listed[-ROWS // 2 :]]


def aligned(rows: Sequence[Sequence[str]], whole: int) -> list[str]:
    """Columns of a table, the first row being its head; says how many rows were left out."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)) for row in rows]
    left_out = whole - (len(rows) - 1)
    if left_out > 0:
        lines.insert(1 + ROWS // 2, f"… {left_out} more …")
    return [line.rstrip() for line in lines]


def _number(value: float) -> str:
    return f"{value:.3g}"
