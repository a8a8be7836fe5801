"""The value of a formula in one line."""

from __future__ import annotations

from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer


def value_of(text, declared=None, **given):
    """`text` with declarations as texts and values by name."""
    symbols = {name: declare(name, said) for name, said in (declared or {}).items()}
    tree = parse(text)
    return evaluate(tree, given, infer(tree, symbols, text))
