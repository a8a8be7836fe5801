"""Note 003, lines 139 to 191: the derivatives of a loss by the weights of the second layer."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from tools.statements.oracle import complex_step, sigmoid
from tools.statements.pieces import lines_of, name, result, shown_lines, text_of, written
from tools.statements.statement import Array, Compared, Names, Slip, Statement, Worked

NETWORK = (
    'net = gw.Network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", loss="binary_cross_entropy",\n'
    '                 reduction="sum", layout="columns")\n'
)
BP = NETWORK + 'bp = net.backprop(notation="003")\n'
CHECKED = gw.Network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", "binary_cross_entropy", "sum")

X, Y = np.array([0.4, -1.2]), np.array([1.0])


def _drawn(net: gw.Network) -> tuple[object, dict[str, Array]]:
    """(parameters, the same as arrays)."""
    p = net.init(seed=12)
    p.flat[:] += 0.1 * np.random.default_rng(12).normal(size=p.flat.size)
    return p, {key: np.array(p[key]) for key in p.names()}


def _values(w: dict[str, Array], x: Array = X) -> dict[str, Array]:
    z1 = w["W1"] @ x + w["b1"]
    z2 = w["W2"] @ sigmoid(z1) + w["b2"]
    z3 = w["W3"] @ sigmoid(z2) + w["b3"]
    return {"z1": z1, "a1": sigmoid(z1), "z2": z2, "a2": sigmoid(z2), "z3": z3, "a3": sigmoid(z3)}


def _entropy(z3: Array) -> Array:
    a = sigmoid(z3)
    return -np.sum(Y * np.log(a) + (1 - Y) * np.log(1 - a))


def _output(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w = _drawn(net)
    found = np.ravel(bp.trace(p, X[None], Y).values["δZ3"])
    pair = Compared(name("∂L/∂z⁽³⁾"), found, complex_step(_entropy, _values(w)["z3"]))
    entries = lines_of(bp, "Delta at the output")
    return Worked(shown_lines(entries), text_of(entries[1]), (pair,), "a complex step")


def _by_second(w: dict[str, Array]) -> Array:
    return complex_step(lambda v: _entropy(_values({**w, "W2": v})["z3"]), w["W2"])


def _entries(s: Names) -> Worked:
    net = s["net"]
    p, w = _drawn(net)
    v = _values(w)
    slopes = v["a2"] * (1 - v["a2"])
    row = (v["a3"] - Y) @ w["W3"] * slopes
    by_hand = [[row[i] * v["a1"][j] for j in range(3)] for i in range(2)]
    found = net.gradient(p, X[None], Y)["W2"]
    pairs = (
        Compared(name("∂L/∂W⁽²⁾") + ", a complex step", found, _by_second(w)),
        Compared(name("∂L/∂W⁽²⁾") + ", entry by entry", found, by_hand),
    )
    assert s["report"].ok
    formula = shown_lines(lines_of(s["bp"], "Backward recursion", "ε⁽²⁾", "δ⁽²⁾"))
    formula += written(("D[i,j]", "d[i]*a[j]", "entry i, j of ∂L/∂W⁽²⁾: d is δ⁽²⁾, a is a⁽¹⁾"))
    text = "∂L/∂W_ij⁽²⁾ = [(a⁽³⁾ − y) W⁽³⁾ ∘ g'(z⁽²⁾)ᵀ]_i a_j⁽¹⁾"
    return Worked(formula, text, pairs, "a complex step, and the entries by hand")


def _matrix(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w = _drawn(net)
    v = _values(w)
    slopes = v["a2"] * (1 - v["a2"])
    by_hand = np.outer(w["W3"].T @ (v["a3"] - Y) * slopes, v["a1"])
    found = net.gradient(p, X[None], Y)["W2"]
    pairs = (
        Compared(name("∂L/∂W⁽²⁾") + ", a complex step", found, _by_second(w)),
        Compared(name("∂L/∂W⁽²⁾") + ", the matrix by hand", found, by_hand),
    )
    assert s["report"].ok
    entries = lines_of(bp, "Parameter gradients", "∂L/∂W⁽²⁾")
    text = "∂L/∂W⁽²⁾ = (W⁽³⁾ᵀ (a⁽³⁾ − y) ∘ g'(z⁽²⁾)) a⁽¹⁾ᵀ"
    return Worked(shown_lines(entries), text, pairs, "a complex step, and the matrix by hand")


def _shape(s: Names) -> Worked:
    J = s["J"]
    rng = np.random.default_rng(13)
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    pairs = (
        Compared("rows and columns for n = 3, m = 2", J(W=W, x=x).shape, [2, 3]),
        Compared(name("∂f/∂x"), J(W=W, x=x), complex_step(lambda v: np.tanh(W @ v), x)),
    )
    return Worked(result("∂f/∂x", J, "m × n"), "∂f/∂x is m × n", pairs, "a complex step")


def _product(s: Names) -> Worked:
    net, bp = s["net"], s["bp"]
    p, w = _drawn(net)
    v = _values(w)
    slopes = [v[f"a{k}"] * (1 - v[f"a{k}"]) for k in (1, 2)]
    product = (v["a3"] - Y) @ w["W3"] @ np.diag(slopes[1]) @ w["W2"] @ np.diag(slopes[0])
    traced = np.ravel(bp.trace(p, X[None], Y).values["δZ1"])

    def behind(z1: Array) -> Array:
        return _entropy(w["W3"] @ sigmoid(w["W2"] @ sigmoid(z1) + w["b2"]) + w["b3"])

    pairs = (
        Compared(name("δ⁽¹⁾") + ", a complex step", traced, complex_step(behind, v["z1"])),
        Compared(name("δ⁽¹⁾") + ", the product by hand", traced, product),
    )
    entries = lines_of(bp, "Layer l of L", "∂z⁽ˡ⁺¹⁾/∂z⁽ˡ⁾", "δ⁽ˡ⁾", "∂L/∂W⁽ˡ⁾")
    return Worked(shown_lines(entries), text_of(entries[3]), pairs, "a complex step, and by hand")


def _factors(s: Names) -> Worked:
    slopes, weights, by_weights = s["slopes"], s["weights"], s["by_weights"]
    rng = np.random.default_rng(14)
    W, a, b = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2)
    unit = np.array([[[float(k == i) * a[j] for j in range(3)] for i in range(2)]
                     for k in range(2)])  # fmt: skip
    g = gw.formula("tanh(t)", t="scalar")
    pairs = (
        Compared(name("∂a/∂z"), slopes(z=a, g=g), complex_step(np.tanh, a)),
        Compared(name("∂z/∂a"), weights(W=W, a=a, b=b), complex_step(lambda v: W @ v + b, a)),
        Compared(name("∂z/∂W") + ", eᵢ aⱼ", by_weights(W=W, a=a, b=b), unit),
    )
    formula = result("∂a/∂z", slopes, "entries off the diagonal are 0") + result("∂z/∂a", weights)
    formula += written(("D[k,i,j]", "delta[k,i]*a[j]", "∂z_k/∂W_ij, so ∂z/∂W_ij = eᵢ aⱼ"))
    text = f"∂a/∂z = {slopes}; ∂z/∂a = {weights}; ∂z/∂W_ij = eᵢ aⱼ"
    return Worked(formula, text, pairs, "a complex step, and the entries by hand")


GRADIENTS = (
    Statement(
        "S3.8", "003:145", "Sigmoid and binary cross-entropy cancel to a⁽³⁾ − y", BP.strip(),
        _output,
    ),
    Statement(
        "S3.8", "003:149", "One entry of ∂L/∂W⁽²⁾",
        BP + "report = gw.check_equations(\n"
        '    "∂L/∂W_{ij}^[2] = ∂L/∂a^[3] ∂a^[3]/∂z^[3] ∂z^[3]/∂a^[2] ∂a^[2]/∂z^[2] '
        '∂z^[2]/∂W_{ij}^[2]",\n    net, notation="003")\nprint(report)',
        _entries,
        (Slip("003:143", "∂L/∂W⁽²⁾ is written out with 3 rows and 3 columns",
              "W⁽²⁾ has 2 rows and 3 columns in the network 2 → 3 → 2 → 1, whose product at line "
              "162 is 1 × 2",
              "W^[2] ∈ ℝ^(3×3)", CHECKED, "003"),
         Slip("003:153", "the second factor is ∂a⁽³⁾/∂z⁽²⁾, and ∂z⁽²⁾/∂W_ij⁽²⁾ is missing",
              "∂a⁽³⁾/∂z⁽³⁾, and the last factor as at line 155; typed as the chain to z⁽²⁾",
              "∂L/∂z^[2] = ∂L/∂a^[3] ∂a^[3]/∂z^[2] ∂z^[3]/∂a^[2] ∂a^[2]/∂z^[2]", CHECKED, "003"),
         Slip("003:155", "the factor g′(z⁽²⁾) is gone", "it stays, as diag(g′(z⁽²⁾))",
              "∂L/∂z^[2] = W^[3]ᵀ (a^[3] - y)", CHECKED, "003"),
         Slip("003:162", "a row times, entry by entry, a column: (a⁽³⁾ − y) W⁽³⁾ ∘ g′(z⁽²⁾)",
              "g′(z⁽²⁾)ᵀ, a row too; nothing is spread to make it fit",
              "∂L/∂z^[2] = (a^[3] - y) W^[3] ∘ g'(z^[2])", CHECKED, "003")),
    ),
    Statement(
        "S3.8", "003:166", "The whole of ∂L/∂W⁽²⁾",
        BP + "report = gw.check_equations(\n"
        "    \"∂L/∂W^[2] = (W^[3]ᵀ (a^[3] - y) ∘ g'(z^[2])) a^[1]ᵀ\", net, notation=\"003\")\n"
        "print(report)",
        _matrix,
        (Slip("003:166", "a row times, entry by entry, a column, then a⁽¹⁾ᵀ with an index j",
              "the row is transposed, and the index goes",
              "∂L/∂W^[2] = (a^[3] - y) W^[3] ∘ g'(z^[2]) a_j^[1]ᵀ", CHECKED, "003"),),
    ),
    Statement(
        "S3.9 X1", "003:168", "The Jacobian of f: ℝⁿ → ℝᵐ has m rows and n columns",
        'J = gw.jacobian("tanh(W*x)", "x", W="matrix m n", x="vector n")\nprint(J)', _shape,
        (Slip("003:170", "the Jacobian is declared as n × m",
              "m × n, as the rest of the note uses it",
              r"\frac{\partial f(x)}{\partial x} \in \mathbb{R}^{n \times m}", None, None,
              {"x": "vector n", "f": "map n m"}),),
    ),
    Statement(
        "S3.9 X4", "003:172", "Any depth: a product of W's and diag(g′)'s", BP.strip(), _product,
        (Slip("003:172", "the first factors are (y − a⁽ᴸ⁾) W⁽ᴸ⁾", "(a⁽ᴸ⁾ − y) W⁽ᴸ⁾",
              "∂L/∂a^[L] ∂a^[L]/∂z^[L] ∂z^[L]/∂a^[L-1] = (y - a^[L]) W^[L]", CHECKED, "003"),),
    ),
    Statement(
        "S3.9 X3", "003:174", "Its factors: diag(g′), W, and eᵢ aⱼ",
        'slopes = gw.jacobian("g(z)", "z", z="vector n", g="elementwise")\n'
        'weights = gw.jacobian("W*a + b", "a", a="vector n", b="vector m")\n'
        'by_weights = gw.jacobian("W*a + b", "W", a="vector n", b="vector m")\n'
        'print(slopes, weights, by_weights, sep="\\n")',
        _factors,
    ),
)  # fmt: skip
