"""Checkpoints: exact resumption, whole files only, every damage refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, OutputError, TrainingError
from gradwright.nn.optimizers import OPTIMIZERS
from gradwright.training import checkpoint
from gradwright.training.checkpoint import Checkpoint
from gradwright.training.loop import train_module
from gradwright.training.record import Settings
from tests.programs.installed import COMPILER
from tests.training.hand_written import HandWritten

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

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
    numbers, kept = np.array([0.1, -2.5, 1e-300]), np.array([[0.3, 0.0, -1e200], [1, 2, 3]])
    return Checkpoint(numbers, kept, 1, 13, 7, (row,), {"optimizer": "adam", "beta1": 0.9})


def same(a: Checkpoint, b: Checkpoint) -> bool:
    pairs = ((a.parameters, b.parameters), (a.state, b.state))
    if not all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs):
        return False
    counts = [(x.epochs_done, x.steps, x.seed, x.history, x.made_with) for x in (a, b)]
    return counts[0] == counts[1]


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


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_optimizer_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, name: str, target: str, dtype: str, rng: np.random.Generator
) -> None:
    X, y = rng.normal(size=(26, 4)), rng.integers(3, size=26)
    net = gw.Network("4 -> 6 tanh -> 3 softmax")
    given = {"batch_size": 8, "optimizer": name, "target": target}
    start = net.init(seed=1, dtype=dtype)
    whole = gw.train(net, X, y, start, epochs=4, **given)
    gw.train(net, X, y, start, epochs=2, **given, checkpoint=tmp_path / "half")
    rest = gw.train(net, X, y, start, epochs=4, **given, resume=tmp_path / "half")
    assert rest.params.flat.tobytes() == whole.params.flat.tobytes()
    assert [e.loss for e in rest.history] == [e.loss for e in whole.history]


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "optimizer": ({"optimizer": "sgd"}, "the optimizer momentum .* the optimizer sgd"),
    "setting": ({"optimizer": gw.optimizer("momentum", momentum=0.5)}, "momentum 0.9 .* 0.5"),
    "rate": ({"learning_rate": 0.02}, "the learning_rate 0.1 .* the learning_rate 0.02"),
    "batch size": ({"batch_size": 7}, "the batch_size 8 .* the batch_size 7"),
    "order": ({"shuffle": False}, "the shuffle True .* the shuffle False"),
    "data": ({"X": 1.25}, "the samples .* the samples"),
    "targets": ({"y": 1}, "the samples .* the samples"),
    "activation": ({"net": "4 -> 6 relu -> 3 softmax"}, "6tanh.* the network 4->6relu"),
    "loss": ({"loss": "squared_error"}, "cross_entropy mean .* squared_error mean"),
}


@pytest.mark.parametrize(("change", "facts"), OTHERS.values(), ids=OTHERS)
def test_another_training_is_not_resumed(
    tmp_path: Path, change: dict[str, Any], facts: str, rng: np.random.Generator
) -> None:
    X, y = rng.normal(size=(26, 4)), rng.integers(3, size=26)
    given = {"batch_size": 8, "optimizer": "momentum", "epochs": 1}
    first = gw.Network("4 -> 6 tanh -> 3 softmax")
    gw.train(first, X, y, **given, checkpoint=tmp_path / "half")
    change = dict(change)
    text, loss = change.pop("net", "4 -> 6 tanh -> 3 softmax"), change.pop("loss", "cross_entropy")
    X[3, 2] *= change.pop("X", 1.0)
    y[5] = (y[5] + change.pop("y", 0)) % 3
    with pytest.raises(TrainingError, match=facts):
        net = gw.Network(text, loss=loss)
        gw.train(net, X, y, **given | {"epochs": 2} | change, resume=tmp_path / "half")


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
    newer = Checkpoint(np.zeros(2), np.zeros((0, 2)), 0, 0, 1, (), {})
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
    "steps": 0,
    "seed": 1,
    "history": [],
    "made_with": {},
    "sha256": checkpoint._digest(np.zeros(51), np.zeros((0, 51))),
}
HEADERS: dict[str, tuple[object, str]] = {
    "a list": ([], "schema"),
    "another schema": ({**GOOD_HEADER, "schema": "gradwright.checkpoint/1"}, "schema"),
    "another digest": ({**GOOD_HEADER, "sha256": "00ff00ff00ff"}, "00ff00ff00ff"),
    "a digest that is no text": ({**GOOD_HEADER, "sha256": 5}, "digest 5"),
    "no seed": ({k: v for k, v in GOOD_HEADER.items() if k != "seed"}, "seed None"),
    "a negative seed": ({**GOOD_HEADER, "seed": -1}, "seed -1"),
    "steps that are no number": ({**GOOD_HEADER, "steps": "9"}, "steps '9'"),
    "settings that are no object": ({**GOOD_HEADER, "made_with": [1]}, r"made_with \[1\]"),
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
    arrays = {"parameters": np.zeros(51), "state": np.zeros((0, 51))}
    np.savez(path, **arrays, header=np.array(json.dumps(header)))
    with pytest.raises(DataError, match=fact):
        train_module(*case(), Settings(1, seed=1), resume=path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    header = np.array(json.dumps(GOOD_HEADER))
    objects = np.array([print], dtype=object)
    np.savez(path, parameters=objects, state=np.zeros((0, 1)), header=header)
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
