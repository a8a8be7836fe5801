"""Row X6 (and S3.4, S4.5): the figures, read back from their SVG and held against the numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import gradwright as gw

SVG = "{http://www.w3.org/2000/svg}"
FITTING = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}

NETWORKS = [
    "3 -> 10 relu -> 6 relu -> 3 softmax",
    "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid",
    "2 -> 12 * 2 leaky_relu(0.2) -> 2",
    "1 -> 1",
    "5 -> 4 tanh no_bias -> 70 tanh -> 3 softmax",
]


def network(text: str, **how: str) -> gw.Network:
    return gw.Network(text, loss=FITTING.get(text.split()[-1], "squared_error"), **how)


def labels(drawn: str) -> list[str]:
    """The texts of a figure, a subscript behind an underscore."""
    return [label(node) for node in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def label(node: ElementTree.Element) -> str:
    """What a text of a figure says."""
    spans = [(span.attrib["dy"], span.text or "") for span in node.iter(f"{SVG}tspan")]
    behind = "".join(f"_{low}" if dy == "3" else low for dy, low in spans)
    return (node.text or "") + behind


def points(drawn: str) -> list[np.ndarray]:
    """The points of each curve."""
    curves = []
    for node in ElementTree.fromstring(drawn).iter(f"{SVG}polyline"):
        pairs = [pair.split(",") for pair in node.attrib["points"].split()]
        curves.append(np.array(pairs, dtype=float))
    return curves


@pytest.mark.parametrize("text", NETWORKS)
def test_x6_every_figure_is_a_document_of_its_own(text: str) -> None:
    net = network(text)
    figures = net.backprop().figures(gw.flow(net, net.init()))
    assert {"network", "forward", "singular-values", "chain-norms"} <= set(figures)
    for name, drawn in figures.items():
        root = ElementTree.fromstring(drawn)
        assert root.tag == f"{SVG}svg" and root.find(f"{SVG}title") is not None, name
        used = set(re.findall(r"var\((--\w+)\)", drawn))
        assert all(f"{colour}:" in drawn for colour in used), name
        assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_x6_the_flow_diagram_of_note_001() -> None:
    """X → Z₁ → ReLU → A₁ → … → softmax → loss, with the shapes of S1.5, and the gradient back."""
    drawn = network(NETWORKS[0]).backprop().figures()["forward"]
    root = ElementTree.fromstring(drawn)
    placed = []
    for node in root.iter(f"{SVG}text"):
        placed.append((float(node.attrib["y"]), label(node)))
    order = [name for _, name in sorted(placed, key=lambda item: item[0])]
    down = [x for x in order if re.fullmatch(r"[XZAL](_\d)?", x)]
    assert down == ["X", "Z_1", "A_1", "Z_2", "A_2", "Z_3", "A_3", "L"]
    shapes = [x for x in order if x.startswith("n × ")]
    assert shapes == [f"n × {k}" for k in (3, 10, 10, 6, 6, 3, 3)]
    back = [x for x in order if x.startswith("∂L")]
    assert back == [f"∂L/∂{name}" for name in down[1:-1]]
    assert order.index("relu") < order.index("A_1") < order.index("softmax")


def test_x6_columns_are_drawn_as_columns() -> None:
    drawn = network(NETWORKS[0], layout="columns").backprop().figures()["forward"]
    assert [x for x in labels(drawn) if " × n" in x] == [
        f"{k} × n" for k in (3, 10, 10, 6, 6, 3, 3)
    ]


def test_x6_a_deep_network_is_drawn_with_dots() -> None:
    drawn = network("8 -> 100 * 8 tanh -> 3 softmax").backprop().figures()["forward"]
    shown = labels(drawn)
    assert "… 95 layers" in shown and "W_1 8 × 8, b_1 8" in shown
    assert [x for x in shown if re.fullmatch(r"Z_\d+", x)] == [
        "Z_1",
        "Z_2",
        "Z_3",
        "Z_99",
        "Z_100",
        "Z_101",
    ]


@pytest.mark.parametrize(
    ("name", "text", "function", "slope", "bound"),
    [
        ("sigmoid", NETWORKS[1], lambda z: 1 / (1 + np.exp(-z)), None, "0.25"),
        ("tanh", NETWORKS[4], np.tanh, lambda z: 1 - np.tanh(z) ** 2, "1"),
        ("relu", NETWORKS[0], lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, "1"),
    ],
)
def test_s3_4_s4_5_curves_are_the_functions(name, text, function, slope, bound) -> None:
    """The points of both curves, in the frame's own scale, are the function and its derivative."""
    drawn = network(text).backprop().figures()[name]
    assert any(label.endswith(f"at most {bound}") for label in labels(drawn))
    value, derivative = points(drawn)[:2]
    slope = slope or (lambda z: function(z) * (1 - function(z)))
    z = np.linspace(-6, 6, 241)
    for curve, expected in ((derivative, slope(z)), (value, function(z))):
        if len(curve) < 241:
            continue
        # Places fall as numbers grow: they are one affine map of the expected values.
        matrix = np.stack([expected, np.ones_like(expected)], axis=1)
        fit, *_ = np.linalg.lstsq(matrix, curve[:, 1], rcond=None)
        assert fit[0] < 0
        assert np.max(np.abs(matrix @ fit - curve[:, 1])) < 0.2


def test_s4_7_the_singular_values_of_the_chain_are_drawn() -> None:
    net = network("3 -> 3 tanh -> 3 tanh -> 3")
    report = gw.flow(net, net.init(seed=4))
    drawn = net.backprop().figures(report)["chain-singular-values"]
    circles = [
        (float(c.attrib["cx"]), float(c.attrib["cy"]))
        for c in ElementTree.fromstring(drawn).iter(f"{SVG}circle")
    ]
    expected = np.concatenate([c.log_singular_values for c in report.chains])
    assert len(circles) == len(expected)
    places = np.array([y for _, y in circles])
    matrix = np.stack([expected, np.ones_like(expected)], axis=1)
    fit, *_ = np.linalg.lstsq(matrix, places, rcond=None)
    assert np.max(np.abs(matrix @ fit - places)) < 0.2 and fit[0] < 0


def test_s4_6_two_units_make_an_ellipse_of_the_circle() -> None:
    net = network(NETWORKS[2])
    report = gw.flow(net, net.init(seed=1))
    drawn = net.backprop().figures(report)["circle-1"]
    J = report.layers[0].stage.jacobian(report.layers[0].sample)
    values = np.linalg.svd(J, compute_uv=False)
    assert f"axes {values[0]:.3g} and {values[1]:.3g}" in labels(drawn)
    circle, ellipse = points(drawn)[:2]
    middle = circle.mean(axis=0)
    radius = np.max(np.linalg.norm(circle[:-1] - circle[:-1].mean(axis=0), axis=1))
    reach = np.linalg.norm(ellipse[:-1] - circle[:-1].mean(axis=0), axis=1)
    assert np.all(np.isfinite(middle))
    assert np.max(reach) / radius == pytest.approx(values[0], rel=0.02)
    assert np.min(reach) / radius == pytest.approx(values[1], rel=0.05, abs=0.01)


def test_the_page_shows_the_figures_and_symbolic_sizes_have_none() -> None:
    net = network(NETWORKS[0])
    assert "From the inputs down to the loss" in net.backprop().html()
    assert gw.Network("d -> L * H tanh -> K softmax").backprop().figures() == {}
