"""A network and what it is given: parameters, samples and targets, checked."""

from __future__ import annotations

from typing import Any

from gradwright.errors import DataError, NetworkError
from gradwright.nn.embedding import require_codes
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters, length
from gradwright.nn.sequence import Source
from gradwright.nn.targets import prepare_inputs, prepare_targets, real_numbers
from gradwright.nn.weights import prepare_samples

Array = Any


class NetworkInputs:
    """What every function of a network begins with."""

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
        """Units per layer, the inputs first.

        Raises:
            NetworkError: a size is a name.
        """
        return self._model.widths

    def _flat(self, p: Parameters) -> Array:
        if not isinstance(p, Parameters):
            raise NetworkError(
                f"parameters for {self!r}",
                f"a {type(p).__name__} is given and Parameters are expected",
                "make them with this network's init() or load(); p['W1'] = ... sets one of them",
            )
        if p.layers != self._model.layers:
            own = length(self._model.layers)
            other = (
                "belong to layers of other shapes, activations or layout"
                if p.flat.size == own
                else f"have {p.flat.size} numbers and the network has {own}"
            )
            raise NetworkError(
                f"parameters for {self!r}",
                f"they {other}",
                "make them with this network's init() or load()",
            )
        return p.flat

    def own_parameters(self, p: Parameters) -> Parameters:
        """Parameters, if they are those of this network.

        Raises:
            NetworkError: they are of another network or layout, or something else.
        """
        self._flat(p)
        return p

    def inputs(self, p: Parameters, X: Array) -> Array:
        """Samples X (n × inputs), checked, in the dtype of the parameters.

        Raises:
            DataError: another shape, or a value that is no finite number.
            NetworkError: parameters of another network.
        """
        inputs = prepare_inputs(X, self.widths[0], dtype=self._flat(p).dtype)
        require_codes(self._model.layers[0], X)
        return inputs

    def sample(self, p: Parameters, x: Array) -> Array:
        """One sample x, a vector, as a row of inputs: shape (1, inputs).

        Raises:
            DataError: x has another length, or a value that is no finite number.
            NetworkError: parameters of another network.
        """
        array = real_numbers(x, "x")
        if array.shape != self.widths[:1]:
            raise DataError(
                "the sample x",
                f"x has shape {array.shape} and the network has {self.widths[0]} inputs",
                f"give one sample, a vector of {self.widths[0]} numbers",
            )
        return self.inputs(p, array[None, :])

    def targets(self, p: Parameters, inputs: Array, y: Array) -> Array:
        """Labels as rows of targets (n × outputs), checked, in the dtype of the parameters.

        Raises:
            DataError: not as many as `inputs` has rows, or labels that the loss does not take.
        """
        return prepare_targets(y, self.widths[-1], self._model.loss, inputs.shape[0], p.flat.dtype)

    def _samples(
        self, p: Parameters, X: Array, y: Array, sample_weight: Array | None = None
    ) -> tuple[NetworkModel, tuple[Array, ...]]:
        """The formulas, with or without weights, and inputs, targets and weights, checked."""
        samples = prepare_samples(self._model, self._flat(p).dtype, X, y, sample_weight)
        return self._model if sample_weight is None else self._model.weighted, samples
