"""The activations: name, options, and the formula in notation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from msgspec import Struct

from gradwright.nn.numbers import exact_decimal

Options = tuple[tuple[str, Fraction], ...]


class Activation(Struct, frozen=True):
    """An activation by its function of the notation.

    `options` are names with defaults; a default of None takes the value of the option before it.
    `range` says what the outputs are, for losses that need it. `bound` is the largest spectral
    norm of the Jacobian of a sample's outputs, for an elementwise activation the largest |φ'|; an
    activation that has options has the largest of `bound` and their values.
    """

    name: str
    function: str
    options: tuple[tuple[str, Fraction | None], ...] = ()
    range: str = "real numbers"
    bound: Fraction = Fraction(1)


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        record.name: record
        for record in (
            Activation("identity", ""),
            Activation("sigmoid", "sigmoid", range="unit interval", bound=Fraction(1, 4)),
            Activation("tanh", "tanh", range="-1 to 1"),
            Activation("relu", "relu", range="nonnegative numbers"),
            Activation("leaky_relu", "leaky_relu", (("slope", Fraction(1, 10)), ("kink", None))),
            Activation("elu", "elu", (("alpha", Fraction(1)),)),
            # λ α, the slope from the left at 0.
            Activation("selu", "selu", bound=Fraction("1.7580993408473769")),
            # Where φ'' = 0: at √2, 1.4185040088, 2.3993572805 and 1.4905711795.
            Activation("gelu", "gelu", bound=Fraction("1.1289041452")),
            Activation("gelu_tanh", "gelu_tanh", bound=Fraction("1.1289930687")),
            Activation("silu", "silu", bound=Fraction("1.0998393202")),
            Activation("mish", "mish", bound=Fraction("1.0884981618")),
            Activation("softplus", "softplus", range="positive numbers"),
            Activation("softsign", "softsign", range="-1 to 1"),
            Activation("hard_tanh", "hard_tanh", range="-1 to 1"),
            # The norm of diag(s) - s sᵀ is largest where s has two entries 1/2.
            Activation("softmax", "softmax", range="probabilities", bound=Fraction(1, 2)),
        )
    }
)


def resolve_options(name: str, given: Mapping[str, Fraction]) -> Options:
    """All options of an activation in their order, defaults filled in.

    >>> resolve_options("leaky_relu", {"slope": Fraction(1, 5)})
    (('slope', Fraction(1, 5)), ('kink', Fraction(1, 5)))
    """
    found: list[tuple[str, Fraction]] = []
    for option, default in ACTIVATIONS[name].options:
        value = given.get(option, default)
        found.append((option, found[-1][1] if value is None else value))
    return tuple(found)


def derivative_bound(name: str, options: Options = ()) -> Fraction:
    """The least upper bound of the spectral norm of the activation's Jacobian.

    >>> derivative_bound("sigmoid")
    Fraction(1, 4)
    """
    return max([ACTIVATIONS[name].bound, *(value for _, value in options)])


def activation_text(
    name: str,
    options: Mapping[str, Fraction] | Sequence[tuple[str, Fraction]] = (),
    argument: str = "Z",
) -> str:
    """The activation of `argument` in notation, options at their defaults left out.

    >>> activation_text("leaky_relu", {"slope": Fraction(1, 5), "kink": Fraction(1)})
    'leaky_relu(Z, slope=0.2, kink=1)'
    """
    record = ACTIVATIONS[name]
    if not record.function:
        return argument
    given = dict(options)
    shown = [argument]
    for option, value in resolve_options(name, given):
        silent = resolve_options(name, {k: v for k, v in given.items() if k != option})
        if value != dict(silent)[option]:
            shown.append(f"{option}={exact_decimal(value)}")
    return f"{record.function}({', '.join(shown)})"
