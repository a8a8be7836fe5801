"""Training from the command line: data in, a trained network and its record out."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gradwright.cli.output import OutputFolder, json_text
from gradwright.cli.progress import progress
from gradwright.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradwright.api.network import Network
    from gradwright.data.dataset import Dataset, Standardiser
    from gradwright.nn.optimizers import Optimizer
    from gradwright.nn.parameters import Parameters
    from gradwright.nn.schedules import Schedule
    from gradwright.training.record import Epoch

SCHEMA = "gradwright.trained/1"


class Settings(Struct, frozen=True):
    """How to train, as the options say."""

    epochs: int
    batch_size: int | None
    learning_rate: float | None
    held_out: float
    seed: int
    optimizer: Optimizer
    schedule: Schedule


def settings_of(
    seed: int,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    held_out: float,
    optimizer: str,
    optimizer_settings: Sequence[str],
    schedule: str,
    warmup: float,
    **common: float | None,
) -> Settings:
    """The options of a training, checked.

    Raises:
        TrainingError: an optimiser, a schedule or a setting that there is not.
    """
    from gradwright.nn.optimizers import known_optimizer
    from gradwright.nn.schedules import schedule as schedule_of

    rule = known_optimizer(optimizer).having(**numbers(optimizer_settings), **common)
    course = schedule_of(schedule, warmup=warmup)
    return Settings(epochs, batch_size, learning_rate, held_out, seed, rule, course)


def numbers(given: Sequence[str]) -> dict[str, float]:
    """`["beta1=0.8"]` as `{"beta1": 0.8}`.

    Raises:
        TrainingError: no equals sign, no number, or a name given twice.
    """
    found: dict[str, float] = {}
    for text in given:
        name, _, number = (part.strip() for part in text.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = None
        if value is None or name in found:
            clash = "it is given twice" if name in found else f"{number!r} is no number"
            raise TrainingError(
                f"the setting {text}", clash, "write each setting once, like --setting beta1=0.8"
            )
        found[name] = value
    return found


class Data(Struct, frozen=True):
    """Samples to train on and samples to measure on, standardised by the former alone."""

    name: str
    training: Dataset
    held_out: Dataset
    standardiser: Standardiser


class Trained(Struct, frozen=True):
    """What training led to."""

    params: Parameters
    interrupted: bool
    document: dict[str, Any]
    history: tuple[Epoch, ...] = ()

    def summary(self) -> str:
        """A few lines to read."""
        document = self.document
        kept = document["samples"]
        lines = [
            f"trained on {kept['training']} samples of {document['data']}, "
            f"{document['epochs_done']} epochs, seed {document['seed']}"
        ]
        measure = document["held_out"]
        text = f"held-out loss {measure['loss']:.6g}"
        if measure["accuracy"] is not None:
            text += f", accuracy {100 * measure['accuracy']:.2f} %"
        lines.append(f"{text} ({kept['held_out']} samples)")
        if self.interrupted:
            lines.append("interrupted: these are the parameters of the last finished step")
        return "\n".join(lines)

    def write(self, folder: OutputFolder) -> None:
        """Prepare parameters.npz and training.json."""
        folder.save("parameters.npz", lambda path: self.params.save(str(path)))
        folder.write("training.json", json_text(self.document))


def read_data(name: str, label: str | None, held_out: float, seed: int, network: Network) -> Data:
    """Read, split and standardise a bundled data set or a CSV file.

    Raises:
        DataError: the data set is unknown, the file cannot be read as numbers with a label, or
            its columns and labels do not fit the network.
    """
    from gradwright.data import bundled, csv_file
    from gradwright.data.dataset import Standardiser, split

    is_file = Path(name).suffix.lower() == ".csv" or Path(name).is_file()
    dataset = csv_file.read(name, label=label) if is_file else bundled.load(name)
    # Inputs and targets are checked as a whole, so that a message counts rows as the file does.
    network.loss(network.init(seed), dataset.X, dataset.y)
    training, kept = split(dataset, held_out, seed)
    standardiser = Standardiser.fit(training)
    return Data(
        name, standardiser.standardised(training), standardiser.standardised(kept), standardiser
    )


def train(network: Network, data: Data, settings: Settings) -> Trained:
    """Train with progress on standard error, then measure on the held-out samples."""
    import gradwright as gw

    with progress("training") as watch:

        def follow(epoch: Epoch) -> None:
            watch(f"loss {epoch.loss:.4g}", epoch.epoch + 1, settings.epochs)

        done = gw.train(
            network,
            data.training.X,
            data.training.y,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            optimizer=settings.optimizer,
            schedule=settings.schedule,
            validation=(data.held_out.X, data.held_out.y),
            callbacks=(follow,),
        )
    document = {
        "schema": SCHEMA,
        "network": network.model.text,
        "loss": network.model.loss,
        "reduction": network.model.reduction,
        "data": data.name,
        "samples": {"training": len(data.training.X), "held_out": len(data.held_out.X)},
        "seed": settings.seed,
        "batch_size": done.settings.batch_size,
        "learning_rate": done.settings.learning_rate,
        "optimizer": {"name": settings.optimizer.name, **dict(settings.optimizer.settings)},
        "schedule": {"name": settings.schedule.name, "warmup": settings.schedule.warmup},
        "epochs_asked": settings.epochs,
        "epochs_done": len(done.history),
        "stopped": done.stopped,
        "history": done.to_dict()["history"],
        "held_out": {
            "loss": network.loss(done.params, data.held_out.X, data.held_out.y),
            "accuracy": _accuracy(network, done.params, data.held_out),
        },
        "standardiser": data.standardiser.to_dict(),
        "versions": _versions(),
    }
    return Trained(done.params, done.stopped == "interrupted", document, done.history)


def _accuracy(network: Network, params: Parameters, data: Dataset) -> float | None:
    """The part of the samples whose class is predicted; None when the targets are no classes."""
    from gradwright.nn.targets import prepare_targets
    from gradwright.training.loop import accuracy

    if data.classes is None:
        return None
    outputs = network.predict(params, data.X)
    count, width = outputs.shape
    targets = prepare_targets(data.y, width, network.model.loss, count, outputs.dtype)
    return accuracy(outputs, targets)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "gradwright": version("gradwright"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
