"""Derivatives called with values outside the domain, with lies about facts, or of vec and kron."""

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import (
    DataError,
    DomainError,
    GradwrightError,
    LimitError,
    NotationError,
    ShapeError,
    UnsupportedError,
)


@pytest.mark.parametrize(
    ("text", "values", "condition"),
    [
        ("sum(log(x))", {"x": [-1.0, 2.0]}, "x > 0"),
        ("sum(1./x)", {"x": [0.0, 2.0]}, "x ≠ 0"),
        ("sum(x.^0.5)", {"x": [-1.0, 2.0]}, "x > 0"),
        ("sum(arcsin(x))", {"x": [0.5, 2.0]}, "-1 < x < 1"),
        ("log(x'*x - 9)", {"x": [1.0, 2.0]}, "xᵀ x − 9 > 0"),
    ],
)
def test_outside_the_domain_there_is_no_derivative(
    text: str, values: dict[str, list[float]], condition: str
) -> None:
    derivation = gw.formula(text).gradient("x")
    with pytest.raises(DomainError) as caught:
        derivation(**values)
    assert condition in str(caught.value)
    inside = derivation(x=[0.5, 0.25] if "arcsin" in text else [4.0, 1.0])
    assert np.all(np.isfinite(inside))


def test_an_overflow_is_no_lack_of_domain() -> None:
    assert gw.formula("exp(exp(exp(x)))", x="scalar").gradient("x")(x=10) == np.inf


@pytest.mark.parametrize(
    "A", [-np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[2.0, 1.0], [0.0, 2.0]])]
)
def test_a_matrix_declared_positive_definite_is_so(A: np.ndarray) -> None:
    derivation = gw.formula("logdet(A)", A="posdef n n").gradient("A")
    with pytest.raises(DomainError, match="A is declared posdef and the value is not"):
        derivation(A=A)
    spread = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert np.allclose(derivation(A=spread), np.linalg.inv(spread), rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "wrt"),
    [
        ("vec(A)", "A"),
        ("vec(A*B)", "A"),
        ("vec(A)'", "A"),
        ("vec(x*y')", "x"),
        ("kron(A,B)", "A"),
        ("kron(A,B)", "B"),
        ("kron(x,B)", "x"),
        ("kron(A,B)*vec(X)", "X"),
    ],
)
def test_vec_and_kron_have_the_axes_of_their_value(text: str, wrt: str) -> None:
    """The shape is y.shape + x.shape, and the numbers are those of a difference quotient."""
    formula = gw.formula(text)
    generator = np.random.default_rng(7)
    lengths = {size: 2 + k for k, size in enumerate(sorted(formula.scope.sizes))}
    values = {
        name: generator.normal(size=[lengths[s] for s in d.sizes if isinstance(s, str)])
        for name, d in formula.scope.symbols.items()
    }
    derivation = formula.jacobian(wrt)
    value, jacobian = derivation.value_and(**values)
    assert np.allclose(value, formula(**values), rtol=0, atol=1e-13)
    assert jacobian.shape == value.shape + values[wrt].shape
    assert np.array_equal(jacobian, derivation(**values))
    for place in np.ndindex(values[wrt].shape):
        # All these are linear in one variable: a difference over a whole step is exact up to
        # the rounding of a few products of numbers of order one.
        moved = values[wrt].copy()
        moved[place] += 1
        quotient = formula(**(values | {wrt: moved})) - value
        assert np.allclose(jacobian[(..., *place)], quotient, rtol=0, atol=1e-13)


def test_a_size_that_is_a_number_is_named_once() -> None:
    derivation = gw.formula("x'*x", x="vector 3").gradient("x")
    with pytest.raises(ShapeError, match=r"x has shape \(4,\), so 4, and its declaration says 3"):
        derivation(x=np.ones(4))


@pytest.mark.parametrize("text", ["x^(10^100)", "((x^(10^9))^(10^9))^2"])
def test_an_absurd_exponent_is_refused(text: str) -> None:
    with pytest.raises(LimitError, match="exponent"):
        gw.formula(text, x="scalar").gradient("x")


