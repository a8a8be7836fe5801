"""`gradwright check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradwright.api.equations.check import check_equations
from gradwright.api.equations.report import EquationsReport
from gradwright.cli import options
from gradwright.cli.main import CHECK_FAILED
from gradwright.cli.options import declared
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note, progress
from gradwright.cli.subject import (
    OF_FORMULAS,
    OF_NETWORKS,
    equations_text,
    given_network,
    make_derivation,
    make_network,
    refuse_options,
)
from gradwright.run.files import output_folder, publish
from gradwright.verification.report import CheckReport

if TYPE_CHECKING:
    from gradwright.api.network import Network

#: Equations have declarations, and are not differentiated.
NOT_OF_EQUATIONS = tuple(name for name in OF_FORMULAS if name != "declarations")


@click.command("check", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA|NETWORK", required=False)
@options.equations
@options.network
@options.notation
@options.wrt
@options.kind
@options.mode
@options.constraint
@options.declare
@options.loss
@options.reduction
@options.layout
@options.seed
@options.as_json
@options.out
def command(
    text: str | None,
    equations: str | None,
    network: str | None,
    notation: str | None,
    wrt: str | None,
    kind: str | None,
    mode: str,
    constraint: str,
    declarations: tuple[str, ...],
    loss: str | None,
    reduction: str,
    layout: str | None,
    seed: int,
    as_json: bool,
    out: str | None,
) -> int:
    """Compare a derivative with oracles that share no code with the derivation.

    The exit code is 0 when every block is right and 1 when one is not. With --out, the folder gets
    check.json.

    With --equations, check the equations of a file instead, one a line: about the network that
    --network describes, or about declared symbols.

    \b
    Examples:
      gradwright check "log(det(A))" --wrt A --declare 'A=posdef n n'
      gradwright check "sum(relu(W*x))" --wrt W,x --seed 7
      gradwright check "4 -> 10 relu -> 3 softmax" --loss cross_entropy --json
      gradwright check --equations notes.txt --network "3 -> 10 relu -> 3 softmax"
    """
    with output_folder(out) as folder:
        report: CheckReport | EquationsReport
        if equations is not None:
            if text is not None:
                raise click.UsageError("give a formula or --equations, not both")
            about = _network_of_equations(equations, network, loss, reduction, layout)
            given = declared(declarations)
            report = check_equations(equations_text(equations), about, notation=notation, **given)
        elif text is None:
            raise click.UsageError("a formula, a network or --equations is missing")
        elif network is not None or notation is not None:
            raise click.UsageError("--network and --notation go with --equations")
        elif given_network(text):
            with progress("checking") as watch:
                derivation = make_network(text, loss, reduction, layout).backprop()
                report = derivation.check(seed=seed, progress=watch)
        else:
            derived = make_derivation(text, wrt, kind, declarations, mode, constraint)
            report = derived.check(seed=seed)
        if folder is not None:
            folder.write("check.json", json_text(report.to_dict()))
        for path in publish(folder):
            note(f"wrote {path}")
        say(json_text(report.to_dict()) if as_json else str(report))
    return 0 if report.ok else CHECK_FAILED


def _network_of_equations(
    equations: str, network: str | None, loss: str | None, reduction: str, layout: str | None
) -> Network | None:
    """The network that the equations of a file are about, if they are about one."""
    refuse_options(NOT_OF_EQUATIONS, equations, "a formula", "a file of equations")
    if network is None:
        refuse_options(OF_NETWORKS, equations, "a network", "a file without --network")
        return None
    return make_network(network, loss, reduction, layout)
