"""Samples from a CSV file with a header line."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from gradwright.data.dataset import Dataset
from gradwright.errors import DataError
from gradwright.run.files import file_path

MAX_BYTES = 1 << 28
MAX_COLUMNS = 100_000
MAX_CELL = 1_000

#: Labels that are whole numbers and take at most this many values are classes.
MAX_INTEGER_CLASSES = 50

#: Whole numbers beyond this one are not told apart in float64.
MAX_INTEGER_LABEL = 2**53

#: What else can be done with a cell that is no number.
CATEGORIES = "; a column of categories is named by --categories"

#: What else stands between cells, elsewhere.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

#: Categories of a column: a column of names has one for each sample, and is none.
MAX_CATEGORIES = 10_000

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Array = Any


def read(
    path: str | os.PathLike[str],
    label: str | None = None,
    weights: str | None = None,
    categories: Sequence[str] = (),
) -> Dataset:
    """Features and labels; `label` names the label column, by default the last one.

    `weights` names the column that says how much each sample counts, where there is one. The
    columns in `categories`, and those of words, in which no cell has a digit, hold categories: X
    has their places among the sorted names. All other columns are numbers. Labels that are words,
    or whole numbers with at most `MAX_INTEGER_CLASSES` values, are classes, sorted; other numbers
    are targets of a regression.

    Raises:
        DataError: naming file, line and column.
    """
    return _Reader(_path(path)).dataset(label, weights, categories)


def read_features(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    categories: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Array:
    """The features that have these names, in this order: samples × features.

    `categories` has for each column of categories their names in the order of the codes. Other
    columns of the file are passed over.

    Raises:
        DataError: naming file, line and column; a category that has no code too.
    """
    return _Reader(_path(path)).features(columns, categories)


def _path(path: str | os.PathLike[str]) -> Path:
    return file_path(path, "reading a CSV file", DataError)


class _Reader:
    """The rows of a file, each with the number of its first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, list[str]]] = []
        self._split(self._text())

    def fail(self, clash: str, instead: str, place: str = "") -> NoReturn:
        where = f"{self.path}, {place}" if place else str(self.path)
        raise DataError(f"reading {self.path.name or self.path}", clash, instead, place=where)

    def _text(self) -> str:
        try:
            with self.path.open("rb") as file:
                # One byte too many tells a file that is too long, also where it has no size.
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.fail(
                f"the file is to be read and the system says: {error.strerror}",
                "give the path of a file that can be read",
            )
        if len(content) > MAX_BYTES:
            self.fail(
                f"the file has more than {MAX_BYTES} bytes and {MAX_BYTES} are allowed",
                "split the file",
            )
        try:
            return content.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.fail(
                f"byte {error.start} of the file, {content[error.start]:#04x}, is not UTF-8 and "
                "a CSV file is read as UTF-8",
                "save the file as UTF-8",
                f"line {line}",
            )

    def _split(self, text: str) -> None:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        first = 1
        try:
            for row in reader:
                if row:
                    self.rows.append((first, row))
                first = reader.line_num + 1
        except csv.Error as error:
            self.fail(
                f"a CSV file is expected and the reader says: {error}",
                "mend that line; a quote inside a quoted cell is written twice",
                f"line {first}",
            )

    def dataset(self, label: str | None, weights: str | None, categories: Sequence[str]) -> Dataset:
        header = self._header()
        weight = None if weights is None else self._column(header, weights, "weight")
        last = len(header) - (2 if weight == len(header) - 1 else 1)
        column = last if label is None else self._column(header, label, "label")
        if column == weight:
            self.fail(f"{weights} is asked for as label and as weight", "name two columns")
        self._require_table(header)
        self._require_names(header)
        features = [k for k in range(len(header)) if k not in (column, weight)]
        named = {self._column(header, name, "category") for name in categories}
        for k in named.difference(features):
            self.fail(
                f"{header[k]} is asked for as a column of categories, and it has the "
                f"{'labels' if k == column else 'weights'}",
                "leave it out of the categories",
            )
        coded = {k: self._names(k, header[k]) for k in features if k in named or self._has_words(k)}
        X = self._table(header, features, coded, CATEGORIES)
        labels = [(line, row[column].strip()) for line, row in self.rows[1:]]
        y, classes = self._labels(labels, header[column])
        names = tuple(header[k] for k in features)
        counted = None
        if weight is not None:
            cells = [(line, row[weight].strip()) for line, row in self.rows[1:]]
            found = [self._weight(text, line, header[weight]) for line, text in cells]
            counted = np.array(found)
        known = {place: coded[k] for place, k in enumerate(features) if k in coded}
        return Dataset(self.path.stem, X, y, names, classes, counted, known, header[column])

    def features(self, columns: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Array:
        header = self._header(least=1)
        places = [self._column(header, name, "feature") for name in columns]
        self._require_table(header)
        return self._table(header, places, {header.index(x): n for x, n in categories.items()})

    def _require_table(self, header: list[str]) -> None:
        """Lines below the header, as long as it is: then the table is as large as the file says."""
        if len(self.rows) < 2:
            self.fail("there is a header and no sample below it", "add lines with samples")
        for line, row in self.rows:
            if len(row) != len(header):
                self.fail(
                    f"the line has {len(row)} cells and the header has {len(header)}",
                    "give each line as many cells as the header",
                    f"line {line}",
                )

    def _require_names(self, header: list[str]) -> None:
        """A first line of names: one that could be a sample is one, and would be lost.

        Columns that are numbered from 0 or 1 have numbers for names.
        """
        line, _ = self.rows[0]
        if "" in header:
            self.fail(
                f"column {header.index('') + 1} has no name, as the numbers of rows have that some "
                "programs write, and every column is taken",
                "name it, or leave it out",
                f"line {line}",
            )
        if any(header == [str(k + start) for k in range(len(header))] for start in (0, 1)):
            return
        for column, name in enumerate(header):
            cells = (row[column].strip() for _, row in self.rows[1:])
            number = NUMBER.fullmatch(name) is not None
            if not any(NUMBER.fullmatch(cell) if number else cell == name for cell in cells):
                return
        shown = ", ".join(map(_short, header[:6])) + (", …" if len(header) > 6 else "")
        self.fail(
            f"the first line is to hold the names of the columns, and {shown} could be a sample",
            "put a line with names above it",
            f"line {line}",
        )

    def _table(
        self,
        header: list[str],
        places: Sequence[int],
        coded: Mapping[int, Sequence[str]],
        further: str = "",
    ) -> Array:
        """The cells in some columns as numbers: codes where a column has categories.

        `further` is what else can be done with a cell that is no number.
        """
        codes = {k: {name: code for code, name in enumerate(coded[k])} for k in coded}
        X = np.empty((len(self.rows) - 1, len(places)))
        for sample, (line, row) in enumerate(self.rows[1:]):
            for place, k in enumerate(places):
                text = row[k].strip()
                if k not in codes:
                    X[sample, place] = self._number(text, "features", line, header[k], further)
                    continue
                if text not in codes[k]:
                    self._no_category(text, coded[k], line, header[k])
                X[sample, place] = codes[k][text]
        return X

    def _has_words(self, column: int) -> bool:
        """Whether a column has words and nothing that may be meant as a number."""
        cells = [row[column].strip() for _, row in self.rows[1:]]
        return any(cells) and not any(
            _reads_as_number(text) or any(map(str.isdigit, text)) for text in cells
        )

    def _names(self, column: int, name: str) -> tuple[str, ...]:
        """The categories of a column, sorted."""
        for line, row in self.rows[1:]:
            if not row[column].strip():
                self.fail(
                    "the category is empty and each sample needs one",
                    "write a word there, such as missing, or remove the line",
                    f"line {line}, column {name}",
                )
        found = {row[column].strip() for _, row in self.rows[1:]}
        if len(found) > MAX_CATEGORIES:
            self.fail(
                f"the column {name} has {len(found)} categories and {MAX_CATEGORIES} are allowed",
                "leave out a column that has another word for every sample",
            )
        return tuple(sorted(found))

    def _no_category(self, text: str, names: Sequence[str], line: int, column: str) -> NoReturn:
        near = get_close_matches(text, names, n=1)
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        self.fail(
            f"the cell holds {_short(text)!r} and the categories are {shown}",
            (f"did you mean {near[0]}? " if near else "")
            + "give one of those, or train with samples of the new one",
            f"line {line}, column {column}",
        )

    def _header(self, least: int = 2) -> list[str]:
        if not self.rows:
            self.fail("the file is empty and a header line is expected", "add a header and samples")
        line, cells = self.rows[0]
        header = [name.strip() for name in cells]
        if not least <= len(header) <= MAX_COLUMNS:
            others = [name for sign, name in SEPARATORS.items() if sign in cells[0]]
            seen_as = f", cells being separated by commas and not by {others[0]}" if others else ""
            self.fail(
                f"the header has {len(header)} columns and {least} to {MAX_COLUMNS} are expected"
                f"{seen_as}",
                "give at least one feature and a label, separated by commas",
                f"line {line}",
            )
        seen: dict[str, int] = {}
        for number, name in enumerate(header, start=1):
            if name in seen:
                self.fail(
                    f"columns {seen[name]} and {number} are both named {name!r}",
                    "give each column a name of its own",
                    f"line {line}",
                )
            seen[name] = number
        return header

    def _column(self, header: list[str], name: str, what: str) -> int:
        if name not in header:
            near = get_close_matches(name, header, n=2)
            other = "give the column" if what == "feature" else "name one of the columns"
            hint = f"did you mean {' or '.join(near)}?" if near else other
            shown = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
            self.fail(
                f"the {what} column {name!r} is asked for and the columns are {shown}",
                hint,
                f"line {self.rows[0][0]}",
            )
        return header.index(name)

    def _number(self, text: str, what: str, line: int, column: str, further: str = "") -> float:
        if len(text) <= MAX_CELL and NUMBER.fullmatch(text):
            value = float(text)
            if math.isfinite(value):
                return value
        self.fail(
            f"the cell holds {_short(text)!r} and {what} are finite numbers, written like -1.5e3",
            "put a number there, or leave the line or the column out" + further,
            f"line {line}, column {column}",
        )

    def _weight(self, text: str, line: int, column: str) -> float:
        value = self._number(text, "weights", line, column)
        if value < 0:
            self.fail(
                f"the cell holds {text!r} and weights are finite numbers from 0",
                "give weights from 0; a sample with weight 0 is left out",
                f"line {line}, column {column}",
            )
        return value

    def _labels(
        self, cells: list[tuple[int, str]], column: str
    ) -> tuple[Array, tuple[str, ...] | None]:
        for line, text in cells:
            if not text:
                self.fail(
                    "the label is empty and each sample needs one",
                    "fill in the label, or remove the line",
                    f"line {line}, column {column}",
                )
        # One cell that is meant as a number and is none must not turn targets into classes.
        fraction = any(NUMBER.fullmatch(text) and not _is_whole(text) for _, text in cells)
        for line, text in cells:
            if _reads_as_number(text) or fraction:
                self._number(text, "labels that are numbers", line, column)
        if not all(NUMBER.fullmatch(text) for _, text in cells):
            return _indices([text for _, text in cells])
        values = np.array([float(text) for _, text in cells])
        distinct = np.unique(values)
        if (
            fraction
            or len(distinct) > MAX_INTEGER_CLASSES
            or np.abs(distinct).max() >= MAX_INTEGER_LABEL
        ):
            return values, None
        names = tuple(str(int(value)) for value in distinct)
        return np.searchsorted(distinct, values).astype(np.int64), names


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _indices(words: list[str]) -> tuple[Array, tuple[str, ...]]:
    classes = tuple(sorted(set(words)))
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index[word] for word in words], dtype=np.int64), classes


def _reads_as_number(text: str) -> bool:
    """Whether Python takes it for a number: also "nan", "1_0" and digits of other scripts."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_whole(text: str) -> bool:
    return float(text).is_integer()
