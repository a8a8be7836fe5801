"""Note 004: products of layer Jacobians, and why gradients vanish or explode."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.nn.activations import ACTIVATIONS, derivative_bound
from gradwright.report import figures
from gradwright.report.page import table
from tools.statements.oracle import complex_step, sigmoid, softmax
from tools.statements.pieces import (
    lines_of,
    name,
    number,
    result,
    shown_lines,
    text_of,
    written,
)
from tools.statements.statement import Array, Compared, Names, Note, Slip, Statement, Worked

NETWORK = (
    'net = gw.Network("3 -> 4 sigmoid no_bias -> 5 tanh no_bias -> 2 sigmoid no_bias",\n'
    '                 loss="squared_error", layout="transposed")\n'
)
DEEP = (
    'net = gw.Network("8 -> 9 * 8 no_bias -> 8 no_bias", loss="squared_error",\n'
    '                 layout="transposed")\n'
)
GENERAL = "Layer j of K"

#: Four layers, to check equations of the note with.
CHECKED = gw.Network(
    "3 -> 4 sigmoid no_bias -> 5 tanh no_bias -> 6 sigmoid no_bias -> 2 sigmoid no_bias",
    "squared_error",
)

#: Two layers, where the number of layers does not matter.
SHORT = gw.Network("3 -> 4 sigmoid no_bias -> 2 tanh no_bias", "squared_error")


def _activations(w: list[Array], x: Array) -> list[Array]:
    """x, z⁽¹⁾, z⁽²⁾, z⁽³⁾ of NETWORK by hand."""
    found = [x]
    for matrix, activation in zip(w, (sigmoid, np.tanh, sigmoid), strict=True):
        found.append(activation(matrix.T @ found[-1]))
    return found


def _jacobians(w: list[Array], x: Array) -> list[Array]:
    """The layer Jacobians of NETWORK by hand."""
    z = _activations(w, x)
    slopes = [z[1] * (1 - z[1]), 1 - z[2] ** 2, z[3] * (1 - z[3])]
    return [np.diag(s) @ matrix.T for s, matrix in zip(slopes, w, strict=True)]


def _drawn(net: gw.Network) -> tuple[object, list[Array], Array, Array]:
    """(parameters, weights, one sample, its target) of NETWORK."""
    p = net.init(seed=4, scale=1.5)
    rng = np.random.default_rng(4)
    w = [np.array(p[f"W{k}"]) for k in (1, 2, 3)]
    return p, w, rng.normal(size=3), rng.uniform(size=2)


def _layers(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, x, _ = _drawn(net)
    by_hand = _activations(w, x)
    features = net.features(p, x[None])[0]
    pairs = (
        Compared(name("z⁽²⁾"), features, by_hand[2]),
        Compared(name("z⁽³⁾"), net.predict(p, x[None])[0], by_hand[3]),
    )
    entries = lines_of(bp, GENERAL, "u⁽ʲ⁾", "z⁽ʲ⁾")
    figure = figures.network_diagram(net.model.layers)
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, figures=figure)


def _nested(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, x, _ = _drawn(net)
    w1, w2, w3 = w
    nested = sigmoid(w3.T @ np.tanh(w2.T @ sigmoid(w1.T @ x)))
    (entry,) = lines_of(bp, GENERAL, "z⁽ᴷ⁾")
    pair = Compared(name("z⁽³⁾"), net.predict(p, x[None])[0], nested)
    return Worked(shown_lines([entry]), text_of(entry), (pair,))


def _chain(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w, x, y = _drawn(net)
    gradient = net.gradient(p, x[None], y[None])

    def loss(weights: Array, h: int) -> Array:
        return np.sum((_activations([*w[:h], weights, *w[h + 1 :]], x)[3] - y) ** 2)

    pairs = tuple(
        Compared(
            name(f"∂L/∂w⁽{raised}⁾"),
            gradient[f"W{h + 1}"],
            complex_step(lambda weights, h=h: loss(weights, h), w[h]),
        )
        for h, raised in enumerate("¹²³")
    )
    J = [pair.J_y.dense() for pair in net.layer_jacobians(p, x)]
    product = 2 * (_activations(w, x)[3] - y) @ J[2] @ J[1] @ J[0]
    by_input = complex_step(lambda v: np.sum((_activations(w, v)[3] - y) ** 2), x)
    pairs += (Compared(name("ε⁽³⁾") + " times all three Jacobians", product, by_input),)
    entries = lines_of(bp, GENERAL, "∂L/∂w⁽ʲ⁾", "ε⁽ʲ⁾", "δ⁽ʲ⁾")
    return Worked(shown_lines(entries), text_of(entries[1]), pairs, "a complex step")


def _layer_jacobian(s: Names) -> Worked:
    net = s["net"]
    p, w, x, _ = _drawn(net)
    z = _activations(w, x)
    found = [pair.J_y.dense() for pair in net.layer_jacobians(p, x)]
    moved = complex_step(lambda v: np.tanh(w[1].T @ v), z[1])
    pair = Compared(name("∂z⁽²⁾/∂z⁽¹⁾"), found[1], moved)
    entries = lines_of(s["bp"], GENERAL, "∂z⁽ʲ⁺¹⁾/∂z⁽ʲ⁾")
    return Worked(shown_lines(entries), text_of(entries[0]), (pair,), "a complex step")


def _elementwise(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(5)
    w, z = rng.normal(size=(3, 4)), rng.normal(size=3)
    value = d(w=w, z=z, A=gw.formula("sigmoid(t)", t="scalar"))
    pair = Compared(name("∂z⁽ʲ⁺¹⁾/∂z⁽ʲ⁾"), value, complex_step(lambda v: sigmoid(w.T @ v), z))
    return Worked(result("∂z⁽ʲ⁺¹⁾/∂z⁽ʲ⁾", d), str(d), (pair,), "a complex step, A being σ")


def _components(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(6)
    w, z = rng.normal(size=(2, 3)), rng.normal(size=2)
    entries = np.array(
        [[1 / np.cosh(w[:, i] @ z) ** 2 * w[k, i] for k in (0, 1)] for i in range(3)]
    )
    pair = Compared(name("∂A/∂z"), d(w=w, z=z, A=gw.formula("tanh(t)", t="scalar")), entries)
    text = d.explain(level="index").splitlines()[-1].strip()
    return Worked(result("∂A/∂z", d), text, (pair,), "entries by hand, A being tanh")


def _softmax_layer(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(7)
    w, z = rng.normal(size=(3, 4)), rng.normal(size=3)
    pair = Compared(name("∂s/∂z"), d(w=w, z=z), complex_step(lambda v: softmax(w.T @ v), z))
    return Worked(result("∂s/∂z", d), str(d), (pair,), "a complex step")


def _norms(s: Names) -> Worked:
    net, report = s["net"], s["report"]
    _, w, x, _ = _drawn(net)
    J = _jacobians(w, x)
    z = _activations(w, x)
    slopes = [z[1] * (1 - z[1]), 1 - z[2] ** 2, z[3] * (1 - z[3])]
    pairs = []
    for layer, jacobian, slope, matrix in zip(report.layers, J, slopes, w, strict=True):
        own = [layer.norm, layer.slope_norm, layer.weight_norm, layer.product]
        sizes = [np.linalg.norm(jacobian, 2), np.max(slope), np.linalg.norm(matrix, 2)]
        pairs.append(
            Compared(f"layer {layer.number}: ‖J‖, ‖diag‖, ‖w‖, ‖diag‖ ‖w‖", own,
                     [*sizes, sizes[1] * sizes[2]])
        )  # fmt: skip
    v = np.random.default_rng(8).normal(size=4)
    moved, bound = report.layers[1].stretch(v)
    pairs.append(
        Compared("layer 2: ‖J v‖ and its bound ‖diag‖ ‖w‖ ‖v‖", [moved, bound],
                 [np.linalg.norm(J[1] @ v),
                  np.max(slopes[1]) * np.linalg.norm(w[1], 2) * np.linalg.norm(v)])
    )  # fmt: skip
    assert moved <= bound
    formula = written(
        ("J", "diag(A'(u))*w'", ""),
        ("‖J‖", "norm2(diag(A'(u))*w')", "at most ‖diag(A'(u))‖ ‖wᵀ‖, so ‖J v‖ ≤ ‖diag‖ ‖w‖ ‖v‖"),
    )
    figure = figures.singular_values(report.layers)
    return Worked(formula, "‖J‖ ≤ ‖diag‖ ‖w‖", tuple(pairs), "LAPACK on matrices by hand", figure)


def _sigmoid_bound(s: Names) -> Worked:
    d = s["d"]
    x = np.linspace(-4, 4, 9)
    slopes = np.array([d(x=t) for t in x])
    expected = np.exp(-x) / (1 + np.exp(-x)) ** 2
    assert np.max(slopes) <= 0.25
    pairs = (
        Compared("σ′(x) at x = −4, …, 4", slopes, expected),
        Compared("its largest value, at 0", d(x=0.0), 0.25),
    )
    formula = result("∂σ/∂x", d, "at most ¼, so ‖diag‖ ≤ ¼")
    return Worked(formula, str(d), pairs, figures=figures.activation_curves("sigmoid"))


def _tanh_bound(s: Names) -> Worked:
    d = s["d"]
    x = np.linspace(-4, 4, 9)
    slopes = np.array([d(x=t) for t in x])
    pairs = (
        Compared("tanh′(x) at x = −4, …, 4", slopes, 1 / np.cosh(x) ** 2),
        Compared("its largest value, at 0", d(x=0.0), 1.0),
    )
    curves = "".join(figures.activation_curves(kind) for kind in ("tanh", "relu", "leaky_relu"))
    bounds = table(
        ["activation", "largest ‖diag‖, or ‖diag(s) − s sᵀ‖"],
        [[kind, number(float(derivative_bound(kind)))] for kind in ACTIVATIONS],
    )
    formula = result("∂tanh/∂x", d, "at most 1, so ‖diag‖ ≤ 1")
    return Worked(formula, str(d), pairs, figures=curves + bounds)


def _chain_bound(s: Names) -> Worked:
    net, report = s["net"], s["report"]
    p = s["p"]
    x = np.ones(6)
    a, chain, logs = x, np.eye(6), 0.0
    for k in range(1, 6):
        w = np.array(p[f"W{k}"])
        a = sigmoid(w.T @ a)
        chain = np.diag(a * (1 - a)) @ w.T @ chain
        logs += np.log10(0.25 * np.linalg.norm(w, 2))
    found = report.chains[0]
    pairs = (
        Compared("log₁₀ ‖∂z⁽⁵⁾/∂x‖, measured", found.log_norm, np.log10(np.linalg.norm(chain, 2))),
        Compared("log₁₀ of (¼)⁵ ‖w⁽¹⁾‖ ⋯ ‖w⁽⁵⁾‖", found.log_bound, logs),
    )
    assert found.log_norm <= found.log_bound and len(net.widths) == 6
    formula = written(("‖J‖", "norm2(J5*J4*J3*J2*J1)", "at most (¼)⁵ ‖w⁽¹⁾‖ ⋯ ‖w⁽⁵⁾‖"))
    figure = figures.chain_norms(report.chains, 5)
    text = f"10^{found.log_norm:.2f} ≤ 10^{found.log_bound:.2f}"
    return Worked(formula, text, pairs, "LAPACK on matrices by hand", figure)


def _directions(s: Names) -> Worked:
    layer, p = s["layer"], s["p"]
    w = np.array(p["W1"])
    a = sigmoid(w.T @ np.ones(2))
    J = np.diag(a * (1 - a)) @ w.T
    pairs = (
        Compared("singular values of w", layer.weight_singular_values, np.linalg.svd(w)[1]),
        Compared("singular values of J", layer.singular_values, np.linalg.svd(J)[1]),
        Compared("J V = U Σ: perturbations", J @ layer.right, layer.left * layer.singular_values),
        Compared("Jᵀ U = V Σ: gradients", J.T @ layer.left, layer.right * layer.singular_values),
    )
    assert np.all(layer.weight_singular_values > 1) and np.all(layer.singular_values < 1)
    formula = written(
        ("J", "U*S*V'", "columns of V: perturbations of the input; columns of U: gradients"),
    )
    figure = figures.circle_to_ellipse(w.T) + figures.circle_to_ellipse(J)
    text = f"{layer.expanding} directions grow, {layer.shrinking} shrink, though σ(w) > 1"
    return Worked(formula, text, pairs, "LAPACK on matrices by hand", figure)


def _overall(s: Names) -> Worked:
    net, report, p = s["net"], s["report"], s["p"]
    matrices = [np.array(p[f"W{k}"]).T for k in range(1, len(net.widths))]
    chain = np.linalg.multi_dot(matrices[::-1])
    found = report.chains[0]
    kept = found.right.shape[1]
    sizes = 10 ** np.asarray(found.log_singular_values[:3])
    factors = [np.linalg.norm(matrix, 2) for matrix in matrices]
    pairs = (
        Compared("three largest singular values of the chain", sizes, np.linalg.svd(chain)[1][:3]),
        Compared("product of the norms", 10**found.log_product, np.prod(factors)),
        Compared("J v for the first right vector", chain @ found.right[:, 0],
                 sizes[0] * found.left[:, 0]),
        Compared("‖∂z⁽ᴷ⁾/∂x‖ from the batch Jacobian",
                 np.linalg.norm(net.jacobian(p, np.zeros((1, 8)))[0], 2), np.linalg.norm(chain, 2)),
    )  # fmt: skip
    assert kept >= 3 and found.log_norm < found.log_product
    vanishing = gw.flow(net, net.init(singular_values=0.5)).verdict
    exploding = gw.flow(net, net.init(singular_values=2.0)).verdict
    rows = [["0.5", vanishing], ["1", gw.flow(net, net.init(singular_values=1.0)).verdict]]
    verdicts = table(["all singular values of every w", "verdict"], [*rows, ["2", exploding]])
    text = f"‖chain‖ = {sizes[0]:.3g}, product of the norms {10**found.log_product:.3g}"
    formula = written(("‖J‖", "norm2(J10*J9*J8*J7*J6*J5*J4*J3*J2*J1)", text))
    figure = figures.chain_norms(report.chains, len(matrices)) + verdicts
    return Worked(formula, text, pairs, "LAPACK on matrices by hand", figure)


BP = NETWORK + 'bp = net.backprop(notation="004")'

NOTE = Note(
    "004",
    "Jacobian products, vanishing and exploding gradients",
    "z⁽ʲ⁾ is the output of layer j of K, w⁽ʲ⁾ is stored with a column for each of its H_j neurons, "
    "derivatives by values are rows, and a layer's Jacobian goes from output to output. u⁽ʲ⁾ is "
    "what the activation A is applied to.",
    (
        Statement("S4.1 X1 X6", "004:10", "A network of K layers", BP, _layers),
        Statement("S4.1 X4", "004:31", "The output as layers inside each other", BP, _nested),
        Statement(
            "S4.2 X4", "004:48", "The gradient by the weights of layer h is a chain", BP, _chain,
            (Slip("004:52",
                  "the third factor of the last line has the same layer, K−2, above and below",
                  "the factor is ∂z⁽ᴷ⁻²⁾/∂z⁽ᴷ⁻³⁾; typed for K = 4 and h = 1",
                  "∂L/∂w^(1) = ∂L/∂z^(4) ∂z^(4)/∂z^(3) ∂z^(3)/∂z^(2) ∂z^(2)/∂z^(2) ∂z^(1)/∂w^(1)",
                  CHECKED, "004"),),
        ),
        Statement(
            "S4.3", "004:58", "The Jacobian from one layer's output to the next", BP,
            _layer_jacobian,
            (Slip("004:58",
                  "the left side and the first rows have z⁽ʲ⁾ in the numerators too",
                  "all numerators are entries of z⁽ʲ⁺¹⁾; typed with the right side of line 69",
                  "∂z^(j)/∂z^(j) = diag(A'(w^(j+1)ᵀ z^(j))) w^(j+1)ᵀ", SHORT, "004"),),
        ),
        Statement(
            "S4.3 X3", "004:66", "It is diag(A′) times wᵀ, for any elementwise A",
            'd = gw.jacobian("A(w\'*z)", "z", w="matrix m n", z="vector m", A="elementwise")\n'
            "print(d.explain())",
            _elementwise,
        ),
        Statement(
            "S4.3", "004:69", "A softmax layer, whose activation is not elementwise",
            'd = gw.jacobian("softmax(w\'*z)", "z", w="matrix m n", z="vector m")\nprint(d)',
            _softmax_layer,
            (Slip("004:66",
                  "A is any activation of a layer, and its derivative stands in a diag",
                  "for softmax each output depends on each input, and diag(s) − s sᵀ stands there",
                  "d/dz softmax(w'*z) = diag(softmax(w'*z) .* (1 - softmax(w'*z)))*w'",
                  declared={"w": "matrix m n", "z": "vector m"}),),
        ),
        Statement(
            "S4.3", "004:73", "The same in components",
            'd = gw.jacobian("A(w\'*z)", "z", w="matrix m n", z="vector m", A="elementwise")\n'
            'print(d.explain(level="index"))',
            _components,
            (Slip("004:75",
                  "the last entry of the diagonal lacks the prime of A and the column of w",
                  "the entry is A′ of the product of the last column of w with z; typed with the "
                  "prime missing",
                  "diag(A'(w^(2)ᵀ z^(1))) = diag(A(w^(2)ᵀ z^(1)))", SHORT, "004"),),
        ),
        Statement(
            "S4.4", "004:84", "The norm of a Jacobian is at most ‖diag‖ ‖wᵀ‖",
            NETWORK + "X = np.random.default_rng(4).normal(size=(1, 3))\n"
            "report = gw.flow(net, net.init(seed=4, scale=1.5), X)\nprint(report)",
            _norms,
        ),
        Statement(
            "S4.5", "004:100", "‖diag‖ ≤ ¼ for the sigmoid",
            'd = gw.gradient("sigmoid(x)", "x", x="scalar")\nprint(d)', _sigmoid_bound,
        ),
        Statement(
            "S4.5", "004:112", "‖diag‖ ≤ 1 for tanh, and the other activations",
            'd = gw.gradient("tanh(x)", "x", x="scalar")\nprint(d)', _tanh_bound,
            (Slip("004:112", "single bars around diag, and no word on the chain",
                  "it is the norm of a matrix, as at line 102; it holds for each factor, and for a "
                  "chain of layers the product of such norms is only a bound"),),
        ),
        Statement(
            "S4.5", "004:102", "Over a chain of sigmoid layers",
            'net = gw.Network("6 -> 4 * 6 sigmoid no_bias -> 3 sigmoid no_bias", '
            'loss="squared_error", layout="transposed")\n'
            "p = net.init(seed=6, scale=2)\n"
            "report = gw.flow(net, p, np.ones((1, 6)))\n"
            "print(report.summary())",
            _chain_bound,
        ),
        Statement(
            "S4.6", "004:118", "Directions that grow and directions that shrink",
            'net = gw.Network("2 -> 2 sigmoid no_bias -> 2", loss="squared_error", '
            'layout="transposed")\n'
            "p = net.init(seed=2, singular_values=[3.5, 1.5])\n"
            "layer = gw.flow(net, p, np.ones((1, 2))).layers[0]\n"
            "print(layer.expanding, layer.shrinking)",
            _directions,
        ),
        Statement(
            "S4.7 X8", "004:127", "The chain as a whole: vanishing and exploding",
            DEEP + "p = net.init(seed=1)\nreport = gw.flow(net, p)\nprint(report.summary())",
            _overall,
            (Slip("004:127",
                  "the product grows where the factors have singular values above one, and shrinks "
                  "where they have some below one",
                  "that is so of each factor; for the product of several it is only a bound: the "
                  "directions of one factor are not those of the next, see the numbers above"),),
        ),
    ),
)  # fmt: skip
