"""`gradwright emit`."""

from __future__ import annotations

import click

from gradwright.cli import options
from gradwright.cli.output import json_text, output_folder, publish, say
from gradwright.cli.progress import note
from gradwright.cli.subject import given_network, make_derivation, make_network

SCHEMA = "gradwright.source/1"


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
    """
    with output_folder(out) as folder:
        network = given_network(text)
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
