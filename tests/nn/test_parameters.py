"""Parameters: layout of the flat vector, views, files, and how they are drawn."""

from __future__ import annotations

import os
import pickle
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, LimitError, OutputError, SymbolError
from gradwright.nn.initialise import initialise
from gradwright.nn.parameters import Parameters, count
from gradwright.nn.text import parse_network

LAYERS = parse_network("4 -> 5 relu -> 3 tanh no_bias -> 2 softmax")
SHAPES = {"W1": (4, 5), "b1": (5,), "W2": (5, 3), "W3": (3, 2), "b3": (2,)}
SIZE = 20 + 5 + 15 + 6 + 2


def _counted(dtype: str = "float64") -> Parameters:
    return Parameters(LAYERS, np.arange(SIZE, dtype=dtype))


def test_layout() -> None:
    p = _counted()
    assert count(LAYERS) == SIZE == p.flat.size
    assert p.shapes() == SHAPES
    assert list(p) == p.names() == list(SHAPES) and len(p) == 5
    assert p["W1"][1, 2] == 1 * 5 + 2
    assert p["b1"][0] == 20
    assert p["W2"][2, 1] == 25 + 2 * 3 + 1
    assert [array.shape for _, array in p.items()] == list(SHAPES.values())
    assert np.array_equal(np.concatenate([a.ravel() for a in p.values()]), p.flat)


def test_views_write_through_and_copies_do_not() -> None:
    p = _counted()
    copy = p.copy()
    p["W3"][2, 0] = -7
    assert p.flat[20 + 5 + 15 + 4] == -7
    p["b1"] = [9, 8, 7, 6, 5]
    assert p.flat[20:25].tolist() == [9, 8, 7, 6, 5]
    assert np.array_equal(copy.flat, np.arange(SIZE))


def test_a_value_of_another_shape_is_not_broadcast() -> None:
    p = _counted()
    with pytest.raises(DataError) as caught:
        p["W1"] = np.zeros(5)
    assert "(5,)" in caught.value.clash and "(4, 5)" in caught.value.clash
    assert np.array_equal(p.flat, np.arange(SIZE))


@pytest.mark.parametrize("dtype", [complex, str, object])
def test_a_value_that_is_no_real_number_is_not_cast(dtype: type) -> None:
    p = _counted()
    with pytest.raises(DataError, match="parameters are real numbers"):
        p["b1"] = np.ones(5).astype(dtype)
    assert np.array_equal(p.flat, np.arange(SIZE))


def test_more_parameters_than_memory() -> None:
    layers = parse_network("10000000 -> 10000000 relu -> 1")
    with pytest.raises(LimitError, match="the layers hold 100000020000001 numbers of float64"):
        initialise(layers)


def test_unknown_names() -> None:
    p = _counted()
    assert "b2" not in p and "W1" in p and p.get("b2") is None
    with pytest.raises(SymbolError, match="b2 is asked for and the parameters are W1, b1, W2"):
        p["b2"]


def test_vectors_that_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"shape \(47,\) and the layers hold 48 numbers"):
        Parameters(LAYERS, np.zeros(SIZE - 1))
    with pytest.raises(DataError, match="float32 or float64"):
        Parameters(LAYERS, np.zeros(SIZE, dtype=int))
    with pytest.raises(DataError, match="float16"):
        Parameters.zeros(LAYERS, "float16")
    assert _counted().astype("float32").flat.dtype == np.float32


def test_from_dict() -> None:
    p = _counted()
    again = Parameters.from_dict(LAYERS, dict(reversed(list(p.items()))))
    assert np.array_equal(again.flat, p.flat)
    assert Parameters.from_dict(LAYERS, p.astype("float32")).flat.dtype == np.float32
    whole = {name: np.ones(shape, dtype=int) for name, shape in SHAPES.items()}
    assert Parameters.from_dict(LAYERS, whole).flat.dtype == np.float64


