"""Networks as text: what is read, and what is said of text that cannot be."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradwright.errors import GradwrightError, LimitError, NetworkError, NotationError
from gradwright.nn.layer import Layer
from gradwright.nn.text import MAX_LAYERS, MAX_WIDTH, parse_network
from gradwright.nn.tokens import MAX_LENGTH

FIFTH = Fraction(1, 5)

READ = {
    "S3.2 widths and activations": (
        "4 -> 10 relu -> 6 relu -> 3 softmax",
        [Layer(4, 10, "relu"), Layer(10, 6, "relu"), Layer(6, 3, "softmax")],
    ),
    "an omitted activation is the identity": ("5->2", [Layer(5, 2, "identity")]),
    "the other arrow": ("5 → 2 tanh\n→ 3", [Layer(5, 2, "tanh"), Layer(2, 3)]),
    "repetition": (
        "7 -> 3 * 4 sigmoid -> 2",
        [Layer(7, 4, "sigmoid"), Layer(4, 4, "sigmoid"), Layer(4, 4, "sigmoid"), Layer(4, 2)],
    ),
    "no bias": (
        "4 -> 2*3 relu no_bias -> 2 no_bias",
        [Layer(4, 3, "relu", bias=False), Layer(3, 3, "relu", bias=False), Layer(3, 2, bias=False)],
    ),
    "an option by position": (
        "4 -> 3 leaky_relu(0.2)",
        [Layer(4, 3, "leaky_relu", (("slope", FIFTH), ("kink", FIFTH)))],
    ),
    "options by name, in any order": (
        "4 -> 3 leaky_relu(kink=1, slope=0.2)",
        [Layer(4, 3, "leaky_relu", (("slope", FIFTH), ("kink", Fraction(1))))],
    ),
    "options by default": (
        "4 -> 3 leaky_relu",
        [Layer(4, 3, "leaky_relu", (("slope", Fraction(1, 10)), ("kink", Fraction(1, 10))))],
    ),
    "the widest layer": (f"1 -> {MAX_WIDTH}", [Layer(1, MAX_WIDTH)]),
}


@pytest.mark.parametrize("text, layers", READ.values(), ids=READ)
def test_layers(text: str, layers: list[Layer]) -> None:
    assert list(parse_network(text)) == layers


def test_the_span_of_a_layer_is_its_text() -> None:
    text = "4 -> 2 * 10 leaky_relu(0.2) no_bias -> 3 softmax"
    spans = [layer.span for layer in parse_network(text)]
    assert [text[span.start : span.end] for span in spans if span] == [
        "2 * 10 leaky_relu(0.2) no_bias",
        "2 * 10 leaky_relu(0.2) no_bias",
        "3 softmax",
    ]


def test_as_many_layers_as_are_allowed() -> None:
    layers = parse_network(f"2 -> {MAX_LAYERS - 1} * 3 relu -> 1")
    assert len(layers) == MAX_LAYERS
    assert layers[-1] == Layer(3, 1)


#: Text, the class of the error, the characters it points at (the last such), and what it says.
WRONG = {
    "unknown activation": (
        "4 -> 3 rleu",
        NetworkError,
        "rleu",
        "leaky_relu, elu, selu, gelu, gelu_tanh, silu, mish, softplus, softsign, hard_tanh",
    ),
    "nearest activation": ("4 -> 3 sofmax", NetworkError, "sofmax", "did you mean softmax?"),
    "unknown option": ("4 -> 3 leaky_relu(slop=1)", NetworkError, "slop", "did you mean slope?"),
    "an option without a value": ("4 -> 3 leaky_relu(slop)", NetworkError, "slop", "slope?"),
    "a bias as an option": ("4 -> 3 relu(bias=False)", NetworkError, "bias", "write relu no_bias"),
    "by position what was given": ("4 -> 3 leaky_relu(kink=1, 0.2)", NetworkError, "0.2", "kink"),
    "no options": ("4 -> 3 relu(0.5)", NetworkError, "0.5", "options of relu are none"),
    "too many options": ("4 -> 3 leaky_relu(1,2,3)", NetworkError, "3", "are slope, kink"),
    "option twice": ("4 -> 3 leaky_relu(1, slope=2)", NetworkError, "slope", "once each"),
    "option without value": ("4 -> 3 leaky_relu(slope)", NotationError, ")", "= after slope"),
    "wrong separator": ("4 -> 3 leaky_relu(0.2 = 1)", NotationError, "=", "a comma"),
    "no option at all": ("4 -> 3 leaky_relu()", NotationError, ")", "number for slope"),
    "no arrow": ("4 3", NotationError, "3", "an arrow ->"),
    "no width": ("relu -> 3", NotationError, "relu", "a width"),
    "a broken width": ("4 -> 2.5 relu", NotationError, "2.5", "whole number"),
    "a strange character": ("4 -> 3\u00a0relu", NotationError, "\u00a0", "character"),
    "a negative width": ("4 -> -3", NotationError, "-", "'-'"),
    "words behind": ("4 -> 3 relu no_bias relu", NotationError, "relu", "an arrow"),
    "width zero": ("4 -> 0 relu", LimitError, "0", "from 1 to 10000000"),
    "width too large": ("4 -> 10000001", LimitError, "10000001", "10000001 is given"),
    "zero layers": ("4 -> 0 * 3", LimitError, "0", "a number of layers"),
    "too many layers": ("4 -> 5 -> 100000 * 3", LimitError, "100000 * 3", "has 100001 layers"),
    # int() itself refuses more than 4300 digits.
    "a number of 5000 digits": ("4 -> " + "9" * 5000, LimitError, "9" * 5000, "5000 characters"),
    "digits behind the point": (
        "4 -> 3 leaky_relu(0." + "1" * 50 + ")",
        LimitError,
        "0." + "1" * 50,
        "52 characters",
    ),
}


@pytest.mark.parametrize("text, kind, pointed, said", WRONG.values(), ids=WRONG)
def test_errors(text: str, kind: type[GradwrightError], pointed: str, said: str) -> None:
    with pytest.raises(kind) as caught:
        parse_network(text)
    error = caught.value
    assert type(error) is kind
    assert error.span is not None and error.text == text
    assert text[error.span.start : error.span.end] == pointed
    assert error.span.start == text.rindex(pointed)
    assert said in str(error)


@pytest.mark.parametrize("text", ["", "  ", "4", "4 ->", "4 -> 3 *", "4 -> 3 leaky_relu(0.2"])
def test_text_that_ends_too_early(text: str) -> None:
    with pytest.raises(NotationError, match="the text ends where") as caught:
        parse_network(text)
    assert caught.value.span is not None
    assert caught.value.span.start == len(text)


@pytest.mark.parametrize("text", [None, 5, b"4 -> 3", ["4", "3"]])
def test_what_is_no_text(text: object) -> None:
    with pytest.raises(NetworkError, match=f"a {type(text).__name__} is given"):
        parse_network(text)


def test_long_text() -> None:
    longest = "1" + " " * (MAX_LENGTH - 6) + "-> 2 "
    assert parse_network(longest) == (Layer(1, 2),)
    with pytest.raises(LimitError, match="10001 characters and 10000 are allowed"):
        parse_network(longest + " ")
