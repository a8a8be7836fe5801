"""A loss as a formula of one sample, in its outputs a and its targets y."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from gradwright.errors import NetworkError, ShapeError, UnsupportedError
from gradwright.nn.batch_text import batch_text
from gradwright.nn.losses import is_named, known_loss
from gradwright.notation.declarations import Declaration
from gradwright.notation.definitions import read
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Binary, Call, Number, Symbol, Tree, walk
from gradwright.render.plain import plain_text

#: The letters of a loss for one sample, their declarations, and their names for a batch.
LETTERS = {
    "a": Declaration("a", "vector", ("q",)),
    "y": Declaration("y", "vector", ("q",)),
}
ROWS = {"a": "A", "y": "Y"}


class LossFormula(Struct, frozen=True):
    """A loss by formula: `text` for one sample, `batch` its sum over the rows of A and Y.

    Names that statements give to parts are written out in both.
    """

    text: str
    batch: str


def weighted_text(
    loss: str, formula: LossFormula | None, weights: str, row_samples: bool = True
) -> str:
    """The sum over a batch of w times the loss of each sample, in the letters A and Y.

    `formula` is that of the loss, where it has one; `weights` is the letter of w.

    >>> weighted_text("absolute_error", None, "w")
    'sum(diag(w)*abs(A - Y))'

    Raises:
        UnsupportedError: it has no form in matrices.
    """
    if formula is None:
        tree = rebuilt(parse(known_loss(loss).text), lambda x: _weighted(x, weights, row_samples))
        return plain_text(tree)
    tree = parse(formula.text)
    used = {name: rows for name, rows in ROWS.items() if Symbol(name) in set(walk(tree))}
    asked = f"the loss {loss} with weights of samples"
    return batch_text(
        asked, tree, LETTERS, used, total=True, weights=weights, row_samples=row_samples
    )


def _weighted(part: Tree, weights: str, row_samples: bool) -> Tree:
    """A sum over all entries, in which w multiplies those of each sample."""
    match part:
        case Call("sum", (entries,)):
            pass
        case Binary("^", Call("norm2", (entries,)), Number(Fraction(numerator=2, denominator=1))):
            entries = Binary(".^", entries, part.right)
        case _:
            return part
    scale = Call("diag", (Symbol(weights),))
    both = (scale, entries) if row_samples else (entries, scale)
    return Call("sum", (Binary("*", *both),))


def formula_of(loss: str) -> LossFormula | None:
    """The formula of a loss: of one by formula, and of one by name that is no sum over entries.

    Raises:
        as `loss_formula`, and NetworkError: an unknown name or option.
    """
    if not isinstance(loss, str) or is_named(loss):
        sample = known_loss(loss).sample
        return loss_formula(sample) if sample else None
    return loss_formula(loss)


def loss_formula(text: str) -> LossFormula:
    """Read a loss.

    >>> loss_formula("norm2(a - y)^2/2").batch
    '0.5*norm2(A - Y)^2'

    Raises:
        NotationError, ShapeError: the formula cannot be read.
        NetworkError: other letters than a and y, or no a.
        UnsupportedError: abstract functions, or no form in matrices for a batch.
    """
    tree, definitions = read(text, LETTERS)
    scope = infer(tree, LETTERS, text)
    other = sorted(set(scope.symbols) - set(LETTERS))
    if other or "a" not in scope.symbols:
        fact = f"it has {', '.join(other)}" if other else "it has no a"
        raise NetworkError(
            f"the loss {text}",
            f"{fact}, and a loss is a formula in a, the outputs for a sample, and y, its targets",
            "write a formula such as norm2(a - y)^2, or the name of a loss",
            text=text,
        )
    if scope.functions:
        raise UnsupportedError(
            f"the loss {text}",
            f"{', '.join(scope.functions)} is abstract, and a loss is made of functions with code",
            "write the function out",
            text=text,
        )
    if scope.shape.kind != "scalar":
        raise ShapeError(
            f"the loss {text}",
            f"its value is a {scope.shape} and a loss is a number",
            "write a formula whose value is a number, such as sum(abs(a - y))",
            text=text,
        )
    rows = {name: ROWS[name] for name in scope.symbols}
    sample = plain_text(tree) if definitions.listed else text
    return LossFormula(sample, batch_text(f"the loss {text}", tree, LETTERS, rows, total=True))
