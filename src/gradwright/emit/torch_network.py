"""The PyTorch target for networks: functions for each layer kind, and an `nn.Module` of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from gradwright.emit.numpy import documentation
from gradwright.emit.torch_function import (
    ADDED,
    APPLIED,
    PLAIN,
    FunctionNames,
    FunctionText,
    call_lines,
)
from gradwright.emit.torch_support import TORCH_HELPERS
from gradwright.program.autograd import Autograd

#: Names of the module besides those of the layer kinds.
OWN_NAMES = ("SHAPES", "INPUTS", "OUTPUTS", "Network", "layer", "math")


@dataclass(frozen=True, slots=True)
class KindCode:
    """A layer kind: its functions, formulas as documentation, and the letters of its parameters."""

    name: str
    parts: Autograd
    formulas: tuple[str, ...]
    is_head: bool
    letters: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, str]:
        """The names of its two classes."""
        name = class_name(self.name)
        return name, f"{name}Gradient"


@dataclass(frozen=True, slots=True)
class NetworkCode:
    """A network: the kind of each layer, the last one without and with the loss behind it.

    `shapes` are those of the parameters in order. With `signs` the targets are -1 and 1.
    """

    kinds: Sequence[KindCode]
    head: KindCode
    shapes: Mapping[str, tuple[int, ...]]
    inputs: int
    outputs: int
    text: str
    note: str
    row_samples: bool
    signs: bool = False


def class_name(name: str) -> str:
    """The name of a kind as that of a class.

    >>> class_name("dense_relu")
    'DenseRelu'
    """
    return "".join(part.capitalize() for part in name.split("_"))


HEADER = '''"""A network as a torch.nn.Module, the way back of each layer written out:
{text}

{note}
The parameters are {described}.
What each kind of layer saves for the way back:
{saving}
"""

import math

import torch

INPUTS, OUTPUTS = {inputs}, {outputs}
SHAPES = {{
{shapes}
}}
'''

LAYER = '''
def layer(function, X, *parameters):
    """A layer in the type of its parameters, or in that of autocast where it is on."""
    dtype = parameters[0].dtype if parameters else X.dtype
    if torch.is_autocast_enabled(X.device.type):
        dtype = torch.get_autocast_dtype(X.device.type)
    made = function.apply(X.to(dtype), *(p.to(dtype) for p in parameters))
    return made[0] if isinstance(made, tuple) else made
'''

NETWORK = '''
class Network(torch.nn.Module):
    """The network; X has one sample in each row.

    `parameters` is one vector of all of them in the order of SHAPES, as gradwright's `p.flat` is;
    without it they are drawn.
    """

    def __init__(self, parameters=None, dtype=None, device=None):
        super().__init__()
        for name, shape in SHAPES.items():
            made = torch.empty(shape, dtype=dtype, device=device)
            self.register_parameter(name, torch.nn.Parameter(made))
        if parameters is None:
            self.reset_parameters()
        else:
            self.load_flat(parameters)

    @torch.no_grad()
    def reset_parameters(self):
        """Matrices normal with the variance 2 / (rows + columns), all else 0."""
        for parameter in self.parameters():
            parameter.zero_()
            if parameter.dim() == 2:
                parameter.normal_(std=math.sqrt(2 / sum(parameter.shape)))

    @torch.no_grad()
    def load_flat(self, vector):
        """Set all parameters from one vector, an array or a tensor."""
        vector = torch.as_tensor(vector)
        sizes = [parameter.numel() for parameter in self.parameters()]
        if vector.shape != (sum(sizes),):
            raise ValueError(f"{{tuple(vector.shape)}} is given; instead: ({{sum(sizes)}},)")
        for parameter, part in zip(self.parameters(), vector.split(sizes)):
            parameter.copy_(part.reshape(parameter.shape))

    def flat(self):
        """All parameters as one vector, a copy."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters()])

    def hidden(self, X):
        """What the layers before the last make of samples."""
        A = X{turned}
{hidden}
        return A

    def forward(self, X):
        """The outputs, of shape (samples, outputs)."""
        A = self.hidden(X)
        return {last}{turned}

    def loss(self, X, y):
        """The loss of a batch; y has class indices, or a row of targets for each sample.

        It is computed in the type of the parameters, also where autocast is on.
        """
        A = self.hidden(X){full}
        y = self.targets(y, A.dtype)
{loss}
        return made[0] if isinstance(made, tuple) else made

    def targets(self, y, dtype):
        """Targets as the last layer takes them."""
        if y.requires_grad and torch.is_grad_enabled():
            raise ValueError("y requires a gradient, which this module does not have; "
                             "instead: give y.detach()")
        if y.dim() == 1 and OUTPUTS > 1:
            if y.is_floating_point():
                raise ValueError("y has one number for each sample, which is none of a type for "
                                 "class indices; instead: give y.long(), or rows of targets")
            return {labels}
        {rows}
