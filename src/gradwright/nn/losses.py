"""The losses: formula in notation, what they need of predictions and of targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gradwright.errors import NetworkError


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss summed over a batch, in the letters A (predictions) and Y (targets), both n × q.

    `activation` is the one that the predictions must come from, or "" for any.
    """

    name: str
    text: str
    activation: str = ""
    target_facts: tuple[str, ...] = ()


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        record.name: record
        for record in (
            Loss("cross_entropy", "-sum(Y.*log(A))", "softmax", ("sum1",)),
            Loss("binary_cross_entropy", "-sum(Y.*log(A) + (1 - Y).*log(1 - A))", "sigmoid"),
            Loss("squared_error", "norm2(A - Y)^2"),
            Loss("absolute_error", "sum(abs(A - Y))"),
            Loss("poisson", "sum(exp(A) - Y.*A)"),
        )
    }
)

REDUCTIONS = ("mean", "sum")


def known_loss(name: str) -> Loss:
    """The loss of a name.

    Raises:
        NetworkError: there is none.
    """
    if name not in tuple(LOSSES):
        raise NetworkError(
            f"the loss {name!r}",
            f"{name!r} is asked for and the losses are {', '.join(LOSSES)}",
            "use one of those",
        )
    return LOSSES[name]


def loss_text(name: str, reduction: str) -> str:
    """The loss in notation; "mean" divides by the number n of samples and by nothing else.

    >>> loss_text("cross_entropy", "mean")
    '-sum(Y.*log(A))/n'

    Raises:
        NetworkError: an unknown loss or reduction.
    """
    text = known_loss(name).text
    require_reduction(reduction)
    return f"{text}/n" if reduction == "mean" else text


def require_reduction(reduction: str) -> None:
    """Check that there is such a reduction.

    Raises:
        NetworkError: there is none.
    """
    if reduction not in REDUCTIONS:
        raise NetworkError(
            f"the reduction {reduction!r}",
            f"{reduction!r} is asked for and the reductions are {' and '.join(REDUCTIONS)}",
            'use reduction="mean" or reduction="sum"',
        )


def target_facts(name: str) -> tuple[str, ...]:
    """Facts about the rows of Y that the derivation may use."""
    return known_loss(name).target_facts


def require_fit(name: str, activation: str) -> None:
    """Check that a loss can stand behind an activation.

    Raises:
        NetworkError: it expects probabilities, and the last layer does not give them.
    """
    wanted = known_loss(name).activation
    if wanted and activation != wanted:
        raise NetworkError(
            f"the loss {name} behind the activation {activation}",
            f"{name} expects the values of {wanted} and the last layer gives those of {activation}",
            f"end the network with {wanted}, or use another loss "
            f"({default_loss(activation)} fits {activation})",
        )


def default_loss(activation: str) -> str:
    """The loss that usually stands behind an activation."""
    return {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}.get(
        activation, "squared_error"
    )
