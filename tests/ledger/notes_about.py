"""What the formulas of the five notes are about; the formulas are in files beside this one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gradwright as gw
from gradwright.api.equations.report import EquationsReport


@dataclass(frozen=True, slots=True)
class About:
    """What the formulas of a block are about: a network in a notation, or declared symbols."""

    network: gw.Network | None = None
    notation: str | None = None
    declared: dict[str, str] = field(default_factory=dict)

    def check(self, text: str) -> EquationsReport:
        """The report on a text."""
        if self.network is None:
            return gw.check_equations(text, **self.declared)
        return gw.check_equations(text, self.network, notation=self.notation)


MAPS = About(
    declared={"x": "vector n", "W": "matrix m n", "f": "map n m", "g": "map m k", "z": "scalar"}
)
PLAIN_000 = About(
    gw.Network("4 -> 3 tanh no_bias -> 5 tanh no_bias -> 2 no_bias", "squared_error", "sum"), "000"
)
SCALAR = About(declared={"x": "scalar", "L": "scalar", "z": "scalar"})
QUADRATIC = About(declared={"x": "vector n", "A": "matrix n n", "a": "matrix n n"})
NET_001 = About(gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", "cross_entropy", "sum"))
NET_002 = About(gw.Network("3 -> 4 tanh -> 5 tanh -> 2 tanh", "squared_error", "sum"), "002")
NET_003 = About(
    gw.Network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", "binary_cross_entropy", "sum"), "003"
)
LINEAR_003 = About(gw.Network("2 -> 3 no_bias -> 2 no_bias -> 4 no_bias", "squared_error"), "003")
CLASSES_003 = About(gw.Network("3 -> 4 relu -> 10 softmax", "cross_entropy", "sum"), "003")
NET_004 = About(
    gw.Network(
        "3 -> 4 tanh no_bias -> 5 sigmoid no_bias -> 2 tanh no_bias", "squared_error", "sum"
    ),
    "004",
)

LOGISTIC = About(gw.Network("4 -> 1 sigmoid", "binary_cross_entropy", layout="transposed"))
SOFTMAX_004 = About(
    gw.Network("3 -> 4 tanh no_bias -> 5 softmax no_bias", "cross_entropy", "sum"), "004"
)
DEEP_004 = About(
    gw.Network(
        "3 -> 4 tanh no_bias -> 5 tanh no_bias -> 2 tanh no_bias -> 3 tanh no_bias "
        "-> 2 tanh no_bias",
        "squared_error",
        "sum",
    ),
    "004",
)
BIASED_003 = About(gw.Network("2 -> 3 -> 2 -> 4", "squared_error"), "003")
MAPPING = About(declared={"x": "vector n", "W": "matrix m n"})

ABOUT = {
    "MAPS": MAPS,
    "MAPPING": MAPPING,
    "PLAIN_000": PLAIN_000,
    "SCALAR": SCALAR,
    "SOFTMAX_004": SOFTMAX_004,
    "BIASED_003": BIASED_003,
    "DEEP_004": DEEP_004,
    "QUADRATIC": QUADRATIC,
    "NET_001": NET_001,
    "NET_002": NET_002,
    "NET_003": NET_003,
    "LINEAR_003": LINEAR_003,
    "CLASSES_003": CLASSES_003,
    "LOGISTIC": LOGISTIC,
    "NET_004": NET_004,
}


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of a note, and what the report has to say on them."""

    about: About
    lines: str
    expected: str = ""


def sections(file: str) -> dict[str, Section]:
    """The blocks of a file: `%% place | what it is about | what is expected`, then the lines."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    found = {}
    for block in text.split("%% ")[1:]:
        head, _, lines = block.partition("\n")
        place, about, *expected = head.split(" | ")
        found[place] = Section(ABOUT[about], lines, *expected)
    return found
