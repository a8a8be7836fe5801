"""Pages: well-formed, self-contained, small; MathML that says what the other printers say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.parser import parse
from gradwright.render.mathml import mathml
from gradwright.render.unicode import unicode_text
from gradwright.report import figures
from gradwright.report.svg import ticks

VOID = {"meta", "br", "input"}
#: Signs that the two printers write differently, or that only one of them needs.
SAME = str.maketrans({"−": "-", "⊤": "T", "ᵀ": "T", "′": "'", "\u2061": "", " ": "", "·": ""})
TEXTS = [
    "x'*A*x",
    "(A + A')*x",
    "-softmax(W*x)",
    "sum(Y.*log(A))",
    "tanh(A*X*B) - kron(A, B)",
    "phi'(W*x)",
    "J_g(f(x))*J_f(x)",
    "max(x, 0) + abs(x)",
    "a*(x - y) .* z",
    "W1*X + b1",
]


class Balance(HTMLParser):
    """Checks that every element is closed by its own end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag


def checked(page: str) -> Balance:
    reader = Balance()
    reader.feed(page)
    assert reader.open == []
    assert not any(tag in ("script", "link", "iframe") for tag, _ in reader.seen)
    for _, attributes in reader.seen:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.search(r"url\((?!data:)", page)
    assert not any(name.startswith("on") for _, attributes in reader.seen for name in attributes)
    return reader


@pytest.mark.parametrize("text", TEXTS)
def test_mathml_is_well_formed_and_has_the_tokens_of_the_unicode_text(text: str) -> None:
    made = mathml(parse(text))
    root = ElementTree.fromstring(made)
    tokens = "".join(root.itertext()).translate(SAME)
    expected = unicode_text(parse(text)).translate(SAME).replace("phi", "φ")
    # Absolute values and subscripts look different on one line; their letters are the same.
    plain = re.sub(r"[|()₀-₉0-9,_]|abs", "", expected)
    assert re.sub(r"[|()₀-₉0-9,_]|abs", "", tokens) == plain


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("sum[i,j](A[i,j]*x[i])", "∑i,jAi,jxi"),
        ("D[i,j] = delta[i,j]*W1[2,j]", "Di,j=δi,jW12,j"),
        ("∂f[i]/∂W[j,k] = delta[i,j]*a[k]", "∂fi∂Wj,k=δi,jak"),
        ("∂²f/∂x² = 2", "∂2f∂x2=2"),
    ],
)
def test_mathml_of_indices(text: str, tokens: str) -> None:
    root = ElementTree.fromstring(mathml(parse(text)))
    assert "".join(root.itertext()).replace(" ", "") == tokens


@pytest.mark.parametrize("text", TEXTS)
def test_mathml_fences_are_in_pairs(text: str) -> None:
    root = ElementTree.fromstring(mathml(parse(text)))
    signs = [e.text for e in root.iter("mo") if e.get("fence") == "true"]
    forms = [e.get("form") for e in root.iter("mo") if e.get("fence") == "true"]
    assert signs.count("(") == signs.count(")")
    assert forms.count("prefix") == forms.count("postfix")


def test_a_superscript_has_two_children_everywhere() -> None:
    for text in TEXTS:
        for element in ElementTree.fromstring(mathml(parse(text))).iter():
            if element.tag in ("msup", "msub", "mfrac"):
                assert len(element) == 2, (text, element.tag)


def test_the_page_of_a_network_of_ten_layers_is_self_contained_and_small() -> None:
    from gradwright.api.reporting import network_page

    net = gw.Network("64 -> 9 * 64 sigmoid -> 10 softmax")
    backprop = net.backprop()
    page = network_page(backprop, flow=gw.flow(net, net.init()))
    reader = checked(page)
    assert len(page.encode()) < 400_000
    tags = [tag for tag, _ in reader.seen]
    assert tags.count("math") > 20 and tags.count("svg") >= 4
    assert "Backpropagation for 64 → 9 * 64 sigmoid → 10 softmax" in page


def test_x6_the_figures_of_a_network() -> None:
    """The diagram with w, b, z, a and shapes; curves with bounds; heat map; circle to ellipse."""
    layers = gw.Network("3 -> 12 tanh -> 2 sigmoid", loss="binary_cross_entropy").model.layers
    drawn = figures.network_diagram(layers)
    words = "".join(ElementTree.fromstring(drawn).itertext())
    for label in ("W1", "3 × 12", "b1", "z1", "a1", "x = a0", "tanh, 12", "W2", "⋮"):
        assert label in words
    deep = figures.network_diagram(gw.Network("8 -> 40 * 8 relu -> 2 softmax").model.layers)
    assert "⋯" in deep and "W41" in "".join(ElementTree.fromstring(deep).itertext())
    jacobian = np.array([[2.0, 0.0], [0.0, 0.5]])
    ellipse = figures.circle_to_ellipse(jacobian)
    assert "axes 2 and 0.5" in ellipse
    for made in (ellipse, figures.heat_map(jacobian, "J")):
        ElementTree.fromstring(made)


@pytest.mark.parametrize(
    ("activation", "bound"), [("sigmoid", "0.25"), ("tanh", "1"), ("relu", "1")]
)
def test_s3_4_and_s4_5_curves_show_the_function_its_derivative_and_the_bound(
    activation: str, bound: str
) -> None:
    """The dashed curve is the derivative: its highest point is the bound's line."""
    drawn = ElementTree.fromstring(figures.activation_curves(activation))
    words = "".join(drawn.itertext())
    assert f"{activation}(z)" in words and f"derivative, at most {bound}" in words
    svg = "{http://www.w3.org/2000/svg}"
    curve = [e for e in drawn.iter(f"{svg}polyline") if e.get("stroke-dasharray")]
    heights = [float(point.split(",")[1]) for point in curve[0].get("points", "").split()]
    (line,) = [e for e in drawn.iter(f"{svg}line") if e.get("stroke-width") == "0.8"]
    assert abs(min(heights) - float(line.get("y1", "nan"))) < 0.2


def test_ticks_are_round_and_inside() -> None:
    for low, high in ((0, 1), (-6, 6), (-18.3, 0.4), (0.001, 0.0042), (3, 3)):
        found = ticks(low, high)
        assert found and all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
        assert len(found) <= 12


def test_the_page_of_a_formula() -> None:
    derivation = gw.formula("sum(log(1 + exp(X*w)))").gradient("w")
    page = derivation.html(derivation.check())
    checked(page)
    assert "right: largest error" in page and "chain rule through log" in page


def test_user_text_cannot_leave_its_place() -> None:
    """Names are letters, so nothing a user can call a symbol is markup; text is escaped."""
    derivation = gw.formula("sum(a_b.*x)", a_b="vector n").gradient("x")
    checked(derivation.html())
    assert "&lt;" in figures.heat_map(np.eye(2), "<b>")


@pytest.mark.parametrize("text", ["x'*A*x", "kron(x, A)*y"])
def test_notebooks_get_text_latex_and_mathml(text: str) -> None:
    formula = gw.formula(text)
    scalar = formula.scope.shape.kind == "scalar"
    derivation = formula.gradient("x") if scalar else formula.jacobian("x")
    found = derivation._repr_mimebundle_()
    assert found["text/plain"] == str(derivation)
    assert "<math" in found["text/html"]
    if derivation.form != "index":
        assert derivation.latex() in found["text/latex"]
    network = gw.Network("2 -> 2 relu -> 2 softmax").backprop()._repr_mimebundle_()
    assert set(network) == {"text/plain", "text/html"}
