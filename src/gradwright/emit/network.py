"""The NumPy target for networks: functions for each layer kind, and loops over the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import wrap

from gradwright.calculus.stage import Stage
from gradwright.emit.body import FormulaBody
from gradwright.emit.buffered import BufferedBody, plain_name, sizes_prologue
from gradwright.emit.noise import masks_text
from gradwright.emit.numpy import documentation, signature
from gradwright.emit.support import HELPERS
from gradwright.emit.unpacking import (
    LayerSizes,
    Unpacking,
    dense_unpacking,
    formula_unpacking,
)
from gradwright.program.ir import Function
from gradwright.program.stage import StageProgram, build_stage

#: Tuples up to this length are written out; longer ones as runs.
MAX_LITERAL = 8

#: Calls longer than this are broken; they stand in a function, and sometimes in a loop.
MAX_LINE = 92

HEADER = '''"""Forward and backward pass of the network
{text}

{note}
`parameters` is one flat vector: {described}.
X has one sample in each row, Y one target{inside}.
This module needs NumPy only.
"""

{imports}import numpy as np

WIDTHS = {widths}{unpack}

class Buffers:
    """Arrays that are made on first use and used again, for at most `samples` samples.

    `place` is the number of a layer for what is kept until the way back, and -2 or -1 in turn for
    what is needed by neighbouring layers only.
    """

    def __init__(self, samples, dtype):
        self.samples = samples
        self.dtype = dtype
        self._arrays = {{}}

    def array(self, name, place, rows, columns, dtype=None):
{array}
'''

ROW_SAMPLES = {
    "inside": "",
    "array": """\
        key = (name, place, columns)
        whole = self._arrays.get(key)
        if whole is None:
            whole = self._arrays[key] = np.empty((self.samples, columns), dtype or self.dtype)
        return whole[:rows]""",
}
#: A smaller batch is the first part of the memory, and not of each row.
COLUMN_SAMPLES = {
    "inside": "; inside, both are turned into columns",
    "array": """\
        key, size = (name, place), rows * columns
        whole = self._arrays.get(key)
        if whole is None or whole.size < size:
            whole = self._arrays[key] = np.empty(size, dtype or self.dtype)
        return whole[:size].reshape(rows, columns)""",
}

DRIVER = '''

def forward_pass({values}, X, buffers):
    """What each layer saves for the way back, X first; the activation stands last in each."""
    if len(X) > buffers.samples:
        raise ValueError(f"{{len(X)}} samples do not fit buffers made for {{buffers.samples}}")
    saved = [({X},)]
{forward}
    return saved


def forward(parameters, X, buffers=None):
    """The activations A1, ..., AL as views into the buffers."""
    buffers = buffers or Buffers(len(X), parameters.dtype)
    return [values[-1]{turned} for values in forward_pass({argument}, X, buffers)[1:]]


def predict(parameters, X, buffers=None):
    """The last activation, of shape (samples, outputs), as a view into the buffers."""
    return forward(parameters, X, buffers)[-1]


def loss(parameters, X, Y, buffers=None):
    """The loss of a batch."""
    buffers = buffers or Buffers(len(X), parameters.dtype)
    saved = forward_pass({argument}, X, buffers)
    return float({loss})


{training}def value_and_gradient(parameters, X, Y, gradient=None, buffers=None{more}):
    """(loss, gradient); the gradient is a flat vector like the parameters.{said}"""
    gradient = np.empty_like(parameters) if gradient is None else gradient
    buffers = buffers or Buffers(len(X), parameters.dtype)
    {values} = unpack(parameters)
    {gradients} = unpack(gradient)
    saved = {passes}({values}, X, buffers{given})
    value = float({loss})
{backward}
    return value, gradient
'''


#: What a network has besides where some layers train by another formula than they predict by.
TRAINING = '''def training_pass({values}, X, buffers, training):
    """What each layer saves in a step of training; `training` is (seed, step)."""
    if len(X) > buffers.samples:
        raise ValueError(f"{{len(X)}} samples do not fit buffers made for {{buffers.samples}}")
    saved = [(X,)]
{forward}
    return saved


'''

#: What its `value_and_gradient` says of that.
OF_TRAINING = """

    These are of the formulas for training; `training` is (seed, step), from which what is random
    follows.
    """


def network_module(
    stages: Sequence[tuple[Stage, int]],
    widths: Sequence[int],
    text: str,
    note: str,
    formulas: Mapping[str, Sequence[str]],
    row_samples: bool = True,
    row_inputs: bool = True,
    layers: Sequence[LayerSizes] = (),
    predicting: Sequence[tuple[Stage, int]] = (),
) -> str:
    """The module of a network.

    Args:
        stages: runs of consecutive layers of one kind; the last is the head, once.
        widths: units per layer, the inputs first.
        text: the network as the user wrote it.
        note: what to say of loss and conventions.
        formulas: for each stage name the formulas that its functions compute, such as
            "Z = X*W"; they become documentation.
        row_samples: whether the formulas have samples as rows, or as columns. What is given to the
            functions and what they return has samples as rows.
        row_inputs: whether W has a row for each input, or a column.
        layers: each layer's sizes, where not all layers are dense.
        predicting: the stages for prediction, where those are others.
    """
    programs = {stage.name: build_stage(stage) for stage, _ in stages}
    others = {s.name: build_stage(s) for s, _ in predicting if s.name not in programs}
    runs, predicted = _runs(stages, programs), _runs(predicting, {**others, **programs})
    helpers: set[str] = set()
    functions = [_functions(p, formulas.get(p.name, ()), helpers) for p in programs.values()]
    for program in others.values():
        one = replace(program, saved=program.saved[-1:])
        functions.append(f"\n\n{_forward_function(one, formulas.get(one.name, ()), helpers)}\n")
    biases = [bias for stage, count in stages for bias in [_has_bias(stage)] * count]
    dense = not layers
    shapes = [layer.shapes for layer in layers]
    unpacking = dense_unpacking(_tuple(biases), row_inputs) if dense else formula_unpacking(shapes)
    targets = "Y" if row_samples else "Y.T"
    calls = Calls(runs, unpacking, targets)
    forward = _indented(Calls(predicted or runs, unpacking, targets).forward())
    training = TRAINING.format(values=unpacking.values, forward=_indented(calls.forward()))
    return (
        HEADER.format(
            text=documentation(text),
            note=documentation(note),
            widths=_tuple(widths),
            described=unpacking.described,
            imports=unpacking.imports,
            unpack=unpacking.text,
            **(ROW_SAMPLES if row_samples else COLUMN_SAMPLES),
        )
        + "".join(f"\n{HELPERS[name]}" for name in sorted(helpers))
        + masks_text(layers)
        + "".join(functions)
        + DRIVER.format(
            forward=forward,
            training=training if predicted else "",
            more=", training=(0, 0)" if predicted else "",
            said=OF_TRAINING if predicted else "",
            passes="training_pass" if predicted else "forward_pass",
            given=", training" if predicted else "",
            X="X" if row_samples else "X.T",
            turned="" if row_samples else ".T",
            loss=calls.loss(),
            backward=_indented(calls.backward()),
            values=unpacking.values,
            gradients=unpacking.gradients,
            argument=unpacking.argument,
        )
    )


def _runs(stages: Sequence[tuple[Stage, int]], programs: Mapping[str, StageProgram]) -> Runs:
    """The programs with the layers that they are for, counted from 0."""
    runs = []
    first = 0
    for stage, count in stages:
        runs.append((programs[stage.name], first, first + count))
        first += count
    return runs


def _has_bias(stage: Stage) -> bool:
    return any(variable.name == "b" for variable in stage.forward.inputs)


def _tuple(values: Sequence[object]) -> str:
    """A tuple as source: runs of equal values as products, plain values together."""
    if len(values) <= MAX_LITERAL:
        return f"({', '.join(map(str, values))}{',' if len(values) == 1 else ''})"
    parts: list[str] = []
    single: list[str] = []
    for value, members in groupby(values):
        count = sum(1 for _ in members)
        if count == 1:
            single.append(f"{value},")
            continue
        if single:
            parts.append(f"({' '.join(single)})")
        single = []
        parts.append(f"({value},) * {count}")
    if single:
        parts.append(f"({' '.join(single)})")
    lines = wrap(" + ".join(parts), MAX_LINE, break_long_words=False, break_on_hyphens=False)
    return lines[0] if len(lines) == 1 else _in_lines(lines)


def _in_lines(lines: Sequence[str]) -> str:
    return "(\n" + "\n".join(f"    {line}" for line in lines) + "\n)"


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


# Functions of a kind ------------------------------------------------------------------------------


def _functions(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    blocks = [_forward_function(program, formulas, helpers)]
    if program.loss is not None:
        blocks.append(_loss_function(program.loss, helpers))
    blocks.append(_backward_function(program, formulas, helpers))
    return "".join(f"\n\n{block}\n" for block in blocks)


def _define(function: Function, extra: Sequence[str], doc: Sequence[str], body: list[str]) -> str:
    parameters = [plain_name(name) for name in function.inputs] + list(extra)
    shown = [documentation(line) for line in doc]
    shown = [f'"""{shown[0]}', *shown[1:], '"""'] if shown[1:] else [f'"""{shown[0]}"""']
    head = signature(function.name, parameters)
    return "\n".join([*head, _indented([*shown, *sizes_prologue(function, body), *body])])


def _forward_function(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    function = program.forward
    body = BufferedBody(function, program.saved, ())
    lines = body.lines()
    helpers |= body.helpers
    results = ", ".join(body.value(name).source for name in program.saved)
    lines.append(f"return ({results},)" if len(program.saved) == 1 else f"return {results}")
    doc = [f for f in formulas if f.split(" = ")[0] in function.axes]
    return _define(function, ["buffers", "layer"], doc or ["The forward pass of a layer."], lines)


def _loss_function(function: Function, helpers: set[str]) -> str:
    body = FormulaBody(function)
    lines = body.lines()
    helpers |= body.helpers
    head = signature(function.name, [body.names[name] for name in function.inputs])
    return "\n".join([*head, _indented(['"""The loss of a batch."""', *lines])])


def _backward_function(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    function = program.backward
    given = [name for name in program.gradients if name != "δX"]
    body = BufferedBody(function, (), given, spent=["δA"])
    stop = ["if not wants_input:", "    return None"]
    lines = body.lines(given, stop) if given else [*stop, *body.lines()]
    helpers |= body.helpers
    lines.append(f"return {body.value('δX').source}")
    computed = [f for f in formulas if f.startswith("δ") and f.split(" = ")[0] in function.axes]
    doc = [f.replace("δ", "d") for f in (*computed, *program.remarks)]
    doc = doc or ["The way back through a layer."]
    extra = [*(plain_name(name) for name in given), "buffers", "layer", "wants_input"]
    return _define(function, extra, doc, lines)


# Calls --------------------------------------------------------------------------------------------

Runs = Sequence[tuple[StageProgram, int, int]]


class Calls:
    """The calls of the layers' functions: runs of layers of one kind, counted from 0.

    `targets` is the batch of targets as the layers take it.
    """

    def __init__(self, runs: Runs, unpacking: Unpacking, targets: str) -> None:
        self.runs = runs
        self.unpacking = unpacking
        self.known = {"Y": targets, "δA": "dA"}

    def _argument(self, program: StageProgram, name: str, layer: str) -> str:
        """Where a function's input is found for a layer, counted from 0."""
        if name == "X":
            return f"saved[{layer}][-1]"
        if name in program.saved:
            return f"saved[{_next(layer)}][{program.saved.index(name)}]"
        return self.known.get(name) or self.unpacking.of_layer(name, layer)

    def _mask(self, program: StageProgram, name: str, layer: str) -> str:
        return f"dropout_mask(training, {layer}, {program.drawn.index(name)}, len(X), buffers)"

    def forward(self) -> list[str]:
        """The calls from the first layer to the last."""
        lines = []
        for program, first, last in self.runs:
            layer = "layer" if last - first > 1 else str(first)
            arguments = [
                self._mask(program, x, layer)
                if x in program.drawn
                else self._argument(program, x, layer)
                for x in program.forward.inputs
            ]
            call = call_lines(f"values = {program.forward.name}", [*arguments, "buffers", layer])
            over = f"range({first}, {last})"
            lines += _looped([*call, "saved.append(values)"], over, last - first)
        return lines

    def loss(self) -> str:
        """The call of the last layer's loss."""
        program, _, last = self.runs[-1]
        assert program.loss is not None
        arguments = [self._argument(program, name, str(last - 1)) for name in program.loss.inputs]
        return f"{program.loss.name}({', '.join(arguments)})"

    def backward(self) -> list[str]:
        """The calls from the last layer to the first."""
        lines = []
        for program, first, last in reversed(self.runs):
            layer = "layer" if last - first > 1 else str(first)
            arguments = [self._argument(program, x, layer) for x in program.backward.inputs]
            given = [name for name in program.gradients if name != "δX"]
            arguments += [self.unpacking.gradient(x.removeprefix("δ"), layer) for x in given]
            wants = "layer > 0" if last - first > 1 and first == 0 else str(first > 0)
            arguments += ["buffers", layer, wants]
            result = "dA = " if first > 0 or last - first > 1 else ""
            call = call_lines(f"{result}{program.backward.name}", arguments)
            lines += _looped(call, f"reversed(range({first}, {last}))", last - first)
        return lines


def _next(layer: str) -> str:
    return str(int(layer) + 1) if layer.isdigit() else f"{layer} + 1"


def call_lines(function: str, arguments: Sequence[str]) -> list[str]:
    """A call in one line, or with its arguments in a line, or in lines of their own."""
    listed = ", ".join(arguments)
    if len(f"{function}({listed})") <= MAX_LINE:
        return [f"{function}({listed})"]
    if len(listed) + 4 <= MAX_LINE:
        return [f"{function}(", f"    {listed}", ")"]
    return [f"{function}(", *(f"    {argument}," for argument in arguments), ")"]


def _looped(lines: Sequence[str], over: str, count: int) -> list[str]:
    if count == 1:
        return list(lines)
    return [f"for layer in {over}:", *(f"    {line}" for line in lines)]
