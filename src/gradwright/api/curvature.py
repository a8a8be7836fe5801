"""Second derivatives of a network's loss as linear maps on its flat vector of parameters.

With S the value that the loss is a function of (the pre-activation of the last layer where the
loss belongs to its activation, else the output), J its Jacobian by all parameters and H the Hessian
of the loss in S, which has a block for each sample:

    Hessian         Σ over the samples of the second derivatives of their losses
    Gauss-Newton    Jᵀ H J
    true Fisher     Jᵀ H J for the losses that are −log of a density: they are by name
    empirical       Jᵀ M J with M = the outer products of each sample's own ∂loss/∂S

all of them for the batch, reduced as the network says. None is formed. Sources: Pearlmutter,
Neural Computation 6 (1994); Schraudolph, Neural Computation 14 (2002); Martens, arXiv 1412.1193.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from gradwright.api.kronecker_factors import KroneckerFactors
from gradwright.errors import (
    DomainError,
    LimitError,
    NetworkError,
    ShapeError,
    UnsupportedError,
)
from gradwright.nn.losses import LOSSES, is_named, known_loss
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import count
from gradwright.run.linear_map import LinearMap

Array = Any

#: The largest array that a matrix of all parameters may take: a gigabyte of doubles.
MAX_ENTRIES = 1 << 27


class ProductMap(LinearMap):
    """A symmetric map that is known by its product with a vector.

    `cost` is the number of multiplications of one product. `diagonal` gives the diagonal without
    the products; without it they are used. `state` is how many numbers of the state of layers
    `p.flat` has behind the parameters: the map has no rows for them.
    """

    def __init__(
        self,
        what: str,
        size: int,
        dtype: Any,
        product: Callable[[Array], Array],
        cost: int,
        diagonal: Callable[[], Array] | None = None,
        state: int = 0,
    ) -> None:
        self.shape = (size, size)
        self._state = state
        self._cost = cost
        self._what = what
        self._dtype = np.dtype(dtype)
        self._product = product
        self._by_squares = diagonal

    def _type(self) -> Any:
        return self._dtype

    def _structure(self) -> str:
        return self._what

    def _transposed(self) -> LinearMap:
        return self

    def _apply(self, columns: Array) -> Array:
        found = np.empty((self.shape[0], columns.shape[1]), self._dtype)
        for k, column in enumerate(columns.T):
            found[:, k] = self._product(np.ascontiguousarray(column, self._dtype))
        return found

    def _product_cost(self) -> int:
        return self._cost

    def _diagonal(self) -> Array:
        return super()._diagonal() if self._by_squares is None else self._by_squares()

    def _fitting(self, other: Array, length: int, what: str) -> Array:
        if self._state and np.shape(other)[:1] == (length + self._state,):
            raise ShapeError(
                f"the {self._what} of a network",
                f"it is {what} {length + self._state} numbers and has {length} rows, one for each "
                f"parameter: behind them p.flat has {self._state} numbers of the state of layers",
                "write p.trainable in the place of p.flat: it is p.flat without that state",
            )
        return super()._fitting(other, length, what)


class Curvature:
    """What all these maps share: one forward pass, and one backward pass where it is needed.

    `targets` are those of the samples, and behind them their weights where the loss has some.
    """

    def __init__(self, model: NetworkModel, flat: Array, inputs: Array, *targets: Array) -> None:
        self.model = model
        self.module = model.products
        self.flat = flat.copy()
        self.size = count(model.layers)  # behind these the state of layers lies, and does not move
        self.inputs, self.targets = inputs, targets
        with self._outside_domains():
            self.layers = self.module.values(self.flat, inputs, *targets)
        self.samples = len(inputs)
        weights = targets[1] if model.is_weighted else np.ones(self.samples, flat.dtype)
        total = np.sum(weights)
        self.shares = weights / total
        #: What each sample counts in the loss of the batch, and all of them together.
        self.counts, self.total = (
            (self.shares, 1.0) if model.reduction == "mean" else (weights, float(total))
        )

    def _vector(self) -> Array:
        """Room for what belongs to the parameters."""
        return np.empty(self.size, self.flat.dtype)

    def hessian(self) -> ProductMap:
        """The Hessian of the loss."""
        with self._outside_domains():
            own = self.module.cotangent(self.layers)
            layers = self.module.adjoints(self.layers, own, self._vector())
        return self._map("Hessian", lambda v: self.module.hessian_product(layers, v), 6)

    def gauss_newton(self, name: str = "Gauss-Newton matrix") -> ProductMap:
        """Jᵀ H J."""
        return self._map(
            name,
            lambda v: self.module.gauss_newton_product(self.layers, v),
            4,
            lambda: self._diagonal_of(self.roots()),
        )

    def gauss_newton_matrix(self) -> Array:
        """Jᵀ H J as an array, in float64; of H, where it is indefinite, what is positive.

        Raises:
            LimitError: it, or what the samples add to it, has more than `MAX_ENTRIES` entries.
        """
        size = self.size
        if size * max(size, self.samples) > MAX_ENTRIES:
            raise LimitError(
                "the Gauss-Newton matrix as an array",
                f"{size} parameters and {self.samples} samples need arrays of "
                f"{size * max(size, self.samples)} numbers, and the limit is {MAX_ENTRIES}",
                "use gauss_newton(...), which needs none, or an optimizer such as lbfgs",
            )
        total = np.zeros((size, size))
        for sign, root in self.roots():
            if sign > 0:
                rows = self._rows(root).astype(np.float64)
                total += rows.T @ rows
        return total

    def _values(self, chosen: slice) -> Any:
        """The layers at some of the samples."""
        targets = (part[chosen] for part in self.targets)
        return self.module.values(self.flat, self.inputs[chosen], *targets)

    def _rows(self, root: Array) -> Array:
        """What each sample adds to Jᵀ R, n × parameters."""
        batch, module = self.model.layout.batch, self.module
        rows = np.empty((self.samples, self.size), self.flat.dtype)
        scratch = self._vector()
        if any(layer.formula is not None for layer in self.model.layers):
            for k in range(self.samples):
                one = slice(k, k + 1)
                layers = self._values(one)
                module.adjoints(layers, batch(root[one]), rows[k])
            return rows
        start = 0
        found = module.adjoints(self.layers, batch(root), scratch)
        for layer, values in zip(self.model.layers, found, strict=True):
            a, delta = batch(values["X"]), batch(values.get("dZ", values.get("dA")))
            # A sample's gradient by W is the outer product of its input and its δ.
            sides = (a, delta) if self.model.layout.row_inputs else (delta, a)
            width = layer.fan_in * layer.fan_out
            outer = sides[0][:, :, None] * sides[1][:, None, :]
            rows[:, start : start + width] = outer.reshape(self.samples, width)
            start += width
            if layer.bias:
                rows[:, start : start + layer.fan_out] = delta
                start += layer.fan_out
        return rows

    def fisher(self, kind: str) -> ProductMap:
        """The Fisher matrix of this kind."""
        self._require_kind("the Fisher matrix", kind)
        if kind == "empirical":
            by_squares = self._empirical_diagonal
            return self._map("empirical Fisher matrix", self._empirical, 4, by_squares)
        return self.gauss_newton("true Fisher matrix")

    def kronecker_factors(self, kind: str) -> list[KroneckerFactors | None]:
        """(A, G) of each dense layer, and None for the others."""
        asked, layers = "the Kronecker factors", self.model.layers
        dense = [number for number, layer in enumerate(layers) if layer.formula is None]
        if not dense:
            self.model.require_dense(asked)
        self._require_kind(asked, kind)
        batch, shares = self.model.layout.batch, self.shares[:, None]
        empirical = [(1.0, np.sqrt(shares) * self.losses())]
        roots = empirical if kind == "empirical" else self.roots()
        scratch = self._vector()
        total = {k: np.zeros((layers[k].fan_out,) * 2, self.flat.dtype) for k in dense}
        for weight, root in roots:
            found = self.module.adjoints(self.layers, batch(root), scratch)
            for k, G in total.items():
                delta = batch(found[k].get("dZ", found[k].get("dA")))
                G += weight * (delta.T @ delta)
        # The roots of "true" carry what a sample counts in the loss of the batch.
        scale = self.total if kind == "true" else 1
        ends = np.cumsum([layer.size for layer in layers]).tolist()
        made: list[KroneckerFactors | None] = [None] * len(layers)
        for k, G in total.items():
            layer, a = layers[k], batch(self.layers[k]["X"])
            a = np.hstack([a, np.ones((len(a), 1), a.dtype)]) if layer.bias else a
            more = (self.total, layer.bias, self.model.layout.row_inputs)
            place = slice(ends[k] - layer.size, ends[k])
            made[k] = KroneckerFactors(a.T @ (shares * a), G / scale, *more, place)
        return made

    def _require_kind(self, asked: str, kind: str) -> None:
        if kind not in ("true", "empirical"):
            raise NetworkError(
                f"{asked} of {self.model.text}",
                f"kind={kind!r} is asked for, and there are two: 'true', the expectation over the "
                "model's own targets, and 'empirical', the targets that are given",
                "write kind='true' or kind='empirical'",
            )
        loss = self.model.loss
        if kind == "true" and not (is_named(loss) and known_loss(loss).density):
            densities = ", ".join(record.name for record in LOSSES.values() if record.density)
            raise UnsupportedError(
                f"{asked} of {self.model.text}, kind='true'",
                f"the loss is {loss}, and of which density it is −log is known for {densities}",
                "use kind='empirical', or gauss_newton",
            )

    def _map(
        self,
        what: str,
        product: Callable[[Array], Array],
        passes: int,
        diagonal: Callable[[], Array] | None = None,
    ) -> ProductMap:
        """A map whose product takes so many matrix products in a layer, and two in the first."""
        sizes = [
            sum(prod(shape) for _, shape in layer.parameters if len(shape) == 2)
            for layer in self.model.layers
        ]
        cost = self.samples * (2 * sizes[0] + passes * sum(sizes[1:]))

        def checked(found: Callable[[], Array]) -> Array:
            with self._outside_domains():
                return self._numbers(found())

        by_squares = None if diagonal is None else lambda: checked(diagonal)

        def of_vector(v: Array) -> Array:
            return checked(lambda: product(v))

        state = len(self.flat) - self.size
        return ProductMap(what, self.size, self.flat.dtype, of_vector, cost, by_squares, state)

    def _outside_domains(self) -> Any:
        """Formulas may be undefined at some numbers: that is told once, by an error."""
        return np.errstate(all="ignore")

    def _numbers(self, found: Array) -> Array:
        """What was computed, if formulas have second derivatives where they were evaluated."""
        if np.any(np.isnan(found)):
            raise DomainError(
                f"second derivatives of {self.model.text}",
                "a formula of a layer or of the loss has none at these parameters and samples, or "
                "none that rounding leaves (it is not a number)",
                "give parameters and samples at which every formula is twice differentiable",
            )
        return found

    # At S ----------------------------------------------------------------------------------------

    def losses(self) -> Array:
        """The derivative by S of each sample's own loss, n × outputs."""
        counted = self.model.layout.batch(self.module.cotangent(self.layers))
        return np.asarray(counted / self.counts[:, None])

    def roots(self) -> Iterator[tuple[float, Array]]:
        """(sign, R) with Σ sign R Rᵀ the Hessian of the loss in S; R has a row for each sample."""
        batch = self.model.layout.batch
        width = self.model.widths[-1]
        blocks = np.empty((self.samples, width, width), self.flat.dtype)
        for k in range(width):
            unit = np.zeros((self.samples, width), self.flat.dtype)
            unit[:, k] = 1
            with self._outside_domains():
                blocks[:, :, k] = batch(self.module.curvature(self.layers, batch(unit)))
        self._numbers(blocks)
        values, vectors = np.linalg.eigh((blocks + blocks.transpose(0, 2, 1)) / 2)
        least = np.finfo(self.flat.dtype).eps * np.max(np.abs(values), initial=0)
        for sign in (1.0, -1.0):
            scales = np.where(sign * values > width * least, sign * values, 0)
            for k in range(width):
                if np.any(scales[:, k]):
                    yield sign, vectors[:, :, k] * np.sqrt(scales[:, k])[:, None]

    # The empirical Fisher matrix -----------------------------------------------------------------

    def _empirical(self, direction: Array) -> Array:
        """Σ c g gᵀ v over the samples: gᵀ v is the derivative of a sample's loss along v."""
        batch = self.model.layout.batch
        moved = self.module.tangents(self.layers, direction)
        along = batch(moved[-1][f"{self.module.CUT}_dot"])
        own = self.losses()
        slopes = self.counts * np.sum(own * along, axis=1)
        product = np.empty_like(direction)
        self.module.adjoints(self.layers, batch(slopes[:, None] * own), product)
        return product

    def _empirical_diagonal(self) -> Array:
        return self._diagonal_of([(1.0, np.sqrt(self.counts)[:, None] * self.losses())])

    # Diagonals -----------------------------------------------------------------------------------

    def _diagonal_of(self, roots: Any) -> Array:
        """The diagonal of Σ sign Jᵀ R Rᵀ J: squares of what each sample adds to Jᵀ R."""
        total = np.zeros(self.size, self.flat.dtype)
        found = self._vector()
        for sign, root in roots:
            self._squares(root, found)
            total += sign * found
        return total

    def _squares(self, root: Array, found: Array) -> None:
        batch, module = self.model.layout.batch, self.module
        scratch = np.empty_like(found)
        if hasattr(module, "squares"):
            module.squares(module.adjoints(self.layers, batch(root), scratch), found)
            return
        # A layer whose samples add no single products: one sample after the other.
        found[:] = 0
        for k in range(self.samples):
            one = slice(k, k + 1)
            layers = self._values(one)
            module.adjoints(layers, batch(root[one]), scratch)
            found += scratch**2
