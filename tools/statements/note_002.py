"""Note 002: gradient, Jacobian, and backpropagation through any layers, in matrix notation."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from gradwright.report import figures
from gradwright.report.page import code
from tools.statements.oracle import complex_step, norm
from tools.statements.pieces import lines_of, name, result, shown_lines, text_of, written
from tools.statements.statement import Array, Compared, Names, Note, Slip, Statement, Worked

LAYERED = (
    'layer = gw.layer("f(y, theta)", input="vector k", theta="vector j", f="map k j m")\n'
    "net = gw.Network([3, layer(j=2, m=4), layer(j=3, m=5), layer(j=4, m=2)], "
    'loss="norm2(a - y)")\n'
)
DENSE = (
    'net = gw.Network("3 -> 4 tanh -> 5 tanh -> 2 tanh", loss="norm2(a - y)",\n'
    '                 layout="columns")\n'
    'bp = net.backprop(notation="002")'
)
CHECKED = gw.Network("3 -> 4 tanh -> 5 tanh -> 2 tanh", "squared_error", "sum")


def _ascent(s: Names) -> Worked:
    made, A, x = s["made"], s["A"], np.array([0.3, -0.2])
    gradient = complex_step(lambda v: np.sum(np.exp(v)) + v @ A @ v, x)
    along = made.ascent([1.0, 2.0])
    step = np.array([1.0, 2.0]) / np.sqrt(5)
    size = np.linalg.norm(gradient)
    pairs = (
        Compared("∇f", along.gradient, gradient),
        Compared("cos θ", along.cosine, gradient @ step / size),
        Compared("‖∇f‖ ‖Δx‖ cos θ", along.predicted, 0.001 * gradient @ step),
        Compared("steepest: ∇f/‖∇f‖ gains", made.ascent(gradient).predicted, 0.001 * size),
    )
    formula = result("∇f", s["d"])
    formula += written(("df", "d'*h", "to first order; d is ∇f, h is Δx: ‖∇f‖ ‖Δx‖ cos θ"))
    left = code(str(made.remainders([1.0, 2.0])))
    return Worked(formula, str(s["d"]), pairs, "a complex step", left)


def _stacked(s: Names) -> Worked:
    J, one = s["J"], s["one"]
    rng = np.random.default_rng(1)
    W, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    rows = np.stack([one(W=W, x=x, h=unit) for unit in np.eye(3)])
    pairs = (
        Compared("J, a complex step", J(W=W, x=x), complex_step(lambda v: np.tanh(W @ v), x)),
        Compared("the gradients of f, g, h as rows", rows, J(W=W, x=x)),
    )
    formula = result("J", J) + result("∇f", one, "of hᵀ f̄, h picks f, g or h")
    return Worked(formula, str(J), pairs, "a complex step, and the gradients one by one")


def _conventions(s: Names) -> Worked:
    """One set of parameters in the layouts and conventions of all five notes."""
    net = s["net"]
    p = net.init(seed=4)
    t = np.array([0.5, -0.25])
    W1, W2 = (p.weight(k) for k in (1, 2))

    def loss(first: Array) -> Array:
        return np.sum((np.tanh(np.tanh(X @ first) @ W2) - t) ** 2)

    expected = complex_step(loss, np.array(W1))
    pairs, entries = [], []
    for number, layout, turned in (
        ("000", "columns", True), ("001", "rows", False), ("002", "columns", True),
        ("003", "columns", True), ("004", "transposed", False),
    ):  # fmt: skip
        bp = net.backprop(notation=number)
        own = net.relayout(layout)
        found = own.gradient(p.relayout(layout), X[None], t[None])["W1"]
        pairs.append(
            Compared(f"{number}: ∂loss/∂W of layer 1", found, expected.T if turned else expected)
        )
        general = [e for e in bp.sections[-1].entries if "chain rule" in e.line.forms[0].rule]
        entries.append(general[0])
    text = "; ".join(text_of(entry) for entry in entries)
    return Worked(shown_lines(entries), text, tuple(pairs), "a complex step")


class Layer:
    """f(y, θ) = sin(A y + B θ), with its two Jacobians."""

    def __init__(self, m: int, k: int, j: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.A, self.B = rng.normal(size=(m, k)), rng.normal(size=(m, j))

    def __call__(self, y: Array, theta: Array) -> Array:
        """The value."""
        return np.sin(self.A @ y + self.B @ theta)

    def by_y(self, y: Array, theta: Array) -> Array:
        """J_y."""
        return np.cos(self.A @ y + self.B @ theta)[:, None] * self.A

    def by_theta(self, y: Array, theta: Array) -> Array:
        """J_θ."""
        return np.cos(self.A @ y + self.B @ theta)[:, None] * self.B


SIZES = ((3, 2, 4), (4, 3, 5), (5, 4, 2))
LAYERS = [Layer(m, k, j, seed) for seed, (k, j, m) in enumerate(SIZES)]
X, Y = np.array([0.5, -1.0, 0.25]), np.array([0.3, -0.5])


def _given(layer: object) -> tuple[gw.Network, object, list[Array]]:
    """(the network with functions for its layers, parameters, θ¹ θ² θ³)."""
    made = [
        layer(k=k, j=j, m=m, f=(f, f.by_y, f.by_theta))  # type: ignore[operator]
        for (k, j, m), f in zip(SIZES, LAYERS, strict=True)
    ]
    net = gw.Network(made, loss="norm2(a - y)")
    p = net.init(scheme="uniform", seed=1)
    p.flat[:] *= 10
    return net, p, [np.array(p[f"theta{k}"]) for k in (1, 2, 3)]


def _from(y: Array, thetas: list[Array], first: int) -> Array:
    """‖yᴸ − y‖ from the input y of layer `first` on."""
    for f, theta in zip(LAYERS[first:], thetas[first:], strict=True):
        y = f(y, theta)
    return norm(y - Y)


def _values(thetas: list[Array]) -> list[Array]:
    found = [X]
    for f, theta in zip(LAYERS, thetas, strict=True):
        found.append(f(found[-1], theta))
    return found


def _layered(s: Names) -> Worked:
    net, p, thetas = _given(s["layer"])
    pair = Compared("E", net.loss(p, X[None], Y[None]), _from(X, thetas, 0))
    out = Compared("yᴸ", net.predict(p, X[None])[0], _values(thetas)[3])
    entries = lines_of(s["bp"], "Forward")
    return Worked(shown_lines(entries), text_of(entries[0]), (out, pair),
                  figures=figures.network_diagram(net.model.layers))  # fmt: skip


def _cost(s: Names) -> Worked:
    d = s["d"]
    y, t = np.array([0.4, 2.0, -1.0]), np.array([0.1, 0.5, 0.5])
    pairs = (
        Compared(name("∂E/∂y"), d(y=y, t=t), complex_step(lambda v: norm(v - t), y)),
        Compared(name("∂E/∂y") + " where yᴸ = t, by convention", d(y=t, t=t), np.zeros(3)),
    )
    return Worked(result("∂E/∂y", d, "t is the target"), str(d), pairs, "a complex step")


def _blocks(s: Names) -> Worked:
    net, p, thetas = _given(s["layer"])
    values = _values(thetas)
    pairs = []
    for r, pair in enumerate(net.layer_jacobians(p, X), start=1):
        f, y, theta = LAYERS[r - 1], values[r - 1], thetas[r - 1]
        by_y = complex_step(lambda v, f=f, theta=theta: f(v, theta), y)
        by_theta = complex_step(lambda v, f=f, y=y: f(y, v), theta)
        pairs.append(
            Compared(f"J{'¹²³'[r - 1]} = [J_y J_θ]", pair.stacked(), np.hstack([by_y, by_theta]))
        )
    entries = lines_of(s["bp"], "Local Jacobians")
    return Worked(shown_lines(entries), "Jʳ = [J_yʳ J_θʳ]", tuple(pairs), "a complex step")


def _by_parameters(s: Names) -> Worked:
    net, p, thetas = _given(s["layer"])
    found = net.gradient(p, X[None], Y[None])
    blocks, values = net.layer_jacobians(p, X), _values(thetas)
    pairs = []
    for r in (2, 1, 0):

        def moved(v: Array, r: int = r) -> Array:
            return _from(X, [*thetas[:r], v, *thetas[r + 1 :]], 0)

        step = complex_step(moved, thetas[r])
        pairs.append(Compared(f"∂E/∂θ{'¹²³'[r]}, a complex step", found[f"theta{r + 1}"], step))
    last = complex_step(lambda v: norm(v - Y), values[3])
    pairs.append(
        Compared("(J_θᴸ)ᵀ ∂E/∂yᴸ from the blocks", blocks[2].J_theta.T @ last, found["theta3"])
    )
    entries = lines_of(s["bp"], "Parameter gradients")
    return Worked(shown_lines(entries), "∂E/∂θʳ = (J_θʳ)ᵀ ∂E/∂yʳ", tuple(pairs), "a complex step")


def _by_values(s: Names) -> Worked:
    net, p, thetas = _given(s["layer"])
    blocks, values = net.layer_jacobians(p, X), _values(thetas)
    adjoint = (values[3] - Y) / np.linalg.norm(values[3] - Y)
    pairs = []
    for r in (2, 1):
        adjoint = blocks[r].J_y.T @ adjoint
        step = complex_step(lambda v, r=r: _from(v, thetas, r), values[r])
        pairs.append(Compared(f"∂E/∂y{'¹²'[r - 1]}", adjoint, step))
    entries = [*lines_of(s["bp"], "Delta"), *lines_of(s["bp"], "Backward recursion")]
    text = "∂E/∂yʳ = (J_yʳ⁺¹)ᵀ ∂E/∂yʳ⁺¹"
    return Worked(shown_lines(entries), text, tuple(pairs), "a complex step")


def _many(s: Names) -> Worked:
    """Both rules, for one recursion over twelve layers."""
    functions = [Layer(3, 3, 2, seed) for seed in range(12)]
    layer = s["layer"]
    net = gw.Network(
        [layer(k=3, j=2, m=3, f=(f, f.by_y, f.by_theta)) for f in functions], loss="norm2(a - y)"
    )
    p = net.init(scheme="uniform", seed=2)
    thetas = [np.array(p[f"theta{k}"]) for k in range(1, 13)]
    target = np.array([0.1, 0.2, 0.3])

    def cost(first: Array) -> Array:
        y = functions[0](X, first)
        for f, theta in zip(functions[1:], thetas[1:], strict=True):
            y = f(y, theta)
        return norm(y - target)

    found = net.gradient(p, X[None], target[None])["theta1"]
    pair = Compared("∂E/∂θ¹ through twelve layers", found, complex_step(cost, thetas[0]))
    bp = s["bp"]
    entries = [*lines_of(bp, "Backward recursion"), *lines_of(bp, "Parameter gradients")]
    return Worked(shown_lines(entries), text_of(entries[1]), (pair,), "a complex step")


def _textbook(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p = net.init(seed=3)
    W = [np.array(p[f"W{k}"]) for k in (1, 2, 3)]
    t = np.array([0.5, -0.25])
    y = [X]
    for matrix in W:
        y.append(np.tanh(matrix @ y[-1]))
    e3 = (y[3] - t) / np.linalg.norm(y[3] - t)
    delta3 = (1 - y[3] ** 2) * e3
    e2 = np.array([sum(W[2][k, j] * delta3[k] for k in range(2)) for j in range(5)])
    delta2 = (1 - y[2] ** 2) * e2
    by_weights = np.array([[y[1][i] * delta2[j] for i in range(4)] for j in range(5)])

    def cost(second: Array) -> Array:
        return norm(np.tanh(W[2] @ np.tanh(second @ y[1])) - t)

    found = net.gradient(p, X[None], t[None])["W2"]
    J = net.layer_jacobians(p, X)[2].J_y
    pairs = (
        Compared(name("∂E/∂W⁽²⁾") + ", a complex step", found, complex_step(cost, W[1])),
        Compared(name("∂E/∂W⁽²⁾") + ", yᵢ δⱼ entry by entry", found, by_weights),
        Compared("eⱼ = Σ w δ equals (J_y)ᵀ ∂E/∂y", J.T @ e3, e2),
    )
    assert s["report"].ok
    entries = lines_of(bp, "Layer r of L", "e⁽ʳ⁾", "δ⁽ʳ⁾", "∂E/∂W⁽ʳ⁾")
    text = "e_j = Σ_k w_kj δ_k, δ_j = f'(v_j) e_j, ∂E/∂w_ji = y_i δ_j"
    return Worked(shown_lines(entries), text, pairs, "a complex step, and entries by hand")


BP = LAYERED + "bp = net.backprop()"
MANY = (
    'layer = gw.layer("f(y, theta)", input="vector k", theta="vector j", f="map k j m")\n'
    'net = gw.Network([3, *[layer(j=2, m=3)] * 12], loss="norm2(a - y)")\n'
    "bp = net.backprop()\nprint(bp.explain())"
)

NOTE = Note(
    "002",
    "Gradient, Jacobian, and backpropagation in matrix notation",
    "Derivatives by values are columns, a layer is any map yʳ = fʳ(yʳ⁻¹, θʳ), its Jacobian goes "
    "from output to output and has a row for each entry of yʳ. For layers by formula the outputs "
    "are called a, and the target of the loss y.",
    (
        Statement(
            "S2.1", "002:9", "The gradient is the direction of steepest ascent",
            "A = np.array([[1., 2], [0, 1]])\n"
            'd = gw.gradient("sum(exp(x)) + x\'*A*x", "x", x="vector n")\n'
            'made = gw.linearize("sum(exp(x)) + x\'*A*x", "x", at=[0.3, -0.2], A=A)\n'
            "print(made.ascent([1.0, 2.0]))",
            _ascent,
            (Slip("002:13", "f(x + Δx) equals f(x) + (∇f)ᵗ Δx",
                  "only to first order, for small Δx; typed for f(x) = xᵀ A x, h for Δx",
                  "f(x) = x'*A*x\nf(x + h) = f(x) + (∇_x f)'*h",
                  declared={"A": "matrix n n", "x": "vector n", "h": "vector n"}),),
        ),
        Statement(
            "S2.2", "002:20", "The Jacobian is the stack of the gradients, as rows",
            'J = gw.jacobian("tanh(W*x)", "x", W="matrix m n", x="vector n")\n'
            'one = gw.gradient("h\'*tanh(W*x)", "x", W="matrix m n", x="vector n", h="vector m")\n'
            'print(J, one, sep="\\n")',
            _stacked,
        ),
        Statement(
            "S2.3 X3 X6", "002:31", "Layers that are any maps yʳ = fʳ(yʳ⁻¹, θʳ)",
            BP + "\nprint(bp.explain())", _layered,
            (Slip("002:35", "the parameters of a layer run from j₁ to j_r",
                  "there are j_r of them, so they run from 1 to j_r"),),
        ),
        Statement(
            "S2.3", "002:37", "The cost ‖yᴸ − y‖ and its gradient",
            'd = gw.gradient("norm2(y - t)", "y", y="vector k", t="vector k")\n'
            "print(d.explain())",
            _cost,
        ),
        Statement("S2.4", "002:42", "The Jacobian of a layer, in two blocks", BP, _blocks),
        Statement(
            "S2.5", "002:49", "∂E/∂θʳ = (J_θʳ)ᵀ ∂E/∂yʳ", BP, _by_parameters,
            (Slip("002:60", "the parameters of layer r run to k_r, the number of its neurons",
                  "they run to j_r; typed as the size of ∂E/∂θ for E = g(f(θ)), θ having j entries",
                  "E = g(f(θ))\ndE/dθ ∈ ℝ^(k×1)",
                  declared={"θ": "vector j", "f": "map j k", "g": "map k 1"}),),
        ),
        Statement("S2.6", "002:67", "∂E/∂yʳ = (J_yʳ⁺¹)ᵀ ∂E/∂yʳ⁺¹", BP, _by_values),
        Statement(
            "S2.5 S2.6 X4", "002:74", "Both together, for any number of layers", MANY, _many,
            (Slip("002:74", "① is called a special case of ②",
                  "they are two rules: ① is by the parameters of a layer, ② by its input; ① of the "
                  "last layer is the same rule with r = L"),),
        ),
        Statement(
            "X1", "002:76", "The recursion in the conventions of all five notes",
            'net = gw.Network("3 -> 4 tanh no_bias -> 2 tanh no_bias", loss="squared_error", '
            'reduction="sum")\n'
            'for number in ("000", "001", "002", "003", "004"):\n'
            "    print(*net.backprop(notation=number).notes[:4], sep=\"\\n\")",
            _conventions,
        ),
        Statement(
            "S2.7", "002:78", "The textbook form, and that it is the same",
            DENSE + "\nreport = gw.check_equations(r\"\"\"\n"
            r"\frac{\partial E}{\partial y_j^r} = \sum_k w_{kj}^{r+1} \delta_k^{r+1}" "\n"
            r"\delta_j^r = f'(v_j^r) \sum_k w_{kj}^{r+1} \delta_k^{r+1} = f'(v_j^r) e_j^r" "\n"
            r"\frac{\partial E}{\partial w_{ji}^r} = y_i^{r-1} \delta_j^r" '""", net, '
            'notation="002")\nprint(report)',
            _textbook,
            (Slip("002:82", "the derivative is by w_jʳ, with one index; the right side has i too",
                  "by w_jiʳ", r"\frac{\partial E}{\partial w_j^r} = y_i^{r-1} \delta_j^r",
                  CHECKED, "002"),
             Slip("002:86", "the left side has the index i, the sum is for j",
                  "∂E/∂y_jʳ on the left",
                  r"\frac{\partial E}{\partial y_i^r} = \sum_k w_{kj}^{r+1} f'(v_k^{r+1}) "
                  r"\frac{\partial E}{\partial y_k^{r+1}}", CHECKED, "002"),
             Slip("002:90", "the last line says δ_jʳ = e_jʳ",
                  "e_jʳ is the boxed sum, so δ_jʳ = f′(v_jʳ) e_jʳ",
                  r"\delta_j^r = f'(v_j^r) \sum_k w_{kj}^{r+1} \delta_k^{r+1} = e_j^r",
                  CHECKED, "002")),
        ),
    ),
)  # fmt: skip
