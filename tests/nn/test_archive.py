"""Files of arrays: whole or not at all, and every damage is seen."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gradwright.errors import DataError
from gradwright.nn import archive

ARRAYS = {
    "W1": np.array([[0.1, -2.0, 3.5], [1e-300, 0.0, -7.25]]),
    "b1": np.array([0.5, 2.0, -1.0], dtype=np.float32),
    "note": np.array("δ = A - Y"),
}


def read(path: Path) -> dict[str, np.ndarray]:
    return archive.read(path, "reading", "give another file")


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)


def test_what_is_written_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    archive.write(path, ARRAYS, "saving")
    found = read(path)
    assert list(found) == list(ARRAYS)
    assert all(equal(found[name], array) for name, array in ARRAYS.items())
    with np.load(path, allow_pickle=False) as stored:
        assert stored.files == list(ARRAYS)
        assert np.array_equal(stored["W1"], ARRAYS["W1"])


def test_file_and_folder_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda opened: synced.append(os.fstat(opened).st_mode))
    archive.write(tmp_path / "arrays.npz", ARRAYS, "saving")
    assert [stat.S_ISREG(synced[0]), stat.S_ISDIR(synced[1])] == [True, True]


def test_every_damage_is_a_data_error(tmp_path: Path, rng: np.random.Generator, seed: int) -> None:
    path = tmp_path / "arrays.npz"
    archive.write(path, ARRAYS, "saving")
    content = path.read_bytes()
    refused = 0
    for k in range(600):
        changed = bytearray(content)
        changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed if k % 3 else changed[: rng.integers(len(changed))])
        try:
            found = read(path)
        except DataError:
            refused += 1
        else:
            # The list of members may have become shorter, which whoever asks for one sees.
            assert all(equal(found[name], ARRAYS[name]) for name in found), f"{seed}, {k}"
    assert refused > 300, f"seed {seed}"


def test_a_member_marked_as_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    archive.write(path, ARRAYS, "saving")
    content = bytearray(path.read_bytes())
    # The flags stand 6 bytes into a local header and 8 into an entry of the directory.
    struct.pack_into("<H", content, content.index(b"PK\x03\x04") + 6, 1)
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 8, 1)
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        read(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, W1=np.array([print], dtype=object))
    with pytest.raises(DataError, match="allow_pickle"):
        read(path)


def test_other_files(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as other:
        other.writestr("readme.txt", "no array")
    for name in ("one.npy", "text.npz", "none.npz", "."):
        with pytest.raises(DataError, match=r"an \.npz file of arrays is expected"):
            read(tmp_path / name)
