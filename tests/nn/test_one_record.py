"""A new activation and a new loss are one record each: everything else follows from it."""

from __future__ import annotations

import sys
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

import gradwright as gw
from gradwright.nn import activations, losses
from gradwright.nn.activations import Activation
from gradwright.nn.losses import Loss
from tests.programs.installed import COMPILER


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    """The activation arctan, and the loss log(cosh(a - y)), which nothing knows before."""
    bent = Activation("bent", "arctan", bound=Fraction(1))
    smooth = Loss("log_cosh", "sum(log(cosh(A - Y)))")
    for module, name, record in ((activations, "ACTIVATIONS", bent), (losses, "LOSSES", smooth)):
        table = getattr(module, name)
        extended = MappingProxyType({**table, record.name: record})
        # As if it had been there when other modules imported the table.
        known = [m for key, m in sys.modules.items() if key.startswith("gradwright.")]
        for held in [m for m in known if vars(m).get(name) is table]:
            monkeypatch.setattr(held, name, extended)


@pytest.mark.usefixtures("records")
def test_both_have_derivation_code_checks_and_flow(rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 5 bent -> 4 bent -> 2", loss="log_cosh")
    p, X, Y = net.init(scheme="auto"), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    text = net.backprop().explain()
    assert "A₁ = arctan(Z₁)" in text and "L = sum(log(cosh(A₃ − Y)))/n" in text
    assert net.backprop().check(seed=int(rng.integers(2**31))).ok
    hidden = np.arctan(X @ p["W1"] + p["b1"])
    outputs = np.arctan(hidden @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
    expected = np.sum(np.log(np.cosh(outputs - Y))) / 6
    value, gradient = net.value_and_gradient(p, X, Y)
    assert value == pytest.approx(expected, rel=1e-12)
    if COMPILER is not None:
        compiled = net.model.compiled("float64").value_and_gradient(p.flat, X, Y)
        assert compiled[0] == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(compiled[1], gradient.flat, rtol=0, atol=1e-12)
    assert "torch.arctan" in net.backprop().source("torch")
    assert gw.flow(net, p, X, Y).layers[0].bound > 0
    assert gw.train(net, X, Y, epochs=20, learning_rate=0.05).history[-1].loss < value
    assert net.hvp(p, X, Y, p).flat.shape == p.flat.shape
