"""A network as users hold it: described by text, derived, run and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.api.formula_layers import FormulaMaps
from gradwright.api.network_checking import (
    FLAT,
    MAX_SEPARATE_LAYERS,
    SAMPLES,
    check_network,
)
from gradwright.api.network_parts import (
    AffineMap,
    batch_jacobian,
    collapsed,
    gradient_norms,
)
from gradwright.api.trace import NetworkTrace
from gradwright.errors import NetworkError, UnsupportedError
from gradwright.explain.components import line_components, proof_section
from gradwright.explain.document import as_latex, as_text, section_dict
from gradwright.explain.levels import require_level
from gradwright.explain.network import Section, sections
from gradwright.explain.trace import TracedLine, traced_lines
from gradwright.nn.derive import letters_of
from gradwright.nn.initialise import initialise
from gradwright.nn.jacobians import LayerJacobians, layer_jacobians
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.sequence import Source
from gradwright.nn.targets import prepare_inputs, prepare_targets, sample_targets
from gradwright.ops.table import OPERATIONS
from gradwright.training.loop import Settings
from gradwright.verification.report import CheckReport

SCHEMA = "gradwright.network/1"

Array = Any
Progress = Callable[[str, int, int], None]


class Network:
    """A feed-forward network of dense layers.

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

    def backprop(self) -> NetworkDerivation:
        """The derivation of every gradient."""
        return NetworkDerivation(self)

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
            scheme: "xavier_normal" with standard deviation √(2/(fan-in + fan-out)), "he_normal"
                with √(2/fan-in), "uniform" on [-0.1, 0.1], or "zeros".
            dtype: "float32" or "float64".
            scale: multiplies the weights, and so their standard deviation.
            singular_values: what every weight matrix has as its singular values, one number for
                all of them or a list; its directions are random.
        """
        return initialise(self._model.layers, seed, scheme, dtype, scale, singular_values)

    # Running ------------------------------------------------------------------------------------

    def predict(self, p: Parameters, X: Array) -> Array:
        """The outputs for samples X (n × inputs): shape n × outputs."""
        return self._model.module.predict(self._flat(p), self.inputs(p, X))

    def loss(self, p: Parameters, X: Array, y: Array) -> float:
        """The loss of a batch, reduced as the network says."""
        inputs = self.inputs(p, X)
        return float(self._model.module.loss(self._flat(p), inputs, self.targets(p, inputs, y)))

    def gradient(self, p: Parameters, X: Array, y: Array) -> Parameters:
        """The gradients of the loss, named and shaped like the parameters."""
        return self.value_and_gradient(p, X, y)[1]

    def value_and_gradient(self, p: Parameters, X: Array, y: Array) -> tuple[float, Parameters]:
        """(loss, gradients) in one pass."""
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        value, flat = self._model.module.value_and_gradient(self._flat(p), inputs, targets)
        return float(value), Parameters(self._model.layers, flat)

    def layer_jacobians(self, p: Parameters, x: Array) -> list[LayerJacobians]:
        """(J_y, J_θ) of every layer at one sample x, a vector, as linear maps.

        With y_r the output of layer r as a column, J_y = ∂y_r/∂y_{r-1} has shape
        (fan-out, fan-in), and J_θ = ∂y_r/∂θ_r a column for each parameter of the layer, W in C
        order and then b. Then ∂L/∂θ_r = J_θᵀ ∂L/∂y_r and ∂L/∂y_{r-1} = J_yᵀ ∂L/∂y_r. Both keep
        their structure, and NumPy takes them as arrays.
        """
        inputs = self.inputs(p, np.asarray(x)[None, :])
        model = self._model
        before = [inputs, *model.module.forward(self._flat(p), inputs)]
        found = []
        for number, (kind, rows) in enumerate(zip(model.kinds, before, strict=False), start=1):
            if kind.formula is not None:
                values = p.of_layer(number)
                found.append(self._maps[kind.formula].jacobians(rows[0], values))
                continue
            bias = p[f"b{number}"] if kind.bias else None
            found.append(layer_jacobians(kind, rows[0], p.weight(number), bias))
        return found

    @cached_property
    def _maps(self) -> dict[LayerFormula, FormulaMaps]:
        """The Jacobians of layers by formula."""
        formulas = dict.fromkeys(layer.formula for layer in self._model.layers)
        return {formula: FormulaMaps(formula) for formula in formulas if formula is not None}

    def features(self, p: Parameters, X: Array) -> Array:
        """The learned features of samples X: what the last layer is given, n × units."""
        inputs = self.inputs(p, X)
        return [inputs, *self._model.module.forward(self._flat(p), inputs)][-2]

    def collapse(self, p: Parameters) -> AffineMap:
        """The one affine map that a network without activations is.

        Raises:
            NetworkError: a layer has an activation.
        """
        self._flat(p)
        return collapsed(self._model, p)

    def jacobian(self, p: Parameters, X: Array, out: Array | None = None) -> Array:
        """The Jacobian of the outputs by the inputs for every sample: (n, outputs, inputs).

        With `out`, an array of that shape and the dtype of the parameters, it is written there.
        """
        return batch_jacobian(self._model, p, self.inputs(p, X), out, self._maps)

    def sample_gradient_norms(self, p: Parameters, X: Array, y: Array) -> Array:
        """The norm of the gradient of each sample's own loss by all parameters: n numbers."""
        if self._maps:
            return self._norms_one_by_one(p, X, y)
        return gradient_norms(self._model, self._traced(p, X, y))

    def _norms_one_by_one(self, p: Parameters, X: Array, y: Array) -> Array:
        """The gradient of each sample is made: that of a formula need not be an outer product."""
        inputs = self.inputs(p, X)
        targets = self.targets(p, inputs, y)
        step, flat = self._model.module.value_and_gradient, p.flat
        found = [step(flat, inputs[k : k + 1], targets[k : k + 1])[1] for k in range(len(inputs))]
        return np.linalg.norm(np.asarray(found, dtype=np.float64), axis=1)

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
        return traced_lines(
            self._model.explained_runs(), self._model.widths, values, self._model.layout.row_samples
        )

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


