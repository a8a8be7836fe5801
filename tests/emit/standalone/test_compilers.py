"""Standalone modules under every compiler there is, for this machine and for arm."""

from __future__ import annotations

import importlib.util
import shutil
import sys

import pytest

import gradwright as gw
from tests.emit.standalone.building import passes, sections, write

ZIG = (sys.executable, "-m", "ziglang", "cc")

COMPILERS = {name: (shutil.which(name),) for name in ("gcc", "clang") if shutil.which(name)}
if importlib.util.find_spec("ziglang") is not None:
    COMPILERS["zig"] = ZIG

#: Machines that zig compiles for; what it makes for them is not run.
ARM = ("arm-linux-musleabihf", "aarch64-linux-musl")

#: Layers, losses and optimisers that need most of what support files have.
NETWORKS = (
    (["4", "7 gelu", "batch_norm", "5 mish", "dropout(0.3)", "3 softmax"], "focal", "adam"),
    (["64", "32 relu", "layer_norm", gw.residual("9 silu", "32"), "10 softmax"], None, "sgd"),
    (["5", "6 selu", "rms_norm", "4 softplus", "2 sigmoid"], "binary_focal", "rmsprop"),
    (["3", "8 tanh", gw.parallel("identity", "2 hard_tanh"), "4 elu"], "huber", "nesterov"),
    ([gw.embedding(3, {1: (4, 2)}), "5 tanh", "2 softmax"], None, "momentum"),
)


def module(place, **options):
    items, loss, rule = NETWORKS[place]
    net = gw.Network(items, loss=loss or "cross_entropy")
    return net.backprop().standalone(
        batch_size=3, optimizer=gw.optimizer(rule, max_norm=1.0, l1=1e-3), **options
    )


@pytest.mark.skipif(not COMPILERS, reason="no C compiler is installed")
@pytest.mark.parametrize("compiler", list(COMPILERS) or ["none"])
@pytest.mark.parametrize("place", range(len(NETWORKS)))
def test_no_warning_and_the_reference_numbers(place, compiler, tmp_path, seed):
    dtype = "float64" if place == 1 else "float32"
    passes(module(place, seed=seed, dtype=dtype), tmp_path, COMPILERS[compiler])


@pytest.mark.skipif("zig" not in COMPILERS, reason="ziglang, which compiles for arm, is missing")
@pytest.mark.parametrize("machine", ARM)
@pytest.mark.parametrize("place", range(len(NETWORKS)))
def test_compiles_for_arm_and_takes_the_same_memory(place, machine, tmp_path):
    made = module(place)
    write(made, tmp_path)
    compiler = (*ZIG, "-target", machine)
    sections(tmp_path, "test_network", compiler, "-Os")
    found = sections(tmp_path, "network", compiler, "-Os")
    assert found[".data"] + found[".bss"] == made.budget.ram
