"""Lines of C: calls with their arguments, and what stands indented."""

from __future__ import annotations

from collections.abc import Sequence


def call_lines(function: str, arguments: Sequence[str]) -> list[str]:
    """A call, as a statement, in lines that are not too long."""
    lines = [f"{function}("]
    for place, argument in enumerate(arguments):
        end = ");" if place == len(arguments) - 1 else ", "
        if len(lines[-1] + argument + end) > 88:
            lines[-1] = lines[-1].rstrip()
            lines.append(f"    {argument}{end}")
        else:
            lines[-1] += argument + end
    return lines


def indented(lines: Sequence[str]) -> str:
    """The lines of a function's body."""
    return "\n".join(f"    {line}" if line else "" for line in lines)
