"""Layers that have a name in a network's text: each is a formula of one sample x."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct

from gradwright.nn.activations import ACTIVATIONS, Options, activation_text
from gradwright.nn.batch_norm import batch_norm
from gradwright.nn.layer_formula import NO_NUMBERS, LayerFormula
from gradwright.nn.layer_reading import layer_formula
from gradwright.nn.numbers import exact_decimal
from gradwright.nn.unplaced_layer import UnplacedLayer

#: The input of all of them.
INPUT = "vector n"


class NamedLayer(Struct, frozen=True):
    """A layer by its formula; `{name}` in it stands for the value of an option.

    `starts` are parameters that all start at one value, `source` says where the layer is from,
    `masks` which vectors are dropout masks, with the option that is their rate. A layer that is no
    formula of a sample has no text and is `made` from its options.
    """

    name: str
    text: str
    source: str
    parameters: Mapping[str, str]
    options: tuple[tuple[str, Fraction], ...] = ()
    starts: Mapping[str, Fraction] = NO_NUMBERS
    masks: Mapping[str, str] = {}
    made: Callable[[Mapping[str, Fraction]], LayerFormula] | None = None


NAMED: Mapping[str, NamedLayer] = MappingProxyType(
    {
        record.name: record
        for record in (
            NamedLayer(
                "layer_norm",
                "g.*layernorm(x, eps={eps}) + b",
                "Ba, Kiros and Hinton, Layer Normalization (2016); gain 1 and bias 0 at first",
                {"g": "vector n", "b": "vector n"},
                (("eps", Fraction(1, 100_000)),),
                {"g": Fraction(1), "b": Fraction(0)},
            ),
            NamedLayer(
                "rms_norm",
                "g.*rmsnorm(x, eps={eps})",
                "Zhang and Sennrich, Root Mean Square Layer Normalization (2019); gain 1 at first",
                {"g": "vector n"},
                (("eps", Fraction(1, 1_000_000)),),
                {"g": Fraction(1)},
            ),
            NamedLayer(
                "batch_norm",
                "",
                "Ioffe and Szegedy, Batch Normalization, ICML (2015)",
                {},
                (("eps", Fraction(1, 100_000)), ("momentum", Fraction(1, 10))),
                made=batch_norm,
            ),
            NamedLayer(
                "dropout",
                "x.*m",
                "Srivastava et al., Dropout, JMLR (2014); m is 0 or 1/(1 - rate), prediction has 1",
                {"m": "vector n"},
                (("rate", Fraction(1, 2)),),
                masks={"m": "rate"},
            ),
        )
    }
)


def is_named(name: str) -> bool:
    """Whether a piece of a network's text may be this name alone: a layer, or an activation."""
    return name in NAMED or name in ACTIVATIONS


def option_names(name: str) -> list[str]:
    """The options of a named layer or an activation, in order."""
    record: NamedLayer | None = NAMED.get(name)
    options = ACTIVATIONS[name].options if record is None else record.options
    return [option for option, _ in options]


@lru_cache(maxsize=256)
def named_layer(name: str, given: Options) -> UnplacedLayer:
    """The layer of a name with the options that are given; others have their defaults."""
    if name not in NAMED:
        return UnplacedLayer(layer_formula(activation_text(name, given, "x"), INPUT, {}))
    record = NAMED[name]
    values = {**dict(record.options), **dict(given)}
    if record.made is not None:
        return UnplacedLayer(record.made(values))
    text = record.text.format(**{name: exact_decimal(value) for name, value in values.items()})
    masks = {letter: values[option] for letter, option in record.masks.items()}
    formula = layer_formula(text, INPUT, record.parameters, record.starts, masks)
    return UnplacedLayer(formula, rates=tuple(masks.items()))
