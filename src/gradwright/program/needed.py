"""A function without what some of its results do not need."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gradwright.program.ir import Apply, Function, Length, Ref, SoftmaxLogSumExp, Statement


def needed_for(function: Function, name: str, results: Sequence[str]) -> Function:
    """The function `name` that makes these results alone, from the inputs that they need."""
    wanted = set(results)
    kept: list[Statement] = []
    for statement in reversed(function.statements):
        made = [target for target in statement.targets if target in wanted]
        if made:
            kept.append(_with_targets(statement, made))
            wanted |= {o.name for o in statement.operands if isinstance(o, Ref)}
    kept.reverse()
    wanted |= _telling_sizes(function, kept, wanted)
    inputs = tuple(x for x in function.inputs if x in wanted)
    held = {*inputs, *(target for statement in kept for target in statement.targets)}
    axes = {value: axes for value, axes in function.axes.items() if value in held}
    return Function(name, inputs, tuple(kept), tuple(map(Ref, results)), axes)


def _telling_sizes(function: Function, kept: Sequence[Statement], wanted: set[str]) -> set[str]:
    """Inputs that are read for the length of an axis alone."""
    told = {size for x in function.inputs if x in wanted for size in function.axes[x]}
    needed = {o.size for s in kept for o in s.operands if isinstance(o, Length)} - told
    return {x for x in function.inputs if needed & set(function.axes[x])}


def _with_targets(statement: Statement, made: Sequence[str]) -> Statement:
    """The statement for fewer targets: softmax and log-sum-exp exist by themselves."""
    if not isinstance(statement.kernel, SoftmaxLogSumExp) or len(made) == 2:
        return statement
    operation = "softmax" if made[0] == statement.targets[0] else "logsumexp"
    return replace(statement, targets=tuple(made), kernel=Apply(operation))
