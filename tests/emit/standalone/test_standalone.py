"""Standalone modules: the numbers of the NumPy module, in plain C99 without heap."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from msgspec.structs import replace

import gradwright as gw
from tests.emit.standalone.building import compiled, passes, run, sections, symbols, write
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")
reads_objects = pytest.mark.skipif(
    COMPILER is None or not (shutil.which("nm") and shutil.which("size")),
    reason="no C compiler, or no binutils to read objects with",
)

SMALL, DIGITS = "3 -> 10 relu -> 6 relu -> 3 softmax", "64 -> 32 relu -> 10 softmax"

#: What takes memory from a heap, in any C library.
HEAP = {"malloc", "calloc", "realloc", "free", "sbrk", "_sbrk", "mmap", "alloca"}


def network(text, **options):
    loss = "cross_entropy" if text.endswith("softmax") else "squared_error"
    return gw.Network(text, **{"loss": loss, **options})


@compiles
@pytest.mark.parametrize("text", [SMALL, DIGITS])
@pytest.mark.parametrize(
    "options",
    [{"batch_size": 5}, {"train": "none"}, {"train": [2], "optimizer": "adam"}],
    ids=["trains", "predicts", "trains one layer"],
)
def test_reproduces_the_reference(text, options, tmp_path, seed):
    passes(network(text).backprop().standalone(seed=seed, **options), tmp_path, [COMPILER])


@compiles
@pytest.mark.parametrize(
    "right, wrong",
    [
        ("A[i * q + j] > 0", "A[i * q + j] >= 0"),
        ("Z_ij < 0 ? 0", "Z_ij < 0 ? (real)0.001"),
        ("(real)learning_rate *", "(real)1.001 * (real)learning_rate *"),
        ("db[j] += dZ_ij", "db[j] = dZ_ij"),
        ("AT_b2 = 100", "AT_b2 = 101"),
        ("w[i] * t1_ij", "t1_ij / w[i]"),
    ],
)
def test_a_planted_fault_is_found(right, wrong, tmp_path):
    weighted = "w[i]" in right
    made = network(SMALL).backprop(weighted=weighted).standalone(batch_size=5)
    assert right in made.source
    compiled(made, tmp_path, [COMPILER])
    assert run(tmp_path).returncode == 0
    source = tmp_path / "network.c"
    made = replace(made, source=made.source.replace(right, wrong))
    assert wrong in made.files[source.name]
    compiled(made, tmp_path, [COMPILER])
    done = run(tmp_path)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


@reads_objects
@pytest.mark.parametrize("text", [SMALL, DIGITS])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 5},
        {"train": "none"},
        {"train": [1], "optimizer": "adamw", "dtype": "float64"},
    ],
    ids=["trains", "predicts", "trains one layer"],
)
def test_memory_is_what_is_said_and_no_heap(text, options, tmp_path):
    made = network(text).backprop().standalone(**options)
    write(made, tmp_path)
    found = sections(tmp_path, "network", [COMPILER], "-Os")
    assert found[".data"] + found[".bss"] == made.budget.ram
    assert f"{made.budget.ram:,} bytes" in str(made)
    assert f"NETWORK_RAM_BYTES = {made.budget.ram}" in made.header
    # Constants stand in .rodata, with a few numbers of the code.
    rodata = sum(size for name, size in found.items() if name.startswith(".rodata"))
    assert made.budget.constants <= rodata < made.budget.constants + 200
    kinds = symbols(tmp_path, "network")
    assert not HEAP & kinds.keys()
    lacking = {name for name, kind in kinds.items() if kind == "U"}
    known = {"expf", "logf", "exp", "log", "sqrt", "sqrtf", "pow", "memset", "memcpy"}
    assert lacking <= known | {"__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}


@compiles
def test_clean_under_sanitizers(tmp_path):
    made = network(SMALL).backprop().standalone(batch_size=5, optimizer="adam")
    flags = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    passes(made, tmp_path, [COMPILER], *flags)


def test_parameters_stand_in_the_code(rng):
    net = network(SMALL)
    p = net.init(seed=3, dtype="float32")
    made = net.backprop().standalone(p, train=[1])
    for name, is_constant in {"W1": False, "b1": False, "W2": True, "W3": True}.items():
        assert f"{np.float32(p[name].flat[1])!s}f" in made.source
        declared = next(line for line in made.header.splitlines() if f" {name}: " in line)
        assert declared.strip(" */").endswith("constant") is is_constant
