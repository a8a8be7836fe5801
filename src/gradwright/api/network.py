"""A network as users hold it: described by text, derived, run and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.api.backprop import NetworkDerivation
from gradwright.api.curvature import Curvature, KroneckerFactors
from gradwright.api.formula_layers import FormulaMaps, values_of
from gradwright.api.network_parts import (
    AffineMap,
    batch_jacobian,
    collapsed,
    for_step,
    gradient_norms,
)
from gradwright.core.work import bounded
from gradwright.errors import DomainError, NetworkError
from gradwright.explain.conventions import ONE_SAMPLE, Convention, known_notation
from gradwright.explain.trace import TracedLine, traced_lines
from gradwright.nn.initialise import initialise
from gradwright.nn.jacobians import LayerJacobians, layer_jacobians
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.sequence import Source
from gradwright.nn.targets import prepare_inputs, prepare_targets
from gradwright.nn.text import with_numbers
from gradwright.run.linear_map import LinearMap

Array = Any
Progress = Callable[[str, int, int], None]


class Network:
    """A feed-forward network of dense layers, and of layers by formula.

    A list has what stands between the arrows of the text, [3, "6 relu", "2 softmax"], and layers
    by formula among it, [3, dense(m=6), "2 softmax"]; see `layer`.

    `text` names the widths and activations, `"64 -> 32 relu -> 10 softmax"`; `30 * 64 sigmoid`
    repeats a layer and an omitted activation is the identity. `layout` says what the formulas and
    the code look like: "rows" Z = X W + 1 bᵀ, "columns" Z = W X + b 1ᵀ, "transposed"
    Z = Wᵀ X + b 1ᵀ. X is given as samples × features in all of them.

    `loss` is a name, or the formula of a loss for one sample in its outputs a and its targets y,
    "norm2(a - y)"; `reduction` says whether the losses of samples are added or averaged.

    Raises:
        NetworkError: an unknown layer, loss, reduction or layout, or a loss that does not fit
            the last activation.
    """

    def __init__(
        self,
        source: Source,
        loss: str = "cross_entropy",
        reduction: str = "mean",
        layout: str = "rows",
    ) -> None:
        self._model = NetworkModel(source, loss, reduction, layout)

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled network is derived anew where it is read."""
        model = self._model
        return Network, (model.source_form, model.loss, model.reduction, model.layout.name)

    def __repr__(self) -> str:
        model = self._model
        return f"Network({model.text!r}, loss={model.loss!r}, reduction={model.reduction!r})"

    @property
    def model(self) -> NetworkModel:
        """The layers, kinds and emitted module."""
        return self._model

    @property
    def widths(self) -> tuple[int, ...]:
        """Units per layer, the inputs first."""
        return self._model.widths

    def relayout(self, layout: str) -> Network:
        """The same network in another layout; parameters follow with `p.relayout(layout)`."""
        model = self._model
        return Network(model.source_form, model.loss, model.reduction, layout)

    def sized(self, **sizes: int) -> Network:
        """The network with numbers for sizes that are names.

        Raises:
            NetworkError: a name that is no size of the network.
        """
        model = self._model
        text = with_numbers(model.text, model.groups, sizes)
        source = text if model.symbolic else model.source_form
        return Network(source, model.loss, model.reduction, model.layout.name)

    @bounded("the derivation of a network")
    def backprop(
        self,
        notation: str | None = None,
        gradient: str | None = None,
        jacobian: str | None = None,
        layer_jacobian: str | None = None,
    ) -> NetworkDerivation:
        """The derivation of every gradient.

        Args:
            notation: "000" to "004" for the letters and conventions of one of the lecture notes,
                in the layout that goes with them; without it the plain letters.
            gradient: with a notation for one sample, "column" or "row" for the derivatives by
                values of layers.
            jacobian: with a notation, "numerator" for m × n, "transposed" for n × m.
            layer_jacobian: with a notation, "output" or "pre-activation": what the recursion
                over the layers runs over.

        Raises:
            NetworkError: an unknown notation or choice, or one that does not go with the notation.
        """
        convention = known_notation(notation or "").changed(gradient, jacobian, layer_jacobian)
        if self._model.one_sample and not convention.name:
            convention = ONE_SAMPLE
        if convention.name:
            self._model.require_dense(f"the notation {convention.name}")
        net = self if not convention.name else self.relayout(convention.layout)
        return NetworkDerivation(net, convention)

    def init(
        self,
        seed: int = 0,
        scheme: str = "xavier_normal",
        dtype: str = "float64",
        scale: float = 1.0,
        singular_values: float | Sequence[float] | None = None,
    ) -> Parameters:
        """Random parameters.

        Args:
            seed: of the random numbers.
            scheme: the variance of the weights: "xavier_normal" 2/(fan-in + fan-out), "he_normal"
                2/fan-in, "lecun_normal" 1/fan-in, each also "_uniform"; "auto" 1/fan-in times
                the squared gain of the activation in front; "orthogonal"; "uniform" on
                [-0.1, 0.1]; or "zeros".
            dtype: "float32" or "float64".
            scale: multiplies the weights, and so their standard deviation.
            singular_values: what every weight matrix has as its singular values, one number for
                all of them or a list; its directions are random.
        """
        return initialise(self._model.layers, seed, scheme, dtype, scale, singular_values)

    # Running ------------------------------------------------------------------------------------

    def predict(self, p: Parameters, X: Array) -> Array:
        """The outputs for samples X (n × inputs): shape n × outputs.

        Raises:
            DomainError: a formula of a layer is not defined there.
        """
        inputs = self.inputs(p, X)
        with self._outside_domains():
            found = self._model.prediction.module.predict(self._flat(p), inputs)
        return self._numbers(found, "the outputs")

    def loss(self, p: Parameters, X: Array, y: Array) -> float:
        """The loss of a batch, reduced as the network says."""
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        with self._outside_domains():
            found = self._model.prediction.module.loss(self._flat(p), inputs, targets)
        return float(self._numbers(found, "the loss"))

    def gradient(
        self, p: Parameters, X: Array, y: Array, *, training: tuple[int, int] | None = None
    ) -> Parameters:
        """The gradients of the loss, named and shaped like the parameters; see below."""
        return self.value_and_gradient(p, X, y, training=training)[1]

    def value_and_gradient(
        self, p: Parameters, X: Array, y: Array, *, training: tuple[int, int] | None = None
    ) -> tuple[float, Parameters]:
        """(loss, gradients) in one pass.

        They are those of prediction, or with `training`, (seed, step), those of that step of a
        training with that seed: a dropout mask is drawn.
        """
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        model, more = for_step(self._model, training, len(inputs))
        with self._outside_domains():
            value, flat = model.module.value_and_gradient(self._flat(p), inputs, targets, **more)
        self._numbers(value, "the loss")
        # Behind the gradient emitted code has the new state of layers.
        flat[model.module.PARAMETERS :] = 0
        return float(value), Parameters(self._model.layers, self._numbers(flat, "the gradient"))

    def _outside_domains(self) -> Any:
        """Formulas may be undefined at some numbers: that is told once, by an error."""
        model = self._model.prediction
        by_formula = model.loss_formula is not None or bool(self._maps)
        return np.errstate(all="ignore") if by_formula else nullcontext()

    def _numbers(self, found: Array, what: str) -> Array:
        """What was computed, if a formula of the user's was defined where it was evaluated."""
        model = self._model.prediction
        by_formula = model.loss_formula is not None or bool(self._maps)
        if by_formula and np.any(np.isnan(found)):
            raise DomainError(
                f"{what} of {self!r}",
                "a formula of a layer or of the loss has no value at these parameters and samples "
                "(it is not a number)",
                "give parameters and samples at which every formula is defined",
            )
        return found

    def layer_jacobians(self, p: Parameters, x: Array) -> list[LayerJacobians]:
        """(J_y, J_θ) of every layer at one sample x, a vector, as linear maps.

        With y_r the output of layer r as a column, J_y = ∂y_r/∂y_{r-1} has shape
        (fan-out, fan-in), and J_θ = ∂y_r/∂θ_r a column for each parameter of the layer, W in C
        order and then b. Then ∂L/∂θ_r = J_θᵀ ∂L/∂y_r and ∂L/∂y_{r-1} = J_yᵀ ∂L/∂y_r. Both keep
        their structure, and NumPy takes them as arrays.
        """
        inputs = self.inputs(p, np.asarray(x)[None, :])
        model = self._model.prediction
        before = [inputs, *model.module.forward(self._flat(p), inputs)]
        found = []
        for number, (kind, rows) in enumerate(zip(model.kinds, before, strict=False), start=1):
            if kind.formula is not None:
                values = values_of(model.layers[number - 1], number, p)
                found.append(self._maps[kind.formula].jacobians(rows[0], values))
                continue
            bias = p[f"b{number}"] if kind.bias else None
            found.append(layer_jacobians(kind, rows[0], p.weight(number), bias))
        return found

    @cached_property
    def _maps(self) -> dict[LayerFormula, FormulaMaps]:
        """The Jacobians of layers by formula."""
        formulas = dict.fromkeys(layer.formula for layer in self._model.prediction.layers)
        return {formula: FormulaMaps(formula) for formula in formulas if formula is not None}

    def features(self, p: Parameters, X: Array) -> Array:
        """The learned features of samples X: what the last layer is given, n × units."""
        inputs = self.inputs(p, X)
        return [inputs, *self._model.prediction.module.forward(self._flat(p), inputs)][-2]

    def collapse(self, p: Parameters) -> AffineMap:
        """The one affine map that a network without activations is.

        Raises:
            NetworkError: a layer has an activation.
        """
        self._flat(p)
        return collapsed(self._model.prediction, p)

    def jacobian(self, p: Parameters, X: Array, out: Array | None = None) -> Array:
        """The Jacobian of the outputs by the inputs for every sample: (n, outputs, inputs).

        With `out`, an array of that shape and the dtype of the parameters, it is written there.
        """
        return batch_jacobian(self._model.prediction, p, self.inputs(p, X), out, self._maps)

    def sample_gradient_norms(self, p: Parameters, X: Array, y: Array) -> Array:
        """The norm of the gradient of each sample's own loss by all parameters: n numbers."""
        if self._maps:
            return self._norms_one_by_one(p, X, y)
        return gradient_norms(self._model.prediction, self._traced(p, X, y))

    def _norms_one_by_one(self, p: Parameters, X: Array, y: Array) -> Array:
        """The gradient of each sample is made: that of a formula need not be an outer product."""
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        step, flat = self._model.prediction.module.value_and_gradient, p.flat
        found = [step(flat, inputs[k : k + 1], targets[k : k + 1])[1] for k in range(len(inputs))]
        return np.linalg.norm(np.asarray(found, dtype=np.float64), axis=1)

    # Second derivatives ---------------------------------------------------------------------------

    def hvp(self, p: Parameters, X: Array, y: Array, v: Parameters | Array) -> Parameters:
        """The Hessian of the loss in all parameters times a direction v, which is not formed.

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets.
            v: Parameters, or a flat vector like `p.flat`.

        Raises:
            ShapeError: v has another length.
            UnsupportedError: a layer has an abstract function.
        """
        flat = self._flat(v) if isinstance(v, Parameters) else v
        return Parameters(self._model.layers, self.hessian(p, X, y) @ flat)

    def hessian(self, p: Parameters, X: Array, y: Array) -> LinearMap:
        """The Hessian of the loss, a linear map on flat vectors of parameters."""
        return self._curvature(p, X, y).hessian()

    def gauss_newton(self, p: Parameters, X: Array, y: Array) -> LinearMap:
        """The Gauss-Newton matrix Jᵀ H J of the loss, a linear map on flat vectors.

        J is the Jacobian by the parameters of the last layer's Z where the loss belongs to its
        activation (softmax and cross-entropy, sigmoid and binary cross-entropy), else of its
        output; H is the Hessian of the loss in that.
        """
        return self._curvature(p, X, y).gauss_newton()

    def fisher(self, p: Parameters, X: Array, y: Array, *, kind: str) -> LinearMap:
        """The Fisher matrix, a linear map on flat vectors.

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets; "true" does not depend on them.
            kind: "true" for the expectation over targets drawn from the model, with squared_error
                as −log of a normal density of variance 1/2; "empirical" for the sum (or mean) of
                g gᵀ with g the gradient of a sample's own loss.

        Raises:
            NetworkError: another kind.
            UnsupportedError: "true" with a loss by formula.
        """
        return self._curvature(p, X, y).fisher(kind)

    def kronecker_factors(
        self, p: Parameters, X: Array, y: Array, *, kind: str
    ) -> list[KroneckerFactors]:
        """The pair (A, G) of each layer, whose A ⊗ G stands for its block of the Fisher matrix.

        Source: Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate
        Curvature, arXiv 1503.05671 (2015). It is the block itself for one sample, and wherever G
        is the same for all samples, as in a network without activations with squared_error and
        kind="true".

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets; "true" does not depend on them.
            kind: "true" or "empirical", as of `fisher`.

        Raises:
            NetworkError: another kind.
            UnsupportedError: a layer by formula, or "true" with a loss by formula.
        """
        return self._curvature(p, X, y).kronecker_factors(kind)

    def products_source(self) -> str:
        """The module that runs these products, which needs NumPy only.

        Raises:
            UnsupportedError: a layer has an abstract function.
        """
        return self._model.prediction.products_source

    def _curvature(self, p: Parameters, X: Array, y: Array) -> Curvature:
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        return Curvature(self._model.prediction, self._flat(p), inputs, targets)

    def _traced(self, p: Parameters, X: Array, y: Array) -> dict[str, Array]:
        return {line.line.name: line.value for line in self.traced(p, X, y)} | {
            "X": self._model.layout.batch(self.inputs(p, X))
        }

    def traced(self, p: Parameters, X: Array, y: Array) -> tuple[TracedLine, ...]:
        """Every line of the derivation with its value, in order."""
        inputs = self.inputs(p, X)
        batch = self._model.layout.batch
        values = {"X": batch(inputs), "Y": batch(self.targets(p, inputs, y)), **dict(p.items())}
        values = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
        model = self._model.prediction
        return traced_lines(model.explained_runs(Convention()), values, model.layout.row_samples)

    def _flat(self, p: Parameters) -> Array:
        if not isinstance(p, Parameters):
            raise NetworkError(
                f"parameters for {self!r}",
                f"a {type(p).__name__} is given and Parameters are expected",
                "make them with init(), or with Parameters.from_dict(net.model.layers, arrays)",
            )
        if p.layers != self._model.layers:
            raise NetworkError(
                f"parameters for {self!r}",
                f"they have {p.flat.size} numbers for another network",
                "make them with this network's init()",
            )
        return p.flat

    def inputs(self, p: Parameters, X: Array) -> Array:
        """Samples X (n × inputs), checked, in the dtype of the parameters."""
        return prepare_inputs(X, self.widths[0], dtype=self._flat(p).dtype)

    def targets(self, p: Parameters, inputs: Array, y: Array) -> Array:
        """Labels as rows of targets (n × outputs), checked, in the dtype of the parameters."""
        return prepare_targets(y, self.widths[-1], self._model.loss, inputs.shape[0], p.flat.dtype)
