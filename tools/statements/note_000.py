"""Note 000: Jacobians, linearization, the chain rule, and backpropagation without biases."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.api.reporting import result_equations
from gradwright.report import figures
from gradwright.report.page import code
from tools.statements.oracle import complex_step, sigmoid
from tools.statements.pieces import lines_of, name, result, shown_lines, text_of, written
from tools.statements.statement import Array, Compared, Names, Note, Slip, Statement, Worked

NETWORK = (
    'net = gw.Network("4 -> 3 tanh no_bias -> 5 tanh no_bias -> 2 no_bias",\n'
    '                 loss="squared_error", layout="columns")\n'
)
BP = NETWORK + 'bp = net.backprop(notation="000")'
CHECKED = gw.Network("4 -> 3 tanh no_bias -> 5 tanh no_bias -> 2 no_bias", "squared_error", "sum")

X, Y = np.array([0.5, -1.0, 0.25, 2.0]), np.array([1.0, -0.5])


def _leaky(s: Names) -> Worked:
    d = s["d"]
    (cases,) = d.cases["z"]
    z = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    pairs = (
        Compared("φ at z = −2, −½, 0, ½, 2", [s["f"](z=t) for t in z],
                 np.maximum(z, 0) + 0.1 * np.minimum(z, 0)),
        Compared("φ′ at z = −2, −½, 0, ½, 2", [d(z=t) for t in z], np.where(z >= 0, 1.0, 0.1)),
    )  # fmt: skip
    figure = figures.activation_curves("leaky_relu")
    return Worked(result_equations(d), cases.text("φ'(z)"), pairs, figures=figure)


def _jacobian(s: Names) -> Worked:
    J = s["J"]
    rng = np.random.default_rng(1)
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    value = J(W=W, x=x)
    pairs = (
        Compared("rows and columns for n = 3, m = 2", np.shape(value), [2, 3]),
        Compared(name("∂f/∂x"), value, complex_step(lambda v: sigmoid(W @ v), x)),
    )
    return Worked(result("J", J, "m × n"), str(J), pairs, "a complex step")


def _taylor(s: Names) -> Worked:
    made = s["made"]
    V, W, start = s["V"], s["W"], np.array([0.3, -0.2])
    x = np.array([0.7, 0.1])

    def f(v: Array) -> Array:
        return V @ np.tanh(W @ v)

    J = complex_step(f, start)
    left = made.remainders([0.6, 0.8], steps=[1e-1, 1e-2, 1e-3])
    by_hand = [np.linalg.norm(f(start + h * np.array([0.6, 0.8])) - f(start)
               - h * J @ [0.6, 0.8]) for h in (1e-1, 1e-2)]  # fmt: skip
    pairs = (
        Compared("J(x₀)", made.jacobian, J),
        Compared("f(x₀) + J(x₀)(x − x₀)", made(x), f(start) + J @ (x - start)),
        Compared("remainder at the step 0.1", left.rows[0][1], by_hand[0]),
    )
    assert left.shrinks and left.order is not None and abs(left.order - 2) < 0.1
    formula = written(("ℓ", made.formula.text, "f(x₀) + J(x₀) (x − x₀)"))
    return Worked(formula, "f(x₀) + J(x₀) (x − x₀)", pairs, "a complex step", code(str(left)))


def _composed(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(2)
    A, B, x = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3)
    f = (lambda v: np.sin(A @ v), lambda v: np.cos(A @ v)[:, None] * A)
    g = (lambda v: np.tanh(B @ v), lambda v: (1 - np.tanh(B @ v) ** 2)[:, None] * B)
    value = d(x=x, f=f, g=g)
    step = complex_step(lambda v: np.tanh(B @ np.sin(A @ v)), x)
    pair = Compared("J for f = sin(A x), g = tanh(B x)", value, step)
    return Worked(result("J", d), str(d), (pair,), "a complex step")


def _linear(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(3)
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    pair = Compared("J", d(W=W, x=x), complex_step(lambda v: W @ v, x))
    return Worked(result("J", d), str(d), (pair,), "a complex step")


def _elementwise(s: Names) -> Worked:
    d = s["d"]
    x = np.array([0.3, -1.1, 2.0])
    value = d(x=x, phi=gw.formula("tanh(t)", t="scalar"))
    pair = Compared("J for φ = tanh", value, complex_step(np.tanh, x))
    return Worked(result("J", d), str(d), (pair,), "a complex step")


def _layer(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(4)
    W, x = rng.normal(size=(3, 2)), rng.normal(size=2)
    value = d(W=W, x=x, phi=gw.formula("sigmoid(t)", t="scalar"))
    pair = Compared("J for φ = σ", value, complex_step(lambda v: sigmoid(W @ v), x))
    return Worked(result("J", d), str(d), (pair,), "a complex step")


def _drawn(net: gw.Network) -> tuple[object, list[Array]]:
    """(parameters, W⁽¹⁾, W⁽²⁾, W⁽³⁾)."""
    p = net.init(seed=5)
    return p, [np.array(p[f"W{k}"]) for k in (1, 2, 3)]


def _loss(W: list[Array]) -> Array:
    out = W[2] @ np.tanh(W[1] @ np.tanh(W[0] @ X))
    return np.sum((out - Y) ** 2)


def _flat(s: Names) -> Worked:
    net = s["net"]
    p, W = _drawn(net)
    pairs = (
        Compared("length of the flat vector", p.flat.size, 4 * 3 + 3 * 5 + 5 * 2),
        Compared("its entries, W⁽¹⁾, W⁽²⁾, W⁽³⁾ in this order", p.flat,
                 np.concatenate([w.ravel() for w in W])),
        Compared(name("L"), net.loss(p, X[None], Y[None]), _loss(W)),
    )  # fmt: skip
    entries = lines_of(s["bp"], "Forward")
    figure = figures.network_diagram(net.model.layers)
    text = "W has d·n₁ + n₁·n₂ + n₂·n₃ = 37 entries"
    return Worked(shown_lines(entries), text, pairs, figures=figure)


def _last(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, W = _drawn(net)
    found = net.gradient(p, X[None], Y[None])
    pairs = tuple(
        Compared(name(f"∂L/∂W⁽{raised}⁾"), found[f"W{k + 1}"],
                 complex_step(lambda v, k=k: _loss([*W[:k], v, *W[k + 1 :]]), W[k]))
        for k, raised in ((2, "³"), (1, "²"))
    )  # fmt: skip
    entries = [
        *lines_of(bp, "Delta at the output"),
        *lines_of(bp, "Parameter gradients", "∂L/∂W⁽³⁾"),
        *lines_of(bp, "Backward recursion", "ε⁽²⁾", "δ⁽²⁾"),
        *lines_of(bp, "Parameter gradients", "∂L/∂W⁽²⁾"),
    ]
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, "a complex step")


def _general(s: Names) -> Worked:
    bp = s["bp"]
    net = s["net"].sized(d=4, L=3, H=3, m=2)
    p = net.init(seed=6)
    W = [np.array(p[f"W{k}"]) for k in (1, 2, 3, 4)]

    def loss(first: Array) -> Array:
        v = np.tanh(first @ X)
        for matrix in W[1:3]:
            v = np.tanh(matrix @ v)
        return np.sum((W[3] @ v - Y) ** 2)

    v = [X]
    for matrix in W[:3]:
        v.append(np.tanh(matrix @ v[-1]))
    delta = 2 * (W[3] @ v[3] - Y)
    for k in (3, 2, 1):
        delta = delta @ W[k] @ np.diag(1 - v[k] ** 2)
    found = net.gradient(p, X[None], Y[None])["W1"]
    pairs = (
        Compared(name("∂L/∂W⁽¹⁾") + ", a complex step", found, complex_step(loss, W[0])),
        Compared(name("∂L/∂W⁽¹⁾") + ", the product by hand", found, np.outer(delta, X)),
    )
    entries = lines_of(bp, "Layer i of", "∂z⁽ⁱ⁺¹⁾/∂z⁽ⁱ⁾", "δ⁽ⁱ⁾", "∂L/∂W⁽ⁱ⁾")
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, "a complex step, and by hand")


NOTE = Note(
    "000",
    "Jacobians and backpropagation",
    "A Jacobian is m × n, the derivatives δ⁽ⁱ⁾ by values of layers are rows, a layer's Jacobian "
    "goes from pre-activation to pre-activation, v⁽ⁱ⁾ = φ(z⁽ⁱ⁾), and there are no biases.",
    (
        Statement(
            "S0.1", "000:10", "Leaky ReLU and its derivative, with the value at 0",
            'f = gw.formula("leaky_relu(z, kink=1)", z="scalar")\n'
            'd = f.gradient("z")\nprint(d.explain())',
            _leaky,
        ),
        Statement(
            "S0.2", "000:18", "The Jacobian of f: ℝⁿ → ℝᵐ",
            'J = gw.jacobian("sigmoid(W*x)", "x", W="matrix m n", x="vector n")\n'
            'print(J.explain(level="index"))',
            _jacobian,
        ),
        Statement(
            "S0.3 S0.9", "000:20", "First-order Taylor, and what it leaves out",
            "V, W = np.array([[1., 2, 0], [0, -1, 1]]), np.array([[1., -1], [0, 2], [1, 1]])\n"
            'made = gw.linearize("V*tanh(W*x)", "x", at=[0.3, -0.2], V=V, W=W)\nprint(made)',
            _taylor,
        ),
        Statement(
            "S0.4 X3", "000:26", "The chain rule for any f and g",
            'd = gw.jacobian("g(f(x))", "x", x="vector n", f="map n m", g="map m k")\n'
            "print(d.explain())",
            _composed,
        ),
        Statement(
            "S0.5", "000:28", "f(x) = W x", 'd = gw.jacobian("W*x", "x")\nprint(d)', _linear,
        ),
        Statement(
            "S0.6 X3", "000:34", "f(x) = φ(x), entry by entry",
            'd = gw.jacobian("phi(x)", "x", x="vector n", phi="elementwise")\nprint(d)',
            _elementwise,
        ),
        Statement(
            "S0.7 X3", "000:42", "f(x) = φ(W x)",
            'd = gw.jacobian("phi(W*x)", "x", x="vector n", phi="elementwise")\n'
            "print(d.explain())",
            _layer,
        ),
        Statement(
            "S0.8 X1 X6", "000:46", "The network, and all weights as one vector",
            BP + '\nprint("\\n".join(bp.notes))', _flat,
            (Slip("000:48", "the last term of the length is n_{L−1}·n₀", "it is n_{L−1}·n_L",
                  r"W \in \mathbb{R}^{d \cdot n_1 + n_1 \cdot n_2 + n_2 \cdot n_0}",
                  CHECKED, "000"),
             Slip("000:50", "V⁽ᴸ⁾ before V⁽ᴸ⁻¹⁾", "f = W⁽ᴸ⁾ V⁽ᴸ⁻¹⁾",
                  "f = V^(L) V^(L-1)", CHECKED, "000")),
        ),
        Statement(
            "S0.8", "000:52", "The gradients of the last two layers", BP, _last,
            (Slip("000:52", "∂f/∂W⁽ᴸ⁾ is marked as V⁽ᴸ⁻¹⁾, behind δ⁽ᴸ⁾; lines 54 and 58 likewise",
                  "a row and a column of other lengths have no product in this order: "
                  "∂L/∂W⁽ᴸ⁾ = δ⁽ᴸ⁾ᵀ V⁽ᴸ⁻¹⁾ᵀ with δ⁽ᴸ⁾ a row",
                  "∂L/∂W^(L) = δ^(L) V^(L-1)", CHECKED, "000"),
             Slip("000:54", "∂L/∂f is marked as δ⁽ᴸ⁻¹⁾",
                  "it is δ⁽ᴸ⁾; δ⁽ᴸ⁻¹⁾ is the product of both factors",
                  "∂L/∂f = δ^(L-1)", CHECKED, "000")),
        ),
        Statement(
            "S0.8 X4", "000:58", "Layer i of any number of layers",
            'net = gw.Network("d -> L * H tanh no_bias -> m no_bias", loss="squared_error",\n'
            '                 layout="columns")\n'
            'bp = net.backprop(notation="000")\nprint(bp.explain("outline"))',
            _general,
        ),
    ),
)  # fmt: skip
