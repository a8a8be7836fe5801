"""The derivation of a network's gradients: explained, emitted, traced, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from gradwright.api.network_checking import (
    FLAT,
    MAX_SEPARATE_LAYERS,
    SAMPLES,
    check_network,
    drawn_functions,
    drawn_masks,
    drawn_parameters,
    drawn_samples,
)
from gradwright.api.outputs import require_forward_mode, unknown_target
from gradwright.api.trace import NetworkTrace
from gradwright.core.work import bounded
from gradwright.emit.c.kernels import Kernels, chosen_kernels
from gradwright.emit.driver import WEIGHTS
from gradwright.errors import UnsupportedError
from gradwright.explain.conventions import Convention
from gradwright.explain.document import as_latex, as_text, section_dict
from gradwright.explain.levels import require_level
from gradwright.explain.network import Section, sections
from gradwright.nn.components import component_lines
from gradwright.nn.general import general_section
from gradwright.nn.initialise import initialise, require_seed
from gradwright.nn.optimizers import SGD, Optimizer, known_optimizer
from gradwright.nn.parameters import (
    Parameters,
    count,
    parameter_count,
    parameter_shapes,
    symbolic_parameter_count,
)
from gradwright.render.unicode import unicode_name
from gradwright.training.record import Settings
from gradwright.verification.report import CheckReport

if TYPE_CHECKING:
    from gradwright.api.network import Network
    from gradwright.api.standalone import Standalone
    from gradwright.gradientflow.report import FlowReport
    from gradwright.program.saving import SavedTensor

SCHEMA = "gradwright.network/1"

Array = Any
Progress = Callable[[str, int, int], None]


class NetworkDerivation:
    """The derivation of a network's gradients: explained, emitted, checked.

    With `weighted` each sample has a weight in the loss.
    """

    def __init__(self, network: Network, convention: Convention, weighted: bool = False) -> None:
        self.network = network
        self.convention = convention
        self.weighted = weighted
        self._model = network.model.weighted if weighted else network.model

    def __repr__(self) -> str:
        return f"<backprop of {self.network!r}>"

    def __str__(self) -> str:
        return self.explain()

    @property
    def sections(self) -> tuple[Section, ...]:
        """The derivation as sections of lines.

        In one of the notations, and for a network with sizes that are names, the last section is
        about a general layer.
        """
        model = self._model
        found = sections(model.explained_runs(self.convention), self.convention)
        if self.convention.name or model.symbolic:
            last = model.runs[-1].last
            depth = last if isinstance(last, str) else ""
            convention = replace(self.convention, layout=model.layout.name)
            found = (*found, general_section(convention, model.has_bias, depth))
        return found

    def written(
        self,
        notation: str | None = None,
        gradient: str | None = None,
        jacobian: str | None = None,
        layer_jacobian: str | None = None,
    ) -> NetworkDerivation:
        """The same derivation in another notation, as `Network.backprop` takes it.

        Raises:
            NetworkError: an unknown notation or choice, or one that does not go with the notation.
        """
        asked = (notation, gradient, jacobian, layer_jacobian)
        return self.network.backprop(*asked, weighted=self.weighted)

    @bounded("the derivation of a network")
    def explain(self, level: str = "full") -> str:
        """The derivation as text.

        "full" gives every section; "outline" leaves out the local Jacobians and shows only the
        last form of each line; "index" adds the lines of each layer kind in components, with
        their sums, and the proofs of the activations.
        """
        require_level(level)
        parts = self.sections
        if level == "outline":
            kept = (part for part in parts if not part.local)
            parts = tuple(part.shortened() for part in kept)
        text = as_text(self.title, self.notes, parts)
        return text if level != "index" else "\n".join([text, *component_lines(self._model)])

    @bounded("the derivation of a network")
    def latex(self) -> str:
        """The derivation as a complete LaTeX document."""
        return as_latex(self.title, self.notes, self.sections)

    def html(self, check: CheckReport | None = None) -> str:
        """The derivation as one self-contained HTML page, with the check if one is given."""
        from gradwright.api.reporting import network_page

        return network_page(self, check)

    def figures(self, flow: FlowReport | None = None) -> dict[str, str]:
        """Figures as SVG documents by name; with a report of `gw.flow` also those of the flow.

        "network" and "forward" are diagrams of the layers, and each activation is drawn with its
        derivative and the bound of that. Of a flow: "singular-values", "chain-singular-values",
        "chain-norms", Jacobians as heat maps, and what layers of two units make of a circle. A
        network whose sizes are names has none.
        """
        from gradwright.api.reporting import figures_of

        return figures_of(self, flow)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from gradwright.api.reporting import bundle
        from gradwright.report.equations import network_sections

        return bundle(self.explain(), "", network_sections(self.sections))

    @bounded("the code of a network")
    def source(
        self,
        target: str = "numpy",
        optimizer: str | Optimizer | None = None,
        *,
        forward_mode: bool = True,
    ) -> str:
        """A complete module that needs NumPy only, for "torch" PyTorch only, or for "c" nothing.

        "torch" is a `torch.nn.Module` with parameters W1, b1, …, whose layers are
        `torch.autograd.Function`s: the derived way back and its second derivatives. "c" is C99
        with vectors as GCC and Clang have them: whole epochs of descent in one call. The steps are
        those of `optimizer`, a name or what `gw.optimizer` gives, for "numpy" and "c" by default
        of gradient descent; for "torch" by default there are none, as torch.optim has them.
        Without `forward_mode` a module for "torch" is half as long, and has reverse mode alone.

        Raises:
            NetworkError: a size is a name.
            TrainingError: no such optimizer.
            UnsupportedError: another target, or a layer that has no code.
        """
        if target == "torch":
            module = self._model.torch_source(forward_mode)
            return module if optimizer is None else known_optimizer(optimizer).torch_steps(module)
        if target not in ("numpy", "c"):
            raise unknown_target(target)
        require_forward_mode(target, forward_mode)
        return self._model.with_steps(target, known_optimizer(optimizer or SGD))

    @property
    @bounded("the code of a network")
    def saved_tensors(self) -> tuple[SavedTensor, ...]:
        """What the loss of `source("torch")` saves for the gradient by the parameters, and why.

        What a layer gets is the value of the one before it and listed once. The targets are rows
        here; class indices are saved as they are.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer that has no code.
        """
        return self._model.saved_tensors

    @bounded("the code of a network")
    def standalone(
        self,
        params: Parameters | None = None,
        train: str | Sequence[int] = "all",
        batch_size: int = 1,
        optimizer: str | Optimizer | None = None,
        dtype: str = "float32",
        name: str = "network",
        seed: int = 0,
    ) -> Standalone:
        """Header, source and test program in plain C99: no heap, static memory of a stated size.

        Args:
            params: the values that are written into the code; by default those of `init(seed)`.
            train: "all", "none" for a module that predicts only, or the numbers of the layers
                whose parameters move. The others are constants, and do as they do in prediction.
            batch_size: the most samples of a step.
            optimizer: whose steps they are, a name or what `gw.optimizer` gives; by default
                gradient descent.
            dtype: "float32" or "float64".
            name: what the names of files and functions begin with; no header or word of C.
            seed: of dropout masks, of parameters that are not given, and of the test's numbers.

        Raises:
            NetworkError: a size is a name, layers that cannot train, a batch size or a name that
                cannot be, an optimizer or a batch size where no layer trains.
            DataError: parameters that are not finite, or another dtype.
            LimitError: more memory than a number of C counts.
            TrainingError: no such optimizer.
            UnsupportedError: a layer that has no code.
        """
        from gradwright.api.standalone import standalone, trained_layers
        from gradwright.api.standalone_numbers import Asked

        model = self._model
        chosen = self.network.init(seed=seed) if params is None else params
        asked = Asked(trained_layers(model, train), batch_size, optimizer, dtype, name, seed)
        return standalone(model, chosen, asked)

    def kernels(self) -> Kernels:
        """Which routine makes each matrix product of `source("c")`, and why.

        Raises:
            NetworkError: a size is a name.
            UnsupportedError: a layer that has no code.
        """
        model = self._model
        _ = model.c_passes_source
        return chosen_kernels(model.stages(), [layer.all_sizes for layer in model.layers])

    def trace(self, p: Parameters, X: Array, y: Array, learning_rate: float = 0.1) -> NetworkTrace:
        """Every value of one step of gradient descent, with the numbers that were multiplied.

        Args:
            p: the parameters before the step.
            X: samples × features; small batches are shown in full.
            y: class indices, one-hot rows or targets.
            learning_rate: W := W − learning_rate · ∂L/∂W.

        Raises:
            TrainingError: a learning rate that is no positive finite number.
            DataError: samples or labels that do not fit the network.
            UnsupportedError: a layer has an abstract function.
        """
        if self._model.abstract or self.weighted:
            raise UnsupportedError(
                f"the numbers of a step through {self._model.text}",
                "a layer has an abstract function, or samples have weights, and a trace shows "
                "formulas of samples without",
                "write the function out in the layer's formula, or leave the weights out",
            )
        rate = Settings(learning_rate=learning_rate).learning_rate
        lines = self.network.traced(p, X, y)
        return NetworkTrace(self._model.text, p, lines, float(rate))

    def check(self, seed: int = 0, progress: Progress | None = None) -> CheckReport:
        """Compare every gradient of the emitted code with an independent oracle, in float64.

        Sizes that are names are drawn, as `drawn_sizes` says.
        """
        require_seed(seed)
        if self._model.symbolic:
            sized = self.network.sized(**self.drawn_sizes(seed))
            return sized.backprop(weighted=self.weighted).check(seed, progress)
        layers = self._model.layers
        functions = drawn_functions(layers)
        module = self._model.line_module(functions) if any(functions) else self._model.module
        functions = [f | m for f, m in zip(functions, drawn_masks(layers, module), strict=True)]
        shapes = parameter_shapes(layers)
        state = initialise(layers).flat[count(layers) :]
        deep = len(layers) > MAX_SEPARATE_LAYERS
        blocks = [FLAT] if deep else list(shapes)

        def named(p: Parameters) -> dict[str, Array]:
            if deep:
                return {FLAT: p.flat[: count(layers)]}
            return {name: p[name] for name in shapes}

        def claimed(point: dict[str, Array]) -> dict[str, Array]:
            flat = np.concatenate([*(point[name].ravel() for name in blocks), state])
            samples = [point[name] for name in (*"XY", WEIGHTS) if name in point]
            _, gradient = module.value_and_gradient(flat, *samples)
            return named(Parameters(layers, gradient))

        def draw(generator: np.random.Generator) -> dict[str, Array]:
            start = drawn_parameters(layers, generator)
            X, Y = drawn_samples(self._model, SAMPLES, generator)
            weights = {WEIGHTS: generator.uniform(0.5, 2, SAMPLES)} if self.weighted else {}
            return {**named(start), "X": X, "Y": Y, **weights}

        return check_network(
            self._model.kinds,
            claimed,
            draw,
            blocks,
            shapes,
            functions=functions,
            seed=seed,
            progress=progress,
        )

    def drawn_sizes(self, seed: int = 0) -> dict[str, int]:
        """Small unequal numbers for the sizes that are names, to check the derivation with.

        Without such sizes there are none; equal seeds give equal numbers.
        """
        names = self._model.size_names
        numbers = np.random.default_rng(seed).permutation(len(names)) + 2
        return {name: int(number) for name, number in zip(names, numbers, strict=True)}

    @bounded("the derivation of a network")
    def to_dict(self) -> dict[str, Any]:
        """The derivation in the schema gradwright.network/1."""
        return {
            "schema": SCHEMA,
            "network": self._model.text,
            "loss": self._model.loss,
            "reduction": self._model.reduction,
            "layout": self._model.layout.name,
            "widths": [run.widths[0] for run in self._model.runs[:1]]
            + [width for run in self._model.runs for width in run.widths[1:]],
            "notation": self.convention.name,
            "kinds": [kind.name for kind in self._model.derived],
            "sections": [section_dict(section) for section in self.sections],
        }

    @property
    def title(self) -> str:
        """What the derivation is of."""
        return f"Backpropagation for {self._model.text}"

    @property
    def notes(self) -> list[str]:
        """The loss, the letters, and conventions at kinks, a sentence or two each."""
        model = self._model
        mean = "the mean over" if model.reduction == "mean" else "the sum over"
        samples, c = model.layout.batch_axes, self.convention
        index = c.layer
        notes = [*c.sentences]
        weighted = "weighted " if self.weighted else ""
        by_weight = ", which counts in a batch by its weight" if self.weighted else ""
        if model.one_sample:
            notes.append(
                f"Loss: {model.loss}. All is for one sample, x, and vectors are columns; the loss "
                f"of a batch is the {weighted}{model.reduction} over its samples."
            )
        elif c.one_sample:
            notes.append(f"Loss: {model.loss} of the sample{by_weight}.")
        else:
            loss = model.loss if model.loss_formula is None else f"{model.loss} of each sample"
            notes.append(f"Loss: {loss}, {mean} the n samples, which are the {samples} of X.")
            if self.weighted:
                notes.append(f"{model.runs[-1].kind.weights} has a weight for each sample.")
        if c.raised:
            named = [
                f"{unicode_name(c.name_of(letter, index))} stands for {c.stands_for(letter, index)}"
                for letter in ("δZ", "δA")
            ]
            notes.append(f"{' and '.join(named)}; ⊙ multiplies entry by entry.")
        else:
            z = c.letters["Z"]
            notes.append(
                f"δ{z} stands for ∂L/∂{z}, with the shape of {z}; ⊙ multiplies entry by entry."
            )
        for codes in () if model.symbolic else model.layers[0].codes:
            notes.append(
                f"{unicode_name(f'{codes.name}1')} are the codes in column {codes.column} of X, "
                f"counted from 0: whole numbers from 0 to {codes.count - 1}. Row k of onehot of "
                "them has a 1 at the code of sample k."
            )
        kinks = [kink for derived in model.derived.values() for kink in derived.kinks]
        notes += [f"At the kink: {text}." for text in dict.fromkeys(kinks)]
        if model.symbolic:
            counted = symbolic_parameter_count(model.groups)
        else:
            counted = parameter_count(model.layers, c.units)
        return [*notes, f"Parameters: {counted}."]
