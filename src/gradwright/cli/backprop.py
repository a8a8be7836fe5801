"""`gradwright backprop`."""

from __future__ import annotations

import click

from gradwright.cli import options
from gradwright.cli.learning import Settings, Trained, read_data, train
from gradwright.cli.main import CHECK_FAILED, INTERRUPTED
from gradwright.cli.output import json_text, output_folder, publish, say
from gradwright.cli.progress import note, progress
from gradwright.cli.subject import make_network

SCHEMA = "gradwright.backprop/1"


@click.command("backprop")
@click.argument("text", metavar="NETWORK")
@options.data_options(required=False)
@options.loss
@options.reduction
@options.level
@options.training_options
@options.seed
@options.as_json
@options.out
def command(
    text: str,
    data: str | None,
    label: str | None,
    loss: str | None,
    reduction: str,
    level: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    held_out: float,
    seed: int,
    as_json: bool,
    out: str | None,
) -> int:
    """Derive the backward pass of NETWORK, check it, and with --data train with it.

    With --out, the folder gets derivation.txt, derivation.tex, backprop.py (a NumPy module) and
    check.json; with --data also parameters.npz and training.json. A backward pass that fails its
    check is not trained with, and the exit code is 1.

    \b
    Examples:
      gradwright backprop "64 -> 32 relu -> 10 softmax" --data digits --out out/
      gradwright backprop "4 -> 10 relu -> 6 relu -> 3 softmax"
      gradwright backprop "2 -> 8 tanh -> 1 sigmoid" --level outline
    """
    settings = Settings(epochs, batch_size, learning_rate, held_out, seed)
    with output_folder(out) as folder:
        go_on = folder is not None
        network = make_network(text, loss, reduction)
        # Data is read before the work, so that a wrong file is reported at once.
        samples = None if data is None else read_data(data, label, settings)
        backprop = network.backprop()
        explained = backprop.explain(level=level)
        if not as_json:
            say(explained, go_on=go_on)
        with progress("checking") as watch:
            report = backprop.check(seed=seed, progress=watch)
        if not as_json:
            say(f"\n{report}", go_on=go_on)
        trained: Trained | None = None
        if samples is not None and report.ok:
            trained = train(network, samples, settings)
            if not as_json:
                say(f"\n{trained.summary()}", go_on=go_on)
        if as_json:
            document = {
                "schema": SCHEMA,
                "derivation": backprop.to_dict(),
                "check": report.to_dict(),
                "training": None if trained is None else trained.document,
            }
            say(json_text(document), go_on=go_on)
        if folder is not None:
            folder.write("derivation.txt", explained)
            folder.write("derivation.tex", backprop.latex())
            folder.write("backprop.py", backprop.source("numpy"))
            folder.write("check.json", json_text(report.to_dict()))
            if trained is not None:
                trained.write(folder)
        for path in publish(folder):
            note(f"wrote {path}")
    if not report.ok:
        return CHECK_FAILED
    return INTERRUPTED if trained is not None and trained.interrupted else 0
