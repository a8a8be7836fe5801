"""Results: what JSON holds, and files that appear together or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gradwright.cli.output import json_text, output_folder, publish
from gradwright.errors import OutputError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": np.float64(0.1)}, {"a": 0.1}),
        ({"a": np.array([[1, 2], [3, 4]])}, {"a": [[1, 2], [3, 4]]}),
        ({"a": np.array([np.nan, 1.0])}, {"a": [None, 1.0]}),
        ({"a": float("inf"), "b": float("-inf")}, {"a": None, "b": None}),
        ({"a": (True, None, "δ")}, {"a": [True, None, "δ"]}),
        ({"a": np.bool_(True), "b": np.int64(3)}, {"a": True, "b": 3}),
    ],
    ids=["number", "array", "nan", "infinite", "tuple", "numpy scalars"],
)
def test_json_holds_plain_values(value: object, expected: object) -> None:
    assert json.loads(json_text(value)) == expected


def test_json_keeps_mathematical_signs_readable() -> None:
    assert "δ ⊙ φ′" in json_text({"a": "δ ⊙ φ′"})


@pytest.mark.parametrize("exists", [False, True])
def test_files_appear_together_at_the_end(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "made" / "out"
    if exists:
        target.mkdir(parents=True)
        (target / "old.txt").write_text("kept")
    with output_folder(str(target)) as folder:
        assert folder is not None
        folder.write("a.txt", "α")
        folder.write("b.txt", "β\n")
        assert not (target / "a.txt").exists()
        assert publish(folder) == [target / "a.txt", target / "b.txt"]
    assert (target / "a.txt").read_bytes() == "α\n".encode()
    assert (target / "b.txt").read_bytes() == "β\n".encode()
    kept = ["a.txt", "b.txt", "old.txt"] if exists else ["a.txt", "b.txt"]
    assert sorted(path.name for path in target.iterdir()) == kept
    assert [path.name for path in target.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_leaves_no_files(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "out"
    if exists:
        target.mkdir()
    with pytest.raises(ZeroDivisionError), output_folder(str(target)) as folder:
        assert folder is not None
        folder.write("a.txt", "half")
        raise ZeroDivisionError
    assert list(tmp_path.rglob("*")) == ([target] if exists else [])


@pytest.mark.parametrize("place", ["file", "file/out"])
def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / place)
    with pytest.raises(OutputError) as caught, output_folder(path):
        raise AssertionError("the work began")
    assert path in str(caught.value)
    assert "--out" in caught.value.instead
    assert (tmp_path / "file").read_text() == ""


def test_without_a_folder_nothing_is_written() -> None:
    with output_folder(None) as folder:
        assert folder is None
        assert publish(folder) == []
