"""Standalone modules of equal layers: loops, the numbers of the reference, memory as stated."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

import gradwright as gw
from tests.emit.standalone.building import compiled, passes, run, sections
from tests.emit.standalone.test_standalone import compiles, reads_objects
from tests.programs.installed import COMPILER

#: Equal layers at the beginning and behind others, with and without parameters, masks and state.
NETWORKS = {
    "first": (["5", "4 * 5 tanh", "2 softmax"], {}),
    "behind": (["3", "7 relu", "5 * 7 softplus", "2"], {"optimizer": "adam"}),
    "frozen, then not": (["3", "6 * 7 tanh", "2 softmax"], {"train": [4, 5, 6, 7]}),
    "one in the middle": (["7", "6 * 7 tanh", "2 softmax"], {"train": [3]}),
    "frozen behind": (["7", "6 * 7 tanh", "2 softmax"], {"train": [2, 3]}),
    "predicting": (["7", "5 * 7 tanh", "4 * 6 relu", "2 softmax"], {"train": "none"}),
    "masks": (["4", "3 * 6 silu", "dropout(0.3)", "dropout(0.3)", "dropout(0.3)", "2"], {}),
    "state": (["4", "6 tanh", "batch_norm", "batch_norm", "batch_norm", "2 softmax"], {}),
    "frozen state": (["4", "6 tanh", "batch_norm", "batch_norm", "2 softmax"], {"train": [1, 4]}),
    "columns": (["5", "4 * 5 gelu", "3 softmax"], {"dtype": "float64"}),
}


def module(name, **more):
    items, options = NETWORKS[name]
    loss = "cross_entropy" if items[-1].endswith("softmax") else "squared_error"
    if name == "columns":
        net = gw.Network(" -> ".join(items), loss=loss, layout="columns")
    else:
        net = gw.Network(items, loss=loss)
    batch = {} if options.get("train") == "none" else {"batch_size": 3}
    return net.backprop().standalone(**{**batch, **options, **more})


@reads_objects
@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_and_the_memory(name, tmp_path, seed):
    made = module(name, seed=seed)
    assert "for (long l = " in made.source
    # Arrays of layers lie in one struct: the sanitizers see an index out of it, not one within.
    # Warnings of the optimiser are asked for below, by -Os.
    flags = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    passes(made, tmp_path, [COMPILER], *flags)
    found = sections(tmp_path, "network", [COMPILER], "-Os")
    assert found[".data"] + found[".bss"] == made.budget.ram


@compiles
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("AT_W2 + l * 56", "AT_W2"),
        ("(l - 1) * BATCH * 7", "l * BATCH * 7"),
        ("l % 2 == 0 ?", "l % 2 != 0 ?"),
        ("l = 5 - 1; l >= 0", "l = 5 - 1; l >= 1"),
        ("4L * BATCH * 7", "3L * BATCH * 7"),
    ],
)
def test_a_planted_fault_is_found(right, wrong, tmp_path):
    made = module("behind")
    assert right in made.source
    compiled(replace(made, source=made.source.replace(right, wrong)), tmp_path, [COMPILER])
    assert run(tmp_path).returncode == 1


@reads_objects
def test_more_equal_layers_are_no_more_code(tmp_path):
    few, many = (
        gw.Network(f"3 -> {count} * 7 tanh -> 2 softmax").backprop().standalone(batch_size=2)
        for count in (4, 40)
    )
    assert many.budget.ram > 9 * few.budget.ram
    sizes = [made.code_size().bytes for made in (few, many)]
    # Indices that no longer fit into one byte make some instructions longer.
    assert sizes[1] <= 1.05 * sizes[0]
