"""The PyTorch target for networks: functions for each layer kind, and an `nn.Module` of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from gradwright.emit import torch_module_text as parts_of
from gradwright.emit.driver import WEIGHTS
from gradwright.emit.names import PythonNames, python_names
from gradwright.emit.numpy import documentation, signature
from gradwright.emit.torch_body import TorchBody
from gradwright.emit.torch_forward import FORWARD, HEADING, ForwardText
from gradwright.emit.torch_function import FunctionText, call_lines
from gradwright.emit.torch_names import MODULE_NAMES, FunctionNames
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

#: Names of the module besides those of the layer kinds.
OWN_NAMES = ("SHAPES", "STARTS", "STATE", "MASKS", "CODES", "WORD", "INPUTS", "OUTPUTS", "Network",
             "layer", "codes", "holds", "require_step", "threefry", "dropout_mask",
             "math")  # fmt: skip


class KindCode(Struct, frozen=True):
    """A layer kind: its functions, formulas as documentation, and what its functions are given.

    `letters` are those of parameters and state that the value is made of, `drawn` stand behind
    them and are masks, and `codes` behind those; `update` makes the new values of `state`.
    """

    name: str
    parts: Autograd
    formulas: tuple[str, ...]
    is_head: bool
    letters: tuple[str, ...]
    drawn: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    update: Function | None = None

    @property
    def classes(self) -> tuple[str, str]:
        """The names of its two classes."""
        name = class_name(self.name)
        return name, f"{name}Gradient"

    @property
    def fixed(self) -> list[str]:
        """The inputs of floating numbers that there is no derivative by."""
        wrt = {v.name for v in self.parts.made.wrt}
        return [v.name for v in self.parts.made.inputs if v.name not in (*wrt, *self.codes)]

    @property
    def made_anew(self) -> bool:
        """Whether it is given something that is made for every batch."""
        return bool(self.drawn or self.codes)


class LayersCode(Struct, frozen=True):
    """The kind of each layer, the last one without and with the loss behind it."""

    kinds: Sequence[KindCode]
    head: KindCode


class NetworkCode(Struct, frozen=True):
    """A network: its layers for training and for prediction, which may be the same.

    `shapes` are those of the parameters in order, `state` those of what training carries from step
    to step, `starts` what starts at another number than 0, `masks` rates and numbers of entries for
    layers that have masks, `codes` columns and counts for those that have codes of categories. With
    `signs` the targets are -1 and 1, and with `weighted` each sample has a weight in the loss.
    """

    training: LayersCode
    predicting: LayersCode
    shapes: Mapping[str, tuple[int, ...]]
    inputs: int
    outputs: int
    text: str
    note: str
    row_samples: bool
    signs: bool = False
    weighted: bool = False
    state: Mapping[str, tuple[int, ...]] = {}
    starts: Mapping[str, float] = {}
    masks: Mapping[int, tuple[tuple[float, int], ...]] = {}
    codes: Mapping[int, tuple[tuple[int, int], ...]] = {}
    forward_mode: bool = True

    @property
    def trains_apart(self) -> bool:
        """Whether layers train by other formulas than they predict by."""
        return self.training is not self.predicting


def class_name(name: str) -> str:
    """The name of a kind as that of a class.

    >>> class_name("dense_relu")
    'DenseRelu'
    """
    return "".join(part.capitalize() for part in name.split("_"))


def network_module(code: NetworkCode) -> str:
    """The module of a network."""
    return _Module(code).text()


class _Module:
    def __init__(self, code: NetworkCode) -> None:
        self.code = code
        layers = (code.training, code.predicting)
        listed = [kind for part in layers for kind in (*part.kinds, part.head)]
        self.kinds = list({kind.name: kind for kind in listed}.values())
        self.texts = [self._text(kind) for kind in self.kinds]

    def _text(self, kind: KindCode) -> FunctionText:
        taken = [*OWN_NAMES, *(f"{x}{y}" for k in self.kinds for x in k.classes for y in FORWARD)]
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
            forward_mode=self.code.forward_mode,
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
        blocks = [block for text in self.texts for block in text.blocks()]
        forward = self._forward()
        bodies = [_update(kind, kind.update) for kind in self.kinds if kind.update is not None]
        updates = [text for text, _ in bodies]
        helpers = set().union(*(x.helpers for x in self.texts), *(found for _, found in bodies))
        support = [PLAIN, applied(self.code.forward_mode), WAY_BACK, ADDED]
        support += [STILL] * self.code.forward_mode
        support += [TORCH_HELPERS[name] for name in sorted(helpers)]
        support.append(parts_of.HOLDS)
        if self.code.codes:
            support.append(parts_of.CODES.format(codes=dict(self.code.codes)))
        if self.code.trains_apart:
            support.append(parts_of.STEP)
        if self.code.masks:
            support.append(parts_of.MASKS.format(masks=dict(self.code.masks)))
        support.append(parts_of.LAYER)
        listed = (self._head(), *support, *blocks, *updates, self._network(), *forward)
        return "\n\n\n".join(b.strip() for b in listed if b) + "\n"

    def _forward(self) -> list[str]:
        """What forward mode needs, behind everything else."""
        if not self.code.forward_mode:
            return []
        pairs = zip(self.texts, self.kinds, strict=True)
        made = [ForwardText(text, kind.fixed) for text, kind in pairs]
        return [HEADING, *(block for text in made for block in text.blocks())]

    def _head(self) -> str:
        code = self.code
        head = parts_of.HEADER.format(
            text=documentation(code.text),
            note=documentation(code.note),
            described=self._described(),
            saving="\n".join(self._saving()),
            inputs=code.inputs,
            outputs=code.outputs,
            shapes=_entries(code.shapes),
        )
        if code.state:
            head += parts_of.STATE.format(state=_entries(code.state))
        if code.starts:
            head += parts_of.STARTS.format(starts=dict(code.starts))
        return head

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

    def _network(self) -> str:
        code = self.code
        turned = "" if code.row_samples else ".T"
        apart, state = code.trains_apart, bool(code.state)
        return parts_of.NETWORK.format(
            vector="SHAPES" + ", then of STATE" * state,
            modes=parts_of.MODES if apart else "",
            buffers=parts_of.BUFFERS if state else "",
            **_starting(bool(code.starts), state),
            all="parameters" + " and the state" * state,
            values="values" if state else "parameters",
            checked="        require_step(training)\n" * apart,
            own=(parts_of.VALUES + parts_of.MOVE) * state,
            given=", training=None" * apart,
            passed=", training" * apart,
            **(parts_of.WEIGHTED if code.weighted else parts_of.UNWEIGHTED),
            turned=turned,
            **self._targets(),
            hidden=self._modes(_hidden),
            last=self._modes(lambda layers: _last(layers, turned)),
            loss=self._modes(lambda layers: _loss(layers, code.weighted)),
            full=f".to(self.{next(iter(code.shapes))}.dtype)" if code.shapes else "",
        )

    def _modes(self, lines_of: Callable[[LayersCode], list[str]]) -> str:
        """Lines of a method, for training and for prediction where those are others."""
        code = self.code
        training, predicting = lines_of(code.training), lines_of(code.predicting)
        lines = training
        if training != predicting:
            lines = ["if self.training:", *_indented(training), "else:", *_indented(predicting)]
        return "\n".join(f"        {line}" for line in lines)


def _update(kind: KindCode, function: Function) -> tuple[str, set[str]]:
    """The function that makes the new state of a layer, and the helpers that it calls."""
    names = python_names(function.inputs, PythonNames((*MODULE_NAMES, *OWN_NAMES)))
    body = TorchBody(function, names)
    lines = ['"""The state after a step of training."""', *body.lines()]
    head = signature(f"{kind.name}_update", [names[x] for x in function.inputs])
    return "\n".join([*head, *_indented(lines)]), body.helpers


def _entries(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return "\n".join(f'    "{name}": {shape},' for name, shape in shapes.items())


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _starting(starts: bool, state: bool) -> dict[str, str]:
    """The parts of `reset_parameters`."""
    named = "self.named_parameters()"
    return {
        "start_note": "as STARTS says, or 0" if starts else "0",
        "held": f"value in [*{named}, *self.named_buffers()]" if state else f"value in {named}",
        "start": "value.fill_(STARTS.get(name, 0))" if starts else "value.zero_()",
        "drawn": "value.dim() == 2" + " and name not in STARTS" * starts,
    }


# The lines of the methods ---------------------------------------------------------------------


def _hidden(layers: LayersCode) -> list[str]:
    """The calls of the layers before the last; equal ones in a row as a loop."""
    lines: list[str] = []
    for kind, first, last in _runs(layers.kinds[:-1]):
        if first == last:
            lines += _moving(kind, first)
            lines += call_lines("A = layer", _arguments(kind, first))
        else:
            lines.append(f"for k in range({first}, {last + 1}):")
            lines += _indented(call_lines("A = layer", _arguments(kind, None)))
    return lines


def _runs(kinds: Sequence[KindCode]) -> Iterator[tuple[KindCode, int, int]]:
    """Layers of one kind in a row, the first and the last of them; alone where they differ more."""
    numbered = list(enumerate(kinds, start=1))
    for _, members in groupby(
        numbered, key=lambda m: (m[1].name, m[0] if m[1].made_anew or m[1].update else 0)
    ):
        listed = list(members)
        yield listed[0][1], listed[0][0], listed[-1][0]


def _last(layers: LayersCode, turned: str) -> list[str]:
    kind, number = layers.kinds[-1], len(layers.kinds)
    made = call_lines("return layer", _arguments(kind, number))
    return [*_moving(kind, number), *made[:-1], made[-1] + turned]


def _loss(layers: LayersCode, weighted: bool) -> list[str]:
    number = len(layers.kinds)
    given = ["A", *_given(layers.head, number), "y", *[WEIGHTS] * weighted]
    call = call_lines("made = applied", [layers.head.classes[0], *given])
    return [*_moving(layers.kinds[-1], number), *call]


def _moving(kind: KindCode, number: int) -> list[str]:
    """The line that moves the state of a layer, if it has one."""
    if kind.update is None:
        return []
    names = [f'"{letter}{number}"' for letter in kind.state]
    others = kind.update.inputs[1 + len(kind.state) :]
    given = ", ".join(f"self.{letter}{number}" for letter in others)
    more = [f"more=[{given}]"] * bool(others)
    return call_lines("self.move", [f"{kind.name}_update", "A", *names, *more])


def _arguments(kind: KindCode, number: int | None) -> list[str]:
    return [kind.classes[0], "A", *_given(kind, number)]


def _given(kind: KindCode, number: int | None) -> list[str]:
    """Parameters, state, masks and codes; without a number the parameters of layer k."""
    if number is None:
        return [f'getattr(self, f"{letter}{{k}}")' for letter in kind.letters]
    masks = [
        f"dropout_mask(training, {number - 1}, {place}, A)" for place in range(len(kind.drawn))
    ]
    # Rounding would hide what is no code: they are read from X as it is given.
    codes = [f"codes(X, {number - 1}, {place})" for place in range(len(kind.codes))]
    return [*(f"self.{letter}{number}" for letter in kind.letters), *masks, *codes]
