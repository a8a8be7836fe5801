"""Samples from a CSV file with a header line."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gradwright.data.dataset import Dataset
from gradwright.errors import DataError

MAX_BYTES = 1 << 28
MAX_COLUMNS = 100_000
MAX_CELL = 1_000

#: Labels that are whole numbers and take at most this many values are classes.
MAX_INTEGER_CLASSES = 50

#: Whole numbers beyond this one are not told apart in float64.
MAX_INTEGER_LABEL = 2**53

#: What else can be done with a column of words.
CATEGORIES = (
    "; categories can be numbered from 0, and in Python a network looks such numbers up in a "
    "table: gw.embedding"
)

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Array = Any


def read(
    path: str | os.PathLike[str], label: str | None = None, weights: str | None = None
) -> Dataset:
    """Features and labels; `label` names the label column, by default the last one.

    `weights` names the column that says how much each sample counts, where there is one. All other
    columns are numbers. Labels that are words, or whole numbers with at most `MAX_INTEGER_CLASSES`
    values, are classes, sorted; other numbers are targets of a regression.

    Raises:
        DataError: naming file, line and column.
    """
    return _Reader(Path(path)).dataset(label, weights)


class _Reader:
    """The rows of a file, each with the number of its first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, list[str]]] = []
        self._split(self._text())

    def fail(self, clash: str, instead: str, place: str = "") -> NoReturn:
        where = f"{self.path}, {place}" if place else str(self.path)
        raise DataError(f"reading {self.path.name}", clash, instead, place=where)

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

    def dataset(self, label: str | None, weights: str | None) -> Dataset:
        header = self._header()
        weight = None if weights is None else self._column(header, weights, "weight")
        last = len(header) - (2 if weight == len(header) - 1 else 1)
        column = last if label is None else self._column(header, label, "label")
        if column == weight:
            self.fail(f"{weights} is asked for as label and as weight", "name two columns")
        if len(self.rows) < 2:
            self.fail("there is a header and no sample below it", "add lines with samples")
        # All lengths first: the table is as large as the file says only if they agree.
        for line, row in self.rows:
            if len(row) != len(header):
                self.fail(
                    f"the line has {len(row)} cells and the header has {len(header)}",
                    "give each line as many cells as the header",
                    f"line {line}",
                )
        features = [k for k in range(len(header)) if k not in (column, weight)]
        X = np.empty((len(self.rows) - 1, len(features)))
        for sample, (line, row) in enumerate(self.rows[1:]):
            for place, k in enumerate(features):
                X[sample, place] = self._number(
                    row[k].strip(), "features", line, header[k], CATEGORIES
                )
        labels = [(line, row[column].strip()) for line, row in self.rows[1:]]
        y, classes = self._labels(labels, header[column])
        names = tuple(header[k] for k in features)
        counted = None
        if weight is not None:
            cells = [(line, row[weight].strip()) for line, row in self.rows[1:]]
            found = [self._weight(text, line, header[weight]) for line, text in cells]
            counted = np.array(found)
        return Dataset(self.path.stem, X, y, names, classes, counted)

    def _header(self) -> list[str]:
        if not self.rows:
            self.fail("the file is empty and a header line is expected", "add a header and samples")
        line, cells = self.rows[0]
        header = [name.strip() for name in cells]
        if not 2 <= len(header) <= MAX_COLUMNS:
            self.fail(
                f"the header has {len(header)} columns and 2 to {MAX_COLUMNS} are expected",
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
            hint = f"did you mean {' or '.join(near)}?" if near else "name one of the columns"
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
        shown = text if len(text) <= 40 else text[:40] + "…"
        self.fail(
            f"the cell holds {shown!r} and {what} are finite numbers, written like -1.5e3",
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
