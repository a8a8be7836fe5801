"""Note 003: a network, its loss, its start, gradient descent; the derivatives are in their file."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.report import figures
from tools.statements.note_003_gradients import CHECKED, GRADIENTS, NETWORK
from tools.statements.oracle import complex_step, relu, sigmoid, softmax
from tools.statements.pieces import lines_of, name, result, results, shown_lines, text_of, written
from tools.statements.statement import Array, Compared, Names, Note, Slip, Statement, Worked

BP = NETWORK + 'bp = net.backprop(notation="003")'
LINEAR = gw.Network("2 -> 3 -> 2 -> 4", "squared_error")
CLASSES = gw.Network("3 -> 4 relu -> 10 softmax", reduction="sum")


def _weights(p: Names, count: int) -> tuple[list[Array], list[Array]]:
    """W⁽ˡ⁾ and b⁽ˡ⁾ as arrays."""
    numbers = range(1, count + 1)
    return [np.array(p[f"W{k}"]) for k in numbers], [np.array(p[f"b{k}"]) for k in numbers]


def _start(net: gw.Network, seed: int) -> Names:
    """Parameters whose biases are not zero."""
    p = net.init(seed=seed)
    p.flat[:] += 0.1 * np.random.default_rng(seed).normal(size=p.flat.size)
    return p  # type: ignore[return-value]


def _logistic(s: Names) -> Worked:
    d, net = s["d"], s["net"]
    rng = np.random.default_rng(3)
    x, w, b = rng.normal(size=4), rng.normal(size=4), 0.3
    p = net.init(scheme="zeros")
    p["W1"][:] = w[None]
    p["b1"][:] = b
    pairs = (
        Compared("g(z)", net.predict(p, x[None])[0, 0], 1 / (1 + np.exp(-(x @ w + b)))),
        Compared(name("∂g/∂w"), d(x=x, w=w, b=b), complex_step(lambda v: sigmoid(x @ v + b), w)),
    )
    formula = written(("z", "x'*w + b", "a scalar"), ("g", "1/(1 + exp(-z))", "the sigmoid"))
    return Worked(formula + result("∂g/∂w", d), "z = xᵀ w + b, g(z) = 1/(1 + exp(-z))", pairs)


def _forward(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p = _start(net, 3)
    W, b = _weights(p, 3)
    x = np.array([0.4, -1.2])
    a = [x]
    for matrix, bias in zip(W, b, strict=True):
        a.append(sigmoid(matrix @ a[-1] + bias))
    traced = bp.trace(p, x[None], [1.0]).values
    pairs = tuple(
        Compared(name(f"a⁽{raised}⁾"), np.ravel(traced[f"A{k}"]), a[k])
        for k, raised in enumerate("¹²³", start=1)
    )
    entries = lines_of(bp, "Forward")
    figure = figures.network_diagram(net.model.layers)
    return Worked(shown_lines(entries), text_of(entries[0]), pairs, figures=figure)


def _general(s: Names) -> Worked:
    bp = s["bp"]
    net = bp.network.sized(d=3, L=4, H=5, K=2)
    p = _start(net, 4)
    W, b = _weights(p, 5)
    a = x = np.array([0.4, -1.2, 0.1])
    for matrix, bias in zip(W[:-1], b[:-1], strict=True):
        a = np.tanh(matrix @ a + bias)
    pair = Compared("ŷ for d = 3, L = 4, H = 5, K = 2", net.predict(p, x[None])[0],
                    softmax(W[-1] @ a + b[-1]))  # fmt: skip
    entries = lines_of(bp, "Layer l of L", "z⁽ˡ⁾", "a⁽ˡ⁾")
    return Worked(shown_lines(entries), text_of(entries[0]), (pair,))


def _collapse(s: Names) -> Worked:
    net, p = s["net"], s["p"]
    p.flat[:] += 0.1 * np.random.default_rng(5).normal(size=p.flat.size)
    found = net.collapse(p)
    (W1, W2, W3), (b1, b2, b3) = _weights(p, 3)
    X = np.random.default_rng(6).normal(size=(4, 2))
    d = gw.jacobian("W3*(W2*(W1*x + b1) + b2) + b3", "x", b1="vector p", b2="vector q",
                    b3="vector m")  # fmt: skip
    values = {"W1": W1, "W2": W2, "W3": W3, "b1": b1, "b2": b2, "b3": b3, "x": X[0]}
    pairs = (
        Compared("W̃", found.W, W3 @ W2 @ W1),
        Compared("b̃", found.b, W3 @ W2 @ b1 + W3 @ b2 + b3),
        Compared("W̃ as a Jacobian", d(**values), W3 @ W2 @ W1),
        Compared("the network itself", net.predict(p, X), found.predict(X)),
    )
    bias = ("b̃", "W3*W2*b1 + W3*b2 + b3", "what the note leaves out")
    return Worked(results(("W̃", d, "")) + written(bias), f"W̃ = {d}", pairs)


def _activations(s: Names) -> Worked:
    x = np.array([-2.0, -0.3, 0.4, 3.0])
    kinds = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
    lines, pairs = [], []
    for kind, by_hand in kinds.items():
        d = s[kind]
        lines.append((f"∂{kind}/∂z", d, ""))
        steps = [complex_step(by_hand, t) for t in x]
        pairs.append(Compared(f"{kind} at z = −2, −0.3, 0.4, 3", [d(z=t) for t in x], steps))
    curves = "".join(figures.activation_curves(kind) for kind in kinds)
    text = "; ".join(f"{kind}' = {s[kind]}" for kind in kinds)
    return Worked(results(*lines), text, tuple(pairs), "a complex step", curves)


def _cross_entropy(s: Names) -> Worked:
    d = s["d"]
    pairs = [
        Compared(
            f"ŷ = {p}, y = {y}", d(p=p, y=y),
            complex_step(lambda v, y=y: -(y * np.log(v) + (1 - y) * np.log(1 - v)), p),
        )
        for p, y in ((0.3, 1.0), (0.3, 0.0), (0.9, 1.0))
    ]  # fmt: skip
    formula = written(("L", "-(y*log(ŷ) + (1 - y)*log(1 - ŷ))", ""))
    formula += result("∂L/∂ŷ", d, "p stands for ŷ")
    return Worked(formula, str(d), tuple(pairs), "a complex step")


def _descent(s: Names) -> Worked:
    run, p, X, y = s["run"], s["p"], s["X"], s["y"]
    (W1, W2), (b1, b2) = _weights(p, 2)

    def loss(W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
        out = sigmoid(sigmoid(X @ W1.T + b1) @ W2.T + b2)[:, 0]
        return -np.mean(y * np.log(out) + (1 - y) * np.log(1 - out))

    values = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    pairs = []
    for key, value in values.items():
        step = complex_step(lambda v, key=key: loss(**{**values, key: v}), value)
        pairs.append(Compared(name(key) + " after a step", run.params[key], value - 0.5 * step))
    formula = written(("W⁽ˡ⁾", "W⁽ˡ⁾ - α*D", "the new W⁽ˡ⁾; D is ∂L/∂W⁽ˡ⁾, and b⁽ˡ⁾ likewise"))
    return Worked(formula, "W⁽ˡ⁾ := W⁽ˡ⁾ − α ∂L/∂W⁽ˡ⁾", tuple(pairs), "a complex step")


def _initial(s: Names) -> Worked:
    net, xavier, he, uniform, zero = (s[k] for k in ("net", "xavier", "he", "uniform", "zero"))
    X = np.random.default_rng(7).normal(size=(5, 4))
    gradient = net.gradient(zero, X, np.array([0, 1, 2, 0, 1]))
    W = np.array(xavier["W1"])
    pairs = (
        Compared("He over Xavier, entry by entry of W⁽¹⁾: √((n⁽⁰⁾+n⁽¹⁾)/n⁽⁰⁾)",
                 np.array(he["W1"])[0] / W[0], np.full(4, np.sqrt(10 / 4))),
        Compared("all parameters zero: ∂L/∂W⁽¹⁾ is zero", gradient["W1"], np.zeros((6, 4))),
        Compared("all parameters zero: ∂L/∂W⁽²⁾ is zero", gradient["W2"], np.zeros((3, 6))),
        Compared("U(−0.1, 0.1): entries outside", np.sum(np.abs(uniform.flat) > 0.1), 0),
    )  # fmt: skip
    big = gw.Network("300 -> 200", loss="squared_error", layout="columns").init(seed=1)
    spread = float(np.std(big["W1"]))
    formula = written(
        ("s", "sqrt(2/(m + n))", "standard deviation of Xavier's weights, n inputs and m outputs"),
        ("s", "sqrt(2/n)", "standard deviation of He's weights"),
    )
    text = f"standard deviation √(2/(300 + 200)) = {np.sqrt(2 / 500):.4f}, measured {spread:.3f}"
    return Worked(formula, text, pairs)


def _mini_batch(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p = _start(net, 8)
    (W1, W2), (b1, b2) = _weights(p, 2)
    X = np.random.default_rng(9).normal(size=(4, 2))
    y = np.array([1.0, 0.0, 0.0, 1.0])

    def cost(bias: Array) -> Array:
        total = 0.0
        for x, target in zip(X, y, strict=True):
            out = sigmoid(W2 @ sigmoid(W1 @ x + bias) + b2)[0]
            total = total - (target * np.log(out) + (1 - target) * np.log(1 - out))
        return total

    traced = bp.trace(p, X, y).values
    pairs = (
        Compared(name("Z1") + ", column by column", traced["Z1"],
                 np.column_stack([W1 @ x + b1 for x in X])),
        Compared("J, sample by sample", net.loss(p, X, y), cost(b1)),
        Compared(name("∂J/∂b1"), net.gradient(p, X, y)["b1"], complex_step(cost, b1)),
    )  # fmt: skip
    entries = lines_of(bp, "Forward") + lines_of(bp, "Parameter gradients")
    return Worked(shown_lines(entries), text_of(entries[0]), pairs)


def _features(s: Names) -> Worked:
    net, p, phi = s["net"], s["p"], s["phi"]
    (W1, W2, W3), (b1, b2, b3) = _weights(p, 3)
    X = s["X"]
    by_hand = relu(relu(X @ W1.T + b1) @ W2.T + b2)
    pairs = (
        Compared("φ(X)", phi, by_hand),
        Compared("softmax(W⁽³⁾ φ(x) + b⁽³⁾)", softmax(phi @ W3.T + b3), net.predict(p, X)),
    )
    formula = written(("ŷ", "softmax(W3*phi(x) + b3)", "a linear model of the features φ(x)"))
    return Worked(formula, "ŷ = softmax(W⁽³⁾ φ(x) + b⁽³⁾)", pairs)


def _classes(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p = _start(net, 10)
    (W1, W2), (b1, b2) = _weights(p, 2)
    x, y = np.array([0.3, -0.7, 1.1]), np.eye(10)[0]

    def loss(z: Array) -> Array:
        return -np.sum(y * np.log(softmax(z)))

    z2 = W2 @ relu(W1 @ x + b1) + b2
    traced = bp.trace(p, x[None], y[None]).values
    pairs = (
        Compared(name("L"), net.loss(p, x[None], [0]), loss(z2)),
        Compared(name("∂L/∂z⁽²⁾"), np.ravel(traced["δZ2"]), complex_step(loss, z2)),
    )
    entries = [*lines_of(bp, "Forward", "a⁽²⁾", "L"), *lines_of(bp, "Delta at the output")]
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, "a complex step")


NOTE = Note(
    "003",
    "Neural networks: forward, loss, initialisation, gradient descent, backprop, mini-batches",
    "One sample is a column, W⁽ˡ⁾ has a row for each unit of layer l, g is the activation, and the "
    "derivatives by values of layers are rows.",
    (
        Statement(
            "S3.1", "003:9", "Logistic regression",
            'd = gw.gradient("sigmoid(x\'*w + b)", "w", x="vector d", w="vector d", b="scalar")\n'
            'net = gw.Network("4 -> 1 sigmoid", loss="binary_cross_entropy", layout="columns")\n'
            "print(d)",
            _logistic,
        ),
        Statement(
            "S3.2 X1 X6", "003:34", "The network 2 → 3 → 2 → 1, with the shapes of every symbol",
            BP + '\nprint(bp.explain("outline"))', _forward,
        ),
        Statement(
            "S3.3", "003:63", "With g(z) = z it is one affine map",
            'net = gw.Network("2 -> 3 -> 2 -> 4", loss="squared_error", layout="columns")\n'
            "p = net.init(seed=5)\nprint(net.collapse(p))",
            _collapse,
            (Slip("003:66", "the biases of lines 46 to 58 are not in the chain of lines 66 to 70",
                  "W̃ x alone is right without biases; with them b̃ is added",
                  "a^[3] = W^[3] a^[2]", LINEAR, "003"),),
        ),
        Statement(
            "S3.4 X6", "003:74", "Sigmoid, tanh and ReLU with their derivatives",
            'sigmoid = gw.gradient("sigmoid(z)", "z", z="scalar")\n'
            'tanh = gw.gradient("tanh(z)", "z", z="scalar")\n'
            'relu = gw.gradient("relu(z)", "z", z="scalar")\nprint(sigmoid, tanh, relu, sep="\\n")',
            _activations,
        ),
        Statement(
            "S3.2 X4", "003:86", "Any number of layers, of any sizes",
            'net = gw.Network("d -> L * H tanh -> K softmax", layout="columns")\n'
            'bp = net.backprop(notation="003")\nprint(bp.explain("outline"))',
            _general,
            (Slip("003:135", "z⁽ˡ⁾ is made with W⁽ˡ⁻¹⁾", "with W⁽ˡ⁾, as at line 88",
                  "z^[l] = W^[l-1] a^[l-1] + b^[l]", CHECKED, "003"),),
        ),
        Statement(
            "S3.5", "003:102", "Binary cross-entropy",
            'd = gw.gradient("-(y*log(p) + (1 - y)*log(1 - p))", "p", y="scalar", '
            'p="scalar positive")\nprint(d.explain())',
            _cross_entropy,
        ),
        Statement(
            "S3.6", "003:104", "Gradient descent",
            'net = gw.Network("3 -> 4 sigmoid -> 1 sigmoid", loss="binary_cross_entropy", '
            'layout="columns")\n'
            "X, y = np.random.default_rng(1).normal(size=(6, 3)), np.array([0., 1, 1, 0, 1, 0])\n"
            "p = net.init(seed=2)\n"
            "run = gw.train(net, X, y, params=p, epochs=1, batch_size=6, learning_rate=0.5)\n"
            "print(run.stopped)",
            _descent,
        ),
        Statement(
            "S3.7", "003:110", "How the parameters start",
            'net = gw.Network("4 -> 6 relu -> 3 softmax", layout="columns")\n'
            'xavier, he = net.init(seed=1), net.init(seed=1, scheme="he_normal")\n'
            'uniform, zero = net.init(seed=1, scheme="uniform"), net.init(scheme="zeros")\n'
            "print(gw.flow(net, zero).verdict)",
            _initial,
            (Slip("003:116", "N(0, √(2/(n⁽ˡ⁾ + n⁽ˡ⁻¹⁾)))",
                  "the second argument of N is the standard deviation here; the variance is "
                  "2/(n⁽ˡ⁾ + n⁽ˡ⁻¹⁾)"),),
        ),
        *GRADIENTS,
        Statement(
            "S3.10", "003:193", "A mini-batch: samples are columns, the bias is spread over them",
            'net = gw.Network("2 -> 3 sigmoid -> 1 sigmoid", loss="binary_cross_entropy",\n'
            '                 reduction="sum", layout="columns")\n'
            'bp = net.backprop()\nprint(bp.explain("outline"))',
            _mini_batch,
        ),
        Statement(
            "S3.11", "003:212", "A learned feature map and a linear model",
            'net = gw.Network("3 -> 5 relu -> 4 relu -> 2 softmax", layout="columns")\n'
            "p, X = net.init(seed=11), np.random.default_rng(11).normal(size=(3, 3))\n"
            "phi = net.features(p, X)\nprint(phi.shape)",
            _features,
        ),
        Statement(
            "S3.12", "003:220", "Ten classes: one-hot y, softmax, cross-entropy",
            'net = gw.Network("3 -> 4 relu -> 10 softmax", layout="columns")\n'
            'bp = net.backprop(notation="003")',
            _classes,
            (Slip("003:228", "the sum has no minus, and y where ŷ belongs",
                  "L = −Σ y_k log ŷ_k", "L = Σ_i y_i log(y_i)", CLASSES, "003"),),
        ),
    ),
)  # fmt: skip
