"""Training from the command line: data in, a trained network and its record out."""

from __future__ import annotations

import math
import platform
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from gradwright.cli.output import json_text
from gradwright.cli.progress import progress
from gradwright.errors import TrainingError
from gradwright.run.files import OutputFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradwright.api.network import Network
    from gradwright.api.training import Run
    from gradwright.cli.samples import Data
    from gradwright.data.dataset import Dataset
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
    sample_weight: str | None = None
    class_weight: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def weighted(self) -> bool:
        """Whether samples have weights, of their own or of their class."""
        return self.sample_weight is not None or bool(self.class_weight)


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
    sample_weight: str | None = None,
    class_weight: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
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
    steps = (epochs, batch_size, learning_rate, held_out, seed, rule, course)
    return Settings(*steps, sample_weight, class_weight, categories)


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


def class_weights(
    given: Sequence[str], classes: Sequence[str] | None
) -> dict[int, float] | str | None:
    """`["spam=5"]` as `{1: 5.0}`, 1 being the index of that class; "balanced" as it is.

    A number stands behind the last equals sign: names of classes may have some.

    Raises:
        TrainingError: no number from 0, a class that there is not or that is given twice, or
            "balanced" beside others.
    """
    from gradwright.nn.weights import BALANCED

    if not given or tuple(given) == (BALANCED,):
        return BALANCED if given else None
    known = "no classes" if classes is None else f"the classes {', '.join(classes)}"
    found: dict[int, float] = {}
    for text in given:
        name, equals, number = (part.strip() for part in text.rpartition("="))
        if not equals:
            clash = f"{text!r} has no equals sign, and a weight is written CLASS=NUMBER"
            if text == BALANCED:
                clash = f"{BALANCED} weights every class, and others are given beside it"
            _refuse_class_weight(text, clash)
        if classes is None or name not in classes:
            _refuse_class_weight(text, f"{name!r} is given a weight and the data has {known}")
        label = list(classes).index(name)
        if label in found:
            _refuse_class_weight(text, f"{name} has the weight {found[label]:g} already")
        found[label] = _weight(text, name, number)
    return found


def _weight(text: str, name: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        _refuse_class_weight(text, f"the weight of {name} is {number!r}, which is no number")
    if not 0 <= weight < math.inf:
        clash = f"the weight of {name} is {number} and weights are finite numbers from 0"
        _refuse_class_weight(text, clash)
    return weight


def _refuse_class_weight(text: str, clash: str) -> NoReturn:
    raise TrainingError(
        f"--class-weight {text or repr(text)}",
        clash,
        "give a class of the data one weight from 0, like --class-weight spam=5, or write "
        "--class-weight balanced alone",
    )


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
        weighted = "weighted " if document["sample_weight"] is not None else ""
        text = f"held-out {weighted}loss {measure['loss']:.6g}"
        errors = measure["root_mean_squared_error"]
        if errors is not None:
            text += " of standardised targets"
        if measure["accuracy"] is not None:
            text += f", {weighted}accuracy {100 * measure['accuracy']:.2f} %"
        lines.append(f"{text} ({kept['held_out']} samples)")
        if errors is not None:
            unit = "unit of the target" if len(errors) == 1 else "units of the targets"
            numbers = ", ".join(f"{error:.6g}" for error in errors)
            lines.append(f"held-out {weighted}root mean squared error {numbers}, in the {unit}")
        classes, idle = document["classes"], document["outputs_without_class"]
        if classes is not None and len(classes) == 1:
            lines.append(f"the data has one class alone, {classes[0]}: nothing is told apart")
        elif idle:
            last = "one stands" if idle == 1 else f"{idle} stand"
            lines.append(
                f"the network has {len(classes) + idle} outputs and the data {len(classes)} "
                f"classes: the last {last} for no class"
            )
        if document["categories"]:
            counts = ", ".join(f"{name} {len(x)}" for name, x in document["categories"].items())
            lines.append(f"categories: {counts}; the network is {document['network']}")
        if measure["unseen"]:
            lines.append(
                f"{measure['unseen']} of the held-out samples have a category that no training "
                "sample has: its row is as it was drawn"
            )
        if self.interrupted:
            lines.append("interrupted: these are the parameters of the last finished step")
        return "\n".join(lines)

    def write(self, folder: OutputFolder) -> None:
        """Prepare parameters.npz and training.json."""
        folder.save("parameters.npz", lambda path: self.params.save(str(path)))
        folder.write("training.json", json_text(self.document))


def train(network: Network, data: Data, settings: Settings) -> Trained:
    """Train with progress on standard error, then measure on the held-out samples."""
    import gradwright as gw

    held_out = data.held_out
    weighted = held_out.weights is not None
    of_classes = class_weights(settings.class_weight, data.training.classes)
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
            sample_weight=data.training.weights,
            class_weight=of_classes,
            validation=(held_out.X, held_out.y, *[held_out.weights] * weighted),
            callbacks=(follow,),
        )
    document = _document(network, data, settings, done)
    return Trained(done.params, done.stopped == "interrupted", document, done.history)


