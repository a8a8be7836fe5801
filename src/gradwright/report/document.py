"""The documents: what a derivation, a check, a flow and a training look like as parts of a page."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.gradientflow.report import FlowReport
from gradwright.nn.layer import Layer
from gradwright.nn.slopes import is_elementwise
from gradwright.report import figures
from gradwright.report.page import code, details, notes, section
from gradwright.training.loop import Epoch
from gradwright.verification.report import CheckReport

#: Jacobians up to this many rows and columns are drawn as heat maps.
DRAWN = 64
#: Heat maps of a network: of the first layers.
MAPS = 3


def check_part(report: CheckReport) -> str:
    """A badge with the largest error, and the table of all blocks."""
    kind, word = "good" if report.ok else "bad", str(report).partition(":")[0]
    error = report.max_relative_error
    badge = (
        f'<p><span class="badge {kind}">{word}: largest error {error:.1e}, tolerance '
        f"{report.tolerance:.1e}</span></p>"
    )
    text = details("every block", code(str(report)))
    oracle = notes(f"Compared with the {report.oracle}, seed {report.seed}.")
    return section("Check", badge, oracle, text)


def network_figures(layers: Sequence[Layer]) -> str:
    """The diagram of the layers, and each activation with its derivative."""
    dense = (layer for layer in layers if layer.formula is None)
    kinds = dict.fromkeys((layer.activation, layer.options) for layer in dense)
    curves = [figures.activation_curves(*kind) for kind in kinds if is_elementwise(kind[0])]
    return section("The network", figures.network_diagram(layers), *curves)


def flow_part(report: FlowReport) -> str:
    """The verdict, figures of the layers and the chain, and the tables."""
    kind = "good" if report.ok else "bad"
    badge = f'<p><span class="badge {kind}">{report.verdict}</span></p>'
    parts = [badge, notes(*report.summary().splitlines(), report.source)]
    if report.layers:
        parts.append(figures.singular_values(report.layers))
        parts.append(figures.chain_norms(report.chains, len(report.layers)))
        for layer in report.layers[:MAPS]:
            jacobian = layer.stage.jacobian(layer.sample)
            if max(jacobian.shape) <= DRAWN:
                parts.append(figures.heat_map(jacobian, f"Jacobian of layer {layer.number}"))
            if jacobian.shape == (2, 2):
                parts.append(figures.circle_to_ellipse(jacobian))
        parts.append(details("the numbers", code(str(report))))
    return section("Gradient flow", *parts)


def training_part(history: Sequence[Epoch], summary: str) -> str:
    """The loss by epoch and what came of it."""
    curve = figures.training_curve([epoch.loss for epoch in history]) if history else ""
    return section("Training", notes(*summary.splitlines()), curve)


def code_part(source: str, name: str = "NumPy") -> str:
    """The emitted module, folded away."""
    return section("Code", details(f"the {name} module", code(source)))
