"""`gradwright backprop`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from gradwright.cli import options
from gradwright.cli.learning import Settings, Trained, class_weights, settings_of, train
from gradwright.cli.main import CHECK_FAILED, INTERRUPTED
from gradwright.cli.output import json_text, say, write_file
from gradwright.cli.progress import note, progress
from gradwright.cli.samples import Data, prepared, read_data, with_tables
from gradwright.cli.subject import make_backprop, refuse_options
from gradwright.errors import UnsupportedError
from gradwright.run.files import OutputFolder, output_folder, publish

if TYPE_CHECKING:
    from gradwright.api.backprop import NetworkDerivation
    from gradwright.api.network import Network
    from gradwright.api.trace import NetworkTrace
    from gradwright.data.dataset import Dataset
    from gradwright.gradientflow.report import FlowReport
    from gradwright.verification.report import CheckReport

SCHEMA = "gradwright.backprop/1"

#: Samples in a traced step.
TRACED = 2

#: Options of a training that a traced step has as well: they say its rate.
OF_TRACES = {"optimizer", "learning_rate"}


class _Results(Struct, frozen=True):
    """All that a run found out."""

    backprop: NetworkDerivation
    explained: str
    traced: NetworkTrace | None
    report: CheckReport
    trained: Trained | None
    flow: FlowReport | None

    def write(self, folder: OutputFolder) -> None:
        folder.write("derivation.txt", self.explained)
        folder.write("derivation.tex", self.backprop.latex())
        folder.write("report.html", self.page())
        for name, drawn in self.backprop.figures(self.flow).items():
            folder.write(f"figure-{name}.svg", drawn)
        if not self.backprop.network.model.symbolic:
            folder.write("backprop.py", self.backprop.source("numpy"))
        folder.write("check.json", json_text(self.report.to_dict()))
        if self.traced is not None:
            folder.write("trace.txt", str(self.traced))
            folder.write("trace.json", json_text(self.traced.to_dict()))
        if self.trained is not None:
            self.trained.write(folder)
        if self.flow is not None:
            folder.write("flow.txt", str(self.flow))
            folder.write("flow.json", json_text(self.flow.to_dict()))

    def page(self) -> str:
        from gradwright.api.reporting import network_page

        trained = self.trained
        return network_page(
            self.backprop,
            self.report,
            () if trained is None else trained.history,
            "" if trained is None else trained.summary(),
            self.flow,
            "" if self.traced is None else str(self.traced),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "derivation": self.backprop.to_dict(),
            "trace": None if self.traced is None else self.traced.to_dict(),
            "check": self.report.to_dict(),
            "training": None if self.trained is None else self.trained.document,
            "flow": None if self.flow is None else self.flow.to_dict(),
        }

    @property
    def code(self) -> int:
        if not self.report.ok:
            return CHECK_FAILED
        return INTERRUPTED if self.trained is not None and self.trained.interrupted else 0


class _Tracing(Struct, frozen=True):
    """A step to trace: the random start and two samples, of the data where there are any."""

    network: Network
    samples: Data | None
    settings: Settings

    @classmethod
    def of(cls, network: Network, samples: Data | None, settings: Settings) -> _Tracing:
        """The step that the settings ask for.

        Raises:
            UnsupportedError: they ask for another than plain gradient descent.
        """
        rule, course = settings.optimizer, settings.schedule
        asked = [f"{name}={value:g}" for name, value in rule.settings]
        asked = asked if rule.name == "sgd" else [rule.name]
        asked += [f"the schedule {course.name}"] if course.name != "constant" else []
        asked += [f"a warm-up of {course.warmup:g} epochs"] if course.warmup else []
        if asked:
            raise UnsupportedError(
                "--trace",
                f"the step of {', '.join(asked)} is asked for, and a trace shows one of plain "
                "gradient descent, W := W - learning_rate ∂L/∂W",
                "leave --trace out, or those options",
            )
        return cls(network, samples, settings)

    def run(self, backprop: NetworkDerivation) -> NetworkTrace:
        """One step with its numbers."""
        import numpy as np

        from gradwright.nn.targets import sample_targets

        generator = np.random.default_rng(self.settings.seed)
        widths = self.network.widths
        if self.samples is None:
            X = np.round(generator.standard_normal((TRACED, widths[0])), 2)
            y = sample_targets(self.network.model.loss, TRACED, widths[-1], generator)
        else:
            X, y = self.samples.training.X[:TRACED], self.samples.training.y[:TRACED]
        start = self.network.init(self.settings.seed)
        rate = self.settings.optimizer.learning_rate
        given = self.settings.learning_rate
        return backprop.trace(start, X, y, learning_rate=rate if given is None else given)


@click.command("backprop")
@click.argument("text", metavar="NETWORK")
@options.data_options(required=False)
@options.loss
@options.reduction
@options.layout
@options.convention_options
@options.level
@options.trace
@options.training_options
@options.seed
@options.as_json
@options.out
@options.report
def command(
    text: str,
    data: str | None,
    label: str | None,
    loss: str | None,
    reduction: str,
    layout: str | None,
    level: str,
    trace: bool,
    seed: int,
    as_json: bool,
    out: str | None,
    report: str | None,
    notation: str | None,
    gradient: str | None,
    jacobian: str | None,
    layer_jacobian: str | None,
    **training: Any,
) -> int:
    """Derive the backward pass of NETWORK, check it, and with --data train with it.

    With --out, the folder gets derivation.txt, derivation.tex, report.html (one page with
    everything), its figures as figure-NAME.svg, backprop.py (a NumPy module) and check.json; with
    --trace also trace.txt and trace.json; with --data also parameters.npz, training.json and how
    gradients flow through the trained network, flow.txt and flow.json. A backward pass that fails
    its check is not trained with, and the exit code is 1. Columns of categories are looked up in
    tables; then there is no gradient flow. With --sample-weight or --class-weight
    all of that is for the loss with weights of samples.

    \b
    Examples:
      gradwright backprop "64 -> 32 relu -> 10 softmax" --data digits --out out/
      gradwright backprop "4 -> 10 relu -> 6 relu -> 3 softmax"
      gradwright backprop "2 -> 8 tanh -> 1 sigmoid" --level outline
      gradwright backprop "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid" --trace
      gradwright backprop "2 -> 3 sigmoid -> 1 sigmoid" --notation 003
      gradwright backprop "d -> L * H tanh -> K softmax"
    """
    if data is None:
        idle = {"label", *training} - (OF_TRACES if trace else set())
        refuse_options(tuple(idle), text, "a training with --data", "no --data")
    settings = settings_of(seed, **training)
    convention = {
        "notation": notation,
        "gradient": gradient,
        "jacobian": jacobian,
        "layer_jacobian": layer_jacobian,
    }
    with output_folder(out) as folder:
        # Data is read before the work, so that a wrong file is reported at once.
        samples, columns = None, (settings.sample_weight, settings.categories)
        dataset = None if data is None else read_data(data, label, *columns)
        text = text if dataset is None else with_tables(text, dataset, settings.categories)
        backprop = make_backprop(text, loss, reduction, layout, convention, settings.weighted)
        network = backprop.network
        if data is not None and dataset is not None:
            samples = prepared(dataset, data, network, settings.held_out, seed)
        tracing = _Tracing.of(network, samples, settings) if trace else None
        results = _work(backprop, samples, settings, level, tracing, not as_json, out is not None)
        if folder is not None:
            results.write(folder)
        for path in publish(folder):
            note(f"wrote {path}")
        if report is not None:
            write_file(report, results.page())
            note(f"wrote {report}")
    if as_json:
        say(json_text(results.to_dict()))
    return results.code


def _work(
    backprop: NetworkDerivation,
    samples: Data | None,
    settings: Settings,
    level: str,
    tracing: _Tracing | None,
    aloud: bool,
    has_folder: bool,
) -> _Results:
    """Derive, check and train; `aloud` prints each result as soon as it is there."""

    def tell(text: str) -> None:
        if aloud:
            say(text, go_on=has_folder)

    network = backprop.network
    explained = backprop.explain(level=level).rstrip("\n")
    tell(explained)
    traced = None if tracing is None else tracing.run(backprop)
    if traced is not None:
        tell(f"\n{traced}")
    if network.model.symbolic:
        drawn = backprop.drawn_sizes(settings.seed)
        tell(f"\nchecked with {', '.join(f'{k} = {v}' for k, v in drawn.items())}:")
    with progress("checking") as watch:
        report = backprop.check(seed=settings.seed, progress=watch)
    tell(f"\n{report}")
    trained = flow = None
    if samples is not None and report.ok:
        trained = train(network, samples, settings)
        tell(f"\n{trained.summary()}")
        if network.model.layers[0].codes:
            tell("\ngradient flow: not told, codes of categories have no derivatives")
        else:
            flow = _flow(network, trained, samples.training, settings)
            tell(f"\ngradient flow: {flow.summary()}")
    return _Results(backprop, explained, traced, report, trained, flow)


def _flow(network: Network, trained: Trained, data: Dataset, settings: Settings) -> FlowReport:
    """How the gradients flow of the loss that was trained with, its weights included."""
    from gradwright.api.flow import flow
    from gradwright.nn.weights import prepare_samples

    X, y, weights = data.X, data.y, None
    if settings.weighted:
        of_classes = class_weights(settings.class_weight, data.classes)
        kind = trained.params.flat.dtype
        X, y, weights = prepare_samples(network.model, kind, X, y, data.weights, of_classes)
    return flow(network, trained.params, X, y, settings.seed, sample_weight=weights)
