"""The activations: name, options, and the formula in notation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Options = tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation by its function of the notation.

    `options` are names with defaults; a default of None takes the value of the option before it.
    `values` says what the outputs are, for losses that need it.
    """

    name: str
    function: str
    options: tuple[tuple[str, Fraction | None], ...] = ()
    values: str = "real numbers"


ACTIVATIONS: dict[str, Activation] = {
    record.name: record
    for record in (
        Activation("identity", ""),
        Activation("sigmoid", "sigmoid", values="numbers between 0 and 1"),
        Activation("tanh", "tanh", values="numbers between -1 and 1"),
        Activation("relu", "relu", values="numbers that are not negative"),
        Activation("leaky_relu", "leaky_relu", (("slope", Fraction(1, 10)), ("kink", None))),
        Activation("softmax", "softmax", values="probabilities"),
    )
}


def resolved(name: str, given: dict[str, Fraction]) -> Options:
    """All options of an activation, defaults filled in; the kink defaults to the slope."""
    found: list[tuple[str, Fraction]] = []
    for option, default in ACTIVATIONS[name].options:
        value = given.get(option, default)
        found.append((option, found[-1][1] if value is None else value))
    return tuple(found)


def activation_text(name: str, options: Sequence[tuple[str, Fraction]], argument: str = "Z") -> str:
    """The activation of `argument` in notation.

    >>> activation_text("leaky_relu", (("slope", Fraction(1, 5)), ("kink", Fraction(1, 5))))
    'leaky_relu(Z, slope=0.2)'
    """
    function = ACTIVATIONS[name].function
    if not function:
        return argument
    values = dict(options)
    silent = dict(resolved(name, {k: v for k, v in values.items() if k == "slope"}))
    silent |= {k: v for k, v in resolved(name, {}) if k == "slope"}
    shown = [f"{k}={_decimal(v)}" for k, v in options if silent.get(k) != v]
    return f"{function}({', '.join([argument, *shown])})"


def _decimal(value: Fraction) -> str:
    """An exact decimal; options are typed as decimals, so there is one."""
    text = f"{float(value):.17f}".rstrip("0").rstrip(".")
    short = repr(float(value))
    return short.removesuffix(".0") if "e" not in short else text
