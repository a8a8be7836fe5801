"""The derivation of a network's gradients, in textbook order.

Forward definitions with shapes, local Jacobians, the delta at the output with its cancellation,
the recursion, the parameter gradients. Each kind of layer is explained once: three or more
consecutive layers of one kind are written as one recursion with an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.core.sizes import is_compound, renamed_size
from gradwright.explain.conventions import Convention, shifted
from gradwright.explain.lines import Form, Line, renamed
from gradwright.explain.rows import as_row
from gradwright.notation.tree import Symbol

#: Runs of at least this many layers of one kind are written with an index.
FOLDED_FROM = 3


class LayerLines(Struct, frozen=True):
    """The printed lines of one kind.

    They have the letters X, Z, A, Y, L, those of the `parameters` and of named `parts`, and the
    sizes n, p, q.
    """

    forward: tuple[Line, ...]
    local: tuple[Line, ...]
    adjoints: tuple[Line, ...]
    label: str
    parameters: tuple[str, ...] = ("W", "b")
    parts: tuple[str, ...] = ()


class Run(Struct, frozen=True):
    """Consecutive layers of one kind: numbers `first` to `last`, counted from 1.

    `widths` has the units before the first layer and behind each layer; for a symbolic number of
    layers those before the first and behind all of them. `sizes` are numbers for sizes other than
    n, p and q.
    """

    lines: LayerLines
    first: Size
    last: Size
    widths: tuple[Size, ...]
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def folded(self) -> bool:
        """Whether the layers are written as one, with an index."""
        if isinstance(self.first, int) and isinstance(self.last, int):
            return self.last - self.first + 1 >= FOLDED_FROM
        return self.first != self.last

    def single(self) -> list[Run]:
        """Each layer alone; the numbers of the layers are known."""
        assert isinstance(self.first, int) and isinstance(self.last, int)
        return [
            replace(self, first=number, last=number, widths=self.widths[k : k + 2])
            for k, number in enumerate(range(self.first, self.last + 1))
        ]


class Entry(Struct, frozen=True):
    """A line of the derivation and the layers it holds for, as a remark.

    With `shapes`, the axes of symbols by name, it is shown with the shapes under it as well.
    """

    line: Line
    remark: str = ""
    shapes: Mapping[str, tuple[Size, ...]] = {}


class Section(Struct, frozen=True):
    """A titled part of the derivation; the values of local lines are for any one layer."""

    title: str
    entries: tuple[Entry, ...]
    local: bool = False

    def shortened(self) -> Section:
        """Only the last form of each line."""
        kept = (replace(e.line, forms=e.line.forms[-1:]) for e in self.entries)
        entries = (replace(e, line=line) for e, line in zip(self.entries, kept, strict=True))
        return replace(self, entries=tuple(replace(entry, shapes={}) for entry in entries))


def sections(runs: Sequence[Run], convention: Convention) -> tuple[Section, ...]:
    """The derivation of a network as sections of lines in its own letters."""
    forward: list[Entry] = []
    delta: list[Entry] = []
    recursion: list[Entry] = []
    parameters: list[Entry] = []
    if any(run.folded and run.first == 1 for run in runs):
        forward.append(_inputs(runs[0], convention))
    layers = [(run, layer) for run in runs for layer in _layers(run, convention)]
    for run, layer in layers:
        found = layer.entries(run.lines.forward)
        shapes = _shapes([*found, *layer.entries(run.lines.adjoints)], convention)
        forward += [replace(entry, shapes=shapes) for entry in found]
    for run, layer in reversed(layers):
        for line in run.lines.adjoints:
            target = _target(line)
            if target in run.lines.parameters:
                parameters += layer.entries([line])
            elif target == "X":
                if not layer.is_first:
                    recursion += layer.entries([line])
            elif run is runs[-1]:
                delta += layer.entries([line])
            else:
                recursion += layer.entries([line])
    parts = [
        Section("Forward", tuple(forward)),
        Section("Local Jacobians, for one sample as a column", _local(runs, convention), True),
        Section("Delta at the output", tuple(delta)),
        Section("Backward recursion", tuple(recursion)),
        Section("Parameter gradients", tuple(parameters)),
    ]
    return tuple(part for part in parts if part.entries)


def _inputs(run: Run, convention: Convention) -> Entry:
    """A0 = X, for a recursion that begins with layer 1."""
    letter = convention.letters["A"]
    name = f"{letter}⁽⁰⁾" if convention.raised else f"{letter}0"
    axes = next(line.axes for line in run.lines.forward)
    sizes: dict[Size, Size] = {"q": run.widths[0]}
    shown = tuple(sizes.get(size, size) for size in axes)
    line = Line(name, shown, (Form(Symbol(convention.letters["X"])),))
    return Entry(line, shapes={name: shown, convention.letters["X"]: shown})


def _known_size(size: Size, known: Mapping[Size, Size]) -> Size:
    if is_compound(size):
        return renamed_size(size, lambda name: known.get(name, name))
    return known.get(size, size)


def _shapes(entries: Iterable[Entry], convention: Convention) -> dict[str, tuple[Size, ...]]:
    """The axes of what the lines name, and of what they are the derivatives by."""
    shapes: dict[str, tuple[Size, ...]] = {}
    for entry in entries:
        line = entry.line
        turned = convention.row_gradients and bool(line.meaning) and not line.quotient
        axes = line.axes[1:] if turned else line.axes
        shapes.setdefault(_target(line) if line.meaning else line.name, axes)
    return shapes


def _target(line: Line) -> str:
    """The letter that an adjoint line is the derivative by."""
    return line.meaning.rpartition("∂")[2]


def _local(runs: Sequence[Run], convention: Convention) -> tuple[Entry, ...]:
    """The local Jacobians of each kind, once each."""
    found: dict[tuple[str, object], Entry] = {}
    for run in runs:
        for line in run.lines.local:
            shown = _in_letters(line, convention) if convention.name else line
            label = run.lines.label if "∂a" in line.name else ""
            found.setdefault((line.name, line.tree), Entry(shown, label))
    return tuple(found.values())


def _in_letters(line: Line, convention: Convention) -> Line:
    """A local Jacobian in the letters of a layer with an index, or its transpose."""
    index = convention.layer
    letters = {"W": "W", "b": "b", "z": "Z", "a": "A"}

    def named(name: str) -> str:
        if name == "x":
            return convention.name_of("A", f"{index}-1")
        return convention.name_of(letters[name], index)

    sizes: dict[Size, Size] = {
        "p": convention.size_of(f"{index}-1"),
        "q": convention.size_of(index),
    }
    made = line.renamed(lambda name: name, lambda size: sizes.get(size, size))
    top, _, bottom = line.name.partition("/")
    forms = tuple(
        replace(form, tree=renamed(form.tree, named, lambda size: size)) for form in made.forms
    )
    axes = made.axes
    if convention.jacobian == "transposed":
        forms = tuple(replace(f, tree=as_row(f.tree, (), lambda part: False)) for f in forms)
        axes = tuple(reversed(axes))
    name = f"∂{named(top[1:])}/∂{named(bottom[1:])}"
    return replace(made, name=name, forms=forms, axes=axes)


class _Layer(Struct, frozen=True):
    """A layer, or with `folded` all layers of a run; `inputs` and `outputs` are its units."""

    run: Run
    first: Size
    last: Size
    folded: bool
    inputs: Size
    outputs: Size
    convention: Convention

    @property
    def is_first(self) -> bool:
        """Whether this is layer 1 alone, whose input's gradient nobody asks for."""
        return self.last == 1

    @property
    def index(self) -> Size:
        """The number of the layer, or the letter for it."""
        return self.convention.layer if self.folded else self.first

    def entries(self, lines: Sequence[Line]) -> list[Entry]:
        """Lines in this layer's letters."""
        sizes: dict[Size, Size] = {"p": self.inputs, "q": self.outputs}
        sizes |= dict(self.run.sizes)
        made = []
        for line in lines:
            shown = line.renamed(self._name, lambda size: _known_size(size, sizes))
            target = _target(line)
            meaning, quotient = "", False
            if line.meaning:
                meaning = f"∂{self.convention.letters['L']}/∂{self._name(target)}"
                quotient = target in self.run.lines.parameters
            begins = 2 if target == "X" and self.first == 1 else self.first
            remark = f"{self.index} = {begins}, …, {self.last}" if self.folded else ""
            made.append(Entry(replace(shown, meaning=meaning, quotient=quotient), remark))
        return made

    def _name(self, name: str) -> str:
        """A letter of the kind as this layer's."""
        if name in ("X", "δX"):
            return self.convention.name_of(name.replace("X", "A"), shifted(self.index, -1))
        own = (*self.run.lines.parameters, *self.run.lines.parts)
        if name in ("Z", "A", "δZ", "δA", *own):
            return self.convention.name_of(name, self.index)
        if name.removeprefix("δ") in own:
            return "δ" + self.convention.name_of(name.removeprefix("δ"), self.index)
        return self.convention.letters.get(name, name)


def _layers(run: Run, convention: Convention) -> list[_Layer]:
    if not run.folded:
        runs = [run] if run.first == run.last else run.single()
        return [
            _Layer(one, one.first, one.last, False, one.widths[0], one.widths[-1], convention)
            for one in runs
        ]
    inputs, outputs = set(run.widths[:-1]), set(run.widths[1:])
    if not isinstance(run.last, int):
        inputs |= outputs
    index = convention.layer
    p = inputs.pop() if len(inputs) == 1 else convention.size_of(f"{index}-1")
    q = outputs.pop() if len(outputs) == 1 else convention.size_of(index)
    return [_Layer(run, run.first, run.last, True, p, q, convention)]
