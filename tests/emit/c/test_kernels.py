"""What is said of the kernels of a network in C is what its code does."""

from __future__ import annotations

import json
import re

import pytest

import gradwright as gw
from gradwright.cli.main import run
from gradwright.emit.c.routines import LARGE

LAYOUTS = ("rows", "columns", "transposed")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("text", ["5 -> 7 tanh -> 4 softmax", "5 -> 3 * 40 relu -> 4 softmax"])
def test_the_products_that_are_named_are_those_of_the_code(text, layout):
    backprop = gw.Network(text, layout=layout).backprop()
    kernels, source = backprop.kernels(), backprop.source("c")
    body = source[source.index("static void dense_") :]
    called = set(re.findall(r"    (product(?:_turned)?)\(", body))
    assert ("product_turned" in called) == any("turned" in x.why for x in kernels.products)
    turned = "to[j * n + i]" in source
    assert turned == (kernels.memory == "samples innermost" or layout != "rows")
    # Of every layer the forward product and dW, of all but the first dX.
    layers = gw.Network(text).widths[1:]
    named = [x for x in kernels.products for _ in range(x.last - x.first + 1)]
    assert len(named) in (3 * len(layers) - 1, 3 * len(layers))


def test_blas_begins_where_the_code_asks_for_it():
    kernels = gw.Network("784 -> 256 relu -> 10 softmax").backprop().kernels()
    first = kernels.products[0]
    assert first.sizes == ("n", "256", "784")
    multiplications = 256 * 784 * first.blas_from
    assert multiplications - 256 * 784 < LARGE <= multiplications
    assert f"#define LARGE {LARGE}.0" in gw.Network("3 -> 2 softmax").backprop().source("c")


def test_the_command(capsys):
    asked = ["emit", "5 -> 7 tanh -> 4 softmax", "--explain"]
    assert run([*asked, "--target", "c"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("samples innermost: no layer is wider than 32")
    assert "  dW = X dZᵀ, 5 × 7 over n" in shown
    assert run([*asked, "--target", "c", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "gradwright.kernels/1" and len(document["products"]) == 5
    assert run(asked) == 2
    assert "for the target numpy" in capsys.readouterr().err
