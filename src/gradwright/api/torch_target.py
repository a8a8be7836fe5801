"""A derivation as a `torch.autograd.Function`: what it saves, and its source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from gradwright.api.entrywise import entrywise
from gradwright.core.work import bounded
from gradwright.emit.torch_formula import formula_names, torch_module
from gradwright.errors import UnsupportedError
from gradwright.program.autograd import COTANGENT, Autograd, autograd
from gradwright.program.factors import factor_note
from gradwright.program.saving import Differentiable, SavedTensor

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation
    from gradwright.program.ir import Function

#: The derivatives whose module is about the formula itself.
KINDS = ("gradient", "jacobian", "hessian")


class TorchTarget:
    """The PyTorch code of a derivation by some variables.

    `functions` compute the derivative, and the value with it; `sizes` are inputs that are sizes.

    Raises:
        UnsupportedError: a product with a derivative; a formula with an abstract function or with
            indices, or with rows or columns that are several axes; a size that has the name of a
            symbol.
    """

    def __init__(
        self,
        derivation: Derivation,
        wrt: Sequence[str],
        functions: tuple[Function, Function],
    ) -> None:
        self._derivation = derivation
        self._wrt = tuple(wrt)
        self._functions = functions
        self._lock = Lock()
        self._sources: dict[bool, str] = {}
        _require(derivation, wrt)

    @cached_property
    @bounded("the code for PyTorch")
    def parts(self) -> Autograd:
        """The functions, derived."""
        d = self._derivation
        made, wrt = entrywise(d.tree, d.scope, d.formula, self._wrt)
        free = {variable.name: variable for variable in wrt}
        inputs = [
            free.get(name) or made.graph.variable(name, declared.sizes, declared.facts)
            for name, declared in sorted(d.scope.symbols.items())
        ]
        inputs += [made.graph.variable(size) for size in d.free_sizes]
        cotangent = made.graph.variable(COTANGENT, made.node.axes)
        return autograd(Differentiable(made.graph, inputs, wrt, made.node, cotangent))

    def source(self, forward_mode: bool) -> str:
        """A complete module that needs PyTorch only, with forward mode or without."""
        with self._lock:
            if forward_mode not in self._sources:
                self._sources[forward_mode] = self._written(forward_mode)
            return self._sources[forward_mode]

    def _written(self, forward_mode: bool) -> str:
        d = self._derivation
        title = (
            f"The value of a formula with its {d.kind}, for PyTorch's automatic differentiation."
        )
        note = factor_note(*self._functions, self.parts.forward)
        notes = [*d.assumptions, *[note] * bool(note)]
        indices = [name for name, v in sorted(d.scope.symbols.items()) if v.among is not None]
        return torch_module(
            self.parts, *self._functions, d.free_sizes, indices, title, notes, forward_mode
        )

    @cached_property
    def saved(self) -> tuple[SavedTensor, ...]:
        """What the forward pass saves, in order."""
        with self._lock:
            names = formula_names(self.parts)
            return tuple(
                SavedTensor(names.of[saved.variable.name], saved.variable.axes, chosen.why)
                for saved, chosen in zip(self.parts.saved, self.parts.choice.saved, strict=True)
            )


def _require(derivation: Derivation, wrt: Sequence[str]) -> None:
    asked = f'source("torch") of the {derivation.kind} of {derivation.formula}'
    text = derivation.formula
    if derivation.kind not in KINDS:
        one = "gradient" if derivation.scope.shape.kind == "scalar" else "jacobian"
        raise UnsupportedError(
            asked,
            f"it is a {derivation.kind}, and PyTorch makes such products of the formula itself, "
            "with what the module of its derivative writes out",
            f'use f.{one}({wrt[0]!r}).source("torch"), and torch.autograd.grad or torch.func',
            text=text,
        )
    if derivation.constraint != "none":
        raise UnsupportedError(
            asked,
            f"the derivative is the {derivation.constraint} one, and automatic differentiation "
            "varies each entry alone",
            "leave constraint out, and project what comes back",
            text=text,
        )
    if derivation.scope.functions:
        name = min(derivation.scope.functions)
        raise UnsupportedError(
            asked,
            f"{name} is an abstract function, which has no code",
            f"write {name} out in the formula",
            text=text,
        )
    if derivation.has_merged_axes:
        raise UnsupportedError(
            asked,
            f"the formula has the shape {derivation.scope.shape}, and what comes back to it has "
            "sizes that are products",
            "write the formula without vec or kron, and reshape its value",
            text=text,
        )
    clash = sorted(set(derivation.scope.symbols) & derivation.scope.sizes)
    if clash:
        raise UnsupportedError(
            asked,
            f"{clash[0]} is a symbol and also a size",
            "give the symbol or the size another name",
            text=text,
        )
