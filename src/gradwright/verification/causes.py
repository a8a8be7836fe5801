"""The probable cause of a wrong block, found by testing hypotheses on the numbers.

A hypothesis says: had the author made *this* slip, the claim would be those numbers. It is accepted
when it explains all but a thousandth of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from gradwright.verification import condition
from gradwright.verification.points import Array, Point

EXPLAINED = 1e-3

#: In words, and for each block the numbers that it leads to.
Slip = tuple[str, Mapping[str, Array]]


class Evidence(Struct, frozen=True):
    """A claimed derivative beside the oracle's at the coordinates that were compared.

    `claim` has the shape `y.shape + x.shape`, `oracle` the shape `(y.size, len(coordinates))`.
    `slips` gives the numbers that slips in the derivation of this block would lead to.
    """

    block: str
    claim: Array
    oracle: Array
    coordinates: Array
    output: tuple[int, ...]
    point: Point
    tolerance: float
    slips: Callable[[], Sequence[Slip]] = tuple

    @property
    def ours(self) -> Array:
        """The claim at the compared coordinates, shaped like `oracle`."""
        return self.columns(self.claim)

    @property
    def scale(self) -> float:
        """The largest entry of the oracle."""
        return float(np.max(np.abs(self.oracle), initial=0.0))

    @property
    def error(self) -> float:
        """The largest difference."""
        return float(np.max(np.abs(self.ours - self.oracle), initial=0.0))

    def columns(self, full: Array) -> Array:
        """The compared columns of a derivative of full shape."""
        return full.reshape(self.oracle.shape[0], -1)[:, self.coordinates]

    def explains(self, expected: Array) -> bool:
        """Whether the claim is `expected` (a prediction in columns) but for a rest."""
        rest = float(np.max(np.abs(self.ours - expected), initial=0.0))
        return rest <= EXPLAINED * self.error


def cause(evidence: Evidence) -> str:
    """One sentence: what the numbers look like. Never empty."""
    claim = evidence.claim
    if not np.isfinite(claim).all():
        count = int(claim.size - np.isfinite(claim).sum())
        return f"{count} of the {claim.size} values given are not finite"
    if evidence.scale == 0.0:
        return "the derivative is zero, and the values given are not"
    if not claim.any():
        return "every value given is zero"
    return next(
        (found for test in (*SYSTEMATIC, _place) if (found := test(evidence))), _magnitude(evidence)
    )


def systematic(evidence: Evidence) -> bool:
    """Whether a slip explains the whole block, rather than the rounding of the claim."""
    return not evidence.claim.any() or any(test(evidence) is not None for test in SYSTEMATIC)


def shape_cause(block: str, given: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """One sentence about a claim of the wrong shape."""
    text = f"the derivative given has the shape {given}, and {expected} is y.shape + shape of "
    text += block
    if given == expected[::-1] and given != expected:
        return text + ": is it transposed?"
    return text


def _slipped(evidence: Evidence) -> str | None:
    """A slip whose numbers are those given, to the tolerance."""
    for words, values in _predicted(evidence):
        if condition.block_error(evidence.ours, values) <= evidence.tolerance:
            return words
    return None


def _slipped_besides(evidence: Evidence) -> str | None:
    """A slip of whose numbers a plain multiple is given."""
    # One number is a multiple of any other.
    for words, values in _predicted(evidence) if evidence.ours.size > 1 else ():
        factor = _fit(values, evidence.ours)
        near = condition.block_error(evidence.ours, factor * values) <= evidence.tolerance
        word = "-1" if abs(factor + 1) < 1e-6 else _factor_word(factor, evidence)
        if factor and near and word is not None:
            return f"{words}; and it is {word} times that"
    return None


def _predicted(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """The slips that reach this block, and their numbers in columns."""
    for words, found in evidence.slips():
        if evidence.block in found:
            yield words, evidence.columns(found[evidence.block])


def _scaled(evidence: Evidence) -> str | None:
    factor = _fit(evidence.oracle, evidence.ours)
    if not evidence.explains(factor * evidence.oracle):
        return None
    if abs(factor + 1) < 1e-6:
        return "it is negated: every value has the opposite sign"
    return f"it is {_named(factor, evidence)} times what it should be"


def _transposed(evidence: Evidence) -> str | None:
    for words, other in _transposes(evidence):
        columns = evidence.columns(other)
        factor = _fit(evidence.oracle, columns)
        rest = float(np.max(np.abs(columns - factor * evidence.oracle), initial=0.0))
        if rest > EXPLAINED * evidence.error:
            continue
        if abs(factor - 1) < 1e-6:
            return f"it is transposed: {words}"
        if abs(factor + 1) < 1e-6:
            return f"it is transposed and negated: {words}"
        return f"it is transposed ({words}) and multiplied by {_named(factor, evidence)}"
    return None


def _transposes(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """The claim with pairs of axes exchanged that have equal lengths."""
    claim, outputs = evidence.claim, len(evidence.output)
    inner = claim.shape[outputs:]
    if len(inner) == 2 and inner[0] == inner[1]:
        yield (f"rows and columns of {evidence.block} are exchanged", np.swapaxes(claim, -1, -2))
    if outputs and inner == evidence.output:
        order = (*range(outputs, 2 * outputs), *range(outputs))
        yield ("the axes of the output and of the input are exchanged", np.transpose(claim, order))
    if outputs == 2 and evidence.output[0] == evidence.output[1]:
        yield "rows and columns of the output are exchanged", np.swapaxes(claim, 0, 1)


def _unsigned(evidence: Evidence) -> str | None:
    if evidence.explains(np.abs(evidence.oracle)):
        return "the signs are lost: it is the absolute value of what it should be"
    return None


def _rounded(evidence: Evidence) -> str | None:
    """Precision: either stored in few digits, or of the size and spread of their rounding."""
    ours, oracle = evidence.ours, evidence.oracle
    for name, kind in (("half", np.float16), ("single", np.float32)):
        unit = float(np.finfo(kind).eps)
        relative = evidence.error / evidence.scale
        if relative > 256 * unit:
            continue
        with np.errstate(all="ignore"):
            stored = np.array_equal(ours.astype(kind).astype(np.float64), ours)
        wrong = np.abs(ours - oracle) > evidence.tolerance * evidence.scale
        if stored and ours.size > 1 and not np.array_equal(ours, np.rint(ours)):
            return f"every value given is a {name}-precision number: compute in float64"
        if name == "single" and relative >= unit / 64 and wrong.sum() >= max(3, 0.5 * ours.size):
            return (
                f"the differences have the size of {name}-precision rounding: "
                "is some step computed in float32?"
            )
    return None


def _added_input(evidence: Evidence) -> str | None:
    """A multiple of the input on top, as weight decay adds it."""
    known = evidence.output == () and evidence.block in evidence.point
    if not known or evidence.oracle.shape[1] < 2:
        return None
    value = np.asarray(evidence.point[evidence.block]).reshape(1, -1)[:, evidence.coordinates]
    factor = _fit(value, evidence.ours - evidence.oracle)
    if factor and evidence.explains(evidence.oracle + factor * value):
        return f"{factor:.4g} times {evidence.block} is added (a penalty on its norm?)"
    return None


def _place(evidence: Evidence) -> str | None:
    """Wrong only in one place, or only where something has a sign."""
    wrong = np.abs(evidence.ours - evidence.oracle) > evidence.tolerance * evidence.scale
    if not wrong.any() or wrong.all():
        return None
    if wrong.sum() == 1:
        return f"a single value of the {wrong.size} compared is wrong: {_magnitude(evidence)}"
    suffix = ", where the values given are zero" if not evidence.ours[wrong].any() else ""
    for words, where in _regions(evidence):
        inside = int((wrong & where).sum())
        if inside == wrong.sum() and inside >= 0.5 * where.sum():
            return f"it is wrong only {words}{suffix}"
    return f"{int(wrong.sum())} of the {wrong.size} values compared are wrong{suffix}"


def _regions(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """Named parts of the block, as masks in columns."""
    shape = evidence.claim.shape[len(evidence.output) :]
    ones = np.ones(evidence.oracle.shape, dtype=bool)
    for name, value in evidence.point.items():
        if value.shape == shape and value.dtype.kind == "f":
            entries = value.reshape(-1)[evidence.coordinates]
            yield f"where {name} is negative", ones & (entries < 0)
            yield f"where {name} is positive", ones & (entries > 0)
            yield f"where {name} is zero", ones & (entries == 0)
    yield "where the derivative is negative", evidence.oracle < 0
    yield "where the derivative is positive", evidence.oracle > 0
    if len(shape) == 2:
        row, column = np.divmod(evidence.coordinates, shape[1])
        if shape[0] == shape[1]:
            yield f"on the diagonal of {evidence.block}", ones & (row == column)
            yield f"off the diagonal of {evidence.block}", ones & (row != column)
        for axis, places in (("row", row), ("column", column)):
            for k in np.unique(places):
                yield f"in {axis} {k} of {evidence.block}", ones & (places == k)


def _magnitude(evidence: Evidence) -> str:
    return f"the largest difference is {evidence.error / evidence.scale:.1e} of the largest value"


def _fit(base: Array, values: Array) -> float:
    """The factor c with the smallest |values - c·base|."""
    # Scaled first: the squares of tiny or huge derivatives leave the range of float64.
    size = float(np.max(np.abs(base), initial=0.0))
    if size == 0.0:
        return 0.0
    unit = base / size
    return float(np.vdot(unit, values) / np.vdot(unit, unit)) / size


def _named(factor: float, evidence: Evidence) -> str:
    """The factor in words, or as a number."""
    return _factor_word(factor, evidence) or f"{factor:.10g}"


def _factor_word(factor: float, evidence: Evidence) -> str | None:
    """The factor in words: 2, 1/2, a length of the point or its reciprocal."""
    sign, size = ("-" if factor < 0 else ""), abs(factor)
    lengths: dict[int, str] = {}
    for name, value in evidence.point.items():
        for axis, length in enumerate(value.shape):
            if length > 1:
                lengths.setdefault(length, f"the length of axis {axis} of {name}")
    candidates = [(length, f"{length}, {words}") for length, words in lengths.items()]
    candidates += [(k, str(k)) for k in (2, 3, 4) if k not in lengths]
    for number, words in candidates:
        label, _, origin = words.partition(", ")
        origin = f" ({origin})" if origin else ""
        if abs(size / number - 1) < 1e-6:
            return f"{sign}{label}{origin}"
        if abs(size * number - 1) < 1e-6:
            return f"{sign}1/{label}{origin}"
    return None


#: What explains a whole block, the most specific first.
SYSTEMATIC = (
    _slipped,
    _scaled,
    _transposed,
    _slipped_besides,
    _unsigned,
    _rounded,
    _added_input,
)