class NetworkDerivation:
    """The derivation of a network's gradients: explained, emitted, checked."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._model = network.model

    def __repr__(self) -> str:
        return f"<backprop of {self.network!r}>"

    def __str__(self) -> str:
        return self.explain()

    @property
    def sections(self) -> tuple[Section, ...]:
        """The derivation as sections of lines."""
        model = self._model
        return sections(model.explained_runs(), model.widths, model.layout.row_samples)

    def explain(self, level: str = "full") -> str:
        """The derivation as text.

        "full" gives every section; "outline" leaves out the local Jacobians and shows only the
        last form of each line; "index" adds the lines of each layer kind in components, with
        their sums, and the proofs of the activations.
        """
        require_level(level)
        parts = self.sections
        if level == "outline":
            kept = (part for part in parts if not part.title.startswith("Local"))
            parts = tuple(part.shortened() for part in kept)
        text = as_text(self.title, self.notes, parts)
        return text if level != "index" else "\n".join([text, *self._in_components()])

    def _in_components(self) -> list[str]:
        """Each kind in its own letters, X being the layer's input."""
        lines = ["", "In components, X being the input of a layer of each kind"]
        for kind, derived in self._model.derived.items():
            own = line_components((*derived.forward, *derived.adjoints), letters_of(kind))
            lines += [f"   {kind.described}", *(f"      {line}" for line in own)]
        used = dict.fromkeys(layer.activation for layer in self._model.layers)
        return [*lines, *proof_section(OPERATIONS[name] for name in used if name in OPERATIONS)]

    def latex(self) -> str:
        """The derivation as a complete LaTeX document."""
        return as_latex(self.title, self.notes, self.sections)

    def html(self, check: CheckReport | None = None) -> str:
        """The derivation as one self-contained HTML page, with the check if one is given."""
        from gradwright.api.reporting import network_page

        return network_page(self, check)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from gradwright.api.reporting import bundle
        from gradwright.report.equations import network_sections

        return bundle(self.explain(), "", network_sections(self.sections))

    def source(self, target: str = "numpy") -> str:
        """A complete module that needs NumPy only."""
        if target != "numpy":
            raise UnsupportedError(
                f"source for the target {target!r}",
                f"{target!r} is asked for and the only target is numpy",
                'use source("numpy")',
            )
        return self._model.source

    def trace(self, p: Parameters, X: Array, y: Array, learning_rate: float = 0.1) -> NetworkTrace:
        """Every value of one step of gradient descent, with the numbers that were multiplied.

        Args:
            p: the parameters before the step.
            X: samples × features; small batches are shown in full.
            y: class indices, one-hot rows or targets.
            learning_rate: W := W − learning_rate · ∂L/∂W.

        Raises:
            TrainingError: a learning rate that is no positive finite number.
            DataError: samples or labels that do not fit the network.
        """
        rate = Settings(learning_rate=learning_rate).learning_rate
        lines = self.network.traced(p, X, y)
        return NetworkTrace(self._model.text, p, lines, float(rate))

    def check(self, seed: int = 0, progress: Progress | None = None) -> CheckReport:
        """Compare every gradient of the emitted code with an independent oracle, in float64."""
        layers = self._model.layers
        module = self._model.module
        shapes = Parameters.zeros(layers).shapes()
        deep = len(layers) > MAX_SEPARATE_LAYERS
        blocks = [FLAT] if deep else list(shapes)

        def named(p: Parameters) -> dict[str, Array]:
            return {FLAT: p.flat} if deep else dict(p.items())

        def claimed(point: dict[str, Array]) -> dict[str, Array]:
            flat = np.concatenate([point[name].ravel() for name in blocks])
            _, gradient = module.value_and_gradient(flat, point["X"], point["Y"])
            return named(Parameters(layers, gradient))

        def draw(generator: np.random.Generator) -> dict[str, Array]:
            start = initialise(layers, seed=int(generator.integers(2**31)), scheme="he_normal")
            start.flat[:] += 0.1 * generator.standard_normal(start.flat.size)
            X = generator.standard_normal((SAMPLES, self._model.widths[0]))
            Y = sample_targets(self._model.loss, SAMPLES, self._model.widths[-1], generator)
            return {**named(start), "X": X, "Y": Y}

        return check_network(
            self._model.kinds, claimed, draw, blocks, shapes, seed=seed, progress=progress
        )

    def to_dict(self) -> dict[str, Any]:
        """The derivation in the schema gradwright.network/1."""
        return {
            "schema": SCHEMA,
            "network": self._model.text,
            "loss": self._model.loss,
            "reduction": self._model.reduction,
            "layout": self._model.layout.name,
            "widths": list(self._model.widths),
            "kinds": [kind.name for kind in self._model.derived],
            "sections": [section_dict(section) for section in self.sections],
        }

    @property
    def title(self) -> str:
        """What the derivation is of."""
        return f"Backpropagation for {self._model.text}"

    @property
    def notes(self) -> list[str]:
        """The loss, the letters, and conventions at kinks, a sentence or two each."""
        model = self._model
        mean = "the mean over" if model.reduction == "mean" else "the sum over"
        samples = model.layout.batch_axes
        loss = model.loss if model.loss_formula is None else f"{model.loss} of each sample"
        notes = [
            f"Loss: {loss}, {mean} the n samples, which are the {samples} of X.",
            "δZ stands for ∂L/∂Z, with the shape of Z; ⊙ multiplies entry by entry.",
        ]
        kinks = [kink for derived in model.derived.values() for kink in derived.kinks]
        return notes + [f"At the kink: {text}." for text in dict.fromkeys(kinks)]
