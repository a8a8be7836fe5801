"""The verifier between building and emitting: every name defined once, before its use."""

from __future__ import annotations

from gradwright.program.ir import Function, Ref


def verify(function: Function) -> Function:
    """Return the function, or fail loudly: a broken program is our mistake, never the user's."""
    defined = set(function.inputs) | sizes_of(function)
    for statement in function.statements:
        for operand in statement.operands:
            _require(operand, defined, function)
        for target in statement.targets:
            if target in defined:
                raise AssertionError(f"{target} is defined twice in {function.name}")
            if target not in function.axes:
                raise AssertionError(f"{target} has no axes in {function.name}")
            defined.add(target)
    for operand in function.outputs:
        _require(operand, defined, function)
    return function


def sizes_of(function: Function) -> set[str]:
    """The names of sizes that the inputs' shapes tell."""
    return {a for name in function.inputs for a in function.axes[name] if isinstance(a, str)}


def _require(operand: object, defined: set[str], function: Function) -> None:
    if isinstance(operand, Ref) and operand.name not in defined:
        raise AssertionError(f"{operand.name} is used before it is defined in {function.name}")
