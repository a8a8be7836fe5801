"""A table of samples: features, targets, names; splitting and standardising."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.errors import DataError

Array = Any


# Equality of arrays is elementwise, so a generated __eq__ would only fail: identity it is.
class Dataset(Struct, frozen=True, eq=False):
    """X is samples × features in float64.

    For a classification `y` holds class indices and `classes` their names; for a regression `y`
    holds targets (one axis, or samples × targets) and `classes` is None. `weights` say how much
    each sample counts, where the data says so. `categories` has for each column of X that holds
    codes the names of its categories in the order of the codes. `target` is the name of the column
    that `y` was read from, where there is one.
    """

    name: str
    X: Array
    y: Array
    feature_names: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    weights: Array | None = None
    categories: Mapping[int, tuple[str, ...]] = {}
    target: str = ""

    def rows(self, places: Array) -> Dataset:
        """The data set of some samples."""
        weights = None if self.weights is None else self.weights[places]
        return replace(self, X=self.X[places], y=self.y[places], weights=weights)

    def as_numbers(self) -> Dataset | None:
        """The same with the values of the classes as targets; None where one is no whole number."""
        try:
            values = [int(name) for name in self.classes or ()]
        except ValueError:
            return None
        return replace(self, y=np.array(values, dtype=np.float64)[self.y], classes=None)

    @property
    def outputs(self) -> int:
        """Outputs that a network for this data has: classes, or targets."""
        if self.classes is not None:
            return len(self.classes)
        return 1 if self.y.ndim == 1 else int(self.y.shape[1])


def split(dataset: Dataset, fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(training part, held-out part); every class is held out in the same proportion.

    Raises:
        DataError: the fraction leaves one part empty, or the seed is no whole number from 0.
    """
    # True is an int to Python, and no seed to anybody else.
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise DataError(
            "splitting the data",
            f"the seed is {seed!r} and seeds are whole numbers from 0",
            "use seed=0",
        )
    if not 0 < fraction < 1:
        raise DataError(
            "splitting the data",
            f"the held-out fraction is {fraction} and it must lie between 0 and 1",
            "use for instance 0.2",
        )
    generator = np.random.default_rng(seed)
    groups = (
        [np.arange(len(dataset.X))]
        if dataset.classes is None
        else [np.flatnonzero(dataset.y == k) for k in range(len(dataset.classes))]
    )
    held: list[int] = []
    kept: list[int] = []
    for group in groups:
        order = generator.permutation(group)
        count = min(len(group) - 1, round(fraction * len(group))) if len(group) > 1 else 0
        held += order[:count].tolist()
        kept += order[count:].tolist()
    if not held or not kept:
        raise DataError(
            f"splitting {dataset.name}",
            f"{len(dataset.X)} samples leave {len(kept)} for training and {len(held)} held out",
            "give more samples, or hold out another part of them",
        )
    return dataset.rows(np.sort(kept)), dataset.rows(np.sort(held))


class Standardiser(Struct, frozen=True, eq=False):
    """Mean and scale of each feature, and of each target of a regression.

    They come from the training part alone. What is constant keeps the scale 1; codes of categories
    are left as they are, with the mean 0 and the scale 1, and so are classes (`target_mean` and
    `target_scale` are None then).
    """

    mean: Array
    scale: Array
    target_mean: Array | None = None
    target_scale: Array | None = None

    @classmethod
    def fit(
        cls, training: Dataset, codes: Collection[int] = (), targets: bool = True
    ) -> Standardiser:
        """From the training part of the data; the columns in `codes` hold codes of categories.

        Without `targets`, those of a regression are left as they are: mean 0 and scale 1.

        Raises:
            DataError: a column whose mean or scale is not a finite number.
        """
        mean, scale = _mean_and_scale(training.X)
        for column in codes:
            mean[column], scale[column] = 0, 1
        if training.classes is not None:
            return cls(mean, scale)
        if not targets:
            width = training.y.shape[1:]
            return cls(mean, scale, np.zeros(width), np.ones(width))
        return cls(mean, scale, *_mean_and_scale(training.y))

    def apply(self, X: Array) -> Array:
        """(X - mean) / scale."""
        return (X - self.mean) / self.scale

    def standardised(self, dataset: Dataset) -> Dataset:
        """A data set with standardised features, and targets if it is a regression."""
        y = dataset.y
        if self.target_mean is not None:
            y = (y - self.target_mean) / self.target_scale
        return replace(dataset, X=self.apply(dataset.X), y=y)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, enough to use a saved model."""
        return {
            name: None if value is None else np.asarray(value).tolist()
            for name, value in (
                ("mean", self.mean),
                ("scale", self.scale),
                ("target_mean", self.target_mean),
                ("target_scale", self.target_scale),
            )
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Standardiser:
        """From what `to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it was not that.
        """
        names = ("mean", "scale", "target_mean", "target_scale")
        found = [None if stored[n] is None else np.array(stored[n], np.float64) for n in names]
        mean, scale, target_mean, target_scale = found
        for name, values in zip(names, found, strict=True):
            if values is not None and not np.all(np.isfinite(values)):
                raise ValueError(f"{name} is not finite")
        scales = [values for values in (scale, target_scale) if values is not None]
        if mean is None or scale is None or any(np.any(values <= 0) for values in scales):
            raise ValueError("a scale is no number above 0")
        return cls(mean, scale, target_mean, target_scale)


def _mean_and_scale(values: Array) -> tuple[Array, Array]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean(axis=0)
        distance = np.abs(values - mean).max(axis=0)
        # Ask for equal values, not for a spread of 0: the mean of equal values may be rounded.
        constant = values.max(axis=0) == values.min(axis=0)
        largest = np.where(constant, 1.0, distance)
        # Relative to the largest distance, so that no square overflows or vanishes.
        scale = largest * ((values - mean) / largest).std(axis=0)
    bad = np.flatnonzero(np.atleast_1d(~(np.isfinite(mean) & np.isfinite(scale))))
    if bad.size:
        raise DataError(
            "standardising the data",
            f"column {bad[0] + 1} reaches from {np.atleast_1d(values.min(axis=0))[bad[0]]} to "
            f"{np.atleast_1d(values.max(axis=0))[bad[0]]} and mean and scale must be finite",
            "correct the values, or write the column in a larger unit",
        )
    return mean, np.where(constant, 1.0, scale)
