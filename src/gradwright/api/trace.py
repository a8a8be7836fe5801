"""The numeric trace of a network's forward and backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.explain.document import document
from gradwright.explain.trace import TracedLine
from gradwright.nn.parameters import Parameters
from gradwright.notation.tree import Binary, Number, Symbol, Tree
from gradwright.render.blocks import (
    Block,
    beside,
    is_small,
    matrix_block,
    number_text,
    numbers_block,
    word,
)
from gradwright.render.latex import escape, latex, latex_name
from gradwright.render.numbers import latex_matrix, latex_with_numbers
from gradwright.render.unicode import unicode_name, unicode_text

Array = Any

SCHEMA = "gradwright.trace/1"

#: Wider equations show their result only.
MAX_WIDTH = 160


class NetworkTrace:
    """Every value of one step of gradient descent, with the numbers that were multiplied.

    `values` has each quantity by its name: Z1, A1, …, L, and δZ1 for ∂L/∂Z1, δW1 for ∂L/∂W1.
    `updated` are the parameters after the step W := W − learning_rate · ∂L/∂W.
    """

    def __init__(
        self,
        network: str,
        params: Parameters,
        lines: Sequence[TracedLine],
        learning_rate: float,
    ) -> None:
        self.network = network
        self.params = params
        self.lines = tuple(lines)
        self.learning_rate = learning_rate
        self.values: Mapping[str, Array] = {line.line.name: line.value for line in lines}
        self.updated = Parameters(params.layers, params.flat.copy())
        for name, view in self.updated.items():
            view -= learning_rate * self.values[f"δ{name}"]

    def __repr__(self) -> str:
        return f"<trace of {self.network}: {len(self.lines)} values>"

    def __str__(self) -> str:
        text = [f"One step of gradient descent through {self.network}, with its numbers"]
        section = ""
        for number, line in enumerate(self.lines):
            if line.section != section:
                section = line.section
                text += ["", section]
            elif number:
                text.append("")
            text += _indented(_equation(_left(line), line))
        text += ["", f"Update with learning rate {self.learning_rate:g}"]
        for name in self.params.names():
            text += _indented(self._update(name))
        return "\n".join(line.rstrip() for line in text)

    def _update(self, name: str) -> list[str]:
        tree, before = self._step(name)
        left = unicode_name(name)
        formula = f"{left} := {left} − {self.learning_rate:g} ∂L/∂{left}"
        return _worked(formula, len(left) + 1, tree, before, self.updated[name])

    def _step(self, name: str) -> tuple[Tree, dict[str, Array]]:
        """W − learning_rate · δW, and the values of both."""
        rate = Number(Fraction(repr(self.learning_rate)))
        tree = Binary("-", Symbol(name), Binary("*", rate, Symbol(f"δ{name}")))
        return tree, {name: self.params[name], f"δ{name}": self.values[f"δ{name}"]}

    def latex(self) -> str:
        """The trace as a complete LaTeX document on wide paper, with every small array in full."""
        parts: list[str] = []
        section = ""
        for line in self.lines:
            if line.section != section:
                section = line.section
                parts.append(rf"\subsection*{{{escape(section)}}}")
            left = _latex_left(line)
            parts.append(_latex_worked(left, line.line.tree, line.inputs, line.value))
        parts.append(rf"\subsection*{{Update with learning rate {self.learning_rate:g}}}")
        for name in self.params.names():
            tree, before = self._step(name)
            parts.append(_latex_worked(latex_name(name), tree, before, self.updated[name], ":="))
        title = f"One step of gradient descent through {self.network}, with its numbers"
        return document(title, parts, "a2paper,landscape,margin=2cm")

    def to_dict(self) -> dict[str, Any]:
        """The trace in the schema gradwright.trace/1: names, formulas, shapes and values."""
        return {
            "schema": SCHEMA,
            "network": self.network,
            "learning_rate": self.learning_rate,
            "lines": [
                {
                    "section": line.section,
                    "name": line.line.name,
                    "formula": f"{_left(line)} = {unicode_text(line.line.tree)}",
                    "shape": list(np.shape(line.value)),
                    "value": np.asarray(line.value).tolist(),
                }
                for line in self.lines
            ],
            "updated": {name: view.tolist() for name, view in self.updated.items()},
        }


def _left(line: TracedLine) -> str:
    name = line.line.name
    stem = name.removeprefix("δ")
    return f"∂L/∂{unicode_name(stem)}" if stem != name else unicode_name(name)


def _latex_left(line: TracedLine) -> str:
    name = line.line.name
    stem = name.removeprefix("δ")
    of = latex_name(stem)
    return rf"\frac{{\partial L}}{{\partial {of}}}" if stem != name else of


def _latex_worked(
    left: str, tree: Tree, inputs: Mapping[str, Array], value: Array, sign: str = "="
) -> str:
    """A display: the formula, the same with its numbers, the result."""
    rows = [f"{left} &{sign} {latex(tree)}"]
    if any(is_small(array) for name, array in inputs.items() if name != "n"):
        rows.append(f"&= {latex_with_numbers(tree, inputs)}")
    shown = latex_matrix(value) if is_small(value) else rf"\text{{{escape(_large(value))}}}"
    rows.append(f"&= {shown}")
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _equation(left: str, line: TracedLine) -> list[str]:
    """The formula, the same with numbers, and the result."""
    formula = f"{left} = {unicode_text(line.line.tree)}"
    return _worked(formula, len(left), line.line.tree, line.inputs, line.value)


def _worked(
    formula: str, indent: int, tree: Tree, inputs: Mapping[str, Array], value: Array
) -> list[str]:
    lines = [formula]
    middle = numbers_block(tree, inputs)
    shown = any(is_small(array) for name, array in inputs.items() if name != "n")
    if shown and middle.width <= MAX_WIDTH:
        lines += beside(word(" " * indent + " = "), middle).lines
    return [*lines, *beside(word(" " * indent + " = "), _result(value)).lines]


def _result(value: Array) -> Block:
    """A small value in full, of a large one its shape, its norm and its first numbers."""
    if is_small(value):
        return matrix_block(value)
    return word(_large(value))


def _large(value: Array) -> str:
    shape = " × ".join(map(str, np.shape(value)))
    first = ", ".join(number_text(float(x)) for x in np.ravel(value)[:3])
    return f"{shape}, norm {number_text(float(np.linalg.norm(value)))}: {first}, …"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"   {line}" for line in lines]
