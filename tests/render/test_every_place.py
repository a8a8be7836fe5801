"""Every operator and function in every place of every other, printed and read back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from gradwright.errors import GradwrightError
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.parser import parse
from gradwright.notation.tree import Call, Symbol, Tree, walk
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from tests.render.latex_reader import Unreadable, read_latex
from tests.render.signs import normal
from tests.render.typed_trees import KINDS, pairs, random_tree, value, values

#: Of so many trees one is asked whether all its parts are finite, which takes longest.
SAMPLED = 10


@dataclass(frozen=True)
class Form:
    """A printer, and what reads its output back."""

    print: Callable[[Tree], str]
    read: Callable[[str], Tree]


FORMS = {
    "plain": Form(plain_text, parse),
    "unicode": Form(unicode_text, parse),
    "latex": Form(latex, read_latex),
}


def faults(tree: Tree, expected: np.ndarray | None, given: dict[str, np.ndarray]) -> list[str]:
    """What is wrong with the printed forms of a tree whose value is `expected`.

    What is read back holds the same operations in the same order, but for signs, which are exact,
    and for 1/3 as a quotient, which is rounded alike. So the values are equal bit for bit, as long
    as nothing is divided by zero: the sign of a zero may move, and 1/0 shows it as an infinity.
    """
    found = []
    for form in FORMS.values():
        text = form.print(tree)
        try:
            again = form.read(text)
            if again == tree:
                continue
            got = value(again, given)
        except (GradwrightError, Unreadable) as error:
            found.append(f"{text} cannot be read: {error}")
            continue
        # LaTeX writes the inverse and the power -1 alike, so there only the value can tell.
        if form.read is parse and normal(again) != normal(tree):
            found.append(f"{text} is read as {again}")
        if got is None or expected is None:
            if got is not expected:
                found.append(f"{text}: only one of the two has an inverse")
        elif not np.array_equal(got, expected, equal_nan=True) and is_finite(tree, given):
            found.append(f"{text} has value {got}, not {expected}")
    return found


def is_finite(tree: Tree, given: dict[str, np.ndarray]) -> bool:
    """Whether the tree and every part of it has a finite value."""
    parts = [value(part, given) for part in walk(tree)]
    return all(part is not None and bool(np.all(np.isfinite(part))) for part in parts)


def test_every_operation_in_every_place(seed: int) -> None:
    given = values(seed)
    checked, finite, wrong = 0, 0, []
    for case, tree in pairs(random.Random(seed)):
        expected = value(tree, given)
        wrong += [f"{case}: {fault}" for fault in faults(tree, expected, given)]
        checked += 1
        if checked % SAMPLED == 0:
            finite += is_finite(tree, given)
    assert wrong == [], f"seed {seed}"
    assert checked > 2000
    # Of the others only the structure is compared, and for LaTeX not even that.
    assert finite > 0.8 * (checked // SAMPLED)


def test_random_trees(seed: int) -> None:
    draw, given = random.Random(seed), values(seed)
    wrong = []
    for _ in range(300):
        tree = random_tree(draw.choice(KINDS), 4, draw)
        wrong += faults(tree, value(tree, given), given)
    assert wrong == [], f"seed {seed}"


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_the_notation(function: str, name: str) -> None:
    letters = ("n", "m") if function in ("ones", "zeros", "eye") else ("A", "B")
    tree = Call(function, tuple(Symbol(letter) for letter in letters[: FUNCTIONS[function].least]))
    again = FORMS[name].read(FORMS[name].print(tree))
    assert again == (read_latex("A^{-1}") if (function, name) == ("inv", "latex") else tree)
