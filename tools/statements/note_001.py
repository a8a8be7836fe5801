"""Note 001: derivatives of functions and of a quadratic form; the network is in its own file."""

from __future__ import annotations

import numpy as np

from gradwright.api.reporting import result_equations
from gradwright.report import figures
from tools.statements.note_001_network import NETWORK_STATEMENTS
from tools.statements.oracle import complex_step, sigmoid
from tools.statements.pieces import name
from tools.statements.statement import Compared, Names, Note, Slip, Statement, Worked

SCALARS = {"x": "scalar", "L": "scalar"}
QUADRATIC = {"A": "matrix n n", "x": "vector n"}


def _relu(s: Names) -> Worked:
    d = s["d"]
    (cases,) = d.cases["x"]
    points = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    values = [d(x=x) for x in points]
    pair = Compared("derivative at x = −2, −½, 0, ½, 2", values, (points > 0) * 1.0)
    formula, text = result_equations(d), cases.text("∂f/∂x")
    return Worked(formula, text, (pair,), figures=figures.activation_curves("relu"))


def _slope(s: Names) -> Worked:
    d = s["d"]
    (cases,) = d.cases["x"]
    below, above = (complex_step(lambda x, k=k: k * x, 1.0) for k in (0.25, 1.0))
    pairs = (
        Compared("L = ¼ at x = −2, 3", [d(x=-2.0, L=0.25), d(x=3.0, L=0.25)], [below, above]),
        Compared("L = 3 at x = −2, 3: swapped", [d(x=-2.0, L=3.0), d(x=3.0, L=3.0)], [1.0, 3.0]),
        Compared("L = ¼ at x = 0: one half of each", d(x=0.0, L=0.25), (0.25 + 1) / 2),
    )
    return Worked(result_equations(d), cases.text("∂f/∂x"), pairs)


def _sigmoid(s: Names) -> Worked:
    d = s["d"]
    x = np.array([-3.0, -0.2, 0.0, 1.0, 4.0])
    pair = Compared(
        "derivative at x = −3, −0.2, 0, 1, 4",
        [d(x=t) for t in x],
        [complex_step(sigmoid, t) for t in x],
    )
    return Worked(result_equations(d), str(d), (pair,), "a complex step")


def _tanh(s: Names) -> Worked:
    d = s["d"]
    x = np.array([-3.0, -0.2, 0.0, 1.0, 4.0])
    pair = Compared(
        "derivative at x = −3, −0.2, 0, 1, 4",
        [d(x=t) for t in x],
        [complex_step(lambda v: (np.exp(v) - np.exp(-v)) / (np.exp(v) + np.exp(-v)), t) for t in x],
    )
    return Worked(result_equations(d), str(d), (pair,), "a complex step")


def _quadratic(s: Names) -> Worked:
    d = s["d"]
    rng = np.random.default_rng(1)
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    sums = [sum(A[k, j] * x[j] for j in range(4)) + sum(A[i, k] * x[i] for i in range(4))
            for k in range(4)]  # fmt: skip
    pairs = (
        Compared(name("∂f/∂x") + ", a complex step", d(A=A, x=x),
                 complex_step(lambda v: v @ A @ v, x)),
        Compared(name("∂f/∂x") + ", the two sums", d(A=A, x=x), sums),
    )  # fmt: skip
    return Worked(result_equations(d), str(d), pairs, "a complex step, and sums by hand")


def _sums(s: Names) -> Worked:
    report = s["report"]
    rng = np.random.default_rng(2)
    A, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    value = s["f"](A=A, x=x)
    double = sum(A[i, j] * x[i] * x[j] for i in range(3) for j in range(3))
    assert report.ok
    formula = result_equations(s["f"].gradient("x"))
    return Worked(formula, "xᵀ A x = Σ_i,j A[i,j] x[i] x[j]", (Compared("f(x)", value, double),))


EXPLAINED = 'print(d.explain(level="index"))'

NOTE = Note(
    "001",
    'Derivatives of functions, a quadratic form, and "write backprop for my neural network"',
    "Samples are the rows of X, a layer is Z = X W + b with b in every row, and every derivative "
    "of the loss L has the shape of what it is by.",
    (
        Statement(
            "S1.1", "001:3", "The derivative of max(0, x), by cases",
            'd = gw.gradient("max(0, x)", "x", x="scalar")\nprint(d.explain())', _relu,
        ),
        Statement(
            "S1.1", "001:5", "The derivative of max(L x, x), and the condition on L",
            'd = gw.gradient("max(L*x, x)", "x", L="scalar", x="scalar")\nprint(d.explain())',
            _slope,
            (Slip("001:5", "the slope is L on the left of 0 and 1 on the right, for every L",
                  "so for L < 1 only; for L > 1 the cases swap",
                  "d/dx max(L*x, x) = {L, x < 0; 1, x > 0}", declared=SCALARS),),
        ),
        Statement(
            "S1.2", "001:7", "The derivative of the sigmoid, with its algebra",
            f'd = gw.gradient("sigmoid(x)", "x", x="scalar")\n{EXPLAINED}', _sigmoid,
            (Slip("001:7", "d/dx stands on the left side alone",
                  "it stands on the right side too, which is only 1/(1 + e⁻ˣ) rewritten",
                  "d/dx (1/(1 + exp(-x))) = (1 + exp(-x))^(-1)", declared=SCALARS),
             Slip("001:13", "an equals sign inside the parenthesis",
                  "the parenthesis ends before it; what follows rewrites it, and is right")),
        ),
        Statement(
            "S1.3", "001:17", "The derivative of tanh, by the quotient rule",
            f'd = gw.gradient("tanh(x)", "x", x="scalar")\n{EXPLAINED}', _tanh,
        ),
        Statement(
            "S1.4", "001:25", "The quadratic form as a double sum",
            'f = gw.formula("x\'*A*x", A="matrix n n", x="vector n")\n'
            'report = gw.check_equations("x\'*A*x = Σ_i,j A[i,j] x[i] x[j]", '
            'A="matrix n n", x="vector n")\n'
            "print(report)",
            _sums,
            (Slip("001:25", "x is declared as 1 × n", "x is n × 1: then xᵀ A x is a number",
                  r"x \in \mathbb{R}^{1 \times n}", declared=QUADRATIC),),
        ),
        Statement(
            "S1.4", "001:29", "Its gradient, with the sums over indices",
            f'd = gw.gradient("x\'*A*x", "x", A="matrix n n", x="vector n")\n{EXPLAINED}',
            _quadratic,
            (Slip("001:29", "∂f/∂x_k as the derivatives of two sums, each over all of its index",
                  "both sums contain the term j = k, so 2 a_kk x_k is counted too much; line 31, "
                  "where x_k is no longer differentiated twice, is right",
                  "f = x'*A*x\n∂f/∂x_k = ∂/∂x_k (Σ_j A_{kj} x_k x_j) + ∂/∂x_k (Σ_i A_{ik} x_i x_k)",
                  declared=QUADRATIC),
             Slip("001:33", "the gradient is by x₀, which appears nowhere else",
                  "it is by x")),
        ),
        *NETWORK_STATEMENTS,
    ),
)  # fmt: skip
