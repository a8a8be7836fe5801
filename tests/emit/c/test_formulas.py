"""Derivatives of formulas as C99: strict compilers accept it, and it computes what NumPy does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from conformance.rows import drawn_point
from gradwright.api.checking import sample_point
from gradwright.api.derivation import Derivation
from gradwright.emit.c.memory import ROWS as BY_ROWS
from gradwright.emit.c.memory import entry
from gradwright.errors import UnsupportedError
from tests.emit.c.formulas import compiled, results_of
from tests.emit.standalone.building import STRICT
from tests.identities.rows import LITERATURE, ROWS, declarations, derive
from tests.suites import c_formulas

ROOT = Path(__file__).parents[3]

#: Of the rows of both tables so many are drawn for a run.
DRAWN = 16


def relative_gap(derived: Derivation, source: str, point: c_formulas.Point, folder: Path) -> float:
    (function,) = compiled([source], folder)
    value, found = c_formulas.numpy_value(derived, point), results_of(derived, function, point)
    return float(np.max(np.abs(found - value)) / np.max(np.abs(value)))


def test_rows_of_the_literature_are_the_same_in_c(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = [*ROWS, *LITERATURE]
    chosen = [rows[place] for place in rng.choice(len(rows), DRAWN, replace=False)]
    made = [derive(row, gw.formula(row["expression"], **declarations(row))) for row in chosen]
    functions = compiled([derived.source("c") for derived in made], tmp_path)
    for row, derived, function in zip(chosen, made, functions, strict=True):
        outcome = c_formulas.judged(derived, drawn_point(derived.scope, rng), function)
        assert outcome == "right", (row["id"], outcome)


def test_random_formulas_are_the_same_in_c(rng: np.random.Generator) -> None:
    """A slice of the suite."""
    _, failures = c_formulas.run(25, int(rng.integers(2**32)))
    assert not failures


@pytest.mark.parametrize(
    ("written", "spoilt"),
    [
        ("t2_sum += A[i * n + j] * x[j];", "t2_sum += A[j * n + i] * x[j];"),
        ("result[i] + t2[i]", "result[i] - t2[i]"),
    ],
)
def test_a_fault_in_the_code_shows(
    written: str, spoilt: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    derived = gw.gradient("x'*A*x", "x", A="matrix n n", x="vector n")
    point = {"A": rng.normal(size=(3, 3)), "x": rng.uniform(1, 2, size=3)}
    source = derived.source("c")
    assert written in source
    (tmp_path / "right").mkdir()
    assert relative_gap(derived, source, point, tmp_path / "right") < 1e-13
    assert relative_gap(derived, source.replace(written, spoilt), point, tmp_path) > 1e-3


def test_a_number_written_behind_an_array_shows(tmp_path: Path) -> None:
    derived = gw.gradient("sum(x)", "x", x="vector n")
    source = derived.source("c").replace("i < n", "i <= n")
    with pytest.raises(AssertionError):
        results_of(derived, compiled([source], tmp_path)[0], {"x": np.ones(3)})


#: Formulas, their variables and declarations, whose code is special in some way.
SPECIAL = {
    "scalar": ("log(1 + s^2)", "s", {"s": "scalar"}),
    "constant": ("3*s", "s", {"s": "scalar"}),
    "input": ("x'*y", "x", {"x": "vector n", "y": "vector n"}),
    "turned": ("tr(A*X)", "X", {"A": "matrix n m", "X": "matrix m n"}),
    "free size": ("x*ones(k)'", "x", {"x": "vector n"}),
    "several": ("x'*A*y", "x,A", {"x": "vector n", "A": "matrix n m", "y": "vector m"}),
    "loops": ("k'*i*sum(j)", "k", {"k": "vector l", "i": "vector l", "j": "vector n"}),
    "sizes": ("sum(tanh(X*y))", "X", {"X": "matrix i double", "y": "vector double"}),
    "keywords": ("int'*exp(2*long)", "long", {"int": "vector n", "long": "vector n"}),
    "own names": (
        "scratch'*result*t1",
        "result",
        {"scratch": "vector n", "result": "vector n", "t1": "scalar"},
    ),
    "library": ("memset'*exp_ + NAN*real", "memset", {"memset": "vector n", "exp_": "vector n"}),
    "macros": (
        "HUGE_VAL'*exp(FP_NAN)*M_PI",
        "FP_NAN",
        {"HUGE_VAL": "vector INT8_MAX", "FP_NAN": "vector INT8_MAX", "M_PI": "scalar"},
    ),
    "many axes": (
        "sum(array[i,j,k](T[i,j,k]^2*x[j]))",
        "T",
        {"T": "tensor n m p", "x": "vector m"},
    ),
    "Greek": ("α'*β*sum(β)", "β", {"α": "vector n", "β": "vector n"}),
    "singularly named": ("gradient'*gradient", "gradient", {"gradient": "vector n"}),
    "diagonal": ("sum(log(diag(A*A')))", "A", {"A": "matrix m n"}),
    "factor": ("logdet(P + A*A')^2", "A", {"A": "matrix m n", "P": "posdef m m"}),
    "chosen": ("sum(gather(x, t).^2)", "x", {"x": "vector n", "t": "indices p n"}),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_special_in_c(name: str, rng: np.random.Generator, tmp_path: Path) -> None:
    text, wrt, declared = SPECIAL[name]
    written = gw.formula(text, **declared)
    is_scalar = written.scope.shape.kind == "scalar"
    derived = written.gradient(*wrt.split(",")) if is_scalar else written.jacobian(wrt)
    point = sample_point(derived.scope, rng, derived.free_sizes)
    (function,) = compiled([derived.source("c")], tmp_path)
    assert c_formulas.judged(derived, point, function) == "right"


def test_the_program_of_the_page_prints_what_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "embedded.md").read_text("utf-8")
    section = page.partition("## The derivative of a formula")[2]
    program = section.partition("```c\n")[2].partition("```")[0]
    formula = gw.formula("log(1 + exp(-y*(w'*x)))", y="scalar")
    (tmp_path / "derivative.c").write_text(formula.gradient("w").source("c"), "utf-8")
    (tmp_path / "main.c").write_text(program, "utf-8")
    command = ["gcc", *STRICT, "derivative.c", "main.c", "-lm", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert f"prints `{printed.strip()}`" in section


def test_an_index_in_brackets_is_a_place_of_its_own() -> None:
    indices = ["i", "(long)(c[l] < 0 ? 0 : c[l])", "j"]
    place = entry("A", ("m", "v", "k"), indices, BY_ROWS)
    assert place == "A[(i * v + (long)(c[l] < 0 ? 0 : c[l])) * k + j]"


def test_a_scalar_derivative_is_returned() -> None:
    source = gw.gradient("log(1 + s^2)", "s", s="scalar").source("c")
    assert re.search(r"^real gradient\(real s\)$", source, re.MULTILINE)


def test_a_singular_matrix_gives_no_finite_number(tmp_path: Path) -> None:
    derived = gw.gradient("logdet(A)", "A", A="matrix n n invertible")
    (function,) = compiled([derived.source("c")], tmp_path)
    found = results_of(derived, function, {"A": np.ones((3, 3))})
    assert not np.any(np.isfinite(found))


def test_an_abstract_function_has_no_c_code() -> None:
    derived = gw.gradient("sum(phi(x))", "x", x="vector n", phi="elementwise")
    with pytest.raises(UnsupportedError, match="calls none of the user's"):
        derived.source("c")
