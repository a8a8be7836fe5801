"""The derivation of a formula's derivative as a LaTeX document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradwright.explain.cases import CasesOf
from gradwright.explain.document import document
from gradwright.explain.formula import (
    Step,
    declared_text,
    named_f,
    numbered,
    result_in_indices,
)
from gradwright.explain.left_sides import LATEX, left_side, step_left_side
from gradwright.notation.shapes import Scope
from gradwright.notation.tree import Symbol, Tree
from gradwright.render.equation import Row, latex_block
from gradwright.render.latex import escape, latex
from gradwright.render.unicode import unicode_text
from gradwright.simplify.readable import Printed


def formula_document(
    kind: str,
    tree: Tree,
    scope: Scope,
    printed: Mapping[str, Printed],
    steps: Sequence[Step],
    assumptions: Sequence[str],
    cases: Mapping[str, Sequence[CasesOf]],
    remarks: Sequence[str] = (),
) -> str:
    """A complete document that needs amsmath, amssymb and stmaryrd; `remarks` come last."""
    names = scope.definitions
    parts = [rf"\[ {latex(d.left)} = {latex(d.value)} \]" for d in names.listed]
    parts += [rf"\[ {latex(named_f(names.folded(tree)))} \]", escape(declared_text(scope))]
    if steps:
        parts += [
            _heading("Chain rule, from the result backwards"),
            latex_block(_rows(kind, steps, names.folded)),
        ]
    parts += [_heading("Result"), *_results(kind, scope, printed, cases)]
    if assumptions:
        parts += [_heading("Assumed"), *(rf"\noindent {escape(text)}\\" for text in assumptions)]
    if remarks:
        parts += [_heading("Check"), *(rf"\noindent {escape(text)}\\" for text in remarks)]
    return document(f"The {kind} of {unicode_text(tree)}", parts)


def _heading(title: str) -> str:
    return rf"\subsection*{{{escape(title)}}}"


def _rows(kind: str, steps: Sequence[Step], folded: Callable[[Tree], Tree]) -> list[Row]:
    rows = []
    for step, rule in numbered(steps):
        named = folded(step.of)
        of = latex(named)
        shown = of if isinstance(named, Symbol) else rf"\left({of}\right)"
        rows.append((step_left_side(kind, shown, LATEX), latex(folded(step.after)), rule))
    return rows


def _results(
    kind: str,
    scope: Scope,
    printed: Mapping[str, Printed],
    cases: Mapping[str, Sequence[CasesOf]],
) -> list[str]:
    lines = []
    for name, result in printed.items():
        left = left_side(kind, name, list(printed), LATEX)
        folded = scope.definitions.folded(result.tree)
        shown = latex(result_in_indices(kind, name, scope, folded))
        lines.append(rf"\[ {shown} \]" if result.form == "index" else rf"\[ {left} = {shown} \]")
        lines += [rf"\[ {part.latex(left)} \]" for part in cases[name]]
    return lines
