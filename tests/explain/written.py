"""A derivation as it is printed, evaluated line by line by the notation's own evaluator.

Only the text is used: names, formulas and shapes are read off the printed lines, and lines that
hold for several layers are written out for each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from gradwright.notation.declarations import Declaration
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer

Array = Any

LINE = re.compile(r"^ {3} *(?P<left>\S+)? = (?P<right>.+?)(?: {2,}(?P<remark>.*))?$")
SHAPE = re.compile(r"(?:^|, )((?:n|\d+)(?: × (?:n|\d+))?)(?:,|$)")
LAYERS = re.compile(r"(?P<letter>[a-z]) = (?P<first>\d+), …, (?P<last>\d+)$")
INDEX = re.compile(r"⁽([^⁾]*)⁾|₍([^₎]*)₎|([ₗᵢⱼᵣ])")
PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱʲˡʳᴷᴸ₀₁₂₃₄₅₆₇₈₉₊₋ₗᵢⱼᵣ", "0123456789+-ijlrKL0123456789+-lijr")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Written:
    """A printed line; one that goes on from the line before has its left side."""

    section: str
    left: str
    formula: str
    remark: str

    @property
    def layers(self) -> range:
        """The layers that it holds for, none where it holds for one."""
        found = LAYERS.search(self.remark)
        return range(int(found["first"]), int(found["last"]) + 1) if found else range(0)

    def at(self, **numbers: int) -> Written:
        """The line with numbers for the letters of layers."""
        return Written(
            self.section, indexed(self.left, numbers), indexed(self.formula, numbers), ""
        )


def indexed(text: str, numbers: Mapping[str, int]) -> str:
    """A text with numbers for the letters in the indices of its names."""

    def number(found: re.Match[str]) -> str:
        inside = (found[1] or found[2] or found[3]).translate(PLAIN)
        for letter, value in numbers.items():
            inside = inside.replace(letter, str(value))
        if not re.fullmatch(r"\d+([+-]\d+)*", inside):
            return found[0]
        total = str(sum(map(int, re.findall(r"[+-]?\d+", inside))))
        return f"⁽{total.translate(RAISED)}⁾" if found[1] else total

    return INDEX.sub(number, text)


def lines_of(text: str) -> list[Written]:
    """Every line."""
    found, section, left = [], "", ""
    # The same lines again, with shapes under them.
    text = re.sub(r"^ +with the shape of every symbol under it\n(?:.+\n)*", "", text, flags=re.M)
    for line in text.splitlines():
        if re.match(r"^\d+\. ", line):
            section = line.partition(". ")[2]
        match = LINE.match(line)
        if match:
            left = match["left"] or left
            found.append(Written(section, left, match["right"], match["remark"] or ""))
    return found


def written_out(lines: list[Written]) -> Iterator[Written]:
    """The lines in order of computation, those of several layers once for each."""
    for (section, folded), members in groupby(
        lines, lambda line: (line.section, bool(line.layers))
    ):
        group = list(members)
        if not folded:
            yield from group
            continue
        letter = LAYERS.search(group[0].remark)["letter"]  # type: ignore[index]
        numbers = range(min(x.layers[0] for x in group), max(x.layers[-1] for x in group) + 1)
        for number in numbers if section == "Forward" else reversed(numbers):
            yield from (line.at(**{letter: number}) for line in group if number in line.layers)


def values_of(
    text: str,
    given: Mapping[str, Array],
    samples: int | None = None,
    given_rows: Collection[str] = (),
) -> dict[str, list[Array]]:
    """The values of every form of every line, by its left side, local Jacobians left out.

    `given` has the inputs and parameters by their printed names. `samples` is the number of
    samples of a batch, which no width may equal; `given_rows` names the given values that are rows.
    """
    known = dict(given)
    rows = set(given_rows)
    found: dict[str, list[Array]] = {}
    lines = [x for x in lines_of(text) if not x.section.startswith(("Local", "Layer"))]
    for line in written_out(lines):
        tree = parse(line.formula)
        types = {name: _declared(name, value, samples, rows) for name, value in known.items()}
        scope = infer(tree, types, line.formula)
        value = evaluate(tree, {name: known[name] for name in scope.symbols}, scope)
        shape = SHAPE.search(line.remark)
        if shape:
            said = [samples if size == "n" else int(size) for size in shape[1].split(" × ")]
            is_row = np.ndim(value) == 1 and len(said) == 2
            assert said == [*[1] * is_row, *np.shape(value)], line
            assert is_row == (scope.shape.kind == "row"), line
        found.setdefault(line.left.translate(SUBSCRIPTS), []).append(value)
        if not line.left.startswith("∂"):
            name = parse(line.left).name  # type: ignore[union-attr]
            known[name] = value
            if scope.shape.kind == "row":
                rows.add(name)
    return found


def _declared(name: str, value: Array, samples: int | None, rows: Collection[str]) -> Declaration:
    """The type of a value; the axis of the samples is the size n."""
    kind = "row" if name in rows else ("scalar", "vector", "matrix")[np.ndim(value)]
    sizes = tuple("n" if samples is not None and k == samples else k for k in np.shape(value))
    return Declaration(name, kind, sizes)  # type: ignore[arg-type]
