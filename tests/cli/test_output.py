"""A folder of results appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradwright.cli.output import json_text
from gradwright.errors import OutputError
from gradwright.run.files import output_folder, publish


def listing(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_files_appear_only_when_published(tmp_path: Path) -> None:
    with output_folder(str(tmp_path / "out")) as folder:
        assert folder is not None
        folder.write("derivation.txt", "δZ")
        assert not (tmp_path / "out" / "derivation.txt").exists()
        publish(folder)
    assert listing(tmp_path) == ["out", "out/derivation.txt"]
    assert (tmp_path / "out" / "derivation.txt").read_bytes() == "δZ\n".encode()


def test_files_of_the_user_stay_and_older_results_are_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    (out / "check.json").write_text("old")
    with output_folder(str(out)) as folder:
        assert folder is not None
        folder.write("check.json", "new")
        publish(folder)
    assert (out / "mine.txt").read_text() == "kept"
    assert (out / "check.json").read_text() == "new\n"
    assert listing(tmp_path) == ["out", "out/check.json", "out/mine.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there_before", [True, False])
def test_an_error_leaves_nothing_behind(
    tmp_path: Path, error: type[BaseException], there_before: bool
) -> None:
    out = tmp_path / "deep" / "out"
    if there_before:
        out.mkdir(parents=True)
        (out / "check.json").write_text("old")
    before = listing(tmp_path)
    with pytest.raises(error), output_folder(str(out)) as folder:
        assert folder is not None
        folder.write("check.json", "new")
        raise error
    assert listing(tmp_path) == before


def test_a_file_in_the_way_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with (
        pytest.raises(OutputError, match="Not a directory") as found,
        output_folder(str(tmp_path / "out")),
    ):
        pytest.fail("the work began")
    assert str(tmp_path / "out") in str(found.value)
    assert (tmp_path / "out").read_text() == "a file"


def test_a_parent_that_is_a_file_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "parent").write_text("a file")
    with pytest.raises(OutputError) as found, output_folder(str(tmp_path / "parent" / "out")):
        pytest.fail("the work began")
    assert "parent" in str(found.value)
    assert listing(tmp_path) == ["parent"]


def test_a_folder_where_a_file_belongs_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out" / "check.json").mkdir(parents=True)
    with (
        pytest.raises(OutputError, match=r"check\.json"),
        output_folder(str(tmp_path / "out")) as folder,
    ):
        assert folder is not None
        folder.write("check.json", "new")
        publish(folder)
    assert listing(tmp_path) == ["out", "out/check.json"]


def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with (
        pytest.raises(OutputError, match="No space left"),
        output_folder(str(tmp_path / "out")) as folder,
    ):
        assert folder is not None
        folder.write("check.json", "new")
    assert listing(tmp_path) == []


def test_the_folder_gets_the_permissions_that_others_get(tmp_path: Path) -> None:
    with output_folder(str(tmp_path / "out")) as folder:
        publish(folder)
    (tmp_path / "plain").mkdir()
    assert os.stat(tmp_path / "out").st_mode == os.stat(tmp_path / "plain").st_mode


def test_json_has_no_infinities() -> None:
    assert json_text({"a": [1.5, float("nan"), float("-inf")], "δ": (1,)}) == (
        '{\n  "a": [\n    1.5,\n    null,\n    null\n  ],\n  "δ": [\n    1\n  ]\n}'
    )
