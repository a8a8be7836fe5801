"""What can be taken out of a network: features, one affine map, Jacobians, gradient norms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.errors import NetworkError, ShapeError
from gradwright.nn.batch_norm import require_batch
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layouts import Layout
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.slopes import Slopes
from gradwright.notation.declarations import declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.render.unicode import unicode_text
from gradwright.simplify.equal import equal

if TYPE_CHECKING:
    from gradwright.api.formula_layers import FormulaMaps
    from gradwright.nn.jacobians import LayerJacobians

Array = Any

#: The Jacobians of a layer at all samples: its weights, and slopes or blocks of its activation.
Factor = tuple[Array, Array, Array]

#: The formula of a deeper collapsed network is not written out.
WRITTEN = 8


class AffineMap(Struct, frozen=True, eq=False):
    """A linear network as one affine map.

    W has the shape that a weight matrix has in the network's layout: in the rows layout
    predictions are X W + 1 bᵀ. `weight_formula` and `bias_formula` say how W and b come from the
    layers, in the letters of that layout.
    """

    W: Array
    b: Array
    weight_formula: str
    bias_formula: str
    layout: Layout

    def predict(self, X: Array) -> Array:
        """The outputs for samples X (n × inputs): n × outputs, those of the network itself."""
        return np.asarray(X) @ self.layout.weight(self.W) + self.b

    def __str__(self) -> str:
        return f"W = {self.weight_formula}\nb = {self.bias_formula}"


def collapsed(model: NetworkModel, p: Parameters) -> AffineMap:
    """The one affine map that a network of linear layers is.

    Raises:
        NetworkError: a layer is not linear.
    """
    for number, layer in enumerate(model.layers, start=1):
        if layer.activation != "identity":
            has = (
                f"has the activation {layer.activation}"
                if layer.formula is None
                else f"is the formula {layer.formula.text}"
            )
            raise NetworkError(
                f"collapsing the network {model.text}",
                f"layer {number} {has}, and only layers without activation are known to be linear",
                "collapse a network whose layers have no activation",
                text=model.text,
                span=layer.span,
            )
    W = np.eye(model.widths[0])
    b = np.zeros(model.widths[0])
    for number, layer in enumerate(model.layers, start=1):
        b = b @ p.weight(number) + (p[f"b{number}"] if layer.bias else 0.0)
        W = W @ p.weight(number)
    return AffineMap(model.layout.weight(W), b, *_formulas(model), model.layout)


def _formulas(model: NetworkModel) -> tuple[str, str]:
    """The weights as one product, and the biases behind the weights that follow them."""
    depth = len(model.layers)
    numbers = range(1, depth + 1)
    biased = [number for number in numbers if model.layers[number - 1].bias]
    if depth > WRITTEN:
        ends = ("W₁", unicode_text(parse(f"W{depth}")))
        first, last = ends if model.layout.row_inputs else reversed(ends)
        return f"{first} ⋯ {last}", "each bias times the weights behind it, summed"
    if model.layout.row_inputs:
        weight = "*".join(f"W{number}" for number in numbers)
    else:
        weight = "*".join(f"W{number}" for number in reversed(numbers))
    mark = "'" if model.layout.row_inputs else ""
    terms = [
        "*".join([*(f"W{k}{mark}" for k in range(depth, number, -1)), f"b{number}"])
        for number in biased
    ]
    bias = " + ".join(terms) or "0"
    _require_equal(model, weight, bias)
    return unicode_text(parse(weight)), unicode_text(parse(bias))


def _require_equal(model: NetworkModel, weight: str, bias: str) -> None:
    """The formula is that of the layers, one inserted into the other, by computation."""
    sample = model.layout.sample
    nested = "x"
    declared = {"x": declare("x", "vector n0")}
    kind, *sizes = model.layout.weights.split()
    for number, layer in enumerate(model.layers, start=1):
        nested = sample.replace("X", "@").replace("W", f"W{number}").replace("@", f"({nested})")
        ends = {"p": f"n{number - 1}", "q": f"n{number}"}
        shape = " ".join([kind, *(ends[size] for size in sizes)])
        declared[f"W{number}"] = declare(f"W{number}", shape)
        if layer.bias:
            nested += f" + b{number}"
            declared[f"b{number}"] = declare(f"b{number}", f"vector n{number}")
    one = sample.replace("X", "x").replace("W", f"({weight})")
    one += f" + {bias}" if bias != "0" else ""
    graph = Graph()
    nodes = [
        lower(parse(text), infer(parse(text), declared, text), graph).value.node
        for text in (nested, one)
    ]
    if equal(graph, *nodes) is None:
        raise AssertionError(f"{one} is not {nested}")


def batch_jacobian(
    model: NetworkModel,
    p: Parameters,
    X: Array,
    out: Array | None,
    maps: Mapping[LayerFormula, FormulaMaps],
) -> Array:
    """∂(outputs)/∂(inputs) of every sample: (n, outputs, inputs)."""
    shape = (len(X), model.widths[-1], model.widths[0])
    if out is not None and (np.shape(out) != shape or out.dtype != p.flat.dtype):
        raise ShapeError(
            f"the Jacobian of {model.text}",
            f"out has shape {np.shape(out)} and dtype {out.dtype}, and the Jacobian has shape "
            f"{shape} and dtype {p.flat.dtype}",
            "give an array of that shape and dtype, or none",
        )
    chain = _multiplied(_factors(model, p, X, maps), shape, p.flat.dtype)
    if out is None:
        return np.ascontiguousarray(chain, dtype=p.flat.dtype)
    out[...] = chain
    return out


def _factors(
    model: NetworkModel, p: Parameters, X: Array, maps: Mapping[LayerFormula, FormulaMaps]
) -> list[Factor]:
    """The Jacobians of the layers, the first one first; a layer by formula has blocks alone."""
    from gradwright.api.formula_layers import values_of

    before = X
    factors: list[Factor] = []
    after = model.module.forward(p.flat, X) if maps else []
    for number, layer in enumerate(model.layers, start=1):
        if layer.formula is not None:
            own, values = maps[layer.formula], values_of(layer, number, p)
            factors.append((None, None, np.stack([own.dense(x, values) for x in before])))
            before = after[number - 1]
            continue
        Z = before @ p.weight(number)
        if layer.bias:
            Z = Z + p[f"b{number}"]
        activation = Slopes(layer.activation, layer.options)
        slopes, blocks = activation.at(Z)
        before = activation.values(Z)
        factors.append((p.weight(number).T, slopes, blocks))
    return factors


def _multiplied(factors: Sequence[Factor], shape: tuple[int, int, int], dtype: Any) -> Array:
    """The product of the factors, of that shape, from the side with fewer rows or columns."""
    samples, outputs, inputs = shape
    backwards = outputs <= inputs
    size = outputs if backwards else inputs
    chain = np.broadcast_to(np.eye(size, dtype=dtype), (samples, size, size))
    for weight, slopes, blocks in reversed(factors) if backwards else factors:
        if weight is None:
            chain = chain @ blocks if backwards else blocks @ chain
        elif backwards:
            scaled = chain * slopes[:, None, :] if blocks is None else chain @ blocks
            chain = scaled @ weight
        else:
            moved = weight @ chain
            chain = slopes[:, :, None] * moved if blocks is None else blocks @ moved
    return chain


def jacobians_of_layers(
    model: NetworkModel, p: Parameters, X: Array, maps: Mapping[LayerFormula, FormulaMaps]
) -> list[LayerJacobians]:
    """(J_y, J_θ) of every layer at one sample, the only row of X."""
    from gradwright.api.formula_layers import values_of
    from gradwright.nn.jacobians import layer_jacobians

    before = [X, *model.module.forward(p.flat, X)]
    found = []
    for number, (kind, rows) in enumerate(zip(model.kinds, before, strict=False), start=1):
        if kind.formula is not None:
            values = values_of(model.layers[number - 1], number, p)
            found.append(maps[kind.formula].jacobians(rows[0], values))
            continue
        bias = p[f"b{number}"] if kind.bias else None
        found.append(layer_jacobians(kind, rows[0], p.weight(number), bias))
    return found


def gradient_norms(model: NetworkModel, values: Mapping[str, Array]) -> Array:
    """‖∂L_i/∂θ‖ of each sample's own loss, from the activations and deltas of the batch.

    The gradient of a sample by W_l is the outer product of its activation and its delta, so
    ‖∂L_i/∂W_l‖ = ‖a‖ ‖δ‖ and no gradient is formed (Goodfellow, arXiv 1510.01799, 2015).
    """
    batch = model.layout.batch
    samples = len(batch(values["X"]))
    # The deltas of a mean carry 1/n.
    scale = samples if model.reduction == "mean" else 1
    squares = np.zeros(samples)
    for number, layer in enumerate(model.layers, start=1):
        name = "A" if layer.activation == "identity" else "Z"
        delta = scale * batch(values[f"δ{name}{number}"])
        before = batch(values["X"] if number == 1 else values[f"A{number - 1}"])
        inputs = np.sum(before**2, axis=1) + layer.bias
        squares += np.sum(delta**2, axis=1) * inputs
    return np.sqrt(squares)


def norms_one_by_one(model: NetworkModel, samples: tuple[Array, ...], flat: Array) -> Array:
    """The same where a layer is by formula: its gradient need not be an outer product."""
    module = model.prediction.module
    singles = ([part[k : k + 1] for part in samples] for k in range(len(samples[0])))
    # Behind the gradient is the place of the state of layers, which prediction leaves as it is.
    found = [module.value_and_gradient(flat, *x)[1][: module.PARAMETERS] for x in singles]
    return np.linalg.norm(np.asarray(found, dtype=np.float64), axis=1)


def for_step(
    model: NetworkModel, training: tuple[int, int] | None, samples: int
) -> tuple[NetworkModel, dict[str, tuple[int, int]]]:
    """(the formulas for a gradient, what their module is told): of prediction, or of a step.

    Raises:
        NetworkError: `training` is not two whole numbers, (seed, step).
        DataError: a layer normalises over a batch of one sample.
    """
    if training is None or not model.trains_apart:
        return model.prediction, {}
    whole = isinstance(training, Sequence) and len(training) == 2
    if not whole or not all(type(x) is int and 0 <= x < 2**64 for x in training):
        raise NetworkError(
            f"a gradient with training={training!r}",
            f"{training!r} is given, and (seed, step) are two whole numbers from 0",
            "write training=(0, 0)",
        )
    if model.has_state:
        require_batch(model.text, samples, samples)
    return model, {"training": training}
