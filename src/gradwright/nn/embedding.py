"""Embeddings of categories: columns of the inputs choose rows of tables that are trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.errors import DataError, LimitError, NetworkError
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import Codes, LayerFormula
from gradwright.nn.unplaced_layer import MAX_WIDTH, UnplacedLayer
from gradwright.notation.declarations import Declaration, Size

Array = Any

#: Letters of the tables, and of the codes that choose their rows.
TABLES = "EFGHJKMNB"
CODES = "TUVWPQRSD"

#: Its name in a network's text.
EMBEDDING = "embedding"

#: Codes are numbers of a batch, and whole numbers up to here are exact in float32.
MAX_CATEGORIES = 1 << 24


class Embedding(UnplacedLayer, frozen=True):
    """What `embedding` makes; it prints as that call."""

    def __repr__(self) -> str:
        return f"{EMBEDDING}({self.formula.inputs}, {self._tables})"

    def piece(self, width: int) -> str:
        """The layer in a network's text."""
        return f"{EMBEDDING}({self._tables})"

    @property
    def _tables(self) -> dict[int, tuple[int, Size]]:
        pairs = zip(self.formula.codes, self.formula.parameters, strict=True)
        return {codes.column: (codes.count, table.sizes[1]) for codes, table in pairs}


def embedding(inputs: int, tables: Mapping[int, tuple[int, int]]) -> UnplacedLayer:
    """The first layer of a network on columns of numbers and columns of codes.

    For each column of codes in `tables`, counted from 0, (categories, width): the codes are the
    whole numbers from 0 to below `categories`, and each stands for a row of a table, categories ×
    width, that is trained. The outputs are the columns without codes, in order, and behind them the
    rows, in the order of `tables`: [X, gather(E, T), …]. The gradient of a table adds up what comes
    back to its rows, onehot(T)' δ (Bengio, Ducharme, Vincent and Jauvin, JMLR 2003, C(i)).

    >>> embedding(3, {2: (7, 4)})
    embedding(3, {2: (7, 4)})

    Raises:
        NetworkError: a column that there is not, or a size that is no whole number from 1.
        LimitError: more tables than there are letters.
    """
    asked = f"embedding({inputs!r}, {tables!r})"
    if not isinstance(tables, Mapping) or not tables:
        raise NetworkError(
            asked,
            f"tables is {tables!r} and must have an entry for each column of codes",
            "write embedding(3, {2: (7, 4)})",
        )
    inputs = _whole(asked, "inputs", inputs, MAX_WIDTH)
    if len(tables) > len(TABLES):
        raise LimitError(
            asked,
            f"it has {len(tables)} tables and {len(TABLES)} are allowed",
            "leave columns without codes as they are, or as one column for each category",
        )
    parameters, codes = [], []
    for (column, shape), table, code in zip(tables.items(), TABLES, CODES, strict=False):
        if not _is_whole(column) or not 0 <= column < inputs:
            raise NetworkError(
                asked,
                f"{column!r} is a column of codes and there are the columns 0 to {inputs - 1}",
                "count the columns of the inputs from 0",
            )
        if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 2:
            raise NetworkError(
                asked,
                f"{shape!r} is given for column {column}",
                "give (categories, width), such as (7, 4)",
            )
        count = _whole(asked, f"the number of categories of column {column}", shape[0])
        width = _whole(asked, f"the width of column {column}", shape[1])
        parameters.append(Declaration(table, "matrix", (count, width)))
        codes.append(Codes(code, int(column), count))
    return Embedding(_formula(inputs, parameters, codes))


def usual_width(categories: int) -> int:
    """The width of a table where none is given: 1.6 n^0.56, at most 600.

    A rule of thumb (Howard and Gugger, fastai: A Layered API for Deep Learning, Information 2020).

    >>> [usual_width(n) for n in (1, 2, 7, 100, 10_000)]
    [2, 2, 5, 21, 278]
    """
    return min(600, round(1.6 * math.pow(categories, 0.56)))


def _formula(
    inputs: int, parameters: Sequence[Declaration], codes: Sequence[Codes]
) -> LayerFormula:
    runs: list[list[int]] = []
    for column in sorted(set(range(inputs)) - {code.column for code in codes}):
        if runs and runs[-1][1] == column:
            runs[-1][1] += 1
        else:
            runs.append([column, column + 1])
    pairs = [(table.name, code.name) for table, code in zip(parameters, codes, strict=True)]
    sample = [f"x[{start + 1}:{end}]" for start, end in runs]
    sample += [f"gather({table}, {code.lower()})" for table, code in pairs]
    batch = [f"X[:,{start + 1}:{end}]" for start, end in runs]
    batch += [f"gather({table}, {code})" for table, code in pairs]
    outputs = sum(end - start for start, end in runs)
    outputs += sum(int(table.sizes[1]) for table in parameters)
    joined = len(batch) > 1
    return LayerFormula(
        f"concat({', '.join(sample)})" if joined else sample[0],
        "x",
        tuple(parameters),
        inputs,
        outputs,
        (),
        (),
        (("A", f"[{', '.join(batch)}]" if joined else batch[0]),),
        codes=tuple(codes),
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole(asked: str, what: str, value: Any, most: int = MAX_CATEGORIES) -> int:
    if not _is_whole(value) or not 1 <= value <= most:
        raise NetworkError(
            asked,
            f"{what} is {value!r} and must be a whole number from 1 to {most}",
            "give such a number",
        )
    return int(value)


def require_codes(layer: Layer, X: Any) -> None:
    """Check that columns of codes hold them, in samples as they are given: rounding hides faults.

    Raises:
        DataError: one holds something else.
    """
    for codes in layer.codes:
        values = np.asarray(X)[:, codes.column]
        wrong = (values != np.floor(values)) | (values < 0) | (values >= codes.count)
        if np.any(wrong):
            row = int(np.argmax(wrong))
            raise DataError(
                "the inputs X",
                f"X[{row}, {codes.column}] is {_shown(values[row])} and column {codes.column} has "
                f"codes of categories, whole numbers from 0 to {codes.count - 1}",
                "number the categories from 0, or give the embedding more of them",
                place=f"row {row}",
            )


def _shown(value: Any) -> str:
    """A number with all its digits, without the point of a whole one."""
    return str(value).removesuffix(".0")


def codes_of(formula: LayerFormula | None, X: Array) -> dict[str, Array]:
    """The codes in the inputs of a layer, by letter; they may be a rounding off."""
    held = () if formula is None else formula.codes
    return {
        codes.name: np.rint(np.real(X[:, codes.column]).astype(np.float64)).astype(np.intp)
        for codes in held
    }
