"""CSV files: what is read, and a table of what is refused and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradwright.data import csv_file
from gradwright.errors import DataError

GOOD = {
    "words": (b"a,b,y\n1,2,yes\n3,-4.5e1,no\n", [1, 0], ("no", "yes")),
    "whole numbers in the order of numbers": (b"a,b,y\n1,2,10\n3,-45,9\n", [1, 0], ("9", "10")),
    "whole numbers with a point": (b"a,b,y\n1,2,2.0\n3,-45.,1\n", [1, 0], ("1", "2")),
    "fractions": (b"a,b,y\n1,2,0.5\n3,-45,7\n", [0.5, 7.0], None),
    "whole numbers that float64 cannot tell apart": (
        b"a,b,y\n1,2,9007199254740993\n3,-45,1\n",
        [9007199254740992.0, 1.0],
        None,
    ),
    "numbers among words": (b"a,b,y\n1,2,4+\n3,-45,3\n", [1, 0], ("3", "4+")),
    "a byte order mark": (b"\xef\xbb\xbfa,b,y\n1,2,yes\n3,-45,no\n", [1, 0], ("no", "yes")),
    "line ends of another system": (b"a,b,y\r\n1,2,yes\r\n3,-45,no\r\n", [1, 0], ("no", "yes")),
    "spaces, blank lines, no last line end": (
        b"\n a ,b, y\n\n 1, 2 ,yes\n\n3,-45, no",
        [1, 0],
        ("no", "yes"),
    ),
    "quoted cells": (b'a,b,y\n1,"2","x, ""z"""\n3,-45,no\n', [1, 0], ("no", 'x, "z"')),
}


@pytest.mark.parametrize(("content", "y", "classes"), GOOD.values(), ids=GOOD)
def test_read(
    tmp_path: Path, content: bytes, y: list[float], classes: tuple[str, ...] | None
) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    data = csv_file.read(path)
    assert (data.name, data.feature_names, data.classes) == ("points", ("a", "b"), classes)
    assert data.X.dtype == np.float64
    np.testing.assert_array_equal(data.X, [[1, 2], [3, -45]])
    np.testing.assert_array_equal(data.y, y)
    assert data.y.dtype == (np.float64 if classes is None else np.int64)


