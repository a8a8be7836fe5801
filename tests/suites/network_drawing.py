"""Random networks as descriptions: what the package is given, and what PyTorch is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.losses import LOSSES


@dataclass(frozen=True)
class Dense:
    """`repeat` dense layers of one width."""

    width: int
    activation: str
    option: float | None = None
    bias: bool = True
    repeat: int = 1

    @property
    def text(self) -> str:
        option = "" if self.option is None else f"({self.option})"
        repeat = f"{self.repeat} * " if self.repeat > 1 else ""
        return f"{repeat}{self.width} {self.activation}{option}{'' if self.bias else ' no_bias'}"


@dataclass(frozen=True)
class Named:
    """A layer with a name, or an activation as a layer, with its first option."""

    name: str
    option: float | None = None

    @property
    def text(self) -> str:
        return self.name if self.option is None else f"{self.name}({self.option})"


Plain = Dense | Named


@dataclass(frozen=True)
class Residual:
    """x + f(x), f the layers of `inner`."""

    inner: tuple[Plain, ...]


@dataclass(frozen=True)
class Parallel:
    """The values of branches behind each other; an empty one passes its input on."""

    branches: tuple[tuple[Plain, ...], ...]


@dataclass(frozen=True)
class Coded:
    """A first layer: (column of codes, categories, width) of each table."""

    tables: tuple[tuple[int, int, int], ...]


Item = Dense | Named | Residual | Parallel | Coded


@dataclass(frozen=True)
class Drawn:
    """A network, its loss with an option by name, and what is done with it.

    Where it is `weighted`, samples have weights in the loss.
    """

    inputs: int
    items: tuple[Item, ...]
    loss: str
    loss_option: tuple[str, float] | None
    reduction: str
    rule: str
    settings: tuple[tuple[str, float], ...]
    weighted: bool = False

    @property
    def outputs(self) -> int:
        last = self.items[-1]
        assert isinstance(last, Dense)
        return last.width

    @property
    def categories(self) -> dict[int, int]:
        """How many categories each column of codes has."""
        first = self.items[0]
        return {c: count for c, count, _ in first.tables} if isinstance(first, Coded) else {}

    @property
    def loss_text(self) -> str:
        if self.loss_option is None:
            return self.loss
        return f"{self.loss}({self.loss_option[0]}={self.loss_option[1]})"

    def network(self) -> gw.Network:
        """The network of the package."""
        items = list(self.items)
        start: Any = str(self.inputs)
        match items:
            case [Coded(tables), *items]:
                start = gw.embedding(self.inputs, {c: (n, width) for c, n, width in tables})
        made = [start, *map(_built, items)]
        return gw.Network(made, loss=self.loss_text, reduction=self.reduction)


def _built(item: Item) -> Any:
    match item:
        case Residual(inner):
            return gw.residual(_text(inner))
        case Parallel(branches):
            return gw.parallel(*(_text(branch) if branch else "identity" for branch in branches))
    return item.text


def _text(inner: Sequence[Plain]) -> str:
    return " -> ".join(item.text for item in inner)


#: Between dense layers.
NAMED = (
    Named("layer_norm"),
    Named("rms_norm", 0.01),
    Named("batch_norm"),
    Named("dropout", 0.3),
    Named("dropout"),
    Named("tanh"),
    Named("leaky_relu", 0.2),
)

#: Options of activations and losses, as alternatives to none.
OPTIONS = {"leaky_relu": 0.3, "elu": 0.5}
LOSS_OPTIONS = {
    "huber": ("delta", 0.5),
    "cross_entropy": ("label_smoothing", 0.1),
    "focal": ("gamma", 1.5),
    "binary_focal": ("gamma", 3.0),
}

#: For each optimiser settings of its own; those of every one stand in COMMON.
RULES: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.8},
    "nesterov": {"momentum": 0.8},
    "rmsprop": {"alpha": 0.9, "epsilon": 1e-3},
    "adam": {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-3, "weight_decay": 0.3},
}
COMMON = {"l1": 0.01, "l2": 0.2, "max_norm": 0.5, "weight_decay": 0.1}


def drawn(rng: np.random.Generator) -> Drawn:
    """A random network, widths unequal."""
    count = int(rng.integers(2, 6))
    widths = [int(w) for w in rng.choice(np.arange(2, 13), count, replace=False)]
    if rng.random() < 0.3:
        widths[int(rng.integers(len(widths)))] += 40
    loss = str(rng.choice(list(LOSSES)))
    items: list[Item] = [_coded(rng, widths[0])] if rng.random() < 0.3 else []
    for width in widths[1:-1]:
        items.append(_dense(rng, width))
        if rng.random() < 0.4:
            items.append(NAMED[int(rng.integers(len(NAMED)))])
        if rng.random() < 0.25:
            items.append(Residual((*_inner(rng), Dense(width, "identity"))))
        if rng.random() < 0.2:
            items.append(Parallel(((), _inner(rng))))
    head = LOSSES[loss].activation
    items.append(Dense(widths[-1], head) if head else _dense(rng, widths[-1]))
    option = LOSS_OPTIONS.get(loss) if rng.random() < 0.4 else None
    rule = str(rng.choice(list(RULES)))
    settings = dict(RULES[rule])
    for name, value in COMMON.items():
        if rng.random() < 0.15:
            settings[name] = value
    reduction = str(rng.choice(["mean", "sum"]))
    found, weighted = tuple(settings.items()), bool(rng.random() < 0.3)
    return Drawn(widths[0], tuple(items), loss, option, reduction, rule, found, weighted)


def _coded(rng: np.random.Generator, inputs: int) -> Coded:
    """Up to three of the columns, all of them at times, in any order."""
    columns = rng.permutation(inputs)[: int(rng.integers(1, min(inputs, 3) + 1))]
    sizes = rng.integers((1, 1), (8, 5), (len(columns), 2))
    pairs = zip(columns.tolist(), sizes.tolist(), strict=True)
    return Coded(tuple((column, count, width) for column, (count, width) in pairs))


def _dense(rng: np.random.Generator, width: int) -> Dense:
    repeat = int(rng.integers(2, 4)) if rng.random() < 0.2 else 1
    name = str(rng.choice(list(ACTIVATIONS)))
    option = OPTIONS.get(name) if rng.random() < 0.5 else None
    return Dense(width, name, option, rng.random() >= 0.2, repeat)


def _inner(rng: np.random.Generator) -> tuple[Plain, ...]:
    name = str(rng.choice(["tanh", "relu", "gelu", "sigmoid", "softplus"]))
    made: list[Plain] = [Dense(int(rng.integers(2, 9)), name)]
    if rng.random() < 0.4:
        more = (
            *(Named("layer_norm"), Named("rms_norm", 0.01), Named("batch_norm")),
            *(Named("dropout", 0.3), Named("silu")),
        )
        made.append(more[int(rng.integers(len(more)))])
    return tuple(made)
