"""What a command is about: a formula or a network, told apart by the arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gradwright.cli.options import declared, names

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation
    from gradwright.api.network import Network


def is_network(text: str) -> bool:
    """Whether `text` describes a network, such as "4 -> 3 softmax"; no formula has an arrow."""
    return "->" in text or "→" in text


def make_network(text: str, loss: str | None, reduction: str, layout: str) -> Network:
    """The network, with the loss that belongs to its last activation unless one is named."""
    from gradwright.api.network import Network
    from gradwright.nn.losses import default_loss
    from gradwright.nn.text import parse_network

    chosen = default_loss(parse_network(text)[-1].activation) if loss is None else loss
    return Network(text, loss=chosen, reduction=reduction, layout=layout)


def make_derivation(
    text: str, wrt: str | None, kind: str | None, declarations: Sequence[str]
) -> Derivation:
    """The derivative of a formula that was asked for."""
    from gradwright.api.formula import formula

    variables = names(wrt or "")
    if not variables:
        raise click.UsageError("a formula needs --wrt, the variable to differentiate by")
    given = formula(text, **declared(declarations))
    if kind is None:
        kind = "gradient" if given.scope.shape.kind == "scalar" else "jacobian"
    if kind == "gradient":
        return given.gradient(*variables)
    if len(variables) > 1:
        raise click.UsageError(
            f"the {kind} is by one variable and --wrt names {len(variables)}: "
            f"{', '.join(variables)}"
        )
    made = {
        "jacobian": given.jacobian,
        "hessian": given.hessian,
        "vjp": given.vjp,
        "jvp": given.jvp,
        "hvp": given.hvp,
    }
    return made[kind](variables[0])