def test_a_label_column_by_name(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("kind,a,b\nyes,1,2\nno,3,4\n")
    data = csv_file.read(str(path), label="kind")
    assert data.feature_names == ("a", "b")
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(data.y, [1, 0])


@pytest.mark.parametrize(("values", "classified"), [(50, True), (51, False)])
def test_few_whole_numbers_are_classes(tmp_path: Path, values: int, classified: bool) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,y\n" + "".join(f"0,{k}\n" for k in range(values)))
    data = csv_file.read(path)
    assert (data.classes is not None) is classified
    np.testing.assert_array_equal(data.y, np.arange(values))


# content, label, what the message must say, where
BAD: dict[str, tuple[bytes, str | None, list[str], str]] = {
    "empty": (b"", None, ["empty", "header"], ""),
    "only a byte order mark": (b"\xef\xbb\xbf", None, ["empty"], ""),
    "only a header": (b"a,y\n", None, ["no sample"], ""),
    "one column": (b"y\n1\n", None, ["1 columns"], "line 1"),
    "the same name twice": (b"a,b, a,y\n1,2,3,4\n", None, ["columns 1 and 3", "'a'"], "line 1"),
    "no name": (b",a,y\n1,2,3\n", None, ["column 1 has no name"], "line 1"),
    "no line of names": (b"0.5,2,yes\n1,3,no\n4,1,yes\n", None, ["0.5, 2, yes"], "line 1"),
    "numbers and no names": (b"5,2,7\n1,3,8\n", None, ["could be a sample"], "line 1"),
    "too few cells": (b"a,b,y\n1,2,3\n\n1,2\n", None, ["2 cells", "has 3"], "line 4"),
    "too many cells": (b"a,y\n1,2,3\n", None, ["3 cells", "has 2"], "line 2"),
    "a word": (b"a,b,y\n1,2,0\n1,two,0\n", None, ["'two'"], "line 3, column b"),
    "an empty cell": (b"a,b,y\n,2,0\n", None, ["''"], "line 2, column a"),
    "nan": (b"a,y\nnan,0\n", None, ["'nan'", "finite"], "line 2, column a"),
    "infinity": (b"a,y\n-inf,0\n", None, ["'-inf'"], "line 2, column a"),
    "a number that overflows": (b"a,y\n1e999,0\n", None, ["'1e999'"], "line 2, column a"),
    "an underscore": (b"a,y\n1_0,0\n", None, ["'1_0'"], "line 2, column a"),
    "digits of another script": ("a,y\n١,0\n".encode(), None, ["'١'"], "line 2, column a"),
    "hexadecimal": (b"a,y\n0x1,0\n", None, ["'0x1'"], "line 2, column a"),
    "a decimal comma": (b'a,y\n"1,5",0\n', None, ["'1,5'"], "line 2, column a"),
    "the label nan": (b"a,y\n1,0.5\n2,nan\n", None, ["'nan'", "labels"], "line 3, column y"),
    "the label inf": (b"a,y\n1,yes\n2,inf\n", None, ["'inf'", "labels"], "line 3, column y"),
    "a label with an underscore": (b"a,y\n1,1_0\n2,3\n", None, ["'1_0'"], "line 2, column y"),
    "a label of another script": ("a,y\n1,٣\n".encode(), None, ["'٣'"], "line 2, column y"),
    "a label that overflows": (b"a,y\n1,1e999\n", None, ["'1e999'"], "line 2, column y"),
    "a word among fractions": (b"a,y\n1,0.5\n2,o.7\n", None, ["'o.7'"], "line 3, column y"),
    "an empty label": (b"a,y\n1,yes\n2, \n", None, ["label is empty"], "line 3, column y"),
    "no such label": (b"width,height\n1,2\n", "hight", ["'hight'", "height?"], "line 1"),
    "a quote that stays open": (b'a,y\n1,2\n"3,4\n', None, ["reader"], "line 3"),
    "not UTF-8": (b"a,y\n1,caf\xe9\n", None, ["byte 9", "0xe9", "UTF-8"], "line 2"),
    "not UTF-8, far in": (
        b"a,y\n" + b"1,2\n" * 5000 + b"\xff,1\n",
        None,
        ["byte 20004"],
        "line 5002",
    ),
    "a fault after a cell of two lines": (
        b'a,y\n1,"x\nz"\nw,2\n',
        None,
        ["'w'"],
        "line 4, column a",
    ),
}


@pytest.mark.parametrize(("content", "label", "facts", "place"), BAD.values(), ids=BAD)
def test_refused(
    tmp_path: Path, content: bytes, label: str | None, facts: list[str], place: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        csv_file.read(path, label)
    error = caught.value
    assert error.place == (f"{path}, {place}" if place else str(path))
    said = f"{error.clash}\n{error.instead}"
    assert [fact for fact in facts if fact not in said] == []
    assert error.instead


@pytest.mark.parametrize(
    "names", ["0,1,2", "1,2,3", "400.5,401.5,kind", "5,2,no", "5,yes,2"], ids=str
)
def test_names_may_be_numbers(tmp_path: Path, names: str) -> None:
    """Places, wavelengths, and numbers above a column of words that has no such word."""
    path = tmp_path / "points.csv"
    label = names.split(",")[2]
    path.write_text(f"{names}\n7,8,yes\n6,9,maybe\n", encoding="utf-8")
    data = csv_file.read(path)
    assert data.feature_names == tuple(names.split(",")[:2]) and label not in data.feature_names
    np.testing.assert_array_equal(data.X, [[7, 8], [6, 9]])


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        csv_file.read(tmp_path / "none.csv")
    with pytest.raises(DataError, match="directory"):
        csv_file.read(tmp_path)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,b,y\n1,2,3\n")
    monkeypatch.setattr(csv_file, "MAX_BYTES", 12)
    assert csv_file.read(path).X.shape == (1, 2)
    monkeypatch.setattr(csv_file, "MAX_BYTES", 11)
    with pytest.raises(DataError, match="more than 11 bytes"):
        csv_file.read(path)
    monkeypatch.undo()
    monkeypatch.setattr(csv_file, "MAX_COLUMNS", 2)
    with pytest.raises(DataError, match="3 columns and 2 to 2"):
        csv_file.read(path)
    monkeypatch.undo()
    path.write_text(f"a,y\n{'1' * (csv_file.MAX_CELL + 1)},0\n")
    with pytest.raises(DataError, match="…"):
        csv_file.read(path)


def test_a_wide_header_above_short_lines_costs_no_memory(tmp_path: Path) -> None:
    # A table for it would have 10⁵ × 10⁵ numbers: 80 GB.
    path = tmp_path / "points.csv"
    header = ",".join(f"c{k}" for k in range(csv_file.MAX_COLUMNS))
    path.write_text(header + "\n" + "1\n" * 100_000)
    with pytest.raises(DataError, match="1 cells and the header has 100000"):
        csv_file.read(path)


def test_columns_of_words_and_those_that_are_named_hold_categories(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text(
        "colour,size,door,kind\nred,1.5,2,a\n blue,2,4,b\nred,3,2,a\n", encoding="utf-8"
    )
    data = csv_file.read(path, categories=["door"])
    assert data.feature_names == ("colour", "size", "door")
    assert data.categories == {0: ("blue", "red"), 2: ("2", "4")}
    np.testing.assert_array_equal(data.X, [[1, 1.5, 0], [0, 2, 1], [1, 3, 0]])
    assert csv_file.read(path).categories == {0: ("blue", "red")}
    path.write_text("door,x,colour,size\n4,0,red,7\n2,0,blue,8\n", encoding="utf-8")
    again = csv_file.read_features(
        path, ("colour", "size", "door"), {"colour": ("blue", "red"), "door": ("2", "4")}
    )
    np.testing.assert_array_equal(again, [[1, 7, 1], [0, 8, 0]])


@pytest.mark.parametrize(
    ("content", "facts", "place"),
    [
        (
            "colour,size\nblue,1\n rad,2\n",
            ["'rad'", "categories are blue, red", "did you mean red?"],
            ", line 3, column colour",
        ),
        ("colour,size\nblue,1\n,2\n", ["''", "categories are"], ", line 3, column colour"),
        ("colour,siz\nblue,1\n", ["feature column 'size'", "did you mean siz"], ", line 1"),
    ],
)
def test_a_category_without_a_code(
    content: str, facts: list[str], place: str, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        csv_file.read_features(path, ("colour", "size"), {"colour": ("blue", "red")})
    said = f"{caught.value.clash}\n{caught.value.instead}"
    assert [fact for fact in facts if fact not in said] == []
    assert caught.value.place == f"{path}{place}"


@pytest.mark.parametrize(
    ("content", "named", "said"),
    [
        ("a,b,y\nred,1,x\n,2,z\n", [], "line 3, column a"),
        ("a,b,y\nred,1,x\nnan,2,z\n", [], "line 2, column a"),
        ("a,b,y\nred,1,x\n1x,2,z\n", [], "named by --categories"),
        ("a,b,y\nred,1,x\nred,2,z\n", ["c"], "category column 'c'"),
        ("a,b,y\nred,1,x\nred,2,z\n", ["y"], "it has the labels"),
    ],
)
def test_what_is_no_column_of_categories(
    content: str, named: list[str], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "words.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        csv_file.read(path, categories=named)


def test_a_name_for_every_sample_is_no_category(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.csv"
    path.write_text("a,y\nred,1\nblue,2\ngreen,3\n", encoding="utf-8")
    monkeypatch.setattr(csv_file, "MAX_CATEGORIES", 2)
    with pytest.raises(DataError, match="3 categories and 2 are allowed"):
        csv_file.read(path)


def test_semicolons_are_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;b;c\n1;2;3\n")
    with pytest.raises(DataError, match="separated by commas and not by semicolons"):
        csv_file.read(path)


def test_a_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^reading \.: the file is to be read"):
        csv_file.read(".")


def test_new_samples_without_a_column_of_the_training(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("size,rooms\n1,\n")
    with pytest.raises(DataError, match="give the column"):
        csv_file.read_features(path, ["district"])
    with pytest.raises(DataError, match="leave the line or the column out") as caught:
        csv_file.read_features(path, ["rooms"])
    assert "--categories" not in str(caught.value)
