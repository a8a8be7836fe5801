"""Complex numbers as carriers of derivatives: every function against mpmath or Ridders; kinks."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from .evaluating import value_of

EPS = float(np.finfo(float).eps)
STEP = 1e-30


#: Real points with the hazard that each brings.
POINTS = {
    "tiny": 1e-20,
    "small": 1e-8,
    "moderate": 0.7,
    "near one": 0.9999999,
    "beyond one": 1.25,
    "large": 36.5,
    "exp overflows in cosh²": 400.0,
    "exp(-x) vanishes": 700.0,
    "negative tiny": -1e-20,
    "negative": -0.3,
    "negative large": -40.0,
    "exp vanishes": -700.0,
}
EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "abs": lambda z: z if z.real > 0 else -z,
    "relu": lambda z: z if z.real > 0 else mpmath.mpc(0),
    "leaky_relu": lambda z: z if z.real > 0 else z * mpmath.mpf(0.1),
    "rsqrt": lambda z: 1 / mpmath.sqrt(z),
}


def defined(name, x):
    if name in ("log", "sqrt", "rsqrt"):
        return x > 0
    return abs(x) < 1 if name in ("arcsin", "arccos") else True


@pytest.mark.parametrize("imaginary", [STEP, 1e-3])
@pytest.mark.parametrize("name", EXACT)
def test_complex_functions_against_mpmath(name, imaginary):
    for hazard, x in POINTS.items():
        if not defined(name, x) or (abs(x) > 0.99 and "arc" in name and imaginary > STEP):
            continue
        z = complex(x, imaginary)
        # 700 digits hold both 1 and exp(-700), whose sum softplus and tanh take apart.
        with mpmath.workdps(700):
            exact = EXACT[name](mpmath.mpc(z))
            found = value_of(f"{name}(a)", a=z)
            real = value_of(f"{name}(a)", a=x)
            for part, wanted in ((found.real, exact.real), (found.imag, exact.imag)):
                scale = max(abs(wanted), mpmath.mpf(10) ** -290)
                error = abs(mpmath.mpf(float(part)) - wanted) / scale
                assert error <= 8 * EPS, f"{name} at {hazard} ({z}): {float(error)}"
        if imaginary == STEP:
            assert abs(found.real - real) <= 8 * EPS * abs(real), f"{name} at {hazard}"


@pytest.mark.parametrize("name", ["log", "sqrt", "arcsin", "arccos"])
def test_outside_the_domain_is_nan_for_complex_numbers_too(name):
    for x in (-1.5, -2.0):
        assert np.isnan(value_of(f"{name}(a)", a=x))
        assert np.isnan(value_of(f"{name}(a)", a=complex(x, STEP)).real)
    assert np.isnan(value_of("a^0.5", a=complex(-2, STEP)).real)


@pytest.mark.parametrize(
    ("base", "exponent"),
    [(2.0, 3.0), (2.0, 0.5), (0.3, -1.7), (-2.0, 3.0), (-2.0, -2.0), (1e-3, 40.5), (50.0, 100.25)],
)
def test_powers_against_their_derivatives(base, exponent):
    # Each of the few operations of the power rounds once; pow itself is right to an ulp.
    found = value_of("a^b", a=complex(base, STEP), b=exponent)
    with mpmath.workdps(50):
        value = mpmath.mpf(base) ** mpmath.mpf(exponent)
        slope = exponent * mpmath.mpf(base) ** (exponent - 1)
        assert abs(found.real - value) <= 4 * EPS * abs(value)
        assert abs(found.imag / STEP - slope) <= 8 * EPS * abs(slope)
        if base > 0:
            found = value_of("a^b", a=base, b=complex(exponent, STEP))
            slope = value * mpmath.log(base)
            assert abs(found.real - value) <= 4 * EPS * abs(value)
            assert abs(found.imag / STEP - slope) <= 8 * EPS * abs(slope)


@pytest.mark.parametrize(
    ("exponent", "slope"), [(1, 1.0), (2, 0.0), (3, 0.0), (0, 0.0), (1.5, 0.0), (0.5, np.inf)]
)
def test_powers_at_zero(exponent, slope):
    found = value_of(f"x.^{exponent}", x=np.array([complex(0, STEP)]))
    assert found.real[0] == 0.0**exponent
    assert found.imag[0] / STEP == slope


def complex_gradient(text, name, given, declared):
    """Derivatives of a scalar formula by complex steps."""
    point = np.asarray(given[name], dtype=float)
    result = np.zeros(point.shape)
    for place in np.ndindex(point.shape):
        moved = point.astype(complex)
        moved[place] += 1j * STEP
        result[place] = value_of(text, declared, **{**given, name: moved}).imag / STEP
    return result


def ridders(function, step=0.1, rows=12):
    """f'(0) by central differences extrapolated to step 0, with the best error estimate."""
    table = [[(function(step) - function(-step)) / (2 * step)]]
    best, error = table[0][0], np.inf
    for i in range(1, rows):
        step /= 1.4
        row = [(function(step) - function(-step)) / (2 * step)]
        factor = 1.0
        for j in range(i):
            factor *= 1.4**2
            row.append((row[j] * factor - table[i - 1][j]) / (factor - 1))
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - table[i - 1][j]))
            if estimate < error:
                best, error = row[-1], estimate
        table.append(row)
    return best


