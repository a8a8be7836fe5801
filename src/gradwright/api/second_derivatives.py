"""The second derivatives of a network's loss, as users ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradwright.api.network_inputs import NetworkInputs
from gradwright.errors import DataError
from gradwright.nn.parameters import Parameters, count
from gradwright.nn.targets import real_numbers

if TYPE_CHECKING:
    from gradwright.api.curvature import Curvature
    from gradwright.api.kronecker_factors import KroneckerFactors
    from gradwright.run.linear_map import LinearMap

Array = Any


class SecondDerivatives(NetworkInputs):
    """What a network has of them.

    With `sample_weight`, n numbers from 0, they belong to the weighted loss, Σ w_s ℓ_s over the
    samples, with reduction="mean" divided by Σ w_s: each sample counts by its weight.
    """

    def _curvature(
        self, p: Parameters, X: Array, y: Array, sample_weight: Array | None
    ) -> Curvature:
        from gradwright.api.curvature import Curvature

        model, samples = self._samples(p, X, y, sample_weight)
        return Curvature(model.prediction, p.flat, *samples)

    def hvp(
        self,
        p: Parameters,
        X: Array,
        y: Array,
        v: Parameters | Array,
        *,
        sample_weight: Array | None = None,
    ) -> Parameters:
        """The Hessian of the loss in all parameters times a direction v, which is not formed.

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets.
            v: Parameters, or a flat vector like `p.flat` or `p.trainable`; what it has for the
                state of layers is not read, and the product has zeros there.
            sample_weight: a weight for each sample, see above.

        Raises:
            ShapeError: v has another length.
            DataError: v has a value that is not finite.
            UnsupportedError: a layer has an abstract function.
        """
        flat = self._flat(v) if isinstance(v, Parameters) else real_numbers(v, "v")
        size = count(self._model.layers)
        trained = flat[:size] if np.shape(flat) == p.flat.shape else flat
        if not np.all(np.isfinite(trained)):
            place = int(np.argmin(np.isfinite(trained)))
            raise DataError(
                "the Hessian times v",
                f"v[{place}] is {trained[place]} and a direction has finite numbers",
                "give a direction of finite numbers",
            )
        product = np.zeros_like(p.flat)
        product[:size] = self.hessian(p, X, y, sample_weight=sample_weight) @ trained
        return Parameters(self._model.layers, product)

    def hessian(
        self, p: Parameters, X: Array, y: Array, *, sample_weight: Array | None = None
    ) -> LinearMap:
        """The Hessian of the loss, a linear map on vectors like `p.trainable`."""
        return self._curvature(p, X, y, sample_weight).hessian()

    def gauss_newton(
        self, p: Parameters, X: Array, y: Array, *, sample_weight: Array | None = None
    ) -> LinearMap:
        """The Gauss-Newton matrix Jᵀ H J of the loss, a linear map on vectors like `p.trainable`.

        J is the Jacobian by the parameters of the last layer's Z where the loss belongs to its
        activation (softmax and cross-entropy, sigmoid and binary cross-entropy), else of its
        output; H is the Hessian of the loss in that.
        """
        return self._curvature(p, X, y, sample_weight).gauss_newton()

    def fisher(
        self,
        p: Parameters,
        X: Array,
        y: Array,
        *,
        kind: str,
        sample_weight: Array | None = None,
    ) -> LinearMap:
        """The Fisher matrix, a linear map on vectors like `p.trainable`.

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets; "true" does not depend on them.
            kind: "true" for the expectation over targets drawn from the model, with squared_error
                as −log of a normal density of variance 1/2; "empirical" for the sum (or mean) of
                g gᵀ with g the gradient of a sample's own loss. With weights it is Σ w_s g gᵀ,
                for the mean divided by Σ w_s.
            sample_weight: a weight for each sample, see above.

        Raises:
            NetworkError: another kind.
            UnsupportedError: "true" with a loss by formula.
        """
        return self._curvature(p, X, y, sample_weight).fisher(kind)

    def kronecker_factors(
        self,
        p: Parameters,
        X: Array,
        y: Array,
        *,
        kind: str,
        sample_weight: Array | None = None,
    ) -> list[KroneckerFactors | None]:
        """The pair (A, G) of each layer, whose A ⊗ G stands for its block of the Fisher matrix.

        A layer by formula, such as batch_norm, has None in its place.

        Source: Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate
        Curvature, arXiv 1503.05671 (2015). It is the block itself for one sample, and wherever G
        is the same for all samples, as in a network without activations with squared_error and
        kind="true".

        Args:
            p: the parameters.
            X: samples × features.
            y: class indices, one-hot rows or targets; "true" does not depend on them.
            kind: "true" or "empirical", as of `fisher`.
            sample_weight: a weight for each sample, see above.

        Raises:
            NetworkError: another kind.
            UnsupportedError: no dense layer, or "true" with a loss by formula.
        """
        return self._curvature(p, X, y, sample_weight).kronecker_factors(kind)

    def products_source(self) -> str:
        """The module that runs these products, which needs NumPy only.

        Raises:
            UnsupportedError: a layer has an abstract function.
        """
        return self._model.prediction.products_source
