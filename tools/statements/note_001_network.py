"""Note 001, second part: backpropagation through three layers, samples as rows."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.api.reporting import result_equations
from gradwright.report.forward_diagram import forward_diagram
from gradwright.report.page import code, details
from tools.statements.oracle import complex_step, relu, softmax
from tools.statements.pieces import lines_of, name, shown_lines, text_of
from tools.statements.statement import Array, Compared, Names, Slip, Statement, Worked

NETWORK = 'net = gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", reduction="sum")\n'
BP = NETWORK + 'bp = net.backprop(notation="001")\n'
CHECKED = gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", reduction="sum")
SAMPLES = 4

Weights = dict[str, Array]


def _drawn(net: gw.Network) -> tuple[object, Weights, Array, Array]:
    """(parameters, the same as arrays, X, one-hot rows y)."""
    p = net.init(seed=1, scheme="he_normal")
    rng = np.random.default_rng(1)
    p.flat[:] += 0.1 * rng.normal(size=p.flat.size)
    X = rng.normal(size=(SAMPLES, 3))
    return p, {key: np.array(p[key]) for key in p.names()}, X, np.eye(3)[[0, 2, 1, 0]]


def _forward(w: Weights, X: Array) -> dict[str, Array]:
    """Every value by hand."""
    Z1 = X @ w["W1"] + w["b1"]
    Z2 = relu(Z1) @ w["W2"] + w["b2"]
    Z3 = relu(Z2) @ w["W3"] + w["b3"]
    return {"Z1": Z1, "A1": relu(Z1), "Z2": Z2, "A2": relu(Z2), "Z3": Z3, "A3": softmax(Z3)}


def _loss(w: Weights, X: Array, y: Array) -> Array:
    return -np.sum(y * np.log(_forward(w, X)["A3"]))


def _by(key: str, w: Weights, X: Array, y: Array) -> Array:
    """∂L/∂ a parameter by a complex step."""
    return complex_step(lambda value: _loss({**w, key: value}, X, y), w[key])


def _behind(key: str, w: Weights, X: Array, y: Array) -> Array:
    """∂L/∂ a value, by a complex step through the layers behind it."""
    number = int(key[1])

    def loss(value: Array) -> Array:
        A = relu(value) if key[0] == "Z" and number < 3 else value
        Z = A
        for layer in range(number + 1, 4):
            Z = A @ w[f"W{layer}"] + w[f"b{layer}"]
            A = relu(Z)
        return -np.sum(y * np.log(softmax(Z)))

    return complex_step(loss, _forward(w, X)[key])


def _values(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, X, y = _drawn(net)
    traced = bp.trace(p, X, y).values
    by_hand = _forward(w, X)
    pairs = [Compared(name(key), traced[key], by_hand[key]) for key in ("Z1", "A1", "Z2", "A2")]
    pairs += [
        Compared(name("Ŷ"), net.predict(p, X), by_hand["A3"]),
        Compared(name("L"), net.loss(p, X, y), _loss(w, X, y)),
    ]
    entries = lines_of(bp, "Forward")
    figure = forward_diagram(net.model.layers, net.model.loss)
    return Worked(shown_lines(entries), text_of(entries[4]), tuple(pairs), figures=figure)


def _by_outputs(s: Names) -> Worked:
    d = s["d"]
    p, y = softmax(np.array([0.2, -1.0, 0.7])), np.array([0.0, 0.0, 1.0])
    pair = Compared(name("∂L/∂ŷ"), d(y=y, p=p), complex_step(lambda v: -np.sum(y * np.log(v)), p))
    return Worked(result_equations(d), str(d), (pair,), "a complex step")


def _softmax(s: Names) -> Worked:
    d = s["d"]
    z = np.array([0.4, -0.3, 1.1])
    found = d(z=z)
    y = softmax(z)
    cases = np.array([[y[r] * (1 - y[r]) if r == i else -y[r] * y[i] for r in range(3)]
                      for i in range(3)])  # fmt: skip
    pairs = (
        Compared(name("∂ŷ/∂z") + ", a complex step", found, complex_step(softmax, z)),
        Compared(name("∂ŷ/∂z") + ", case by case", found, cases),
    )
    assert s["report"].ok
    return Worked(result_equations(d), "ŷ_r (1 − ŷ_r) for r = i, −ŷ_r ŷ_i for r ≠ i", pairs,
                  "a complex step, and the cases by hand")  # fmt: skip


def _cancelled(s: Names) -> Worked:
    d = s["d"]
    z, y = np.array([0.4, -0.3, 1.1, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])
    step = complex_step(lambda v: -np.sum(y * np.log(softmax(v))), z)
    pair = Compared(name("∂L/∂z"), d(y=y, z=z), step)
    assert s["report"].ok
    return Worked(result_equations(d), str(d), (pair,), "a complex step")


def _delta(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, X, y = _drawn(net)
    found = bp.trace(p, X, y).values["δZ3"]
    mean = gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", reduction="mean")
    share = mean.backprop(notation="001").trace(p, X, y).values["δZ3"]
    step = complex_step(lambda Z: -np.sum(y * np.log(softmax(Z))), _forward(w, X)["Z3"])
    pairs = (
        Compared(name("∂L/∂Z3") + ", sum over samples", found, step),
        Compared(name("∂L/∂Z3") + ", mean over samples", share, step / SAMPLES),
    )
    entries = lines_of(bp, "Delta at the output")
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, "a complex step")


def _last_layer(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, X, y = _drawn(net)
    values = bp.trace(p, X, y).values
    gradient = net.gradient(p, X, y)
    pairs = (
        Compared(name("∂L/∂W3"), gradient["W3"], _by("W3", w, X, y)),
        Compared(name("∂L/∂b3"), gradient["b3"], _by("b3", w, X, y)),
        Compared(name("∂L/∂A2"), values["δA2"], _behind("A2", w, X, y)),
    )
    entries = [
        *lines_of(bp, "Parameter gradients", "∂L/∂W₃", "∂L/∂b₃"),
        *lines_of(bp, "Backward recursion", "δA₂"),
    ]
    return Worked(shown_lines(entries), text_of(entries[0]), pairs, "a complex step")


def _relu_layer(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, X, y = _drawn(net)
    values = bp.trace(p, X, y).values
    start = net.init(scheme="zeros")
    start["W3"][:] = w["W3"]
    at_zero = bp.trace(start, X, y).values["δZ2"]
    pairs = (
        Compared(name("∂L/∂Z2"), values["δZ2"], _behind("Z2", w, X, y)),
        Compared(name("∂L/∂Z2") + " where Z₂ = 0", at_zero, np.zeros((SAMPLES, 6))),
    )
    entries = lines_of(bp, "Backward recursion", "δZ₂")
    return Worked(shown_lines(entries), text_of(entries[0]), pairs, "a complex step")


def _to_the_input(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, X, y = _drawn(net)
    values, gradient = bp.trace(p, X, y).values, net.gradient(p, X, y)
    pairs = [Compared(name(f"∂L/∂{key}"), gradient[key], _by(key, w, X, y))
             for key in ("W2", "b2", "W1", "b1")]  # fmt: skip
    pairs += [Compared(name(f"∂L/∂{key}"), values[f"δ{key}"], _behind(key, w, X, y))
              for key in ("A1", "Z1")]  # fmt: skip
    entries = [
        *lines_of(bp, "Parameter gradients", "∂L/∂W₂", "∂L/∂b₂"),
        *lines_of(bp, "Backward recursion", "δA₁", "δZ₁"),
        *lines_of(bp, "Parameter gradients", "∂L/∂W₁", "∂L/∂b₁"),
    ]
    return Worked(shown_lines(entries), text_of(entries[-2]), tuple(pairs), "a complex step")


def _step(s: Names) -> Worked:
    trace, p, X, y = s["trace"], s["p"], s["X"], s["y"]
    w = {key: np.array(p[key]) for key in p.names()}

    def loss(weights: Weights) -> Array:
        A = relu(X @ weights["W1"] + weights["b1"])
        return -np.sum(y * np.log(softmax(A @ weights["W2"] + weights["b2"])))

    pairs = []
    for key, value in w.items():
        step = complex_step(lambda v, key=key: loss({**w, key: v}), value)
        pairs.append(
            Compared(name(key) + " after the step", trace.updated[key], value - 0.1 * step)
        )
    entries = lines_of(s["bp"], "Forward")
    text = "W := W − 0.1 ∂L/∂W, each with its numbers"
    numbers = details("every line with its numbers", code(str(trace)))
    return Worked(shown_lines(entries), text, tuple(pairs), "a complex step", numbers)


NETWORK_STATEMENTS = (
    Statement(
        "S1.5 X1 X6", "001:37", "The network, from top to bottom", BP.strip(), _values,
        (Slip("001:55", "Z₂ has one column, as the size behind its name says",
              "Z₂ is n × 6, as the line below it has it",
              "Z_2^{n \\times 1}", CHECKED),),
    ),
    Statement(
        "S1.7", "001:94", "The derivative of the loss by one output",
        'd = gw.gradient("-sum(y.*log(p))", "p", y="vector k", p="vector k positive")\n'
        'print(d.explain(level="index"))',
        _by_outputs,
        (Slip("001:94", "y_i and log y_j where the predictions belong",
              "the hats are missing: the derivative is by ŷ_i and the logarithm of ŷ_j",
              "L = -Σ_j y_j log(y_j)", CHECKED),),
    ),
    Statement(
        "S1.6", "001:100", "The Jacobian of softmax, by the cases r = i and r ≠ i",
        'd = gw.jacobian("softmax(z)", "z", z="vector k")\n'
        'print(d.explain(level="index"))\n'
        'report = gw.check_equations("∂ŷ_i/∂z1_r = {ŷ_r*(1 - ŷ_r), r = i; -ŷ_r*ŷ_i, r ≠ i}",\n'
        '                            gw.Network("4 -> 5 softmax"))\n'
        "print(report)",
        _softmax,
        (Slip("001:100", "the numerator of ŷ_i has z_r", "the numerator of ŷ_i is exp(z_i)",
              "ŷ_i = exp(z3_r)/Σ_j exp(z3_j)", CHECKED),),
    ),
    Statement(
        "S1.7", "001:122", "Both together: the cancellation to ŷ − y",
        'd = gw.gradient("-sum(y.*log(softmax(z)))", "z", y="vector k sum1", z="vector k")\n'
        "print(d.explain())\n"
        'report = gw.check_equations("""\n'
        "∂L/∂z1_r = Σ_i ∂L/∂ŷ_i ∂ŷ_i/∂z1_r\n"
        "  = Σ_{i≠r} y_i ŷ_r - y_r + y_r ŷ_r\n"
        "  = -y_r + ŷ_r (Σ_{i≠r} y_i + y_r)\n"
        '  = ŷ_r - y_r""", gw.Network("4 -> 5 softmax"))\n'
        "print(report)",
        _cancelled,
        (Slip("001:138", "arrows that name the true and the false classes",
              "the sum over i ≠ r has the false classes only where r is the true one; what the "
              "line needs is that all y_i add up to 1"),
         Slip("001:143", "a line with ŷ_n − y_n, struck out by its author",
              "for the batch ∂L/∂Z₃ = Ŷ − Y, the next statement")),
    ),
    Statement(
        "S1.7", "001:143", "For a batch: the sum and the mean over samples",
        BP + 'print("\\n".join(bp.explain("outline").splitlines()[:5]))', _delta,
    ),
    Statement(
        "S1.8", "001:145", "The last layer: ∂L/∂W₃, ∂L/∂b₃ and ∂L/∂A₂",
        BP + 'print(gw.check_equations("""\n'
        "∂L/∂W3 = A2ᵀ ∂L/∂Z3\n∂L/∂A2 = ∂L/∂Z3 W3ᵀ\n"
        '∂L/∂b3_k = Σ_i ∂L/∂Z3_{ik}""", net))',
        _last_layer,
        (Slip("001:147", "∂Z₃/∂W₃ behind A₂ᵀ", "∂L/∂Z₃ belongs there",
              "∂L/∂W3 = A2ᵀ ∂Z3/∂W3", CHECKED),
         Slip("001:149", "∂Z₃/∂W₃ before W₃ᵀ", "∂L/∂Z₃ belongs there",
              "∂L/∂A2 = ∂Z3/∂W3 W3ᵀ", CHECKED),
         Slip("001:151", "the left side has no index k, the right side has",
              "the line is for component k", "∂L/∂b3 = Σ_i ∂L/∂Z3_{ik}", CHECKED)),
    ),
    Statement(
        "S1.9", "001:153", "Back through ReLU: ∂L/∂Z₂",
        BP + 'print(gw.check_equations("∂L/∂Z2 = ∂L/∂A2 ∘ {1, Z2 > 0; 0, Z2 <= 0}", net))',
        _relu_layer,
        (Slip("001:155", "Z₂ is made with W₁", "with W₂", "Z2 = A1 W1 + b2", CHECKED),),
    ),
    Statement("S1.9", "001:161", "And on to the input", BP.strip(), _to_the_input),
    Statement(
        "X5", "001:35", "One step with its numbers",
        'net = gw.Network("2 -> 3 relu -> 2 softmax", reduction="sum")\n'
        'bp = net.backprop(notation="001")\n'
        "p = net.init(seed=3)\n"
        "X, y = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.eye(2)\n"
        "trace = bp.trace(p, X, y, learning_rate=0.1)",
        _step,
    ),
)  # fmt: skip
