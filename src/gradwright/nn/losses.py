"""The losses: formula in notation, what they need of predictions and of targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from gradwright.errors import NetworkError
from gradwright.nn.numbers import MAX_CHARACTERS, NUMBER, exact_decimal
from gradwright.nn.target_kinds import (
    CLASSES,
    COUNTS,
    NUMBERS,
    ONE_CLASS,
    SIGNS,
    UNIT,
    TargetKind,
)


class LossOption(Struct, frozen=True):
    """A number that a loss has: its name, what it is unless given, and which ones there may be."""

    name: str
    default: Fraction
    allowed: Callable[[Fraction], bool]
    said: str


class Loss(Struct, frozen=True):
    """A loss summed over a batch.

    `text` is its formula in the letters A (predictions) and Y (targets), both n × q, which is a sum
    over all entries, the same for a batch and for one sample. A loss that is no such sum has the
    formula `sample` instead, of one sample in its outputs a and its targets y. `with_options` is
    the formula where an option is not at its default, with `{name}` for the options.

    `activation` is the one that the predictions must come from, or "" for any. A loss is a
    `density` where it is, up to a constant, −log of a density whose Fisher matrix is the
    expectation of the second derivatives that the Gauss-Newton matrix has.
    """

    name: str
    text: str = ""
    sample: str = ""
    with_options: str = ""
    options: tuple[LossOption, ...] = ()
    activation: str = ""
    target_facts: tuple[str, ...] = ()
    targets: TargetKind = NUMBERS
    density: bool = False
    source: str = ""


_GAMMA = LossOption("gamma", Fraction(2), lambda v: v >= 1, "a number from 1")
_SMOOTHING = LossOption(
    "label_smoothing", Fraction(0), lambda v: 0 <= v < 1, "a number from 0, below 1"
)
_DELTA = LossOption("delta", Fraction(1), lambda v: v > 0, "a number above 0")

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        record.name: record
        for record in (
            Loss(
                "cross_entropy",
                "-sum(Y.*log(A))",
                with_options="-sum(((1 - {label_smoothing})*Y + {label_smoothing}/q).*log(A))",
                options=(_SMOOTHING,),
                activation="softmax",
                target_facts=("sum1",),
                targets=CLASSES,
                density=True,
                source="label smoothing: Szegedy et al., CVPR 2016, section 7",
            ),
            Loss(
                "binary_cross_entropy",
                "-sum(Y.*log(A) + (1 - Y).*log(1 - A))",
                activation="sigmoid",
                targets=UNIT,
                density=True,
            ),
            Loss("squared_error", "norm2(A - Y)^2", density=True),
            Loss("absolute_error", "sum(abs(A - Y))"),
            Loss(
                "huber",
                "sum(huber(A - Y))",
                with_options="sum(huber(A - Y, delta={delta}))",
                options=(_DELTA,),
                source="Huber, Annals of Mathematical Statistics 35 (1964)",
            ),
            Loss("norm", sample="norm2(a - y)"),
            Loss(
                "poisson",
                "sum(exp(A) - Y.*A)",
                targets=COUNTS,
                density=True,
                source="McCullagh and Nelder, Generalized Linear Models (1989), chapter 6",
            ),
            Loss(
                "hinge",
                "sum(relu(1 - Y.*A))",
                targets=SIGNS,
                source="Cortes and Vapnik, Machine Learning 20 (1995)",
            ),
            Loss(
                "multiclass_hinge",
                # Of the class itself the term is relu(0).
                sample="sum(relu(1 - y + a - y'*a))",
                targets=ONE_CLASS,
                source="Weston and Watkins, ESANN 1999",
            ),
            Loss(
                "focal",
                "-sum(Y.*(1 - A).^2.*log(A))",
                with_options="-sum(Y.*(1 - A).^{gamma}.*log(A))",
                options=(_GAMMA,),
                activation="softmax",
                target_facts=("sum1",),
                targets=CLASSES,
                source="Lin, Goyal, Girshick, He and Dollár, ICCV 2017",
            ),
            Loss(
                "binary_focal",
                "-sum(Y.*(1 - A).^2.*log(A) + (1 - Y).*A.^2.*log(1 - A))",
                with_options="-sum(Y.*(1 - A).^{gamma}.*log(A) + (1 - Y).*A.^{gamma}.*log(1 - A))",
                options=(_GAMMA,),
                activation="sigmoid",
                targets=UNIT,
                source="Lin, Goyal, Girshick, He and Dollár, ICCV 2017",
            ),
        )
    }
)

REDUCTIONS = ("mean", "sum")

#: A name, or a name with numbers in parentheses.
CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\)\s*)?", re.ASCII)
#: An option and its value; none is below 0, and those that are get told so.
OPTION = re.compile(rf"\s*(?:([A-Za-z_]\w*)\s*=\s*)?(-?{NUMBER})\s*", re.ASCII)


def is_named(loss: str) -> bool:
    """Whether a loss is a name, alone or with options such as huber(delta=2); else a formula.

    >>> is_named("huber(delta=2)"), is_named("huber(a'*y)"), is_named("norm2(a - y)")
    (True, False, False)
    """
    found = CALL.fullmatch(loss)
    if found is None:
        return False
    if found[2] is None:
        return True
    return found[1] in LOSSES and all(OPTION.fullmatch(part) for part in found[2].split(","))


def known_loss(name: str) -> Loss:
    """The loss of a name, with its formula at the options that are given.

    >>> known_loss("huber(delta=2)").text
    'sum(huber(A - Y, delta=2))'

    Raises:
        NetworkError: there is none, or none with such options.
    """
    found = CALL.fullmatch(name) if isinstance(name, str) else None
    record = LOSSES.get(found[1]) if found is not None else None
    if found is None or record is None:
        raise NetworkError(
            f"the loss {name!r}",
            f"{name!r} is asked for and the losses are {', '.join(LOSSES)}",
            "use one of those",
        )
    return record if found[2] is None else _with_options(record, name, found[2])


def _with_options(record: Loss, written: str, text: str) -> Loss:
    """The record with its formula at options that are written as in a call."""
    values = {option.name: option.default for option in record.options}
    names = list(values)
    given: set[str] = set()
    for place, part in enumerate(text.split(",")):
        found = OPTION.fullmatch(part)
        if found is None:
            raise _wrong(record, written, f"{part.strip() or 'nothing'} stands for an option")
        name = found[1] or (names[place] if place < len(names) else "")
        if name not in values or name in given:
            raise _wrong(record, written, f"{part.strip()} is given")
        if len(found[2]) > MAX_CHARACTERS:
            fact = f"{name} has {len(found[2])} characters of {MAX_CHARACTERS} that are allowed"
            raise _wrong(record, written, fact)
        values[name] = Fraction(found[2])
        given.add(name)
    for option in record.options:
        if not option.allowed(values[option.name]):
            raise _wrong(record, written, f"{option.name} is {exact_decimal(values[option.name])}")
    if all(values[option.name] == option.default for option in record.options):
        return record
    shown = {name: exact_decimal(value) for name, value in values.items()}
    return replace(
        record,
        text=record.with_options.format(**shown),
        density=False,
    )


def _wrong(record: Loss, written: str, fact: str) -> NetworkError:
    known = [f"{option.name}, {option.said}" for option in record.options]
    listed = [f"{option.name}={exact_decimal(option.default)}" for option in record.options]
    usage = f"{record.name}({', '.join(listed)})" if listed else record.name
    return NetworkError(
        f"the loss {written}",
        f"{fact}, and the options of {record.name} are {'; '.join(known) or 'none'}",
        f"write {usage}",
        text=written,
    )


def loss_identifier(loss: str) -> str:
    """A loss by name as an identifier.

    >>> loss_identifier("huber(delta=0.5)")
    'huber_delta_0_5'
    """
    return re.sub(r"\W+", "_", loss.replace("-", "minus ")).strip("_")


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