def test_a_formula_is_text() -> None:
    with pytest.raises(NotationError, match="a bytes is given"):
        gw.formula(b"x")  # type: ignore[arg-type]


def test_a_long_product_of_sums_is_not_multiplied_out() -> None:
    text = "*".join(["(A + B)"] * 20) + "*x"
    shown = str(gw.formula(text).jacobian("x"))
    assert shown == " ".join(["(A + B)"] * 20)


def test_a_derivative_that_is_zero_everywhere_is_a_float() -> None:
    found = gw.formula("a + 0*b").gradient("b")(a=1.0, b=2.0)
    assert isinstance(found, float) and found == 0.0


@pytest.mark.parametrize(
    ("text", "declared", "wrt", "lengths"),
    [
        ("norm2(T - U*V')^2", {}, "U", {"T": (4, 3), "U": (4, 2), "V": (3, 2)}),
        ("sum(exp(X*w))", {"X": "matrix m n", "w": "vector n"}, "w", {"X": (4, 3), "w": (3,)}),
        ("c*w'*w", {"c": "scalar", "w": "vector n"}, "w", {"c": (), "w": (3,)}),
        ("sum(w.^3)", {"w": "vector n"}, "w", {"w": (3,)}),
    ],
)
def test_a_result_is_no_number_only_where_its_telling_part_is_not_finite(
    text: str,
    declared: dict[str, str],
    wrt: str,
    lengths: dict[str, tuple[int, ...]],
    rng: np.random.Generator,
) -> None:
    """All entries are looked at here, of results with infinities at random places in the values."""
    derivation = gw.formula(text, **declared).hessian(wrt)
    for _ in range(40):
        values = {name: rng.choice([0.0, 1.0, -2.0], shape) for name, shape in lengths.items()}
        array = values[str(rng.choice(sorted(values)))]
        array[tuple(rng.integers(n) for n in array.shape)] = rng.choice([np.inf, 1e200, -1e160])
        with np.errstate(all="ignore"):
            expected = _entries(derivation.source(), values)
        if np.any(np.isnan(expected)):
            with pytest.raises(DomainError, match="not a number"):
                derivation(**values)
        else:
            np.testing.assert_array_equal(derivation(**values), expected)


MASKED = np.ma.masked_array([1.0, 2.0], [False, True])


@pytest.mark.parametrize(
    ("value", "said"),
    [(MASKED, "1 values of .* are masked"), ([[1.0, 2.0], [3.0]], "is no array")],
)
def test_values_that_an_array_would_change_are_refused(value: Any, said: str) -> None:
    f, A = gw.formula("x'*A*x", A="symmetric n n", x="vector n"), np.eye(2)
    jacobian = f.hessian("x").operator(x=[1.0, 2.0], A=A)
    net = gw.Network("2 -> 2 tanh -> 1", loss="squared_error")
    p = net.init(seed=0)
    for call in (
        lambda: f(x=value, A=A),
        lambda: f(x=[1.0, 2.0], A=value),
        lambda: f.gradient("x")(x=value, A=A),
        lambda: f.gradient("x").value_and(x=value, A=A),
        lambda: f.vjp("x")(x=[1.0, 2.0], A=A, cotangent=value),
        lambda: jacobian @ value,
        lambda: jacobian.matvec(value),
        lambda: jacobian.solve(value),
        lambda: net.layer_jacobians(p, value),
        lambda: p.__setitem__("b1", value),
    ):
        with pytest.raises(GradwrightError, match=said):
            call()
    shown = np.ma.masked_array([1.0, 2.0], False)
    assert f(x=shown, A=A) == 5


@pytest.mark.parametrize("kind", [np.float16, np.longdouble])
@pytest.mark.parametrize("text", ["inv(A)*x", "solve(A, x)", "logdet(A)*x", "det(A)*x"])
def test_systems_are_solved_in_float32_and_float64(text: str, kind: Any) -> None:
    A, x = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([1.0, 2.0])
    d = gw.formula(text, A="matrix n n", x="vector n").jacobian("x")
    with pytest.raises(UnsupportedError, match=f"values have {np.dtype(kind).name}"):
        d(A=A.astype(kind), x=x.astype(kind))
    plain = gw.formula("x'*A*x", A="matrix n n", x="vector n")
    assert plain.gradient("x")(A=A.astype(kind), x=x.astype(kind)).dtype == kind
    solved = plain.hessian("x").operator(A=A, x=x).solve(x.astype(kind))
    np.testing.assert_allclose(solved, np.linalg.solve(A + A.T, x), rtol=1e-14)


