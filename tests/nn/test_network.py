"""A network model: refused when it is made, its runs of kinds, derived once."""

from __future__ import annotations

import pytest

from gradwright.errors import GradwrightError, NetworkError
from gradwright.nn.kinds import Kind
from gradwright.nn.network import NetworkModel

CE, SE = "cross_entropy", "squared_error"


def model(text: str, loss: str = CE, reduction: str = "mean", layout: str = "rows") -> NetworkModel:
    return NetworkModel(text, loss, reduction, layout)


REFUSED: dict[str, tuple[dict[str, str], type[GradwrightError], str]] = {
    "loss": ({"loss": "logistic"}, NetworkError, "'logistic' is asked for"),
    "loss that does not fit": ({"text": "4 -> 3 relu"}, NetworkError, "those of relu"),
    "reduction": ({"reduction": "median"}, NetworkError, "'median' is asked for"),
    "layout": ({"layout": "diagonal"}, NetworkError, "'diagonal' is asked for"),
}


@pytest.mark.parametrize("given, kind, said", REFUSED.values(), ids=REFUSED)
def test_refused_when_it_is_made(
    given: dict[str, str], kind: type[GradwrightError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        model(**{"text": "4 -> 3 softmax", **given})


def test_widths_and_runs() -> None:
    made = model(
        "9 -> 5 relu -> 3 * 4 relu -> 2 * 4 relu no_bias -> 4 relu -> 3 softmax", CE, "sum"
    )
    assert made.widths == (9, 5, 4, 4, 4, 4, 4, 4, 3)
    relu, head = Kind("relu"), Kind("softmax", (), True, CE, "sum")
    assert [(run.kind, run.first, run.last, run.count) for run in made.runs] == [
        (relu, 1, 4, 4),
        (Kind("relu", bias=False), 5, 6, 2),
        (relu, 7, 7, 1),
        (head, 8, 8, 1),
    ]


def test_the_last_layer_is_a_kind_of_its_own() -> None:
    made = model("4 -> 2 * 4 tanh -> 4 tanh", SE)
    assert [(run.first, run.last) for run in made.runs] == [(1, 2), (3, 3)]
    assert made.runs[1].kind == Kind("tanh", loss=SE)


def test_each_kind_is_derived_once() -> None:
    made = model("4 -> 2 * 4 tanh -> 4 relu -> 4 tanh -> 3 softmax")
    assert list(made.derived) == [Kind("tanh"), Kind("relu"), Kind("softmax", loss=CE)]
    assert made.derived is made.derived and made.module is made.module
