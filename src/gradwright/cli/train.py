"""`gradwright train`."""

from __future__ import annotations

from typing import Any

import click

from gradwright.cli import options
from gradwright.cli.learning import settings_of, train
from gradwright.cli.main import INTERRUPTED
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note
from gradwright.cli.samples import prepared, read_data, with_tables
from gradwright.cli.subject import make_network
from gradwright.run.files import output_folder, publish


@click.command("train")
@click.argument("text", metavar="NETWORK")
@options.data_options(required=True)
@options.loss
@options.reduction
@options.layout
@options.training_options
@options.seed
@options.as_json
@options.out
def command(
    text: str,
    data: str,
    label: str | None,
    loss: str | None,
    reduction: str,
    layout: str | None,
    seed: int,
    as_json: bool,
    out: str | None,
    **training: Any,
) -> int:
    """Train NETWORK on a data set and report the loss and accuracy on held-out samples.

    Interrupted from the keyboard, it keeps the parameters reached so far. With --out, the folder
    gets parameters.npz and training.json. NETWORK has as many inputs as the data has columns;
    columns of categories are looked up in tables.

    \b
    Examples:
      gradwright train "64 -> 32 relu -> 10 softmax" --data digits --out out/
      gradwright train "4 -> 8 tanh -> 3 softmax" --data flowers.csv --label species
      gradwright train "8 -> 16 relu -> 1" --data rents.csv --label rent --learning-rate 0.01
      gradwright train "64 -> 32 relu -> 10 softmax" --data digits --optimizer adam
      gradwright train "4 -> 8 tanh -> 2 softmax" --data mails.csv --class-weight spam=5
      gradwright train "6 -> 16 relu -> 1" --data rents.csv --categories district=4
    """
    settings = settings_of(seed, **training)
    with output_folder(out) as folder:
        categories = settings.categories
        dataset = read_data(data, label, settings.sample_weight, categories)
        network = make_network(with_tables(text, dataset, categories), loss, reduction, layout)
        samples = prepared(dataset, data, network, settings.held_out, seed)
        trained = train(network, samples, settings)
        if folder is not None:
            trained.write(folder)
        for path in publish(folder):
            note(f"wrote {path}")
        say(json_text(trained.document) if as_json else trained.summary())
    return INTERRUPTED if trained.interrupted else 0
