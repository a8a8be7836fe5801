"""The documents: what a derivation, a check, a flow and a training look like as parts of a page."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.errors import DataError, require_type
from gradwright.gradientflow.report import FlowReport
from gradwright.nn.network import NetworkModel
from gradwright.nn.slopes import is_elementwise
from gradwright.report import figures
from gradwright.report.forward_diagram import forward_diagram
from gradwright.report.page import code, details, notes, section
from gradwright.training.record import Epoch
from gradwright.verification.report import CheckReport

#: Jacobians up to this many rows and columns are drawn as heat maps.
DRAWN = 64
#: Heat maps and ellipses of a network: of the first layers.
MAPS = 3


def check_part(report: CheckReport) -> str:
    """A badge with the largest error, and the table of all blocks."""
    instead = "give what d.check() returns"
    require_type(DataError, "the page of a check", report, CheckReport, "it is a report", instead)
    kind, word = "good" if report.ok else "bad", str(report).partition(":")[0]
    error = report.max_relative_error
    badge = (
        f'<p><span class="badge {kind}">{word}: largest error {error:.1e}, tolerance '
        f"{report.tolerance:.1e}</span></p>"
    )
    text = details("every block", code(str(report)))
    oracle = notes(f"Compared with the {report.oracle}, seed {report.seed}.")
    return section("Check", badge, oracle, text)


def network_figures(model: NetworkModel) -> dict[str, str]:
    """The diagrams of the layers, and each activation with its derivative, by name.

    Nothing for a network whose sizes are names.
    """
    if model.symbolic:
        return {}
    layers = model.layers
    found = {
        "network": figures.network_diagram(layers),
        "forward": forward_diagram(layers, model.loss, model.layout.row_samples),
    }
    dense = (layer for layer in layers if layer.formula is None)
    kinds = dict.fromkeys((layer.activation, layer.options) for layer in dense)
    for activation, options in kinds:
        if is_elementwise(activation):
            value = "".join(f"-{float(option):g}" for _, option in options)
            found[f"{activation}{value}"] = figures.activation_curves(activation, options)
    return found


def flow_figures(report: FlowReport) -> dict[str, str]:
    """Singular values, norms and Jacobians of a flow, by name."""
    instead = "give what gw.flow(net, p) returns"
    require_type(DataError, "the figures of a flow", report, FlowReport, "it is a report", instead)
    if not report.layers:
        return {}
    found = {"singular-values": figures.singular_values(report.layers)}
    if report.chains:
        found["chain-singular-values"] = figures.chain_singular_values(report.chains)
        found["chain-norms"] = figures.chain_norms(report.chains, len(report.layers))
    for layer in report.layers[:MAPS]:
        jacobian = layer.stage.jacobian(layer.sample)
        if max(jacobian.shape) <= DRAWN:
            title = f"Jacobian of layer {layer.number}"
            found[f"jacobian-{layer.number}"] = figures.heat_map(jacobian, title)
    for layer in report.layers:
        jacobian = layer.stage.jacobian(layer.sample)
        if jacobian.shape == (2, 2) and sum(name.startswith("circle") for name in found) < MAPS:
            found[f"circle-{layer.number}"] = figures.circle_to_ellipse(jacobian)
    return found


def network_part(model: NetworkModel) -> str:
    """The figures of a network."""
    return section("The network", *network_figures(model).values())


def flow_part(report: FlowReport) -> str:
    """The verdict, figures of the layers and the chain, and the tables."""
    kind = "good" if report.ok else "bad"
    badge = f'<p><span class="badge {kind}">{report.verdict}</span></p>'
    parts = [badge, notes(*report.summary().splitlines(), report.source)]
    if report.layers:
        parts += flow_figures(report).values()
        parts.append(details("the numbers", code(str(report))))
    return section("Gradient flow", *parts)


def training_part(history: Sequence[Epoch], summary: str) -> str:
    """The loss by epoch and what came of it."""
    curve = figures.training_curve([epoch.loss for epoch in history]) if history else ""
    return section("Training", notes(*summary.splitlines()), curve)


def code_part(source: str, name: str = "NumPy") -> str:
    """The emitted module, folded away."""
    return section("Code", details(f"the {name} module", code(source)))
