"""The derivation of a network's gradients, in textbook order.

Forward definitions with shapes, local Jacobians, the delta at the output with its cancellation,
the recursion, the parameter gradients. Each kind of layer is explained once: three or more
consecutive layers of one kind are written as one recursion with an index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gradwright.core.nodes import Size
from gradwright.explain.lines import Form, Line
from gradwright.notation.tree import Symbol

#: Runs of at least this many layers of one kind are written with an index.
FOLDED_FROM = 3

INDEX = "l"


@dataclass(frozen=True, slots=True)
class LayerLines:
    """The printed lines of one kind.

    They have the letters X, Z, A, Y, L and those of the `parameters`, and the sizes n, p, q.
    """

    forward: tuple[Line, ...]
    local: tuple[Line, ...]
    adjoints: tuple[Line, ...]
    label: str
    parameters: tuple[str, ...] = ("W", "b")


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive layers of one kind: numbers `first` to `last`, counted from 1.

    `sizes` are numbers for sizes other than n, p and q.
    """

    lines: LayerLines
    first: int
    last: int
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def folded(self) -> bool:
        """Whether the layers are written as one, with an index."""
        return self.last - self.first + 1 >= FOLDED_FROM


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the derivation and the layers it holds for, as a remark."""

    line: Line
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the derivation."""

    title: str
    entries: tuple[Entry, ...]

    def shortened(self) -> Section:
        """Only the last form of each line."""
        kept = (replace(e, line=replace(e.line, forms=e.line.forms[-1:])) for e in self.entries)
        return Section(self.title, tuple(kept))


def sections(
    runs: Sequence[Run], widths: Sequence[int], row_samples: bool = True
) -> tuple[Section, ...]:
    """The derivation of a network as sections of lines in its own letters.

    `row_samples` says that the rows of X are the samples.
    """
    forward: list[Entry] = []
    delta: list[Entry] = []
    recursion: list[Entry] = []
    parameters: list[Entry] = []
    if any(run.folded and run.first == 1 for run in runs):
        axes: tuple[Size, ...] = ("n", widths[0]) if row_samples else (widths[0], "n")
        forward.append(Entry(Line("A0", axes, (Form(Symbol("X")),))))
    for run in runs:
        for layer in _layers(run):
            forward += layer.entries(run.lines.forward, widths)
    head = runs[-1]
    for run in reversed(runs):
        for layer in reversed(_layers(run)):
            for line in run.lines.adjoints:
                target = _target(line)
                if target in run.lines.parameters:
                    parameters += layer.entries([line], widths)
                elif target == "X":
                    if not layer.is_first:
                        recursion += layer.entries([line], widths)
                elif run is head:
                    delta += layer.entries([line], widths)
                else:
                    recursion += layer.entries([line], widths)
    parts = [
        Section("Forward", tuple(forward)),
        Section("Local Jacobians, for one sample as a column", _local(runs)),
        Section("Delta at the output", tuple(delta)),
        Section("Backward recursion", tuple(recursion)),
        Section("Parameter gradients", tuple(parameters)),
    ]
    return tuple(part for part in parts if part.entries)


def _target(line: Line) -> str:
    """The letter that an adjoint line is the derivative by."""
    return line.meaning.rpartition("∂")[2]


def _local(runs: Sequence[Run]) -> tuple[Entry, ...]:
    """The local Jacobians of each kind, once each."""
    found: dict[tuple[str, object], Entry] = {}
    for run in runs:
        for line in run.lines.local:
            found.setdefault(
                (line.name, line.tree), Entry(line, run.lines.label if "∂a" in line.name else "")
            )
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer, or with `last` > `first` all layers of a folded run."""

    run: Run
    first: int
    last: int
    folded: bool

    @property
    def is_first(self) -> bool:
        """Whether this is layer 1 alone, whose input's gradient nobody asks for."""
        return self.last == 1

    def entries(self, lines: Sequence[Line], widths: Sequence[int]) -> list[Entry]:
        """Lines in this layer's letters."""
        sizes = self._sizes(widths)
        made = []
        for line in lines:
            renamed = line.renamed(self._names, sizes)
            meaning = line.meaning
            if meaning:
                meaning = "∂L/∂" + self._names(_target(line))
            first = max(self.first, 2) if _target(line) == "X" else self.first
            remark = f"{INDEX} = {first}, …, {self.last}" if self.folded else ""
            made.append(Entry(Line(renamed.name, renamed.axes, renamed.forms, meaning), remark))
        return made

    def _names(self, name: str) -> str:
        stem = name.removeprefix("δ")
        prefix = name[: len(name) - len(stem)]
        if stem == "X":
            return prefix + self._previous()
        if stem in ("Z", "A", *self.run.lines.parameters):
            return f"{prefix}{stem}" + (f"[{INDEX}]" if self.folded else str(self.first))
        return name

    def _previous(self) -> str:
        if self.folded:
            return f"A[{INDEX}-1]"
        return "X" if self.first == 1 else f"A{self.first - 1}"

    def _sizes(self, widths: Sequence[int]) -> Callable[[Size], Size]:
        inputs = set(widths[self.first - 1 : self.last])
        outputs = set(widths[self.first : self.last + 1])
        known: dict[Size, Size] = {
            "p": inputs.pop() if len(inputs) == 1 else f"n[{INDEX}-1]",
            "q": outputs.pop() if len(outputs) == 1 else f"n[{INDEX}]",
        }
        known |= self.run.sizes
        return lambda size: known.get(size, size)


def _layers(run: Run) -> list[_Layer]:
    if run.folded:
        return [_Layer(run, run.first, run.last, True)]
    return [_Layer(run, number, number, False) for number in range(run.first, run.last + 1)]
