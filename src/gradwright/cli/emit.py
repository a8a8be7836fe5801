"""`gradwright emit`."""

from __future__ import annotations

import click

from gradwright.cli import options
from gradwright.cli.output import json_text, output_folder, publish, say
from gradwright.cli.progress import note
from gradwright.cli.subject import given_network, make_derivation, make_network
from gradwright.errors import UnsupportedError

SCHEMA = "gradwright.source/1"
KERNELS_SCHEMA = "gradwright.kernels/1"


@click.command("emit", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA|NETWORK")
@options.wrt
@options.kind
@options.mode
@options.constraint
@options.declare
@options.loss
@options.reduction
@options.layout
@click.option(
    "--target",
    default="numpy",
    show_default=True,
    help="What the code is written for: numpy, torch, or c for networks.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="With --target c: which kernel each matrix product has, and why, in place of the code.",
)
@options.steps_of
@options.as_json
@options.out
def command(
    text: str,
    wrt: str | None,
    kind: str | None,
    mode: str,
    constraint: str,
    declarations: tuple[str, ...],
    loss: str | None,
    reduction: str,
    layout: str | None,
    target: str,
    explain: bool,
    optimizer: str | None,
    as_json: bool,
    out: str | None,
) -> None:
    """Print the derivative as a complete module that needs NumPy, PyTorch, or a C compiler only.

    With --out, the folder gets the module as derivative.py, or for a network as backprop.py, or
    backprop.c.

    \b
    Examples:
      gradwright emit "x'*A*x" --wrt x,A
      gradwright emit "64 -> 32 relu -> 10 softmax" > backprop.py
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --out build/
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --target torch > model.py
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --target c --optimizer adam > model.c
      gradwright emit "784 -> 256 relu -> 10 softmax" --target c --explain
    """
    network = given_network(text)
    if explain:
        if target != "c" or not network:
            raise UnsupportedError(
                "emit --explain",
                "kernels are chosen in C for networks, and this is "
                f"{'a network' if network else 'a formula'} for the target {target}",
                "give a network and --target c, or leave --explain out",
            )
        kernels = make_network(text, loss, reduction, layout).backprop().kernels()
        document = {"schema": KERNELS_SCHEMA, "of": text, **kernels.to_dict()}
        say(json_text(document) if as_json else kernels.text())
        return
    with output_folder(out) as folder:
        if network:
            made = make_network(text, loss, reduction, layout).backprop()
            source = made.source(target, optimizer)
        else:
            source = make_derivation(text, wrt, kind, declarations, mode, constraint).source(target)
        if folder is not None:
            ending = "c" if target == "c" else "py"
            folder.write(f"{'backprop' if network else 'derivative'}.{ending}", source)
        document = {"schema": SCHEMA, "of": text, "target": target, "source": source}
        for path in publish(folder):
            note(f"wrote {path}")
        say(json_text(document) if as_json else source.rstrip("\n"))