'''


def network_module(code: NetworkCode) -> str:
    """The module of a network."""
    return _Module(code).text()


class _Module:
    def __init__(self, code: NetworkCode) -> None:
        self.code = code
        self.kinds = list({k.name: k for k in (*code.kinds, code.head)}.values())
        self.texts = [self._text(kind) for kind in self.kinds]

    def _text(self, kind: KindCode) -> FunctionText:
        taken = [*OWN_NAMES, *(name for k in self.kinds for name in k.classes)]
        letter = "L" if kind.is_head else "A"
        names = FunctionNames(kind.parts, letter, taken, f"{kind.name}_")
        helper = "rows" if self.code.row_samples else "columns"
        targets = ("Y", helper, self.code.outputs) if kind.is_head else None
        return FunctionText(
            kind.parts,
            names,
            kind.classes,
            doc=[documentation(line.replace("δ", "d")) for line in kind.formulas],
            targets=targets,
        )

    def _targets(self) -> dict[str, str]:
        """What becomes of class indices, and of rows: where signs are wanted 0 stands for -1."""
        turned = "" if self.code.row_samples else ".T"
        if not self.code.signs:
            return {
                "labels": "y.long()",
                "rows": f"return y.to(dtype).reshape(-1, OUTPUTS){turned}",
            }
        one_hot = "torch.nn.functional.one_hot(y.long(), OUTPUTS)"
        rows = f"y = y.to(dtype).reshape(-1, OUTPUTS){turned}\n"
        rows += " " * 8 + "return torch.where(y == 0, -torch.ones_like(y), y)"
        return {"labels": f"(2 * {one_hot} - 1).to(dtype){turned}", "rows": rows}

    def text(self) -> str:
        """The whole module."""
        code = self.code
        blocks = [block for text in self.texts for block in text.blocks()]
        helpers = sorted(set().union(*(text.helpers for text in self.texts)))
        head = HEADER.format(
            text=documentation(code.text),
            note=documentation(code.note),
            described=self._described(),
            saving="\n".join(self._saving()),
            inputs=code.inputs,
            outputs=code.outputs,
            shapes="\n".join(f'    "{name}": {shape},' for name, shape in code.shapes.items()),
        )
        network = NETWORK.format(
            turned="" if code.row_samples else ".T",
            **self._targets(),
            hidden="\n".join(f"        {line}" for line in self._hidden()),
            last=self._call(code.kinds[-1], str(len(code.kinds))),
            loss="\n".join(f"        {line}" for line in self._loss()),
            full=f".to(self.{next(iter(code.shapes))}.dtype)" if code.shapes else "",
        )
        support = [PLAIN, APPLIED, ADDED, *(TORCH_HELPERS[name] for name in helpers), LAYER]
        return "\n\n\n".join(b.strip() for b in (head, *support, *blocks, network) if b) + "\n"

    def _described(self) -> str:
        names = list(self.code.shapes)
        listed = names if len(names) <= 6 else [*names[:4], "...", names[-1]]
        return f"{', '.join(listed)}, with the shapes of SHAPES"

    def _saving(self) -> list[str]:
        lines = []
        for kind, text in zip(self.kinds, self.texts, strict=True):
            saved = [line.strip() for line in text.saving()]
            lines += [f"{kind.classes[0]}:", *(f"    {line}" for line in saved[1:] or saved)]
        return lines

    def _hidden(self) -> list[str]:
        """The calls of the layers before the last; equal ones in a row as a loop."""
        lines, first = [], 1
        for kind, members in groupby(self.code.kinds[:-1], key=lambda kind: kind.name):
            listed = list(members)
            last = first + len(listed) - 1
            if first == last:
                lines.append(f"A = {self._call(listed[0], str(first))}")
            else:
                lines.append(f"for k in range({first}, {last + 1}):")
                lines.append(f"    A = {self._call(listed[0], '')}")
            del kind
            first = last + 1
        return lines

    def _call(self, kind: KindCode, number: str) -> str:
        return f"layer({kind.classes[0]}, {', '.join(['A', *self._parameters(kind, number)])})"

    def _parameters(self, kind: KindCode, number: str) -> list[str]:
        """The parameters of a layer; without a number those of layer k."""
        if number:
            return [f"self.{letter}{number}" for letter in kind.letters]
        return [f'getattr(self, f"{letter}{{k}}")' for letter in kind.letters]

    def _loss(self) -> list[str]:
        head = self.code.head
        parameters = self._parameters(head, str(len(self.code.kinds)))
        arguments = ["A", *parameters, "y"]
        return call_lines(f"made = {head.classes[0]}.apply", arguments)
