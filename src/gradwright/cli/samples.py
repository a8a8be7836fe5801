"""Samples for the command line: read, split and standardised, and the network that takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gradwright.errors import DataError, TrainingError

if TYPE_CHECKING:
    from gradwright.api.network import Network
    from gradwright.data.dataset import Dataset, Standardiser


class Data(Struct, frozen=True):
    """Samples to train on and samples to measure on, standardised by the former alone."""

    name: str
    training: Dataset
    held_out: Dataset
    standardiser: Standardiser


def read_data(
    name: str, label: str | None, weights: str | None = None, categories: Sequence[str] = ()
) -> Dataset:
    """Read a bundled data set or a CSV file.

    `weights` is the column of a CSV file that has the weights of the samples, `categories` are
    columns of categories, as `named_widths` reads them.

    Raises:
        DataError: the data set is unknown, or the file cannot be read as numbers and categories
            with a label.
    """
    from gradwright.data import bundled, csv_file

    named = tuple(named_widths(categories))
    if Path(name).suffix.lower() == ".csv" or Path(name).is_file():
        return csv_file.read(name, label, weights, named)
    for option, what, columns in (
        ("--label", "a label", label),
        ("--sample-weight", "weights of samples", weights),
        ("--categories", "categories", ", ".join(named) or None),
    ):
        if columns is not None:
            raise DataError(
                f"the data set {name} with {what}",
                f"the column {columns} is asked for, and a bundled data set has its own columns "
                "and targets",
                f"leave {option} out, or give a CSV file",
            )
    return bundled.load(name)


def prepared(dataset: Dataset, name: str, network: Network, held_out: float, seed: int) -> Data:
    """The data set of a name, split and standardised.

    Targets are standardised where the loss takes any numbers. Counts, probabilities and signs are
    what they are.

    Raises:
        DataError: its columns and labels do not fit the network.
    """
    import numpy as np

    from gradwright.data.dataset import Standardiser, split
    from gradwright.nn.target_kinds import NUMBERS
    from gradwright.nn.targets import target_kind

    dataset = _as_targets(dataset, network)
    _require_outputs(dataset, network)
    # All is checked as a whole, so that a message counts rows as the file does.
    start = network.init(seed)
    with np.errstate(over="ignore"):
        network.loss(start, dataset.X, dataset.y, sample_weight=dataset.weights)
    training, kept = split(dataset, held_out, seed)
    codes = [codes.column for codes in network.model.layers[0].codes]
    any_numbers = target_kind(network.model.loss) is NUMBERS
    standardiser = Standardiser.fit(training, codes, any_numbers)
    return Data(
        name, standardiser.standardised(training), standardiser.standardised(kept), standardiser
    )


def _as_targets(dataset: Dataset, network: Network) -> Dataset:
    """Whole numbers as numbers, not as classes, where one output has a loss of numbers.

    A file does not tell classes 3, 5, 8 from numbers, and the network does. Two values stay two
    classes, of which the output is a score, unless it is the rate of counts.

    Raises:
        DataError: the labels are words.
    """
    from gradwright.nn.target_kinds import COUNTS, NUMBERS
    from gradwright.nn.targets import target_kind

    loss, kind = network.model.loss, target_kind(network.model.loss)
    if dataset.classes is None or network.widths[-1] > 1:
        return dataset
    if kind is not COUNTS and not (kind is NUMBERS and len(dataset.classes) > 2):
        return dataset
    made = dataset.as_numbers()
    if made is None:
        raise DataError(
            f"the labels of {dataset.name} for one output with the loss {loss}",
            f"they are {_listed(dataset.classes)}, and the loss takes numbers",
            f"end the network with {len(dataset.classes)} softmax for classes, or name a label "
            "column of numbers",
        )
    return made


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(classes[:6])
    return f"{len(classes)} classes, {shown}{', …' if len(classes) > 6 else ''}"


def _require_outputs(dataset: Dataset, network: Network) -> None:
    """Fail where a file has more classes than the network tells apart.

    Raises:
        DataError: it has.
    """
    outputs = network.widths[-1]
    told_apart = max(outputs, 2)
    if dataset.classes is None or len(dataset.classes) <= told_apart:
        return
    count = len(dataset.classes)
    column = f" in the column {dataset.target}" if dataset.target else ""
    raise DataError(
        f"the labels of {dataset.name}{column}",
        f"they are {_listed(dataset.classes)}, and the network has {outputs} "
        + ("outputs, one for each class" if outputs > 1 else "output, which tells two apart"),
        f"end the network with {count} softmax, or name the column of the labels with --label",
        place=f"the first sample of {dataset.classes[told_apart]} is row "
        f"{list(dataset.y).index(told_apart)}",
    )


def named_widths(given: Sequence[str]) -> dict[str, int | None]:
    """`["region=4", "kind"]` as `{"region": 4, "kind": None}`.

    A width stands behind the last equals sign: names of columns may have some.

    Raises:
        TrainingError: a column given twice, or the width 0.
    """
    found: dict[str, int | None] = {}
    for text in given:
        name, equals, number = (part.strip() for part in text.rpartition("="))
        has_width = bool(equals) and number.isascii() and number.isdigit()
        name, width = (name, int(number)) if has_width else (text.strip(), None)
        if name in found or width == 0:
            clash = f"{name} is given twice" if name in found else "a row of a table has no entries"
            raise TrainingError(
                f"--categories {text}",
                clash,
                "give each column once, like --categories region, or with a width of its own, "
                "--categories region=4",
            )
        found[name] = width
    return found


def with_tables(text: str, dataset: Dataset, categories: Sequence[str] = ()) -> str:
    """The text of a network with a table for each column of categories in front.

    Raises:
        NetworkError: the network has another number of inputs than the data has columns.
    """
    from gradwright.nn.embedding import usual_width
    from gradwright.nn.text import with_embedding

    widths = named_widths(categories)
    tables = {}
    for column, names in dataset.categories.items():
        given = widths.get(dataset.feature_names[column])
        tables[column] = len(names), usual_width(len(names)) if given is None else given
    return with_embedding(text, tables) if tables else text
