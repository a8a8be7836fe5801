"""`gradwright predict`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from msgspec import Struct

from gradwright.cli import options
from gradwright.cli.learning import SCHEMA as TRAINED
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note
from gradwright.errors import DataError
from gradwright.run.files import output_folder, publish

if TYPE_CHECKING:
    from gradwright.api.network import Network
    from gradwright.data.dataset import Standardiser

SCHEMA = "gradwright.predicted/1"

Array = Any


class _Trained(Struct, frozen=True):
    """What a folder of a training holds of the network and of its data."""

    folder: Path
    network: Network
    columns: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    classes: tuple[str, ...] | None
    standardiser: Standardiser

    @classmethod
    def read(cls, folder: str) -> _Trained:
        """From parameters.npz and training.json.

        Raises:
            DataError: they are missing, damaged or of another schema.
        """
        from gradwright.api.network import Network
        from gradwright.data.dataset import Standardiser

        path = Path(folder) / "training.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            _refuse(path, f"it is to be read and the system says: {error.strerror}")
        except ValueError:
            _refuse(path, "it is to be read and is no JSON document")
        if not isinstance(stored, dict) or stored.get("schema") != TRAINED:
            _refuse(path, f"it is to have the schema {TRAINED} and has another one")
        try:
            columns, classes = tuple(stored["columns"]), stored["classes"]
            standardiser = Standardiser.from_dict(stored["standardiser"])
            fits = standardiser.mean.shape == standardiser.scale.shape == (len(columns),)
            if not fits or (classes is None) is (standardiser.target_mean is None):
                _refuse(path, f"its standardiser does not fit its {len(columns)} columns")
            asked = [stored[name] for name in ("network", "loss", "reduction", "layout")]
            return cls(
                Path(folder),
                Network(*asked),
                columns,
                {name: tuple(names) for name, names in stored["categories"].items()},
                None if classes is None else tuple(classes),
                standardiser,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _refuse(path, f"the schema {TRAINED} has an entry that is wrong here: {error}")

    def outputs(self, data: str) -> Array:
        """The outputs of the network for the samples of a CSV file, targets in their unit."""
        from gradwright.data.csv_file import read_features

        X = read_features(data, self.columns, self.categories)
        p = self.network.load(self.folder / "parameters.npz")
        found = self.network.predict(p, self.standardiser.apply(X))
        of_targets = self.standardiser.target_mean, self.standardiser.target_scale
        return found if self.classes is not None else found * of_targets[1] + of_targets[0]

    def classified(self, outputs: Array) -> list[str]:
        """The class of each sample: the largest output, or for one output above half way."""
        import numpy as np

        from gradwright.nn.target_kinds import SIGNS
        from gradwright.nn.targets import target_kind

        if outputs.shape[1] == 1:
            half = 0 if target_kind(self.network.model.loss) is SIGNS else 0.5
            places = (outputs[:, 0] >= half).astype(int)
        else:
            places = np.argmax(outputs, axis=1)
        # A network may have more outputs than there were classes.
        known = dict(enumerate(self.classes or ()))
        return [known.get(place, f"output {place + 1}") for place in places.tolist()]

    def document(self, data: str) -> dict[str, Any]:
        """The predictions in the schema gradwright.predicted/1."""
        outputs = self.outputs(data)
        rows = outputs.tolist()
        return {
            "schema": SCHEMA,
            "network": self.network.model.text,
            "data": data,
            "classes": None if self.classes is None else list(self.classes),
            "predictions": None if self.classes is None else self.classified(outputs),
            "outputs": rows,
        }


def _refuse(path: Path, clash: str) -> NoReturn:
    raise DataError(
        f"predicting with {path.parent}",
        clash,
        "give the folder that gradwright train --out wrote",
        place=str(path),
    )


@click.command("predict")
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--data",
    required=True,
    metavar="FILE.csv",
    help="A CSV file that has the columns of the training by name; others are passed over.",
)
@options.as_json
@options.out
def command(folder: str, data: str, as_json: bool, out: str | None) -> None:
    """Predict with the network that `gradwright train --out FOLDER` trained.

    The result is a CSV file: for each sample its class, where the targets were classes, and the
    outputs of the network. Features are standardised as the training did, categories have the codes
    that they had there; a category that it did not know is an error. With --out, the folder gets
    predictions.csv, and a line says how many samples are in it.

    \b
    Examples:
      gradwright predict out/ --data new.csv
      gradwright predict out/ --data new.csv --json
      gradwright predict out/ --data new.csv --out predicted/
    """
    with output_folder(out) as target:
        document = _Trained.read(folder).document(data)
        text = _table(document)
        if target is not None:
            target.write("predictions.csv", text)
        for path in publish(target):
            note(f"wrote {path}")
        if as_json:
            text = json_text(document)
        elif target is not None:
            count = len(document["outputs"])
            text = f"predicted {count} {'sample' if count == 1 else 'samples'} of {data}"
        say(text.rstrip("\n"))


def _table(document: dict[str, Any]) -> str:
    """The predictions as a CSV file."""
    classes, labels, rows = (document[name] for name in ("classes", "predictions", "outputs"))
    width = len(rows[0])
    whole = [f"output {k}" for k in range(1, width + 1)] if width > 1 else ["output"]
    names = list(classes) if classes is not None and len(classes) == width else whole
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*["class"] * (labels is not None), *names])
    for place, row in enumerate(rows):
        writer.writerow([*([] if labels is None else [labels[place]]), *row])
    return file.getvalue()
