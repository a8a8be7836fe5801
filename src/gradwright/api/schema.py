"""A derivation as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwright.api.outputs import printed_dict
from gradwright.render.plain import plain_text

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation

SCHEMA = "gradwright.derivation/1"


def derivation_dict(derivation: Derivation) -> dict[str, Any]:
    """The schema gradwright.derivation/1."""
    return {
        "schema": SCHEMA,
        "kind": derivation.kind,
        "formula": derivation.formula,
        "symbols": {
            name: {"kind": d.kind, "sizes": list(d.sizes), "facts": sorted(d.facts)}
            for name, d in sorted(derivation.scope.symbols.items())
        },
        "form": derivation.form,
        "results": {
            name: printed_dict(p, derivation.scope.definitions)
            for name, p in derivation.printed.items()
        },
        "steps": [
            {
                "rule": step.rule,
                "of": plain_text(step.of),
                "result": plain_text(step.after),
            }
            for step in derivation.steps
        ],
        "cases": {n: [part.to_dict() for part in parts] for n, parts in derivation.cases.items()},
        "products": {
            name: {"of": left, **printed_dict(p, derivation.scope.definitions)}
            for name, (left, p) in derivation.products.items()
        },
        "assumptions": list(derivation.assumptions),
    }
