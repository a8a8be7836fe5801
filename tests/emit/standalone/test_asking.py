"""What may be asked of a standalone module, in Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import (
    DataError,
    LimitError,
    NetworkError,
    OutputError,
    UnsupportedError,
)
from tests.cli.command import gradwright

NETWORK = "3 -> 4 tanh -> 2"


def derivation(text=NETWORK, loss="squared_error"):
    return gw.Network(text, loss=loss).backprop()


BAD = {
    "a name that C has not": ({"name": "2x"}, NetworkError, "'2x'"),
    "a layer that is not there": ({"train": [3]}, NetworkError, r"parameters are 1, 2"),
    "a number as layers": ({"train": 2}, NetworkError, "training the layers 2"),
    "a truth as a layer": ({"train": [True]}, NetworkError, "True"),
    "another word": ({"train": "some"}, NetworkError, "'some'"),
    "no samples": ({"batch_size": 0}, NetworkError, "batch size is 0"),
    "half a sample": ({"batch_size": 1.5}, NetworkError, "float"),
    "more than sizes count": ({"batch_size": 10**9}, LimitError, "2,147,483,648"),
    "another dtype": ({"dtype": "float16"}, DataError, "float16"),
    "a seed below 0": ({"seed": -1}, NetworkError, "seed -1"),
    "a seed that is too long": ({"seed": 2**64}, NetworkError, "64 bits"),
    "an optimizer without a step": ({"optimizer": "lbfgs"}, UnsupportedError, "lbfgs"),
    "parameters of another network": (
        {"params": gw.Network("3 -> 2", loss="squared_error").init()},
        NetworkError,
        "not of this network",
    ),
    "no parameters": ({"params": 3}, NetworkError, "int"),
    "a header of C": ({"name": "math"}, NetworkError, "math.h is a header"),
    "a header where letters are one size": ({"name": "Stdint"}, NetworkError, "stdint.h"),
    "a keyword": ({"name": "double"}, NetworkError, "keyword of C"),
    "what C keeps for itself": ({"name": "fe"}, NetworkError, "FE_"),
    "an optimizer of nothing": ({"train": "none", "optimizer": "sgd"}, NetworkError, "no layer"),
    "steps of nothing": ({"train": [], "batch_size": 4}, NetworkError, "batch size is given"),
}


@pytest.mark.parametrize(("options", "error", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_is_a_typed_error(options, error, said):
    with pytest.raises(error, match=said):
        derivation().standalone(**options)


def test_batch_normalisation_needs_two_samples_where_it_trains():
    text = "3 -> 4 -> batch_norm -> 2"
    with pytest.raises(NetworkError, match="needs 2 samples"):
        derivation(text).standalone()
    source = derivation(text).standalone(train=[1, 3]).source
    assert "n < 1 || n > BATCH" in source
    # Frozen, it has neither a gradient nor a new state.
    assert "ram.gradient + AT_W1" in source
    assert "ram.gradient + AT_g2" not in source
    assert "ram.gradient + AT_mu2" not in source


def test_a_network_of_millions_of_numbers_is_refused_at_once():
    with pytest.raises(LimitError, match="3,009,002 numbers and 1,000,000 can be written"):
        gw.Network("1000 -> 3000 relu -> 2 softmax").backprop().standalone(train="none")


def test_samples_have_weights_where_something_trains():
    weighted = gw.Network("6 -> 12 tanh -> 3 softmax").backprop(weighted=True)
    assert "const float *Y, const float *sample_weight,\n" in weighted.standalone().header
    plain = derivation("6 -> 12 tanh -> 3 softmax", "cross_entropy").standalone(train="none")
    assert weighted.standalone(train="none").header == plain.header


def test_the_kernels_are_those_of_the_layers_that_train():
    made = derivation("6 -> 12 tanh -> 3 softmax", "cross_entropy").standalone
    every = [(x.first, x.function, x.product) for x in made().kernels.products]
    assert every == [
        (1, "forward", "X W"),
        (1, "backward", "dW = Xᵀ dZ"),
        (2, "forward", "X W"),
        (2, "backward", "dW = Xᵀ dZ"),
        (2, "backward", "dX = dZ Wᵀ"),
    ]
    last = [(x.first, x.product) for x in made(train=[2]).kernels.products]
    assert last == [(1, "X W"), (2, "X W"), (2, "dW = Xᵀ dZ")]
    assert [x.product for x in made(train="none").kernels.products] == ["X W", "X W"]


def test_the_command_says_which_kernels_there_are():
    asked = ["emit", "3 -> 4 tanh -> 2 softmax", "--target", "c", "--standalone", "--explain"]
    told = gradwright(*asked, "--weighted").stdout
    assert "layer 1, forward\n" in told
    assert "three counted loops without vectors; never BLAS" in told
    document = json.loads(gradwright(*asked, "--json").stdout)
    assert document["schema"] == "gradwright.kernels/1"
    assert {choice["kernel"] for choice in document["products"]} == {"loops"}


def test_the_command_writes_code_for_weights():
    asked = ["emit", "3 -> 2 softmax", "--weighted"]
    expected = gw.Network("3 -> 2 softmax").backprop(weighted=True).source("numpy")
    assert gradwright(*asked).stdout == expected.rstrip("\n") + "\n"
    assert "sample_weight" in gradwright(*asked, "--target", "c", "--standalone").stdout
    done = gradwright("emit", "x'*x", "--wrt", "x", "--weighted")
    assert done.returncode == 2 and "--weighted" in done.stderr


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float64"), "f8"])
def test_a_dtype_may_be_that_of_numpy(dtype):
    named = derivation().standalone(dtype=np.dtype(dtype).name)
    assert derivation().standalone(dtype=dtype) == named


def test_an_embedding_takes_one_sample_in_a_step_and_the_header_names_its_codes():
    net = gw.Network([gw.embedding(4, {2: (7, 2), 0: (3, 1)}), "8 relu", "2 softmax"])
    made = net.backprop().standalone()
    assert "n < 1 || n > BATCH" in made.source
    assert "X[2] is the code of a category: a whole number from 0 to 6." in made.header
    assert "X[0] is the code of a category: a whole number from 0 to 2." in made.header
    assert "code of a category" not in derivation().standalone().header


def test_a_name_may_be_that_of_a_function_within():
    made = derivation("3 -> 4 gelu -> 2").standalone(train=[2], name="dense_gelu")
    assert "dense_gelu_outputs(" in made.source
    assert made.source.count("dense_gelu_predict(") == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_parameters_are_finite_in_the_precision_of_the_module(wrong):
    net = gw.Network(NETWORK, loss="squared_error")
    p = net.init(seed=2)
    p.flat[5] = wrong
    with pytest.raises(DataError, match="number 5"):
        net.backprop().standalone(p)


def test_the_command_writes_what_python_gives(tmp_path):
    net = gw.Network(NETWORK, loss="squared_error")
    p = net.init(seed=9, dtype="float32")
    p.save(tmp_path / "p.npz")
    expected = net.backprop().standalone(
        p, train=[2], batch_size=3, optimizer=gw.optimizer("adam", beta1=0.8), name="own", seed=4
    )
    options = ["--target", "c", "--standalone", "--params", "p.npz", "--train-layers", "2"]
    options += ["--batch-size", "3", "--optimizer", "adam", "--setting", "beta1=0.8"]
    asked = ["emit", NETWORK, "--loss", "squared_error", *options, "--name", "own", "--seed", "4"]
    document = json.loads(gradwright(*asked, "--json", folder=tmp_path).stdout)
    assert document == json.loads(json.dumps(expected.to_dict()))
    told = gradwright(*asked, "--out", "made", folder=tmp_path)
    assert f"{expected.budget.ram:,} bytes, exactly" in told.stdout
    for name, text in expected.files.items():
        assert (tmp_path / "made" / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--standalone"], "target numpy"),
        (["--target", "c", "--name", "own"], "--name"),
        (["--target", "c", "--batch-size", "4"], "--batch-size"),
        (["--target", "c", "--standalone", "--train-layers", "1,x"], "1,x"),
        (["--target", "c", "--standalone", "--setting", "beta1=2"], "beta1"),
        (
            ["--target", "c", "--standalone", "--train-layers", "none", "--optimizer", "adam"],
            "leave the optimizer out",
        ),
        (
            ["--target", "c", "--standalone", "--train-layers", "none", "--setting", "l2=1"],
            "leave the optimizer out",
        ),
    ],
)
def test_options_that_do_nothing_are_refused(options, said):
    done = gradwright("emit", "3 -> 2 softmax", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_files_are_written_together(tmp_path: Path) -> None:
    made = gw.Network("3 -> 4 tanh -> 2 softmax").backprop().standalone(name="small")
    folder = tmp_path / "deep" / "firmware"
    paths = made.write(folder)
    assert [path.relative_to(folder).as_posix() for path in paths] == sorted(made.files)
    assert {path.name: path.read_text(encoding="utf-8") for path in paths} == made.files
    assert sorted(folder.iterdir()) == paths


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    made = gw.Network("3 -> 2 softmax").backprop().standalone()
    with pytest.raises(OutputError, match="name a folder that you may write to"):
        made.write(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
