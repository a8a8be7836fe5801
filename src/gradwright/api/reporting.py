"""Whole pages for derivations, and the fragments that notebooks show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwright.explain.document import as_latex
from gradwright.explain.formula import named_f, result_in_indices
from gradwright.explain.formula_document import formula_document
from gradwright.explain.left_sides import MATHML, left_side
from gradwright.notation.tree import Equation, Tree
from gradwright.render.mathml import (
    math_element,
    mathml_left,
    mathml_row,
)
from gradwright.render.unicode import unicode_text
from gradwright.report.document import (
    check_part,
    code_part,
    flow_figures,
    flow_part,
    network_figures,
    network_part,
    training_part,
)
from gradwright.report.equations import Row, equations, formula_steps, network_sections
from gradwright.report.page import COLOURS, code, notes, page, section
from gradwright.report.svg import standalone

if TYPE_CHECKING:
    from gradwright.api.backprop import NetworkDerivation
    from gradwright.api.derivation import Derivation
    from gradwright.gradientflow.report import FlowReport
    from gradwright.training.record import Epoch
    from gradwright.verification.report import CheckReport


def network_page(
    backprop: NetworkDerivation,
    check: CheckReport | None = None,
    history: tuple[Epoch, ...] = (),
    summary: str = "",
    flow: FlowReport | None = None,
    trace: str = "",
) -> str:
    """The derivation of a network as one page, with what else is known of it."""
    parts = [notes(*backprop.notes)]
    model = backprop.network.model
    if not model.symbolic:
        parts.append(network_part(model))
    parts.append(network_sections(backprop.sections))
    if check is not None:
        parts.append(check_part(check))
    if summary:
        parts.append(training_part(history, summary))
    if flow is not None:
        parts.append(flow_part(flow))
    if trace:
        parts.append(section("One step with its numbers", code(trace)))
    if not (model.symbolic or model.abstract):
        parts.append(code_part(backprop.source("numpy")))
    return page(backprop.title, "".join(parts))


def figures_of(backprop: NetworkDerivation, flow: FlowReport | None = None) -> dict[str, str]:
    """The figures of a network, and of its flow if one is given, as SVG documents by name."""
    found = network_figures(backprop.network.model)
    if flow is not None:
        found |= flow_figures(flow)
    return {name: standalone(drawn, COLOURS) for name, drawn in found.items()}


def formula_page(derivation: Derivation, check: CheckReport | None = None) -> str:
    """The derivation of a formula as one page."""
    names = derivation.scope.definitions
    defined: list[Row] = [(mathml_row(d.left), mathml_row(d.value), "") for d in names.listed]
    defined.append(_definition(names.folded(derivation.tree)))
    parts = [section("Formula", equations(defined))]
    if derivation.steps:
        steps = formula_steps(derivation.steps)
        parts.append(section("Chain rule, from the result backwards", steps))
    parts.append(section("Result", result_equations(derivation)))
    if derivation.assumptions:
        parts.append(section("Assumed", notes(*derivation.assumptions)))
    if check is not None:
        parts.append(check_part(check))
    parts.append(code_part(derivation.source("numpy")))
    return page(f"The {derivation.kind} of {unicode_text(derivation.tree)}", "".join(parts))


def formula_latex(derivation: Derivation, check: CheckReport | None = None) -> str:
    """The derivation of a formula as a complete LaTeX document."""
    return formula_document(
        derivation.kind,
        derivation.tree,
        derivation.scope,
        derivation.printed,
        derivation.steps,
        derivation.assumptions,
        derivation.cases,
        [] if check is None else check_sentences(check),
    )


def network_latex(backprop: NetworkDerivation, check: CheckReport | None = None) -> str:
    """The derivation of a network as a complete LaTeX document, the check among its remarks."""
    notes = [*backprop.notes, *([] if check is None else check_sentences(check))]
    return as_latex(backprop.title, notes, backprop.sections)


def check_sentences(check: CheckReport) -> list[str]:
    """What came of a check, in a sentence."""
    word = str(check).partition(":")[0]
    return [
        f"Checked with the {check.oracle}, seed {check.seed}: {word}, largest relative error "
        f"{check.max_relative_error:.1e}, tolerance {check.tolerance:.1e}."
    ]


def _definition(tree: Tree) -> Row:
    made = named_f(tree)
    return mathml_left(made.left), mathml_row(made.right), ""


def result_equations(derivation: Derivation) -> str:
    """Each result with its name on the left."""
    rows: list[Row] = []
    folded = derivation.scope.definitions.folded
    for name, printed in derivation.printed.items():
        left = left_side(derivation.kind, name, list(derivation.printed), MATHML)
        stacked = "columns stacked" if printed.form == "kronecker" else ""
        if printed.form == "index":
            scope = derivation.scope
            whole = result_in_indices(derivation.kind, name, scope, folded(printed.tree))
            assert isinstance(whole, Equation)
            rows.append((mathml_left(whole.left), mathml_row(whole.right), ""))
        else:
            rows.append((left, mathml_row(folded(printed.tree)), stacked))
        for part in derivation.cases[name]:
            shown, remark = part.cases.mathml()
            rows.append((left if part.of is None else mathml_row(part.of), shown, remark))
    return equations(rows)


def bundle(plain: str, latex: str, html: str) -> dict[str, Any]:
    """What a notebook may choose from."""
    shown = f"$\\displaystyle {latex}$" if latex else ""
    found = {"text/plain": plain, "text/latex": shown, "text/html": html}
    return {kind: text for kind, text in found.items() if text}


def derivation_bundle(derivation: Derivation) -> dict[str, Any]:
    """The result of a derivation as text, LaTeX and MathML."""
    (printed, *others) = derivation.printed.values()
    if others:
        return bundle(str(derivation), "", result_equations(derivation))
    html = math_element(mathml_row(printed.tree), display=True)
    return bundle(str(derivation), derivation.latex(), html)