def _document(network: Network, data: Data, settings: Settings, done: Run) -> dict[str, Any]:
    """The record of a training in the schema gradwright.trained/1."""
    held_out = data.held_out
    return {
        "schema": SCHEMA,
        "network": network.model.text,
        "loss": network.model.loss,
        "reduction": network.model.reduction,
        "layout": network.model.layout.name,
        "data": data.name,
        "columns": list(data.training.feature_names),
        "categories": {
            data.training.feature_names[column]: list(names)
            for column, names in data.training.categories.items()
        },
        "classes": None if data.training.classes is None else list(data.training.classes),
        "outputs_without_class": _idle(network, data.training),
        "samples": {"training": len(data.training.X), "held_out": len(data.held_out.X)},
        "seed": settings.seed,
        "batch_size": done.settings.batch_size,
        "learning_rate": done.settings.learning_rate,
        "optimizer": {"name": settings.optimizer.name, **dict(settings.optimizer.settings)},
        "schedule": {"name": settings.schedule.name, "warmup": settings.schedule.warmup},
        "sample_weight": settings.sample_weight,
        "class_weight": list(settings.class_weight),
        "epochs_asked": settings.epochs,
        "epochs_done": len(done.history),
        "stopped": done.stopped,
        "history": done.to_dict()["history"],
        "held_out": {
            "loss": network.loss(
                done.params, held_out.X, held_out.y, sample_weight=held_out.weights
            ),
            "accuracy": _accuracy(network, done.params, held_out),
            "root_mean_squared_error": _errors(network, done.params, data),
            "unseen": _unseen(data),
        },
        "standardiser": data.standardiser.to_dict(),
        "versions": _versions(),
    }


def _idle(network: Network, data: Dataset) -> int:
    """How many outputs of several stand for no class of the data."""
    width = network.widths[-1]
    return 0 if data.classes is None or width == 1 else width - len(data.classes)


def _errors(network: Network, params: Parameters, data: Data) -> list[float] | None:
    """Of each target that was standardised the error in its own unit, with the samples' weights."""
    import numpy as np

    from gradwright.nn.target_kinds import NUMBERS
    from gradwright.nn.targets import target_kind

    held_out, scale = data.held_out, data.standardiser.target_scale
    if scale is None or target_kind(network.model.loss) is not NUMBERS:
        return None
    outputs = network.predict(params, held_out.X)
    off = outputs - held_out.y.reshape(outputs.shape)
    # In standard deviations, so that no square overflows.
    roots = np.sqrt(np.average(off**2, axis=0, weights=held_out.weights))
    return [float(x) for x in roots * scale]


def _unseen(data: Data) -> int:
    """How many samples are held out whose row of a table no training sample has."""
    import numpy as np

    new = np.zeros(len(data.held_out.X), bool)
    for column in data.training.categories:
        new |= ~np.isin(data.held_out.X[:, column], data.training.X[:, column])
    return int(np.sum(new))


def _accuracy(network: Network, params: Parameters, data: Dataset) -> float | None:
    """The part of the samples whose class is predicted; None when the targets are no classes."""
    from gradwright.nn.targets import accuracy, class_values, prepare_targets

    if data.classes is None:
        return None
    outputs = network.predict(params, data.X)
    count, width = outputs.shape
    targets = prepare_targets(data.y, width, network.model.loss, count, outputs.dtype)
    return accuracy(outputs, targets, class_values(network.model.loss, targets), data.weights)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "gradwright": version("gradwright"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
