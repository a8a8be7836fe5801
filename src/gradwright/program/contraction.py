"""One contraction as a sequence of kernels, in an order chosen by cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Protocol

from gradwright.core.nodes import Labels, Size
from gradwright.core.sizes import expected_length
from gradwright.program.bracketing import Bracketing, path
from gradwright.program.ir import (
    Alignment,
    BatchedMatMul,
    Einsum,
    Gram,
    Kernel,
    Map,
    MatMul,
    Operand,
    Permute,
    Ref,
    Sum,
    TensorDot,
)

#: The length assumed for a named size without a hint.
DEFAULT_LENGTH = 32

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

Tensor = tuple[Operand, Labels]


class Emitter(Protocol):
    """What a contraction needs of a builder."""

    hints: Mapping[str, int]

    def emit(
        self, kernel: Kernel, operands: Iterable[Operand], axes: Sequence[Size], name: str = ""
    ) -> Ref:
        """Append a statement."""


def expected(builder: Emitter, size: Size) -> int:
    """The length that an order of products is chosen for."""
    return expected_length(size, builder.hints, DEFAULT_LENGTH)


def smaller_than_product(
    builder: Emitter, tensors: Sequence[Tensor], out: Labels, sizes: Mapping[int, Size]
) -> int | None:
    """Which tensor has the fewest entries, if it has fewer than the product of all has.

    Scaling it costs less than scaling the product.
    """
    if len(tensors) < 2:
        return None

    def entries(labels: Iterable[int]) -> int:
        return prod(expected(builder, sizes[x]) for x in labels)

    held = {x for _, labels in tensors for x in labels} & set(out)
    counts = [entries(labels) for _, labels in tensors]
    least = min(range(len(tensors)), key=counts.__getitem__)
    return least if counts[least] < entries(held) else None


def contract(
    builder: Emitter,
    tensors: Sequence[Tensor],
    out: Labels,
    sizes: Mapping[int, Size],
    order: Bracketing = Bracketing.CHEAPEST,
) -> tuple[Labels, Operand | None]:
    """Multiply tensors and sum over the labels that are not in `out`.

    Returns the labels that the result has, a subsequence of `out`, and the result (None when
    there is no tensor).
    """
    if not tensors:
        return (), None
    work = _Work(builder, out, sizes)
    rest = [work.prepared(tensor, tensors) for tensor in tensors]
    weighted = work.gram(rest)
    if weighted is not None:
        return weighted

    def length(label: int) -> int:
        return expected(builder, sizes[label])

    for step in path([labels for _, labels in rest], out, length, order):
        taken = [rest[k] for k in step]
        rest = [tensor for k, tensor in enumerate(rest) if k not in step]
        rest.append(work.combined(taken, rest))
    return work.finished(rest[0])


class _Work:
    def __init__(self, builder: Emitter, out: Labels, sizes: Mapping[int, Size]) -> None:
        self.builder = builder
        self.out = out
        self.sizes = sizes

    def axes(self, labels: Labels) -> tuple[Size, ...]:
        return tuple(self.sizes[x] for x in labels)

    def prepared(self, tensor: Tensor, others: Sequence[Tensor]) -> Tensor:
        """Diagonals taken, and labels that nothing else needs summed away."""
        operand, labels = tensor
        elsewhere = {x for other in others if other is not tensor for x in other[1]}
        needed = elsewhere | set(self.out)
        if len(set(labels)) < len(labels):
            kept = tuple(x for x in dict.fromkeys(labels) if x in needed)
            operand = self._einsum([(operand, labels)], kept)
            return operand, kept
        return self._summed(operand, labels, needed)

    def _summed(self, operand: Operand, labels: Labels, needed: set[int]) -> Tensor:
        dropped = tuple(k for k, x in enumerate(labels) if x not in needed)
        if not dropped:
            return operand, labels
        kept = tuple(x for x in labels if x in needed)
        return self.builder.emit(Sum(dropped), (operand,), self.axes(kept)), kept

    def gram(self, tensors: Sequence[Tensor]) -> tuple[Labels, Operand] | None:
        """Σ_p X[p,i] X[p,k] w[p] with the labels (i, k), or None where the tensors are no such.

        Several weights are multiplied first. Without weights it is a matrix product.
        """
        matrices = [(operand, labels) for operand, labels in tensors if len(labels) == 2]
        if len(matrices) != 2 or len(tensors) == 2 or matrices[0][0] != matrices[1][0]:
            return None
        (operand, one), (_, two) = matrices
        summed = [x for x in one if x in two and x not in self.out]
        vectors = [tensor for tensor in tensors if len(tensor[1]) < 2]
        if len(summed) != 1 or any(labels != tuple(summed) for _, labels in vectors):
            return None
        if len(vectors) + 2 < len(tensors):
            return None
        place = one.index(summed[0])
        kept = tuple(x for x in self.out if x in (one[1 - place], two[1 - place]))
        # Two sums of one array may be the same matrix with the same labels: Σ_p X[p,i]² w[p].
        if two.index(summed[0]) != place or len(kept) < 2:
            return None
        weights = vectors[0]
        for vector in vectors[1:]:
            weights = self._elementwise(weights, vector)
        rows = aligned(operand, one, (summed[0], one[1 - place]))
        return kept, self.builder.emit(Gram(), (rows, weights[0]), self.axes(kept))

    def combined(self, taken: Sequence[Tensor], rest: Sequence[Tensor]) -> Tensor:
        """The product of some tensors, summed over what nothing else needs."""
        result = taken[0]
        for place, tensor in enumerate(taken[1:], start=2):
            later = [*rest, *taken[place:]]
            needed = {x for _, labels in later for x in labels} | set(self.out)
            result = self._pair(result, tensor, needed)
        return result

    def _pair(self, one: Tensor, two: Tensor, needed: set[int]) -> Tensor:
        left, right = one[1], two[1]
        contracted = [x for x in left if x in right and x not in needed]
        batch = [x for x in left if x in right and x in needed]
        if not contracted:
            return self._elementwise(one, two)
        if len(contracted) == 1 and not batch and len(left) <= 2 and len(right) <= 2:
            return self._matmul(one, two, contracted[0])
        kept = self._ordered({x for x in (*left, *right) if x in needed})
        if not kept and len(left) == len(right):
            # Entry by entry and then np.sum, which adds in pairs: einsum loses digits in float32.
            operand, labels = self._elementwise(one, two)
            return self._summed(operand, labels, needed)
        if not batch:
            return self._tensordot(one, two, contracted)
        if len(contracted) == 1 and not (set(left) <= set(right) or set(right) <= set(left)):
            return self._batched(one, two, batch, contracted[0])
        return self._einsum([one, two], kept), kept

    def _tensordot(self, one: Tensor, two: Tensor, contracted: Sequence[int]) -> Tensor:
        """A sum over several labels, or of tensors, without batch: one product of matrices."""
        # A tensor stands before a matrix, so that X @ W keeps the axes in front as they are.
        if (len(one[1]), self._first(one)) < (len(two[1]), self._first(two)):
            one, two = two, one
        places = (tuple(labels.index(x) for x in contracted) for _, labels in (one, two))
        kept = tuple(x for x in (*one[1], *two[1]) if x not in contracted)
        kernel = TensorDot(*places)
        return self.builder.emit(kernel, (one[0], two[0]), self.axes(kept)), kept

    def _first(self, tensor: Tensor) -> float:
        """How early the labels of a tensor stand in the output; larger is earlier."""
        return -min((self._place(x) for x in tensor[1] if x in self.out), default=len(self.out))

    def _batched(self, one: Tensor, two: Tensor, batch: Sequence[int], label: int) -> Tensor:
        """Products of matrices, one for each place of the other labels.

        Of the labels that one side alone has, the last in the output is that of its rows or
        columns; along the others the matrices of the other side are repeated.
        """
        inner = {label, *batch}
        own = [[x for x in labels if x not in inner] for _, labels in (one, two)]
        row, column = (max(labels, key=self._place) for labels in own)
        if self._place(row) > self._place(column):
            one, two, row, column = two, one, column, row
        lead = self._ordered({*one[1], *two[1]} - {label, row, column})
        left, turned_left = _led(one, lead, (row, label))
        right, turned_right = _led(two, lead, (label, column))
        kept = (*lead, row, column)
        kernel = BatchedMatMul(turned_left, turned_right)
        return self.builder.emit(kernel, (left, right), self.axes(kept)), kept

    def _ordered(self, labels: set[int]) -> Labels:
        """Labels in the order of the output, others behind."""
        first = tuple(x for x in self.out if x in labels)
        return first + tuple(sorted(labels - set(first)))

    def _elementwise(self, one: Tensor, two: Tensor) -> Tensor:
        wide = one[1] if set(one[1]) >= set(two[1]) else self._ordered({*one[1], *two[1]})
        operands = (aligned(one[0], one[1], wide), aligned(two[0], two[1], wide))
        return self.builder.emit(Map("multiply"), operands, self.axes(wide)), wide

    def _matmul(self, one: Tensor, two: Tensor, label: int) -> Tensor:
        if self._comes_first(two, one, label):
            one, two = two, one
        (left, left_labels), (right, right_labels) = one, two
        turned_left = len(left_labels) == 2 and left_labels[0] == label
        turned_right = len(right_labels) == 2 and right_labels[1] == label
        kept = tuple(x for x in (*left_labels, *right_labels) if x != label)
        kernel = MatMul(turned_left, turned_right)
        return self.builder.emit(kernel, (left, right), self.axes(kept)), kept

    def _comes_first(self, one: Tensor, two: Tensor, label: int) -> bool:
        """Whether `one` stands left of `two`.

        Matrices stand before vectors. The output decides between two matrices when it has both
        remaining labels; otherwise as little as possible is transposed.
        """
        if len(one[1]) != len(two[1]):
            return len(one[1]) > len(two[1])
        if len(one[1]) < 2:
            return False
        row = next(x for x in one[1] if x != label)
        column = next(x for x in two[1] if x != label)
        if row in self.out and column in self.out:
            return self.out.index(row) < self.out.index(column)
        turns, other_way = _turns(one, two, label), _turns(two, one, label)
        return turns < other_way or (turns == other_way and self._place(row) < self._place(column))

    def _place(self, label: int) -> float:
        """Where a label stands in the output; in the middle when it does not."""
        return self.out.index(label) if label in self.out else (len(self.out) - 1) / 2

    def _einsum(self, tensors: Sequence[Tensor], kept: Labels) -> Ref:
        used = sorted({x for _, labels in tensors for x in labels})
        letter = {x: LETTERS[k] for k, x in enumerate(used)}
        left = ",".join("".join(letter[x] for x in labels) for _, labels in tensors)
        subscripts = f"{left}->{''.join(letter[x] for x in kept)}"
        operands = [operand for operand, _ in tensors]
        return self.builder.emit(Einsum(subscripts), operands, self.axes(kept))

    def finished(self, tensor: Tensor) -> tuple[Labels, Operand]:
        """Leftover sums, and the axes in the order of the output."""
        operand, labels = self._summed(*tensor, set(self.out))
        wanted = tuple(x for x in self.out if x in labels)
        if labels == wanted:
            return wanted, operand
        order = tuple(labels.index(x) for x in wanted)
        return wanted, self.builder.emit(Permute(order), (operand,), self.axes(wanted))


def _led(tensor: Tensor, lead: Labels, last: Labels) -> tuple[Operand, bool]:
    """An operand with the labels `lead` first, and whether its last two are turned.

    They are turned where that leaves its axes in their order.
    """
    operand, labels = tensor
    places = [labels.index(x) for x in (*lead, last[1], last[0]) if x in labels]
    turned = places == sorted(places)
    return aligned(operand, labels, (*lead, *(last[::-1] if turned else last))), turned


def _turns(left: Tensor, right: Tensor, label: int) -> int:
    """How many of two matrices are transposed in their product over a label."""
    return (left[1][0] == label) + (right[1][1] == label)


def aligned(operand: Operand, labels: Labels, out: Labels) -> Operand:
    """An operand laid over the axes of a result; leading repeated axes need no mention."""
    if not isinstance(operand, Ref):
        return operand
    alignment: Alignment = tuple(labels.index(x) if x in labels else None for x in out)
    lead = len(alignment) - len(labels)
    if alignment == (*[None] * lead, *range(len(labels))):
        return operand
    return Ref(operand.name, alignment)
