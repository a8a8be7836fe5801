"""A network: layers in a row with a loss behind them, derived kind by kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from math import prod
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gradwright.emit.c.routines import LARGE
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula, require_free_letters
from gradwright.nn.layouts import Layout, known_layout
from gradwright.nn.loss_formula import formula_of
from gradwright.nn.losses import require_fit, require_reduction
from gradwright.nn.optimizers import SGD, Optimizer
from gradwright.nn.parameters import count, length
from gradwright.nn.refusals import (
    require_choices,
    require_code,
    require_dense,
    require_first,
    require_no_codes,
    require_rows,
    require_single_head,
)
from gradwright.nn.runs import KindRun, runs_of, symbolic_runs
from gradwright.nn.sequence import Source, read_network
from gradwright.nn.text import LayerGroup, parse_groups, require_numbers
from gradwright.run.compiled_network import CompiledNetwork
from gradwright.run.load import load

if TYPE_CHECKING:
    from gradwright.calculus.stage import Stage
    from gradwright.emit.torch_network import LayersCode
    from gradwright.explain.conventions import Convention
    from gradwright.explain.network import LayerLines, Run
    from gradwright.nn.derive import DerivedKind
    from gradwright.nn.line_module import LineModule
    from gradwright.notation.supplied import Supplied
    from gradwright.program.saving import SavedTensor


class NetworkModel:
    """The layers, their kinds, and what is derived and emitted for them.

    Derivation happens on first use, once per kind, and is guarded by a lock, so a model may be
    shared between threads. With `training` it is the network that predicts for that one, or where
    layers, by number, are `frozen`, what it is in training with those as in prediction; with
    `plain` it is the one that weights the samples of that one in its loss.
    """

    def __init__(
        self,
        source: Source,
        loss: str,
        reduction: str,
        layout: str,
        training: NetworkModel | None = None,
        frozen: Collection[int] | None = None,
        plain: NetworkModel | None = None,
    ) -> None:
        require_reduction(reduction)
        self._training = training
        self.plain = plain
        self.layout: Layout = known_layout(layout)
        self.source_form = source
        self.loss = loss
        self.reduction = reduction
        self.loss_formula = formula_of(loss)
        self.groups = parse_groups(source) if isinstance(source, str) else ()
        if self.symbolic:
            assert isinstance(source, str)
            self.text, ending = source, self.groups[-1].activation
            require_single_head(source, self.groups)
            require_choices(source, self.groups)
        else:
            self.text, read = read_network(source)
            require_rows(self.text, read, self.layout.name)
            require_first(self.text, read)
            require_choices(self.text, read)
            self._read = tuple(replace(layer, layout=layout) for layer in read)
            if training is not None:
                self._read = tuple(
                    layer.predicted if frozen is None or number in frozen else layer
                    for number, layer in enumerate(self._read, start=1)
                )
            ending = read[-1].activation
        formulas = [] if self.symbolic else self._formulas_of_layers()
        self.abstract = any(formula.functions for formula in formulas)
        # A map of vectors has no form for a batch: then all is derived for one sample.
        self.one_sample = any(not formula.batch for formula in formulas)
        if self.one_sample:
            require_free_letters(formulas)
            require_no_codes(self.text, self._read, "the derivation for one sample")
        if self.loss_formula is None:
            require_fit(loss, ending)
        self._lock = RLock()
        self._one_sample: dict[tuple[Kind, bool], LayerLines] = {}
        self._torch_sources: dict[bool, str] = {}

    def _formulas_of_layers(self) -> list[LayerFormula]:
        return [layer.formula for layer in self._read if layer.formula is not None]

    @property
    def has_bias(self) -> bool:
        """Whether a dense layer has a bias."""
        parts: Sequence[LayerGroup | Layer] = self.groups or self._read
        return any(part.bias for part in parts)

    @property
    def size_names(self) -> tuple[str, ...]:
        """The sizes that are names, in order."""
        sizes = [size for group in self.groups for size in group.sizes]
        return tuple(dict.fromkeys(size for size in sizes if isinstance(size, str)))

    @property
    def symbolic(self) -> bool:
        """Whether a size or the number of layers is a name."""
        return bool(self.size_names)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers.

        Raises:
            NetworkError: a size is a name.
        """
        require_numbers(self.text, self.groups)
        return self._read

    def require_dense(self, asked: str) -> None:
        """Check that no layer is given by formula.

        Raises:
            UnsupportedError: one is.
        """
        require_dense(self.text, () if self.symbolic else self._read, asked)

    @property
    def widths(self) -> tuple[int, ...]:
        """Units per layer, the inputs first.

        Raises:
            NetworkError: a size is a name.
        """
        return (self.layers[0].fan_in, *(layer.fan_out for layer in self.layers))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each layer; the last one includes the loss."""
        labels: dict[LayerFormula, str] = {}
        plain = []
        for number, x in enumerate(self.layers, start=1):
            label = ""
            if x.formula is not None:
                trained = self._training is None or x == self._training.layers[number - 1]
                name = f"layer_{number}" if trained else f"predict_{number}"
                label = labels.setdefault(x.formula, name)
            name = self.layout.name
            plain.append(
                Kind(x.activation, x.options, x.bias, None, "mean", name, x.formula, label)
            )
        plain[-1] = self._with_loss(plain[-1])
        return tuple(plain)

    def _with_loss(self, kind: Kind) -> Kind:
        """A kind with the loss behind it."""
        loss, formula, weights = self.loss, self.loss_formula, ""
        if self.is_weighted:
            from gradwright.nn.letters import weights_letter

            weights = weights_letter(kind)
        return replace(
            kind, loss=loss, reduction=self.reduction, loss_formula=formula, weights=weights
        )

    @cached_property
    def runs(self) -> tuple[KindRun, ...]:
        """Maximal runs of consecutive layers of one kind."""
        if self.symbolic:
            return symbolic_runs(self.groups, self.layout.name, self._with_loss)
        return runs_of(self.layers, self.kinds)

    @cached_property
    def derived(self) -> dict[Kind, DerivedKind]:
        """Each kind, derived once."""
        from gradwright.nn.derive import derive_kind

        other = self._training or self.plain
        known = {} if other is None else other.derived
        with self._lock:
            kinds = dict.fromkeys(run.kind for run in self.runs)
            return {k: known.get(k) or derive_kind(k, self.one_sample) for k in kinds}

    @cached_property
    def prediction(self) -> NetworkModel:
        """The network that predicts: this one, or where layers train by a formula of its own."""
        made = [layer.predicted for layer in self.layers]
        if tuple(made) == self.layers:
            return self
        source, name = self.source_form, self.layout.name
        return NetworkModel(source, self.loss, self.reduction, name, self, None, self.plain)

    @cached_property
    def weighted(self) -> NetworkModel:
        """The network whose loss has a weight for each sample."""
        source, name = self.source_form, self.layout.name
        return NetworkModel(source, self.loss, self.reduction, name, plain=self)

    @property
    def source(self) -> str:
        """The emitted NumPy module, with steps of gradient descent."""
        return self.with_steps("numpy", SGD)

    def with_steps(self, target: str, rule: Optimizer) -> str:
        """The emitted module for "numpy" or "c", with steps of an optimiser."""
        apart, weighted = self.trains_apart, self.is_weighted
        if target == "c":
            return self.c_passes_source + rule.c_descent(apart, weighted)
        return self.passes_source + rule.numpy_step(apart, self.has_state, weighted)

    @cached_property
    def passes_source(self) -> str:
        """The emitted NumPy module without steps.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer has an abstract function, which has no code.
        """
        from gradwright.nn.emitted import numpy_passes

        _ = self.widths
        require_code(self.text, self.layers)
        with self._lock:
            return numpy_passes(self)

    @property
    def trains_apart(self) -> bool:
        """Whether layers train by other formulas than they predict by."""
        return self.prediction is not self

    @property
    def has_state(self) -> bool:
        """Whether layers carry something from step to step of a training."""
        return any(layer.state for layer in self.layers)

    @property
    def is_weighted(self) -> bool:
        """Whether the loss has a weight for each sample."""
        return self.plain is not None

    def stages(self) -> list[tuple[Stage, int]]:
        """Of each run the stage and how many layers it has."""
        return [(self.derived[run.kind].stage, run.count) for run in self.runs]

    @cached_property
    def module(self) -> ModuleType | LineModule:
        """The emitted module, loaded; where a layer is abstract, its lines."""
        if self.abstract:
            return self.line_module([dict(layer.functions) for layer in self.layers])
        with self._lock:
            return load(self.source)

    def line_module(self, functions: Sequence[Mapping[str, Supplied]]) -> LineModule:
        """The derivation as a module, with these functions for the abstract ones of each layer."""
        from gradwright.nn.line_module import LineModule

        with self._lock:
            derived = [self.derived[kind] for kind in self.kinds]
            return LineModule(self.layers, derived, self.one_sample, self.reduction, functions)

    @cached_property
    def products(self) -> ModuleType:
        """The emitted module of products with second derivatives, loaded.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer has an abstract function, which has no code.
        """
        return load(self.products_source)

    @cached_property
    def products_source(self) -> str:
        """The source of `products`."""
        from gradwright.nn.emitted import products_module

        _ = self.widths
        require_code(self.text, self.layers)
        require_no_codes(self.text, self.layers, "second derivatives")
        with self._lock:
            return products_module(self)

    @cached_property
    def torch_layers(self) -> tuple[LayersCode, LayersCode]:
        """The functions of the layers for PyTorch, in training and for prediction."""
        from gradwright.nn.emitted import torch_layers

        _ = self.widths
        require_code(self.text, self.layers)
        with self._lock:
            return torch_layers(self)

    def torch_source(self, forward_mode: bool) -> str:
        """The source of the network as a module of PyTorch, with forward mode or without.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer has an abstract function, which has no code.
        """
        from gradwright.nn.emitted import torch_module

        with self._lock:
            if forward_mode not in self._torch_sources:
                self._torch_sources[forward_mode] = torch_module(self, forward_mode)
            return self._torch_sources[forward_mode]

    @property
    def saved_tensors(self) -> tuple[SavedTensor, ...]:
        """What the loss of `torch_source` saves for the gradient by the parameters."""
        from gradwright.nn.saved import saved_tensors

        return saved_tensors(self.torch_layers[0], self.layers)

    @cached_property
    def c_passes_source(self) -> str:
        """The source of the network in C without steps.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer is given by formula, or needs what the target does not have.
        """
        from gradwright.nn.emitted import c_passes

        _ = self.widths
        require_code(self.text, self.layers)
        with self._lock:
            return c_passes(self)

    def compiled(
        self, dtype: str, rule: Optimizer = SGD, samples: int | None = None, threads: int = 1
    ) -> CompiledNetwork:
        """The C module, compiled and loaded, for "float32" or "float64".

        Where batches have at most `samples`, BLAS is left out if no product is large enough. Large
        products are shared by so many threads.

        Raises:
            UnsupportedError: as `c_passes_source`; there is no compiler, or it fails.
        """
        apart, parameters = self.trains_apart, count(self.layers)
        state = length(self.layers) - parameters
        weighted = self.is_weighted
        source, update = self.with_steps("c", rule), rule.update
        largest = max((prod(s) for layer in self.layers for _, s in layer.parameters), default=0)
        blas = samples is None or largest * samples >= LARGE
        more = (update, apart, state, blas, weighted, threads)
        return CompiledNetwork(source, dtype, self.widths, parameters, *more)

    def explained_runs(self, convention: Convention) -> Sequence[Run]:
        """The runs with their printed lines, for the explanation."""
        from gradwright.explain.network import Run

        return [
            Run(self._lines(run.kind, convention), run.first, run.last, run.widths, run.sizes)
            for run in self.runs
        ]

    def _lines(self, kind: Kind, convention: Convention) -> LayerLines:
        from gradwright.explain.network import LayerLines
        from gradwright.nn.derive import one_sample_lines

        if convention.one_sample and not self.one_sample:
            with self._lock:
                key = (kind, convention.row_gradients)
                if key not in self._one_sample:
                    self._one_sample[key] = one_sample_lines(*key)
                return self._one_sample[key]
        derived = self.derived[kind]
        lines = (derived.forward, derived.local, derived.adjoints)
        numbered = (*kind.drawn, *kind.state, *kind.parts)
        return LayerLines(*lines, kind.described, kind.parameters, numbered)

    def formulas(self) -> dict[str, tuple[str, ...]]:
        """For each stage, the formulas that its functions compute, as documentation."""
        return {d.stage.name: d.formulas() for d in self.derived.values()}
