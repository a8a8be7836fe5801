"""The NumPy module of a network's products: Hessian and Gauss-Newton matrix times a direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gradwright.emit.body import FormulaBody
from gradwright.emit.driver import WEIGHTS, call_lines
from gradwright.emit.numpy import documentation, signature
from gradwright.emit.support import HELPERS
from gradwright.emit.unpacking import Shapes, formula_unpacking
from gradwright.program.ir import Function, Ref

HEADER = '''"""Products with second derivatives of the network
{text}

{note}
`parameters` and every direction is one flat vector: the parameters of SHAPES, layer by layer.
{behind}X has one sample in each row, Y one target.
The loss is a function of S = {cut} of the last layer;
dZ is the derivative of the loss by Z, and Z_dot that of Z along a direction.
This module needs NumPy only.
"""

{imports}import numpy as np

CUT = "{cut}"{unpack}'''

DRIVER = '''

def values(parameters, X, Y{weights}):
    """For each layer its parameters and what is computed from them; the last has the targets."""
    layers = unpack(parameters)
    layers[-1]["Y"] = {Y}
{weighted}    output = {X}
{values}
    return layers


def cotangent(layers):
    """The derivative of the loss by S."""
    layer = layers[-1]
    return {cotangent}


def curvature(layers, S_dot):
    """H S_dot, with H the Hessian of the loss in S."""
    layer = {{**layers[-1], "{cut}_dot": S_dot}}
    return {curvature}


def tangents(layers, direction):
    """The layers with the derivatives of their values along a direction in the parameters."""
    dots = unpack(direction)
    moved = []
{tangents}
    return moved


def adjoints(layers, d_output, gradient):
    """The layers with the way back from a derivative by S; its result goes to `gradient`."""
    into = unpack(gradient)
    found = []
{adjoints}
    return found[::-1]


def second(moved, d_output_dot, product):
    """The derivative of `adjoints` along the direction of `moved`; it goes to `product`."""
    into = unpack(product)
{second}


def hessian_product(layers, direction):
    """The Hessian of the loss times a direction; `layers` come from `adjoints`."""
    moved = tangents(layers, direction)
    product = np.empty_like(direction)
    second(moved, curvature(layers, moved[-1]["{cut}_dot"]), product)
    return product


def gauss_newton_product(layers, direction):
    """J' H J times a direction, J being the Jacobian of S by the parameters."""
    moved = tangents(layers, direction)
    product = np.empty_like(direction)
    adjoints(layers, curvature(layers, moved[-1]["{cut}_dot"]), product)
    return product
'''


SQUARES = '''

