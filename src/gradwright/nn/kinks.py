"""What is said of the kinks in the formulas of a layer kind."""

from __future__ import annotations

from collections.abc import Iterable

from gradwright.core.nodes import Function, Node, postorder
from gradwright.explain.assumptions import is_norm
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS


def kinks_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    """The conventions at the kinks of functions of entries."""
    found = []
    for part in postorder(*nodes):
        if is_norm(part):
            found.append("norm2'(0) = 0")
        record = OPERATIONS.get(part.operation) if isinstance(part, Function) else None
        if isinstance(part, Function) and isinstance(record, Elementwise) and record.kink:
            if part.operation in ("sign", "step"):
                continue
            options = dict(record.options) | dict(part.options)
            values = {name: float(value) for name, value in options.items()}
            found.append(record.kink.format(**values))
    return tuple(dict.fromkeys(found))
