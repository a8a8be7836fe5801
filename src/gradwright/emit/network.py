"""The NumPy target for networks: functions for each layer kind, and loops over the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import wrap

from msgspec.structs import replace

from gradwright.calculus.stage import Stage
from gradwright.emit.body import FormulaBody
from gradwright.emit.buffered import BufferedBody, plain_name, sizes_prologue
from gradwright.emit.codes import codes_text
from gradwright.emit.driver import MAX_LINE, Calls, Runs, driver_text, indented
from gradwright.emit.masks import masks_text
from gradwright.emit.numpy import documentation, signature
from gradwright.emit.support import HELPERS
from gradwright.emit.unpacking import (
    LayerSizes,
    dense_unpacking,
    formula_unpacking,
)
from gradwright.program.ir import Function
from gradwright.program.stage import StageProgram, build_stage

#: Tuples up to this length are written out; longer ones as runs.
MAX_LITERAL = 8

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
    shapes, states = [x.shapes for x in layers], [x.state for x in layers]
    unpacking = (
        dense_unpacking(_tuple(biases), row_inputs) if dense else formula_unpacking(shapes, states)
    )
    reading = [bool(layer.codes) for layer in layers]
    calls = Calls(runs, unpacking, "Y" if row_samples else "Y.T", reading)
    predicting_calls = Calls(predicted, unpacking, calls.targets, reading) if predicted else None
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
        + codes_text(layers)
        + "".join(functions)
        + driver_text(calls, predicting_calls, row_samples)
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


# Functions of a kind ------------------------------------------------------------------------------


def _functions(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    blocks = [_forward_function(program, formulas, helpers)]
    if program.loss is not None:
        blocks.append(_loss_function(program.loss, helpers))
    blocks.append(_backward_function(program, formulas, helpers))
    if program.update is not None:
        blocks.append(_update_function(program.update, helpers))
    return "".join(f"\n\n{block}\n" for block in blocks)


def _define(function: Function, extra: Sequence[str], doc: Sequence[str], body: list[str]) -> str:
    parameters = [plain_name(name) for name in function.inputs] + list(extra)
    shown = [documentation(line) for line in doc]
    shown = [f'"""{shown[0]}', *shown[1:], '"""'] if shown[1:] else [f'"""{shown[0]}"""']
    head = signature(function.name, parameters)
    return "\n".join([*head, indented([*shown, *sizes_prologue(function, body), *body])])


def _forward_function(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    function = program.forward
    body = BufferedBody(function, program.saved, ())
    lines = body.lines()
    helpers |= body.helpers
    results = ", ".join(body.value(name).source for name in program.saved)
    lines.append(f"return ({results},)" if len(program.saved) == 1 else f"return {results}")
    doc = [f for f in formulas if f.split(" = ")[0] in function.axes]
    return _define(function, ["buffers", "layer"], doc or ["The forward pass of a layer."], lines)


def _update_function(function: Function, helpers: set[str]) -> str:
    body = FormulaBody(function)
    lines = body.lines()
    helpers |= body.helpers
    head = signature(function.name, [body.names[name] for name in function.inputs])
    return "\n".join([*head, indented(['"""The state after a step of training."""', *lines])])


def _loss_function(function: Function, helpers: set[str]) -> str:
    body = FormulaBody(function)
    lines = body.lines()
    helpers |= body.helpers
    head = signature(function.name, [body.names[name] for name in function.inputs])
    return "\n".join([*head, indented(['"""The loss of a batch."""', *lines])])


def _backward_function(program: StageProgram, formulas: Sequence[str], helpers: set[str]) -> str:
    function = program.backward
    given = [name for name in program.gradients if name != "δX"]
    body = BufferedBody(function, (), given, spent=["δA"], passed_on="δX")
    stop = ["if not wants_input:", "    return None"]
    lines = body.lines(given, stop) if given else [*stop, *body.lines()]
    helpers |= body.helpers
    lines.append(f"return {body.value('δX').source}")
    computed = [f for f in formulas if f.startswith("δ") and f.split(" = ")[0] in function.axes]
    doc = [f.replace("δ", "d") for f in (*computed, *program.remarks)]
    doc = doc or ["The way back through a layer."]
    extra = [*(plain_name(name) for name in given), "buffers", "layer", "wants_input"]
    return _define(function, extra, doc, lines)