def squares(found, product):
    """The sum over the samples of the squared entries of what each adds to the gradient.

    `found` comes from `adjoints`; the result is written to `product`.
    """
    into = unpack(product)
{squares}
'''


def square_name(name: str) -> str:
    """The name of the sum of the squares of what the samples add to a value."""
    return f"{name}_squares"


class Run(Struct, frozen=True):
    """Layers `first` to `last` - 1, counted from 0, of one kind.

    `functions` has those of the kind by part, `cut` the name of its last value, and `texts` the
    formulas of its names.
    """

    functions: Mapping[str, Function]
    first: int
    last: int
    cut: str
    texts: Mapping[str, str]


def products_module(
    runs: Sequence[Run],
    shapes: Sequence[Shapes],
    text: str,
    note: str,
    row_samples: bool,
    weights: str = "",
    states: Sequence[Shapes] = (),
) -> str:
    """The module of a network's products.

    Args:
        runs: consecutive layers of one kind; the last is the head, once.
        shapes: the shapes of each layer's parameters by letter.
        text: the network as the user wrote it.
        note: what to say of loss and conventions.
        row_samples: whether the formulas have samples as rows, or as columns.
        weights: the letter of the weights of the samples, where the loss has some.
        states: the shapes of each layer's state by letter; it does not move.
    """
    helpers: set[str] = set()
    texts = {f.name: (f, run) for run in runs for f in run.functions.values() if f.outputs}
    functions = [_function(f, r.texts, r.first == 0, helpers) for f, r in texts.values()]
    unpacking = formula_unpacking(shapes, states)
    letters = [list(shapes[run.first]) for run in runs]
    head, back = runs[-1], list(zip(reversed(runs), reversed(letters), strict=True))
    turned = "" if row_samples else ".T"
    body = DRIVER.format(
        X=f"X{turned}",
        Y=f"Y{turned}",
        weights=f", {WEIGHTS}" if weights else "",
        weighted=f'    layers[-1]["{weights}"] = {WEIGHTS}\n' if weights else "",
        cut=head.cut,
        cotangent=_call(head.functions["cotangent"]),
        curvature=_call(head.functions["curvature"]),
        values=_block(line for run in runs for line in _values(run)),
        tangents=_block(line for run in runs for line in _tangents(run)),
        adjoints=_block(line for run, of in back for line in _adjoints(run, of)),
        second=_block(line for run, of in back for line in _second(run, of)),
    )
    if all("squares" in run.functions for run in runs):
        whole = zip(runs, letters, strict=True)
        body += SQUARES.format(
            squares=_block(line for run, of in whole for line in _squares(run, of))
        )
    top = HEADER.format(
        text=documentation(text),
        note=documentation(note),
        behind="\nBehind `parameters` stands the state, which does not move."
        if any(states)
        else "",
        cut=head.cut,
        imports=unpacking.imports,
        unpack=unpacking.text,
    )
    carried = [f"\n{HELPERS[name]}" for name in sorted(helpers)]
    return "".join([top, *carried, *functions, body])


def _function(function: Function, texts: Mapping[str, str], first: bool, helpers: set[str]) -> str:
    body = FormulaBody(function)
    lines = body.lines()
    helpers |= body.helpers
    parameters = [body.names[name] for name in function.inputs]
    texts = {name: text for name, text in texts.items() if "X_dot" not in text or not first}
    own = [name for name in texts if name.replace("δ", "d") in function.axes]
    made = [name for name in own if name.replace("δ", "d") not in function.inputs]
    doc = [documentation(f"{name} = {texts[name]}".replace("δ", "d")) for name in made]
    doc = doc or ["A part of a layer."]
    shown = [f'"""{doc[0]}', *doc[1:], '"""'] if doc[1:] else [f'"""{doc[0]}"""']
    head = "\n".join(signature(function.name, parameters))
    return f"\n\n{head}\n" + "\n".join(f"    {line}" for line in [*shown, *lines]) + "\n"


# Calls --------------------------------------------------------------------------------------------


def _block(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _call(function: Function) -> str:
    """A call with what the layer holds."""
    return f"{function.name}({', '.join(_held(function))})"


def _held(function: Function) -> list[str]:
    return [f'layer["{name}"]' for name in function.inputs]


def _assigned(function: Function, gradients: Mapping[str, str]) -> list[str]:
    """The call, its results kept by the layer; `gradients` go to the flat vector."""
    targets = []
    for operand in function.outputs:
        assert isinstance(operand, Ref)
        letter = gradients.get(operand.name)
        kept = f'layer["{operand.name}"]'
        targets.append(kept if letter is None else f'into[k]["{letter}"][...]')
    if not targets:
        # A layer without parameters has nothing to compute here.
        return []
    return call_lines(f"{', '.join(targets)} = {function.name}", _held(function))


def _values(run: Run) -> list[str]:
    lines = [
        f"for k in range({run.first}, {run.last}):",
        "    layer = layers[k]",
        '    layer["X"] = output',
        *_inner(_assigned(run.functions["values"], {})),
        f'    output = layer["{run.cut}"]',
    ]
    outer = run.functions.get("outer")
    if outer is not None:
        lines += _inner(_assigned(outer, {}))
    return lines


def _tangents(run: Run) -> list[str]:
    first = run.first == 0
    return [
        f"for k in range({run.first}, {run.last}):",
        "    layer = dict(layers[k])"
        if first
        else '    layer = {**layers[k], "X_dot": output_dot}',
        '    layer.update((f"{name}_dot", value) for name, value in dots[k].items())',
        *_inner(_assigned(run.functions["tangents"], {})),
        f'    output_dot = layer["{run.cut}_dot"]',
        "    moved.append(layer)",
    ]


def _adjoints(run: Run, letters: Sequence[str]) -> list[str]:
    """The way back; nobody asks for the derivative by the inputs of the network."""
    gradients = {f"d{letter}": letter for letter in letters}
    return [
        f"for k in reversed(range({run.first}, {run.last})):",
        f'    layer = {{**layers[k], "d{run.cut}": d_output}}',
        *_inner(_assigned(run.functions["adjoints"], gradients)),
        "    found.append(layer)",
        *_behind(run, "d_output", "input"),
    ]


def _second(run: Run, letters: Sequence[str]) -> list[str]:
    gradients = {f"d{letter}_dot": letter for letter in letters}
    return [
        f"for k in reversed(range({run.first}, {run.last})):",
        f'    layer = {{**moved[k], "d{run.cut}_dot": d_output_dot}}',
        *_inner(_assigned(run.functions["second"], gradients)),
        *_behind(run, "d_output_dot", "second_input"),
    ]


def _squares(run: Run, letters: Sequence[str]) -> list[str]:
    function = run.functions["squares"]
    squares = {square_name(f"d{letter}"): letter for letter in letters}
    lines = _inner(_assigned(function, squares))
    return [f"for k in range({run.first}, {run.last}):", "    layer = found[k]", *lines]


def _inner(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _behind(run: Run, target: str, part: str) -> list[str]:
    """What is done for all layers but the first of the network, which is a run of its own."""
    if run.first == 0:
        return []
    function = run.functions[part]
    return _inner(call_lines(f"{target} = {function.name}", _held(function)))