@pytest.mark.parametrize(
    "text", ["sum((x - mean(x)).^2)/(n - 1)", "(n - 1)^(-1)*sum(x)", "sum(x)*(1/(n - 1))"]
)
def test_sizes_that_are_zero_are_no_divisors(text: str) -> None:
    """A variance of one number, as an error of ours and not of Python's."""
    d = gw.formula(text, x="vector n").gradient("x")
    for call in (d, d.value_and):
        try:
            found = call(x=[2.0])
        except DomainError as error:
            assert "is 0 at these values" in str(error) or "not a number" in str(error)
        else:
            numbers = [np.ravel(part) for part in (found if isinstance(found, tuple) else (found,))]
            assert not np.all(np.isfinite(np.concatenate(numbers)))
    assert np.all(np.isfinite(d(x=[2.0, 3.0])))


@pytest.mark.parametrize(
    ("text", "at_five"),
    [
        ("sqrt(n - 3)*sum(x)", np.sqrt(2)),
        ("sum(x)*(n - 3)^1.5", 2**1.5),
        ("sum(x)*(4 - n)^(1/3)", None),
    ],
)
def test_roots_of_negative_sizes_are_not_numbers(text: str, at_five: Any) -> None:
    """Python makes them complex, and an array of real numbers kept their real part."""
    d = gw.formula(text, x="vector n").gradient("x")
    if at_five is None:
        with pytest.raises(DomainError, match="not a number"):
            d(x=np.ones(5))
    else:
        np.testing.assert_allclose(d(x=np.ones(5)), np.full(5, at_five), rtol=1e-15)
        assert d(x=np.ones(5, np.float32)).dtype == np.float32
        with pytest.raises(DomainError, match="not a number"):
            d(x=np.ones(2))


#: Derivatives at -∞ and at ∞; None where products of ∞ and 0 stand in the derivative.
AT_INFINITY: dict[str, tuple[float | None, float | None]] = {
    "sigmoid(x)": (0, 0),
    "tanh(x)": (0, 0),
    "relu(x)": (0, 1),
    "leaky_relu(x)": (0.1, 1),
    "softplus(x)": (0, 1),
    "softsign(x)": (0, 0),
    "hard_tanh(x)": (0, 0),
    "arctan(x)": (0, 0),
    "silu(x)": (0, None),
    "elu(x)": (0, None),
    "selu(x)": (0, None),
    "gelu(x)": (None, None),
    "gelu_tanh(x)": (None, None),
    "mish(x)": (None, None),
}


@pytest.mark.parametrize("text", AT_INFINITY)
def test_at_infinity_there_is_the_limit_or_an_error(text: str) -> None:
    derived = gw.gradient(text, "x", x="scalar")
    for at, limit in zip((-np.inf, np.inf), AT_INFINITY[text], strict=True):
        if limit is None:
            with pytest.raises(DomainError, match="not a number"):
                derived(x=at)
        else:
            assert derived(x=at) == limit


def test_one_sample_is_a_vector() -> None:
    net = gw.Network("2 -> 2 tanh -> 1", loss="squared_error")
    for x in (1.0, [[1.0, 2.0]], [1.0, 2.0, 3.0], "ab", None):
        with pytest.raises(DataError, match=r"the sample x|the array x"):
            net.layer_jacobians(net.init(seed=0), x)


def _entries(source: str, values: dict[str, np.ndarray]) -> np.ndarray:
    """What the emitted function returns, unchecked."""
    module: dict[str, Any] = {}
    exec(source, module)
    found = module["hessian"](**{k: np.asarray(v, float) for k, v in values.items()})
    assert isinstance(found, np.ndarray)
    return found
