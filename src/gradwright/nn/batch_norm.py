"""Batch normalisation: the one layer whose formula of training sees the whole batch."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from msgspec.structs import replace

from gradwright.errors import DataError
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layer_reading import layer_formula
from gradwright.nn.numbers import exact_decimal

#: Running mean and variance of each unit, and what they start from.
STATE = {"mu": Fraction(0), "var": Fraction(1)}

#: Gain and bias.
STARTS = {"g": Fraction(1), "b": Fraction(0)}


def batch_norm(values: Mapping[str, Fraction]) -> LayerFormula:
    """The layer with given `eps` and `momentum`.

    Training normalises by mean and variance (divided by n) of the batch; the state moves by the
    share `momentum` towards the mean and the variance divided by n - 1, by which prediction
    normalises (Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 2; as in PyTorch).
    """
    eps, momentum = (exact_decimal(values[name]) for name in ("eps", "momentum"))
    kept = exact_decimal(1 - values["momentum"])
    letters = dict.fromkeys((*STARTS, *STATE), "vector n")
    text = f"g.*((x - mu)./sqrt(var + {eps})) + b"
    predicted = layer_formula(text, "vector n", letters, {**STARTS, **STATE})
    parameters, state = predicted.parameters[: len(STARTS)], predicted.parameters[len(STARTS) :]
    predicted = replace(predicted, parameters=parameters, state=state)
    mean = "mean(X, axis=0)"
    return replace(
        predicted,
        text=f"g.*batchnorm(x, eps={eps}) + b",
        sample=(),
        batch=(("A", f"batchnorm(X, eps={eps})*diag(g) + ones(n)*b'"),),
        parts=(),
        predicted=predicted,
        updates=(
            ("mu", f"{kept}*mu + {momentum}*{mean}'"),
            ("var", f"{kept}*var + {momentum}*sum((X - ones(n)*{mean}).^2, axis=0)'/(n - 1)"),
        ),
    )


def require_batch(text: str, samples: int, batch_size: int) -> None:
    """Check that a network that normalises over batches has two samples in each.

    Raises:
        DataError: a batch has one.
    """
    size = min(samples, batch_size)
    if samples and 1 in (size, samples % size):
        raise DataError(
            f"training {text}",
            f"batch_norm takes the variance over a batch, and with {samples} samples and "
            f"batch_size={batch_size} a batch has 1 sample",
            "choose another batch size, or leave a sample out",
        )
