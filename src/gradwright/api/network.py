"""A network as users hold it: described by text, derived, run and checked.

What neither predicting nor training needs is loaded by the methods that do: a process that trains
with compiled code takes its first step sooner.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradwright.api.network_parts import (
    AffineMap,
    batch_jacobian,
    collapsed,
    for_step,
    gradient_norms,
    jacobians_of_layers,
    norms_one_by_one,
)
from gradwright.api.second_derivatives import SecondDerivatives
from gradwright.core.work import bounded
from gradwright.errors import DomainError
from gradwright.explain.conventions import ONE_SAMPLE, Convention, known_notation
from gradwright.nn.embedding import codes_of
from gradwright.nn.initialise import initialise
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.parameters import Parameters
from gradwright.nn.text import with_numbers

if TYPE_CHECKING:
    from gradwright.api.backprop import NetworkDerivation
    from gradwright.api.formula_layers import FormulaMaps
    from gradwright.explain.trace import TracedLine
    from gradwright.nn.jacobians import LayerJacobians

Array = Any
Progress = Callable[[str, int, int], None]


class Network(SecondDerivatives):
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

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled network is derived anew where it is read."""
        model = self._model
        return Network, (model.source_form, model.loss, model.reduction, model.layout.name)

    def relayout(self, layout: str) -> Network:
        """The same network in another layout; parameters follow with `p.relayout(layout)`.

        Raises:
            NetworkError: there is no such layout.
        """
        model = self._model
        return Network(model.source_form, model.loss, model.reduction, layout)

    def sized(self, **sizes: int) -> Network:
        """The network with numbers for sizes that are names.

        >>> Network("d -> L * H tanh -> 3 softmax").sized(d=2, L=4, H=5).widths
        (2, 5, 5, 5, 5, 3)

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
        weighted: bool = False,
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
            weighted: whether samples have weights w in the loss.

        Raises:
            NetworkError: an unknown notation or choice, or one that does not go with the notation.
        """
        from gradwright.api.backprop import NetworkDerivation

        convention = known_notation(notation or "").changed(gradient, jacobian, layer_jacobian)
        if self._model.one_sample and not convention.name:
            convention = ONE_SAMPLE
        if convention.name:
            self._model.require_dense(f"the notation {convention.name}")
        net = self if not convention.name else self.relayout(convention.layout)
        return NetworkDerivation(net, convention, weighted)

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

        >>> Network("3 -> 4 relu -> 2 softmax").init(seed=1).shapes()
        {'W1': (3, 4), 'b1': (4,), 'W2': (4, 2), 'b2': (2,)}

        Raises:
            NetworkError: a size is a name, there is no such scheme, or a number that cannot be.
            DataError: another dtype.
        """
        return initialise(self._model.layers, seed, scheme, dtype, scale, singular_values)

    def load(self, path: str | os.PathLike[str]) -> Parameters:
        """The parameters that `save` of parameters wrote, or `gradwright train --out`.

        Raises:
            DataError: the file is missing, damaged, or has parameters of another network.
        """
        return Parameters.load(path, self._model.layers)

    # Running ------------------------------------------------------------------------------------

    def predict(self, p: Parameters, X: Array) -> Array:
        """The outputs for samples X (n × inputs): shape n × outputs.

        Raises:
            DataError: samples that do not fit.
            NetworkError: parameters of another network.
            DomainError: a formula of a layer is not defined there.
        """
        inputs = self.inputs(p, X)
        with self._outside_domains():
            found = self._model.prediction.module.predict(self._flat(p), inputs)
        return self._numbers(found, "the outputs")

    def loss(
        self, p: Parameters, X: Array, y: Array, *, sample_weight: Array | None = None
    ) -> float:
        """The loss of a batch, reduced as the network says.

        The arguments, and what is raised, are those of `value_and_gradient`.
        """
        model, samples = self._samples(p, X, y, sample_weight)
        with self._outside_domains():
            found = model.prediction.module.loss(p.flat, *samples)
        return float(self._numbers(found, "the loss"))

    def gradient(
        self,
        p: Parameters,
        X: Array,
        y: Array,
        *,
        training: tuple[int, int] | None = None,
        sample_weight: Array | None = None,
    ) -> Parameters:
        """The gradients of the loss, named and shaped like the parameters.

        The arguments, and what is raised, are those of `value_and_gradient`.
        """
        more = {"training": training, "sample_weight": sample_weight}
        return self.value_and_gradient(p, X, y, **more)[1]

    def value_and_gradient(
        self,
        p: Parameters,
        X: Array,
        y: Array,
        *,
        training: tuple[int, int] | None = None,
        sample_weight: Array | None = None,
    ) -> tuple[float, Parameters]:
        """(loss, gradients) in one pass.

        They are those of prediction, or with `training`, (seed, step), those of that step of a
        training with that seed: a dropout mask is drawn. With `sample_weight`, n numbers from 0,
        the loss is Σ w_s ℓ_s over the samples, with reduction="mean" divided by Σ w_s.

        >>> net = Network("2 -> 1", loss="squared_error")
        >>> value, found = net.value_and_gradient(net.init(scheme="zeros"), [[1.0, 2.0]], [[3.0]])
        >>> value, found["W1"].tolist(), found["b1"].tolist()
        (9.0, [[-6.0], [-12.0]], [-6.0])

        Raises:
            DataError: samples, targets or weights that do not fit.
            DomainError: a formula of a layer or of the loss is not defined there.
            NetworkError: parameters of another network.
        """
        model, samples = self._samples(p, X, y, sample_weight)
        model, more = for_step(model, training, len(samples[0]))
        with self._outside_domains():
            value, flat = model.module.value_and_gradient(p.flat, *samples, **more)
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
        inputs = self.sample(p, x)
        return jacobians_of_layers(self._model.prediction, p, inputs, self._maps)

    @cached_property
    def _maps(self) -> dict[LayerFormula, FormulaMaps]:
        """The Jacobians of layers by formula."""
        from gradwright.api.formula_layers import FormulaMaps

        formulas = dict.fromkeys(layer.formula for layer in self._model.prediction.layers)
        return {formula: FormulaMaps(formula) for formula in formulas if formula is not None}

    def features(self, p: Parameters, X: Array) -> Array:
        """The learned features of samples X: what the last layer is given, n × units.

        Of a network with one layer they are the samples.

        Raises:
            DataError: samples that do not fit.
            NetworkError: parameters of another network.
        """
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

        Raises:
            DataError: samples that do not fit.
            ShapeError: an `out` that does not fit.
        """
        return batch_jacobian(self._model.prediction, p, self.inputs(p, X), out, self._maps)

    def sample_gradient_norms(self, p: Parameters, X: Array, y: Array) -> Array:
        """‖∂ℓ_s/∂p‖₂ of each sample's own loss ℓ_s by all parameters p: n numbers.

        Raises:
            DataError: samples or targets that do not fit.
            NetworkError: parameters of another network.
        """
        if self._maps:
            return norms_one_by_one(*self._samples(p, X, y), p.flat)
        return gradient_norms(self._model.prediction, self._traced(p, X, y))

    def _traced(self, p: Parameters, X: Array, y: Array) -> dict[str, Array]:
        return {line.line.name: line.value for line in self.traced(p, X, y)} | {
            "X": self._model.layout.batch(self.inputs(p, X))
        }

    def traced(self, p: Parameters, X: Array, y: Array) -> tuple[TracedLine, ...]:
        """Every line of the derivation with its value, in order.

        Values are float64 and lie as in the network's layout.

        Raises:
            DataError: samples or targets that do not fit.
        """
        from gradwright.explain.trace import traced_lines

        inputs = self.inputs(p, X)
        batch = self._model.layout.batch
        values = {"X": batch(inputs), "Y": batch(self.targets(p, inputs, y)), **dict(p.items())}
        values = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
        model = self._model.prediction
        first = model.layers[0]
        counts = {codes.name: codes.count for codes in first.codes}
        codes = {f"{x}1": (v, counts[x]) for x, v in codes_of(first.formula, inputs).items()}
        runs = model.explained_runs(Convention())
        return traced_lines(runs, values, model.layout.row_samples, codes)
