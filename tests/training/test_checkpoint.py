"""Checkpoints: exact resumption, whole files only, every damage refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradwright.errors import DataError, OutputError, TrainingError
from gradwright.training import checkpoint
from gradwright.training.checkpoint import Checkpoint
from gradwright.training.loop import train_module
from gradwright.training.record import Settings
from tests.training.hand_written import HandWritten

Array = Any


def case(dtype: str = "float64") -> tuple[HandWritten, Array, Array, Array]:
    """Module, start, X, Y: 26 samples, so that the last batch of 8 is short."""
    generator = np.random.default_rng(21)
    module = HandWritten(4, 6, 3)
    X, Y = generator.normal(size=(26, 4)), np.eye(3)[generator.integers(0, 3, 26)]
    return module, module.init(generator).astype(dtype), X.astype(dtype), Y.astype(dtype)


def state() -> Checkpoint:
    row = {
        "epoch": 0,
        "loss": 0.1,
        "seconds": 0.5,
        "validation_loss": None,
        "validation_accuracy": None,
    }
    return Checkpoint(np.array([0.1, -2.5, 1e-300]), 1, 7, (row,))


def same(a: Checkpoint, b: Checkpoint) -> bool:
    numbers = a.parameters.dtype == b.parameters.dtype and np.array_equal(
        a.parameters, b.parameters
    )
    return numbers and (a.epochs_done, a.seed, a.history) == (b.epochs_done, b.seed, b.history)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("k", [1, 3])
def test_k_and_k_epochs_are_2k_epochs_bit_for_bit(tmp_path: Path, k: int, dtype: str) -> None:
    module, start, X, Y = case(dtype)
    path = tmp_path / "state.npz"
    train_module(module, start, X, Y, Settings(k, 8, seed=3), checkpoint=path)
    # The start of the second run is of no account, its parameters come from the file.
    resumed = train_module(module, start + 1, X, Y, Settings(2 * k, 8, seed=3), resume=path)
    whole = train_module(module, start, X, Y, Settings(2 * k, 8, seed=3))
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert resumed.parameters.dtype == dtype
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]
    assert [e.epoch for e in resumed.history] == list(range(2 * k))


def test_resuming_after_ctrl_c(tmp_path: Path) -> None:
    module, start, X, Y = case()
    path = tmp_path / "state.npz"

    def watch(epoch: Any) -> None:
        if epoch.epoch == 1:
            raise KeyboardInterrupt

    stopped = train_module(module, start, X, Y, Settings(5, 8), watchers=(watch,), checkpoint=path)
    assert stopped.epochs_done == 2
    resumed = train_module(module, start, X, Y, Settings(5, 8), resume=path, checkpoint=path)
    whole = train_module(module, start, X, Y, Settings(5, 8))
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert checkpoint.read(path).parameters.tobytes() == whole.parameters.tobytes()


def test_another_seed_size_or_dtype_is_refused(tmp_path: Path) -> None:
    module, start, X, Y = case()
    path = tmp_path / "state.npz"
    train_module(module, start, X, Y, Settings(1, seed=3), checkpoint=path)
    with pytest.raises(TrainingError, match=r"seed 3.*seed 4"):
        train_module(module, start, X, Y, Settings(2, seed=4), resume=path)
    with pytest.raises(TrainingError, match=r"float64.*float32"):
        train_module(*case("float32"), Settings(2, seed=3), resume=path)
    larger = HandWritten(4, 7, 3)
    with pytest.raises(TrainingError, match=f"{start.size} numbers.*{larger.PARAMETERS}"):
        train_module(larger, np.zeros(larger.PARAMETERS), X, Y, Settings(2, seed=3), resume=path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state"  # no ending is added
    checkpoint.write(path, state())
    assert same(checkpoint.read(path), state())
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "state.npz"
    checkpoint.write(path, state())

    def fail(number: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    newer = Checkpoint(np.zeros(2), 0, 1, ())
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        checkpoint.write(path, newer)
    assert isinstance(error, OSError) == isinstance(caught.value, OutputError)
    assert same(checkpoint.read(path), state())
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.npz"]


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        checkpoint.write(tmp_path / "none" / "state.npz", state())
    with pytest.raises(DataError, match="No such file"):
        checkpoint.read(tmp_path / "state.npz")


def test_no_damage_goes_unseen(tmp_path: Path, rng: np.random.Generator, seed: int) -> None:
    path = tmp_path / "state.npz"
    checkpoint.write(path, state())
    content = path.read_bytes()
    damaged = [content[:length] for length in rng.integers(0, len(content), 60)]
    for place in rng.integers(0, len(content), 400):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(changed))
    refused = 0
    for version in damaged:
        path.write_bytes(version)
        try:
            read = checkpoint.read(path)
        except DataError:
            refused += 1
        else:
            # A bit of a date or a file mode inside the archive carries nothing.
            assert same(read, state()), f"seed {seed}"
    assert refused > len(damaged) / 2, f"seed {seed}"


GOOD_HEADER = {
    "schema": checkpoint.SCHEMA,
    "epochs_done": 0,
    "seed": 1,
    "history": [],
    "sha256": checkpoint._digest(np.zeros(51)),
}
HEADERS: dict[str, tuple[object, str]] = {
    "a list": ([], "schema"),
    "another schema": ({**GOOD_HEADER, "schema": "gradwright.checkpoint/2"}, "schema"),
    "another digest": ({**GOOD_HEADER, "sha256": "00ff00ff00ff"}, "00ff00ff00ff"),
    "a digest that is no text": ({**GOOD_HEADER, "sha256": 5}, "digest 5"),
    "no seed": ({k: v for k, v in GOOD_HEADER.items() if k != "seed"}, "seed None"),
    "a negative seed": ({**GOOD_HEADER, "seed": -1}, "seed -1"),
    "a fraction of an epoch": ({**GOOD_HEADER, "epochs_done": 0.5}, "epochs_done 0.5"),
    "epochs without history": ({**GOOD_HEADER, "epochs_done": 2}, "counts 2 epochs"),
    "history of no rows": ({**GOOD_HEADER, "epochs_done": 1, "history": [3]}, "1 epochs"),
    "history of other rows": (
        {**GOOD_HEADER, "epochs_done": 1, "history": [{"mood": 1}]},
        "mood",
    ),
}


@pytest.mark.parametrize(("header", "fact"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_training_did_not_write(tmp_path: Path, header: object, fact: str) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, parameters=np.zeros(51), header=np.array(json.dumps(header)))
    with pytest.raises(DataError, match=fact):
        train_module(*case(), Settings(1, seed=1), resume=path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    header = np.array(json.dumps(GOOD_HEADER))
    np.savez(path, parameters=np.array([print], dtype=object), header=header)
    with pytest.raises(DataError, match="allow_pickle"):
        checkpoint.read(path)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(DataError):
        checkpoint.read(tmp_path / "plain.npy")


@pytest.mark.parametrize("header", ["[" * 100_000, "{", "", "NaN"])
def test_a_header_that_is_no_json_object(tmp_path: Path, header: str) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, parameters=np.zeros(3), header=np.array(header))
    with pytest.raises(DataError, match="header"):
        checkpoint.read(path)
