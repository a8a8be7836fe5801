"""What a command is about: a formula or a network, told apart by the arrow."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gradwright.cli.options import declared, names
from gradwright.errors import DataError, NetworkError

if TYPE_CHECKING:
    from gradwright.api.backprop import NetworkDerivation
    from gradwright.api.derivation import Derivation
    from gradwright.api.network import Network


#: Options, by the names that commands know them by, that only formulas and only networks have.
OF_FORMULAS = ("wrt", "kind", "mode", "constraint", "declarations")
OF_NETWORKS = (
    "loss", "reduction", "layout", "notation", "gradient", "jacobian", "layer_jacobian",
    "optimizer", "weighted",
)  # fmt: skip


def is_network(text: str) -> bool:
    """Whether `text` describes a network, such as "4 -> 3 softmax"; no formula has an arrow."""
    return "->" in text or "→" in text


def given_network(text: str) -> bool:
    """Whether the running command is about a network, and not a formula.

    Raises:
        NetworkError: an option was given that only the other has; it would do nothing.
    """
    network = is_network(text)
    if network:
        refuse_options(OF_FORMULAS, text, "a formula", "a network")
    else:
        refuse_options(OF_NETWORKS, text, "a network", "a formula")
    return network


def refuse_options(known_as: Sequence[str], text: str, owner: str, subject: str) -> None:
    """Refuse options of the running command that were given and belong to another subject."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in known_as and source is ParameterSource.COMMANDLINE:
            raise NetworkError(
                f"the option {parameter.opts[0]}",
                f"it belongs to {owner}, and given is {subject}",
                f"leave {parameter.opts[0]} out, or give {owner}",
                text=text,
            )


def make_network(text: str, loss: str | None, reduction: str, layout: str | None) -> Network:
    """The network, with the loss that belongs to its last activation unless one is named."""
    from gradwright.api.network import Network
    from gradwright.nn.losses import default_loss
    from gradwright.nn.text import parse_groups

    chosen = default_loss(parse_groups(text)[-1].activation) if loss is None else loss
    return Network(text, loss=chosen, reduction=reduction, layout=layout or "rows")


def layer_numbers(text: str) -> list[int]:
    """`"2, 3"` as `[2, 3]`.

    Raises:
        NetworkError: something else than numbers.
    """
    try:
        return [int(part) for part in names(text)]
    except ValueError as error:
        raise NetworkError(
            f"the layers {text}",
            f"{text!r} is given and layers have numbers, the first 1",
            "write all, none, or numbers with commas between them",
        ) from error


def make_backprop(
    text: str,
    loss: str | None,
    reduction: str,
    layout: str | None,
    convention: Mapping[str, Any],
    weighted: bool = False,
) -> NetworkDerivation:
    """The derivation of a network in the convention that was asked for; `weighted`: of samples."""
    network = make_network(text, loss, reduction, layout)
    made = network.backprop(**convention, weighted=weighted)
    used = made.network.model.layout.name
    if layout is not None and used != layout:
        raise click.UsageError(
            f"--notation {convention['notation']} has the layout {used}, and --layout says {layout}"
        )
    return made


def equations_text(path: str) -> str:
    """The text of a file of equations, or with "-" of standard input.

    Raises:
        DataError: it cannot be read, or is no text in UTF-8.
    """
    try:
        if path == "-":
            return sys.stdin.buffer.read().decode("utf-8")
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(
            "reading equations",
            f"--equations names {path} and the system says: {told}",
            "name a text file in UTF-8 with one equation a line",
            place=path,
        ) from error


def make_derivation(
    text: str,
    wrt: str | None,
    kind: str | None,
    declarations: Sequence[str],
    mode: str = "auto",
    constraint: str = "none",
) -> Derivation:
    """The derivative of a formula that was asked for."""
    from gradwright.api.formula import formula

    variables = names(wrt or "")
    if not variables:
        raise click.UsageError("a formula needs --wrt, the variable to differentiate by")
    given = formula(text, **declared(declarations))
    if kind is None:
        kind = "gradient" if given.scope.shape.kind == "scalar" else "jacobian"
    if constraint != "none" and kind not in ("gradient", "hessian"):
        fact = f"--constraint {constraint}: gradients and Hessians have one, and this is a {kind}"
        raise click.UsageError(fact)
    if kind in ("vjp", "jvp", "hvp"):
        if mode != "auto":
            raise click.UsageError(f"--mode {mode}: a {kind} has one mode")
        products = {"vjp": given.vjp, "jvp": given.jvp, "hvp": given.hvp}
        return products[kind](*variables)
    if kind == "gradient":
        return given.gradient(*variables, mode=mode, constraint=constraint)
    if kind == "hessian":
        return given.hessian(*variables, mode=mode, constraint=constraint)
    derivatives = {"jacobian": given.jacobian, "derivative": given.derivative}
    return derivatives[kind](*variables, mode=mode)
