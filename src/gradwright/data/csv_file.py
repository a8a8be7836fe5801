"""Samples from a CSV file with a header line."""

from __future__ import annotations

import csv
import math
import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import numpy as np

from gradwright.data.dataset import Dataset
from gradwright.errors import DataError

MAX_BYTES = 1 << 30
MAX_COLUMNS = 100_000
MAX_CELL = 10_000

#: Labels that are whole numbers and take at most this many values are classes.
MAX_INTEGER_CLASSES = 50

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read(path: str | os.PathLike[str], label: str | None = None) -> Dataset:
    """Features and labels; `label` names the label column, by default the last one.

    All other columns are numbers. Labels that are words, or whole numbers with at most
    `MAX_INTEGER_CLASSES` values, are classes, sorted; other numbers are targets of a regression.

    Raises:
        DataError: naming file, line and column.
    """
    return _Reader(Path(path)).dataset(label)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[tuple[int, list[str]]] = []
        self._read()

    def fail(self, clash: str, instead: str, place: str = "") -> NoReturn:
        where = f"{self.path}, {place}" if place else str(self.path)
        raise DataError(f"reading {self.path.name}", clash, instead, place=where)

    def _read(self) -> None:
        try:
            if self.path.stat().st_size > MAX_BYTES:
                self.fail(
                    f"the file has {self.path.stat().st_size} bytes and {MAX_BYTES} are allowed",
                    "split the file",
                )
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                self.rows = [(reader.line_num, row) for row in reader if row]
        except OSError as error:
            self.fail(
                f"the file is to be read and the system says: {error.strerror}",
                "give the path of a file that can be read",
            )
        except UnicodeDecodeError as error:
            self.fail(
                f"byte {error.start} is not UTF-8 and a CSV file is read as UTF-8",
                "save the file as UTF-8",
            )
        except csv.Error as error:
            self.fail(f"a CSV file is expected and the reader says: {error}", "mend that line")

    def dataset(self, label: str | None) -> Dataset:
        header = self._header()
        column = self._label_column(header, label)
        if len(self.rows) < 2:
            self.fail("there is a header and no sample below it", "add lines with samples")
        features = [k for k in range(len(header)) if k != column]
        X = np.empty((len(self.rows) - 1, len(features)))
        labels = []
        for sample, (line, row) in enumerate(self.rows[1:]):
            if len(row) != len(header):
                self.fail(
                    f"the line has {len(row)} cells and the header has {len(header)}",
                    "give each line as many cells as the header",
                    f"line {line}",
                )
            for place, k in enumerate(features):
                X[sample, place] = self._number(row[k], line, header[k])
            labels.append((line, row[column].strip()))
        names = tuple(header[k] for k in features)
        y, classes = self._labels(labels, header[column])
        return Dataset(self.path.stem, X, y, names, classes)

    def _header(self) -> list[str]:
        if not self.rows:
            self.fail("the file is empty and a header line is expected", "add a header and samples")
        header = [name.strip() for name in self.rows[0][1]]
        if not 2 <= len(header) <= MAX_COLUMNS:
            self.fail(
                f"the header has {len(header)} columns and 2 to {MAX_COLUMNS} are expected",
                "give at least one feature and a label, separated by commas",
                "line 1",
            )
        for k, name in enumerate(header):
            if name in header[:k]:
                self.fail(
                    f"columns {header.index(name) + 1} and {k + 1} are both named {name!r}",
                    "give each column a name of its own",
                    "line 1",
                )
        return header

    def _label_column(self, header: list[str], label: str | None) -> int:
        if label is None:
            return len(header) - 1
        if label not in header:
            near = get_close_matches(label, header, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "name one of the columns"
            shown = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
            self.fail(
                f"the label column {label!r} is asked for and the columns are {shown}",
                hint,
                "line 1",
            )
        return header.index(label)

    def _number(self, cell: str, line: int, column: str) -> float:
        text = cell.strip()
        # float() would also take "nan", "1_0" and digits of other scripts.
        if len(text) <= MAX_CELL and NUMBER.fullmatch(text):
            value = float(text)
            if math.isfinite(value):
                return value
        shown = text if len(text) <= 40 else text[:40] + "…"
        self.fail(
            f"the cell holds {shown!r} and features are finite numbers",
            "put a number there, or leave the column out",
            f"line {line}, column {column}",
        )

    def _labels(
        self, cells: list[tuple[int, str]], column: str
    ) -> tuple[np.ndarray, tuple[str, ...] | None]:
        for line, text in cells:
            if not text:
                self.fail(
                    "the label is empty and each sample needs one",
                    "fill in the label, or remove the line",
                    f"line {line}, column {column}",
                )
        words = [text for _, text in cells]
        if all(NUMBER.fullmatch(word) for word in words):
            values = np.array([self._number(text, line, column) for line, text in cells])
            distinct = np.unique(values)
            whole = np.all(distinct == np.floor(distinct))
            if not (whole and len(distinct) <= MAX_INTEGER_CLASSES):
                return values, None
            names = tuple(str(int(value)) for value in distinct)
            return np.searchsorted(distinct, values), names
        classes = tuple(sorted(set(words)))
        index = {name: k for k, name in enumerate(classes)}
        return np.array([index[word] for word in words]), classes
