"""The 107 public identities: value, verified text, form."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gradwright.api.checking import sample_sizes
from gradwright.api.derivation import Derivation
from gradwright.api.formula import Formula, formula
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.render.plain import plain_text
from gradwright.verification.samples import draw

TABLE = Path(__file__).with_name("identities.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(TABLE.splitlines()))

#: Table answers and ours round differently; a dozen operations on well-conditioned samples.
TOLERANCE = 1e-9


def declarations(row: dict[str, str]) -> dict[str, str]:
    return dict(part.strip().split(":") for part in row["variables"].split(";"))


def derive(row: dict[str, str], written: Formula) -> Derivation:
    kind = {"vecjac": "jacobian", "vechess": "hessian"}.get(row["kind"], row["kind"])
    derived = getattr(written, kind)(row["wrt"])
    assert isinstance(derived, Derivation)
    return derived


def point(written: Formula, rng: np.random.Generator) -> dict[str, np.ndarray]:
    # Rows such as log(det(X'X)) need m >= n: the later letters get the smaller sizes.
    sizes = sample_sizes(written.scope)
    order = sorted(sizes, reverse=True)
    sizes = dict(zip(order, sorted(sizes.values()), strict=True))
    return {
        name: draw(d.kind, tuple(sizes[s] for s in d.sizes), d.facts, rng)
        for name, d in written.scope.symbols.items()
    }


def text_value(text: str, written: Formula, values: dict[str, np.ndarray]) -> np.ndarray:
    """The value of a text in the letters of the formula, by the reference evaluator."""
    tree = parse(text)
    scope = infer(tree, written.scope.symbols, text, sizes=written.scope.sizes)
    sizes = {
        size: length
        for name, d in written.scope.symbols.items()
        for size, length in zip(d.sizes, values[name].shape, strict=True)
    }
    used = {name: value for name, value in values.items() if name in scope.symbols}
    return np.asarray(
        evaluate(tree, used | {k: v for k, v in sizes.items() if k in scope.sizes}, scope)
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_identity(row: dict[str, str], rng: np.random.Generator) -> None:
    written = formula(row["expression"], **declarations(row))
    derived = derive(row, written)
    assert derived.form == ("kronecker" if row["kind"].startswith("vec") else "matrix")
    values = point(written, rng)
    found = np.asarray(derived(**values))
    expected = text_value(row["expected"], written, values)
    if found.ndim == 4:
        rows, columns = found.shape[:2], found.shape[2:]
        found = found.transpose(1, 0, 3, 2).reshape(np.prod(rows), np.prod(columns))
    assert found.shape == expected.shape
    scale = np.max(np.abs(expected), initial=0.0)
    assert np.max(np.abs(found - expected), initial=0.0) <= TOLERANCE * max(scale, 1e-300)
    # The printed text, read by the reference evaluator, says the same numbers.
    (printed,) = derived.printed.values()
    assert printed.tree is not None
    again = text_value(plain_text(printed.tree), written, values)
    assert np.max(np.abs(again - expected), initial=0.0) <= TOLERANCE * max(scale, 1e-300)