MATRIX_FUNCTIONS = [
    "det(A)",
    "logdet(A)",
    "logdet(-A)",
    "sum(inv(A).*B)",
    "tr(A^3)",
    "tr(A^(-2)*B)",
    "norm2(A)",
    "norm1(A)",
    "norm2(A*B)^3",
    "sum(softmax(A).*B)",
    "sum(logsumexp(A))",
    "sum(kron(A, B)*vec(A'))",
    "sum(diag(A).*diag(B))",
    "sum(diag(A*ones(3))*A)",
    "sum(max(A, B))",
    "sum(min(A, 0.1))",
    "sum(A ./ (2 + B.*A))",
    "sum((A.*A + 1).^(B))",
    "sum(leaky_relu(A, slope=0.3)*B)",
    "sum(step(A)*B*A)",
    "sum(sign(A).*A)",
]


@pytest.mark.parametrize("text", MATRIX_FUNCTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_complex_steps_of_matrix_functions_against_ridders(text, seed):
    generator = np.random.default_rng(seed)
    given = {
        # Well conditioned, entries further from kinks than the widest difference step.
        "A": 2 * np.eye(3)
        + generator.choice([-1, 1], (3, 3)) * generator.uniform(0.2, 0.5, (3, 3)),
        "B": generator.uniform(-0.08, 0.08, (3, 3)),
    }
    declared = {"A": "matrix 3 3", "B": "matrix 3 3"}
    given = {name: value for name, value in given.items() if name in text}
    declared = {name: said for name, said in declared.items() if name in text}
    found = complex_gradient(text, "A", given, declared)
    for place in np.ndindex(3, 3):

        def moved(step, place=place):
            point = given["A"].copy()
            point[place] += step
            return value_of(text, declared, **{**given, "A": point})

        exact = ridders(moved, step=0.05)
        scale = max(1.0, float(np.max(np.abs(found))))
        # Twelve extrapolations leave about 1e-10 of rounding from values of order 10.
        assert abs(found[place] - exact) <= 2e-9 * scale, f"seed {seed} {text} {place}"


@pytest.mark.parametrize(
    "entries",
    [[1000.0, 1000.0, -1000.0], [0.0, -50.0, -60.0], [-800.0, -801.0, -5.0], [3.0, 3.0, 3.0]],
)
def test_softmax_and_logsumexp_under_shifts(entries):
    x = np.array(entries)
    with mpmath.workdps(1000):
        weights = [mpmath.exp(mpmath.mpf(v)) for v in entries]
        total = mpmath.fsum(weights)
        value = mpmath.log(total)
        slopes = [float(w / total) for w in weights]
        found = value_of("logsumexp(x)", x=x)
        assert abs(found - value) <= 4 * EPS * abs(value)
    assert np.allclose(value_of("softmax(x)", x=x), slopes, rtol=1e-13, atol=0)
    assert np.allclose(
        complex_gradient("logsumexp(x)", "x", {"x": x}, {"x": "vector n"}),
        slopes,
        rtol=1e-13,
        atol=0,
    )


def test_softmax_and_logsumexp_over_each_row():
    x = np.random.default_rng(1).normal(size=(3, 4))
    soft = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    assert np.allclose(value_of("softmax(X)", X=x), soft, rtol=1e-14)
    assert np.allclose(value_of("logsumexp(X)", X=x), np.log(np.exp(x).sum(axis=1)), rtol=1e-14)
    assert value_of("logsumexp(x')", x=x[0]).shape == ()


def test_norms_do_not_overflow_or_vanish():
    for scale in (1e-200, 1.0, 1e200):
        x = scale * np.array([3.0, 4.0])
        assert value_of("norm2(x)", x=x) == pytest.approx(5 * scale, rel=4 * EPS)
        if scale < 1:
            # The step of 1e-30 is no longer small beside 1e-200.
            continue
        gradient = complex_gradient("norm2(x)", "x", {"x": x}, {"x": "vector n"})
        assert gradient == pytest.approx([0.6, 0.8], rel=8 * EPS)
    assert value_of("norm2(x)", x=np.zeros(3)) == 0
    assert np.isnan(value_of("norm2(x)", x=np.array([1.0, np.nan])))


# Kinks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "slope"),
    [
        ("relu(a)", 0, 0),
        ("abs(a)", 0, 0),
        ("sign(a)", 0, 0),
        ("step(a)", 0, 0),
        ("step(a, kink=1/2)", 0.5, 0),
        ("leaky_relu(a)", 0, 0.1),
        ("leaky_relu(a, 0.2)", 0, 0.2),
        ("leaky_relu(a, 0.2, 1)", 0, 1),
        ("leaky_relu(a, kink=1)", 0, 1),
        ("leaky_relu(a, slope=0.3, kink=-1/2)", 0, -0.5),
        ("max(a, 0)", 0, 0),
        ("max(0, a)", 0, 0),
        ("min(a, 0)", 0, 0),
        ("min(-0, a)", 0, 0),
        ("max(a, 2*a)", 0, 1.5),
        ("min(a, 2*a)", 0, 1.5),
        ("max(a, -a)", 0, 0),
        ("max(a, 3-3)", 0, 0),
        ("norm1(a)", 0, 0),
    ],
)
def test_conventions_at_kinks(text, value, slope):
    found = value_of(text, a=complex(0, STEP))
    assert found.real == value
    assert found.imag / STEP == pytest.approx(slope, abs=1e-12)
    assert value_of(text, a=0.0) == value


def test_ties_of_two_variables_share_the_derivative_equally():
    for name in ("max", "min"):
        assert value_of(f"{name}(a, b)", a=complex(2, STEP), b=2.0).imag == STEP / 2
        assert value_of(f"{name}(a, b)", a=2.0, b=complex(2, STEP)).imag == STEP / 2
        assert value_of(f"{name}(a, b)", a=2.0, b=2.0) == 2


@pytest.mark.parametrize(
    "text",
    ["relu(a)", "leaky_relu(a)", "max(a, 1)", "max(b, a)", "min(a, b)", "step(a)", "sign(a)"],
)
def test_nan_is_never_hidden(text):
    other = {"b": 1.0} if "b" in text else {}
    for given in (np.float64("nan"), complex("nan")):
        assert np.isnan(value_of(text, a=given, **other))
