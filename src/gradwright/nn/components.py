"""The layer kinds of a network in components, with the proofs of their activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwright.explain.components import affine_components, line_components
from gradwright.explain.proofs import output_lines, proof_section
from gradwright.nn.letters import names_of
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.tree import Call, walk
from gradwright.ops.outputs import output_record
from gradwright.ops.table import OPERATIONS

if TYPE_CHECKING:
    from gradwright.nn.network import NetworkModel


def component_lines(model: NetworkModel) -> list[str]:
    """Each kind in its own letters, X being the layer's input."""
    lines = ["", "In components, X being the input of a layer of each kind"]
    for kind, derived in model.derived.items():
        letters = names_of(kind, model.one_sample)
        own = line_components((*derived.forward, *derived.adjoints), letters)
        lines += [f"   {kind.described}", *(f"      {line}" for line in own)]
    layout = model.layout
    affine = {"W": layout.weights, "x": "vector p", "δz": "vector q"}
    product = layout.affine(bias=False, one_sample=True).replace("X", "x")
    if any(kind.formula is None for kind in model.derived):
        declared = {name: declare(name, text) for name, text in affine.items()}
        lines += affine_components(product, declared)
    used = dict.fromkeys(kind.activation for kind in model.derived)
    formulas = [kind.formula for kind in model.derived if kind.formula is not None]
    calls = (part for formula in formulas for part in walk(parse(formula.text)))
    used |= dict.fromkeys(part.function for part in calls if isinstance(part, Call))
    lines += proof_section(OPERATIONS[name] for name in used if name in OPERATIONS)
    for kind in model.derived:
        record = output_record(kind.activation, kind.loss or "")
        lines += [] if record is None else output_lines(record)
    return lines