WRONG = {
    "missing": ({"b3": None}, "b3 missing"),
    "unknown": ({"b2": np.zeros(3)}, "b2 unknown"),
    "transposed": ({"W1": np.zeros((5, 4))}, r"shape \(5, 4\) and W1 has shape \(4, 5\)"),
    "NaN": ({"W3": np.full((3, 2), np.nan)}, "W3 holds nan"),
    "complex": ({"b3": np.zeros(2, dtype=complex)}, "complex128"),
    "text": ({"b3": np.array(["a", "b"])}, "real numbers"),
}


@pytest.mark.parametrize("change, said", WRONG.values(), ids=WRONG)
def test_arrays_that_do_not_fit(
    change: dict[str, np.ndarray | None], said: str, tmp_path: Path
) -> None:
    values = {k: v for k, v in (dict(_counted()) | change).items() if v is not None}
    with pytest.raises(DataError, match=said):
        Parameters.from_dict(LAYERS, values)
    np.savez(tmp_path / "p.npz", **values)
    with pytest.raises(DataError):
        Parameters.load(tmp_path / "p.npz", LAYERS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files(dtype: str, tmp_path: Path, seed: int) -> None:
    p = initialise(LAYERS, seed, dtype=dtype)
    path = tmp_path / "p.npz"
    path.write_text("what was there before")
    p.save(path)
    again = Parameters.load(path, LAYERS)
    assert again.flat.dtype == p.flat.dtype and np.array_equal(again.flat, p.flat)
    assert os.listdir(tmp_path) == ["p.npz"]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in ("none/p.npz", "file/p.npz", "folder"):
        with pytest.raises(OutputError, match="saving parameters"):
            _counted().save(tmp_path / path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "p.npz"
    _counted().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        Parameters.zeros(LAYERS).save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["p.npz"]


def test_files_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    _counted().save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2], whole.replace(b"NUMPY", b"NUMPI")):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"p\.npz"):
            Parameters.load(path, LAYERS)
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name in ("one.npy", "none.npz", "."):
        with pytest.raises(DataError, match=r"\.npz file"):
            Parameters.load(tmp_path / name, LAYERS)


def test_files_of_other_types(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    objects = {name: np.full(shape, None, dtype=object) for name, shape in SHAPES.items()}
    mixed = {**dict(_counted()), "b3": np.zeros(2, dtype=np.float32)}
    whole = {name: np.ones(shape, dtype=int) for name, shape in SHAPES.items()}
    for values, said in (
        (objects, "allow_pickle"),
        (mixed, "float32, float64"),
        (whole, "int64"),
    ):
        np.savez(path, **values)
        with pytest.raises(DataError, match=said):
            Parameters.load(path, LAYERS)


def test_a_forged_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000, 5), }"
    header = header.ljust(117) + b"\n"
    entry = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as archive:
        for name in SHAPES:
            archive.writestr(f"{name}.npy", entry)
    with pytest.raises(DataError, match=r"p\.npz"):
        Parameters.load(path, LAYERS)


def test_thousands_of_layers_are_views_made_when_asked_for() -> None:
    layers = parse_network("4 -> 5000 * 3 relu -> 2 softmax")
    p = initialise(layers)
    assert len(p) == 2 * 5001
    assert all(array.base is p.flat for array in p.values())


def test_parameters_are_equal_where_layers_and_numbers_are() -> None:
    p = initialise(parse_network("4 -> 3 relu -> 2 softmax"))
    assert p == p.copy() == pickle.loads(pickle.dumps(p))
    other = p.copy()
    other["b1"][0] = 1
    assert p != other
    assert p != initialise(parse_network("4 -> 3 tanh -> 2 softmax"))


def test_a_network_loads_what_its_parameters_saved(tmp_path: Path) -> None:
    net = gw.Network("3 -> 5 tanh -> 2 softmax")
    p = net.init(seed=4, dtype="float32")
    p.save(tmp_path / "p.npz")
    again = net.load(tmp_path / "p.npz")
    assert again.flat.dtype == np.float32
    np.testing.assert_array_equal(again.flat, p.flat)
    with pytest.raises(DataError, match="unknown"):
        gw.Network("3 -> 2 softmax").load(tmp_path / "p.npz")
    with pytest.raises(DataError, match="parameters from"):
        net.load(tmp_path / "none.npz")
