"""`gradwright flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradwright.cli import options
from gradwright.cli.main import CHECK_FAILED
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note
from gradwright.cli.samples import prepared, read_data, with_tables
from gradwright.cli.subject import make_network, refuse_options
from gradwright.run.files import output_folder, publish

if TYPE_CHECKING:
    from gradwright.api.network import Network
    from gradwright.nn.parameters import Parameters

#: Of the samples this part stays out of sight, as in training.
HELD_OUT = 0.2


@click.command("flow")
@click.argument("text", metavar="NETWORK")
@options.data_options(required=False)
@options.loss
@options.reduction
@options.layout
@options.sample_weight
@click.option("--params", metavar="FILE.npz", help="Trained parameters; otherwise a random start.")
@click.option(
    "--scheme",
    metavar="NAME",
    default="xavier_normal",
    show_default=True,
    help="A scheme of weights: xavier_normal, he_uniform, orthogonal, auto and others.",
)
@click.option("--scale", type=float, default=1.0, help="Multiplies the weights of the start.")
@click.option(
    "--singular-values",
    metavar="NUMBER[,NUMBER...]",
    help="Gives every weight matrix of the start these singular values, or one in all directions.",
)
@options.seed
@options.as_json
@options.out
def command(
    text: str,
    data: str | None,
    label: str | None,
    loss: str | None,
    reduction: str,
    layout: str | None,
    sample_weight: str | None,
    params: str | None,
    scheme: str,
    scale: float,
    singular_values: str | None,
    seed: int,
    as_json: bool,
    out: str | None,
) -> int:
    """Say how gradients flow through NETWORK, layer by layer, and where they vanish or explode.

    Without --data the input is random. The exit code is 0 for a healthy flow and 1 for any other
    verdict. With --out, the folder gets flow.txt and flow.json.

    \b
    Examples:
      gradwright flow "64 -> 30 * 64 sigmoid -> 10 softmax"
      gradwright flow "64 -> 30 * 64 relu -> 10 softmax" --scheme he_normal --data digits
      gradwright flow "8 -> 50 * 8 -> 1" --singular-values 0.5
    """
    from gradwright.api.flow import flow

    if data is None:
        refuse_options(("label", "sample_weight"), text, "samples from --data", "no --data")
    with output_folder(out) as folder:
        dataset = None if data is None else read_data(data, label, sample_weight)
        text = text if dataset is None else with_tables(text, dataset)
        network = make_network(text, loss, reduction, layout)
        X = y = weights = None
        if data is not None and dataset is not None:
            # As training would see them.
            samples = prepared(dataset, data, network, HELD_OUT, seed).training
            X, y, weights = samples.X, samples.y, samples.weights
        start = _start(network, params, seed, scheme, scale, singular_values)
        report = flow(network, start, X, y, seed, sample_weight=weights)
        if folder is not None:
            folder.write("flow.txt", str(report))
            folder.write("flow.json", json_text(report.to_dict()))
        for path in publish(folder):
            note(f"wrote {path}")
        say(json_text(report.to_dict()) if as_json else str(report))
    return 0 if report.ok else CHECK_FAILED


def _start(
    network: Network,
    params: str | None,
    seed: int,
    scheme: str,
    scale: float,
    singular_values: str | None,
) -> Parameters:
    if params is None:
        values = None if singular_values is None else _numbers(singular_values)
        return network.init(seed, scheme, scale=scale, singular_values=values)
    context = click.get_current_context()
    for name in ("scheme", "scale", "singular_values"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--params gives the weights and --{name.replace('_', '-')} would draw others; "
                "leave out one of them"
            )
    return network.load(params)


def _numbers(text: str) -> float | list[float]:
    """`"0.5"` as a number, `"2,0.5"` as a list."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no list of numbers; write it like 0.5 or 2,0.5",
            param_hint="--singular-values",
        ) from None
    return values[0] if len(values) == 1 else values
