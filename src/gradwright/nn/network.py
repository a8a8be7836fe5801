"""A network: layers in a row with a loss behind them, derived kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from threading import RLock
from types import ModuleType

from gradwright.emit.network import network_module
from gradwright.errors import UnsupportedError
from gradwright.explain.network import LayerLines, Run
from gradwright.nn.derive import DerivedKind, derive_kind
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layouts import Layout, known_layout
from gradwright.nn.loss_formula import is_formula, loss_formula
from gradwright.nn.losses import require_fit, require_reduction
from gradwright.nn.sequence import Source, read_network
from gradwright.run.load import load


@dataclass(frozen=True, slots=True)
class KindRun:
    """Consecutive layers of one kind: numbers `first` to `last`, counted from 1.

    `sizes` are numbers for sizes of the kind other than those of batch, input and output.
    """

    kind: Kind
    first: int
    last: int
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def count(self) -> int:
        """The number of layers."""
        return self.last - self.first + 1


class NetworkModel:
    """The layers, their kinds, and what is derived and emitted for them.

    Derivation happens on first use, once per kind, and is guarded by a lock, so a model may be
    shared between threads.
    """

    def __init__(self, source: Source, loss: str, reduction: str, layout: str) -> None:
        require_reduction(reduction)
        self.layout: Layout = known_layout(layout)
        self.source_form = source
        self.loss = loss
        self.reduction = reduction
        self.loss_formula = loss_formula(loss) if is_formula(loss) else None
        self.text, read = read_network(source)
        self._require_rows(read)
        self.layers: tuple[Layer, ...] = tuple(replace(layer, layout=layout) for layer in read)
        if self.loss_formula is None:
            require_fit(loss, self.layers[-1].activation)
        self._lock = RLock()

    def _require_rows(self, layers: Sequence[Layer]) -> None:
        """Layers by formula have the samples as rows."""
        for layer in layers:
            if layer.formula is not None and self.layout.name != "rows":
                raise UnsupportedError(
                    f"the layer {layer.formula.text} in the layout {self.layout.name}",
                    f"the layout {self.layout.name} is asked for, and layers by formula exist in "
                    "the layout rows only",
                    'leave layout out, or use layout="rows"',
                    text=self.text,
                    span=layer.span,
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Units per layer, the inputs first."""
        return (self.layers[0].fan_in, *(layer.fan_out for layer in self.layers))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each layer; the last one includes the loss."""
        labels: dict[LayerFormula, str] = {}
        plain = []
        for number, x in enumerate(self.layers, start=1):
            label = ""
            if x.formula is not None:
                label = labels.setdefault(x.formula, f"layer_{number}")
            name = self.layout.name
            plain.append(
                Kind(x.activation, x.options, x.bias, None, "mean", name, x.formula, label)
            )
        plain[-1] = replace(
            plain[-1],
            loss=self.loss,
            reduction=self.reduction,
            loss_formula=self.loss_formula,
        )
        return tuple(plain)

    @cached_property
    def runs(self) -> tuple[KindRun, ...]:
        """Maximal runs of consecutive layers of one kind."""
        found = []
        first = 1
        more = [layer.more_sizes for layer in self.layers]
        for (kind, sizes), members in groupby(zip(self.kinds, more, strict=True)):
            last = first + sum(1 for _ in members) - 1
            found.append(KindRun(kind, first, last, sizes))
            first = last + 1
        return tuple(found)

    @cached_property
    def derived(self) -> dict[Kind, DerivedKind]:
        """Each kind, derived once."""
        with self._lock:
            return {kind: derive_kind(kind) for kind in dict.fromkeys(r.kind for r in self.runs)}

    @cached_property
    def source(self) -> str:
        """The emitted NumPy module."""
        with self._lock:
            stages = [(self.derived[run.kind].stage, run.count) for run in self.runs]
            note = f"Loss: {self.loss}, {self.reduction} over the samples."
            formulas = self._formulas()
            dense = all(layer.formula is None for layer in self.layers)
            return network_module(
                stages,
                self.widths,
                self.text,
                note,
                formulas,
                self.layout.row_samples,
                self.layout.row_inputs,
                () if dense else [dict(layer.parameters) for layer in self.layers],
            )

    @cached_property
    def module(self) -> ModuleType:
        """The emitted module, loaded."""
        with self._lock:
            return load(self.source)

    def explained_runs(self) -> Sequence[Run]:
        """The runs with their printed lines, for the explanation."""
        found = []
        for run in self.runs:
            derived = self.derived[run.kind]
            lines = LayerLines(
                derived.forward,
                derived.local,
                derived.adjoints,
                run.kind.described,
                run.kind.parameters,
            )
            found.append(Run(lines, run.first, run.last, run.sizes))
        return found

    def _formulas(self) -> dict[str, tuple[str, ...]]:
        """For each stage, the formulas that its functions compute, as documentation."""
        return {d.stage.name: d.formulas() for d in self.derived.values()}
