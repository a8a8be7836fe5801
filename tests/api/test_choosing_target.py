"""What `target="auto"` runs: C where compiling gains time, and what is said where it cannot."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import gradwright as gw
from gradwright.api import choosing_target
from gradwright.api.choosing_target import choose, saved_seconds
from gradwright.nn.optimizers import SGD
from gradwright.run.compilers import Compiler
from tests.emit.c.judging import compiles

MANY = 10**6


@pytest.fixture
def net():
    return gw.Network("3 -> 5 relu -> 2 softmax", loss="cross_entropy")


def _chosen(net, steps, before=None):
    return choose(net.model, "float64", SGD, 32, steps, before, threads=1)


def test_more_work_saves_more(net):
    wide = gw.Network("3 -> 50 relu -> 2 softmax", loss="cross_entropy")
    assert 0 < saved_seconds(net.model, 32, 10) < saved_seconds(net.model, 32, 20)
    assert saved_seconds(net.model, 32, 10) < saved_seconds(net.model, 64, 10)
    assert saved_seconds(net.model, 32, 10) < saved_seconds(wide.model, 32, 10)


def test_a_short_training_compiles_nothing(net, monkeypatch):
    monkeypatch.setattr(type(net.model), "compiled", lambda *_: pytest.fail("compiled"))
    chosen = _chosen(net, 100)
    assert chosen.compiled is None and not chosen.note


@compiles
def test_a_long_training_is_compiled(net):
    assert _chosen(net, MANY).compiled.target.startswith("c")


@pytest.mark.parametrize(("steps", "said"), [(10, ""), (MANY, "slower without a C compiler")])
def test_without_a_compiler_it_is_numpy(net, monkeypatch, steps, said):
    monkeypatch.setattr(choosing_target, "found", lambda: None)
    chosen = _chosen(net, steps)
    assert chosen.compiled is None and said in chosen.note and bool(said) == bool(chosen.note)


def test_a_broken_compiler_is_named(net, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADWRIGHT_CACHE", str(tmp_path))
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    monkeypatch.setattr(choosing_target, "found", lambda: Compiler((str(broken),), "", 0.0))
    X, y = np.random.default_rng(0).normal(size=(9, 3)), [0, 1, 0] * 3
    run = gw.train(net, X, y, epochs=2)
    assert run.target == "numpy" and "says: broken" in run.note
    assert np.array_equal(
        run.params.flat, gw.train(net, X, y, epochs=2, target="numpy").params.flat
    )


@pytest.mark.parametrize(("steps", "said"), [(10, ""), (MANY, "no such program is found")])
def test_a_compiler_that_is_not_there_is_named(net, monkeypatch, steps, said):
    monkeypatch.setenv("CC", "/nope/cc")
    chosen = _chosen(net, steps)
    assert chosen.compiled is None and said in chosen.note and bool(said) == bool(chosen.note)


def test_what_compiles_slowly_has_to_gain_more(net, monkeypatch):
    monkeypatch.setattr(choosing_target, "found", lambda: Compiler(("zig",), "", 1e9))
    assert _chosen(net, MANY).compiled is None


@compiles
def test_the_target_of_a_checkpoint_is_kept(net):
    assert _chosen(net, 1, before="c").compiled is not None
    assert _chosen(net, MANY, before="numpy").compiled is None


@compiles
def test_compiled_networks_are_pickled(net):
    compiled = net.model.compiled("float64")
    again = pickle.loads(pickle.dumps(compiled))
    X, flat = np.random.default_rng(0).normal(size=(4, 3)), net.init(seed=1).flat
    assert np.array_equal(compiled.predict(flat, X), again.predict(flat, X))


def _formula_network():
    layer = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    return gw.Network([3, layer(m=4), "2 softmax"], reduction="sum")


@pytest.mark.parametrize(
    "make", [_formula_network, lambda: gw.Network("3 -> 5 relu -> 2 softmax", layout="columns")]
)
def test_networks_are_pickled(make):
    net = make()
    X, p = np.random.default_rng(0).normal(size=(4, 3)), net.init(seed=1)
    again = pickle.loads(pickle.dumps(net))
    assert repr(again) == repr(net)
    assert np.array_equal(again.gradient(p, X, [0, 1, 1, 0]), net.gradient(p, X, [0, 1, 1, 0]))
