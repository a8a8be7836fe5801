"""The PyTorch target for formulas: a complete, readable module with a `torch.autograd.Function`."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.numpy import documentation, shape_note, signature
from gradwright.emit.torch_body import TorchBody
from gradwright.emit.torch_forward import HEADING, ForwardText
from gradwright.emit.torch_function import FunctionText, call_lines, unpacked
from gradwright.emit.torch_names import FunctionNames
from gradwright.emit.torch_support import (
    ADDED,
    PLAIN,
    STILL,
    TORCH_HELPERS,
    WAY_BACK,
    applied,
)
from gradwright.program.autograd import Autograd
from gradwright.program.ir import Function

#: Names of the module itself.
CLASSES = ("Value", "Gradient")
OWN_NAMES = (
    *CLASSES,
    "ValueForward",
    "GradientForward",
    "value",
    "gradient",
    "jacobian",
    "hessian",
    "places",
)

TENSORS = '''
def tensors(*values):
    """Tensors of one floating type on one device: those of the tensors with axes, where any are."""
    given = [v for v in values if torch.is_tensor(v)]
    wide = [v for v in given if v.dim()] or given
    device = wide[0].device if wide else None
    floating = [v.dtype for v in wide if v.is_floating_point()]
    dtype = floating[0] if floating else torch.get_default_dtype()
    for other in floating:
        dtype = torch.promote_types(dtype, other)
    return [
        v.to(device if v.dim() == 0 else v.device, dtype)
        if torch.is_tensor(v)
        else torch.tensor(v, dtype=dtype, device=device)
        for v in values
    ]
'''

PLACES = '''
def places(*values):
    """Tensors of whole numbers, which choose places counted from 0."""
    given = [torch.as_tensor(v) for v in values]
    if any(v.is_floating_point() for v in given):
        raise ValueError("indices are floating numbers; instead: give whole numbers, t.long()")
    return given
'''

FIXED = '''
def fixed(**values):
    """Refuse tensors that ask for a gradient which this module does not have."""
    for name, value in values.items():
        if torch.is_tensor(value) and value.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{name} requires a gradient, and this module is differentiable by {WRT}; "
                f"instead: derive the formula by {name} too, or give {name}.detach()"
            )
'''


def formula_names(parts: Autograd) -> FunctionNames:
    """What everything is called in the module of a formula."""
    return FunctionNames(parts, "y", OWN_NAMES)


def torch_module(
    parts: Autograd,
    shown: Function,
    both: Function,
    free: Sequence[str],
    indices: Sequence[str],
    title: str,
    notes: Sequence[str],
    forward_mode: bool = True,
) -> str:
    """The module of a formula.

    `shown` computes the derivative that was asked for and `both` the value before it; `free` names
    inputs that are sizes, numbers and no tensors, `indices` tensors that choose places.
    """
    names = formula_names(parts)
    doc = ["The value of the formula" + (", and what is kept of it." if parts.kept else ".")]
    text = FunctionText(parts, names, CLASSES, doc=doc, forward_mode=forward_mode)
    calls = _Calls(parts, names, free, indices)
    blocks = [*text.blocks(), calls.value(), calls.plain(shown), calls.plain(both)]
    if forward_mode:
        blocks += [HEADING, *ForwardText(text, calls.fixed).blocks()]
    head = ['"""' + documentation(title), "", *text.saving()]
    head += ["", *map(documentation, notes)] if notes else []
    head += ['"""', "", "import torch"]
    head += [
        "",
        f"WRT = {', '.join(names.of[v.name] for v in parts.made.wrt)!r}",
    ] * calls.some_fixed
    support = [TENSORS, *[PLACES] * bool(indices), PLAIN, applied(forward_mode), WAY_BACK, ADDED]
    support += [FIXED, *[STILL] * forward_mode] * calls.some_fixed
    support += [TORCH_HELPERS[name] for name in sorted(text.helpers | calls.helpers)]
    found = ["\n".join(head), *support, *blocks]
    return "\n\n\n".join(block.strip() for block in found if block) + "\n"


class _Calls:
    """The functions that a user calls."""

    def __init__(
        self, parts: Autograd, names: FunctionNames, free: Sequence[str], indices: Sequence[str]
    ) -> None:
        self.parts = parts
        self.names = names
        self.helpers: set[str] = set()
        self.parameters = [names.of[x] for x in names.inputs]
        self.tensors = [names.of[x] for x in names.inputs if x not in (*free, *indices)]
        self.places = [names.of[x] for x in indices]
        wrt = {v.name for v in parts.made.wrt}
        self.fixed = [x for x in names.inputs if x not in (*wrt, *free, *indices)]
        self.others = [names.of[x] for x in self.fixed]
        self.some_fixed = bool(self.others)
        shapes = "; ".join(f"{names.of[v.name]}: {shape_note(v.axes)}" for v in parts.made.inputs)
        self.doc = f"{documentation(shapes)}."

    def value(self) -> str:
        """The value, differentiable."""
        wrt = ", ".join(self.names.of[v.name] for v in self.parts.made.wrt)
        lines = call_lines("fixed", [f"{x}={x}" for x in self.others]) if self.others else []
        lines += self._converted()
        (call, *more) = call_lines("return applied", ["Value", *self.parameters])
        lines += [call, *more]
        lines[-1] += "[0]" * bool(self.parts.kept)
        return self._function("value", f"The value, differentiable by {wrt}. {self.doc}", lines)

    def plain(self, function: Function) -> str:
        """A function of the program."""
        body = TorchBody(function, {x: self.names.of[x] for x in function.inputs})
        lines = [*self._converted(), *body.lines()]
        self.helpers |= body.helpers
        what = function.name.replace("_and_", ", and the ").replace("_", " ").capitalize()
        return self._function(function.name, f"{what}. {self.doc}", lines)

    def _converted(self) -> list[str]:
        lines = call_lines(f"{unpacked(self.tensors)} = tensors", self.tensors)
        if self.places:
            lines += call_lines(f"{unpacked(self.places)} = places", self.places)
        return lines

    def _function(self, name: str, doc: str, lines: Sequence[str]) -> str:
        shown = [*signature(name, self.parameters), f'    """{doc}"""']
        return "\n".join([*shown, *(f"    {line}" for line in lines)])
