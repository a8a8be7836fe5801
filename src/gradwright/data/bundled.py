"""The real data sets that ship inside scikit-learn."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np

from gradwright.data.dataset import Dataset
from gradwright.errors import DataError

CLASSIFICATION = ("digits", "iris", "wine", "breast_cancer")
REGRESSION = ("diabetes", "linnerud")
NAMES = (*CLASSIFICATION, *REGRESSION)


def load(name: str) -> Dataset:
    """A data set by name.

    Raises:
        DataError: an unknown name, or scikit-learn is not installed.
    """
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise DataError(
            f"the data set {name!r}",
            f"{name!r} is asked for and the data sets are {', '.join(NAMES)}",
            f"{hint}use one of those, or the path of a .csv file",
        )
    try:
        from sklearn import datasets
    except ImportError as error:
        raise DataError(
            f"the data set {name!r}",
            "it ships inside scikit-learn and scikit-learn is not installed",
            "install the extra gradwright[data], or use a .csv file",
        ) from error
    bunch = getattr(datasets, f"load_{name}")()
    X = np.asarray(bunch.data, dtype=np.float64)
    features = tuple(str(feature) for feature in bunch.feature_names)
    if name in CLASSIFICATION:
        classes = tuple(str(label) for label in bunch.target_names)
        return Dataset(name, X, np.asarray(bunch.target, dtype=np.int64), features, classes)
    return Dataset(name, X, np.asarray(bunch.target, dtype=np.float64), features)
