"""A layer as its forward formula: written for one sample, derived for a batch.

The formula has one input, a vector, and parameters. Its batch form has the samples as rows: for
`tanh(W*x + b)` that is Z = X Wᵀ + 1 bᵀ, A = tanh(Z), found by giving every node that depends on x
a leading axis, and printed and verified like every other result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from gradwright.emit.names import PythonNames
from gradwright.errors import NetworkError, ShapeError, UnsupportedError
from gradwright.explain.lines import renamed
from gradwright.nn.batch_text import BATCH, batch_text
from gradwright.notation.declarations import Declaration, Size, declare
from gradwright.notation.parser import parse
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Call, Symbol, Tree, literal, walk, with_children
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.render.plain import plain_text

#: The letters that every layer has: input, pre-activation, activation, targets, loss.
LETTERS = ("X", "Z", "A", "Y", "L")

#: Names that a parameter cannot have: those of every layer, and of emitted code.
TAKEN = (*LETTERS, BATCH, "p", "q", "buffers", "layer", "wants_input", "dX", "dZ", "dA", "mask")

#: Names for sizes that are neither those of the input nor of the output.
MORE_SIZES = tuple("rstuvwkmhcdeg")

#: Formulas of one sample or of a batch: (name, text) in order of computation.
Texts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LayerFormula:
    """A layer by formula, in the letters in which a kind is derived.

    `text` is what the user wrote. Everything else is in sizes of its own: n for the batch, p for
    the input, q for the output unless it has the size of the input. `sizes` gives for each size
    of the user's the one here. `sample` has the formulas for one sample, ending with `a`, and
    `batch` those for a batch, ending with `A`. `activation` is the function that the layer ends
    with, "" where it ends with none.
    """

    text: str
    input: str
    parameters: tuple[Declaration, ...]
    inputs: Size
    outputs: Size
    sizes: tuple[tuple[str, str], ...]
    sample: Texts
    batch: Texts
    activation: str = ""

    def shapes(self, sizes: Mapping[str, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of each parameter at given sizes."""
        return tuple(
            (d.name, tuple(s if isinstance(s, int) else sizes[s] for s in d.sizes))
            for d in self.parameters
        )


def layer_formula(text: str, input: str, parameters: Mapping[str, str]) -> LayerFormula:
    """Read a layer, and find its form for a batch.

    Args:
        text: the formula for one sample, a vector.
        input: the declaration of the input, such as "vector n"; the input is the one symbol of
            the formula that is no parameter.
        parameters: declarations of the parameters.

    Raises:
        NotationError, ShapeError, SymbolError: the formula cannot be read.
        NetworkError: not one input, a value that is no vector, or a name that layers use.
        UnsupportedError: facts, abstract functions, or no form in matrices for a batch.
    """
    tree = parse(text)
    listed = [_parameter(name, given, text) for name, given in parameters.items()]
    declared = {parameter.name: parameter for parameter in listed}
    for name in declared:
        if f"d{name}" in declared:
            raise NetworkError(
                f"the layer {text}",
                f"it has the parameters {name} and d{name}, and d{name} is what emitted code calls "
                f"the gradient by {name}",
                "rename one of the two",
                text=text,
            )
    symbol = _input_symbol(tree, [*listed, declare("x", input)], text)
    symbols = {**declared, symbol: _vector(symbol, input, text)}
    scope = infer(tree, symbols, text)
    if scope.functions:
        raise UnsupportedError(
            f"the layer {text}",
            f"{', '.join(scope.functions)} is abstract, and a layer is made of functions with code",
            "write the function out",
            text=text,
        )
    unused = [name for name in declared if name not in scope.symbols]
    if unused:
        raise NetworkError(
            f"the layer {text}",
            f"the parameter {unused[0]} is declared, and the formula has no {unused[0]}",
            "leave it out, or use it",
            text=text,
        )
    shape = scope.shape
    if shape.kind != "column" or len(shape.rows) != 1:
        raise ShapeError(
            f"the layer {text}",
            f"its value is a {shape} and a layer gives a vector",
            "write a formula whose value is a column, such as tanh(W*x + b)",
            text=text,
        )
    names = _sizes(scope, symbol, shape.rows[0])
    return _canonical(text, tree, scope, symbol, names, list(declared))


# Reading -----------------------------------------------------------------------------------------


def _parameter(name: str, given: str, text: str) -> Declaration:
    declared = declare(name, given)
    own = declared.name
    if own in TAKEN or own[-1].isdigit() or PythonNames().give(own, "") != own:
        raise NetworkError(
            f"the parameter {own} of the layer {text}",
            f"{own} is taken: layers have the letters {', '.join(LETTERS)}, the sizes n, p, q and "
            "a number behind each name, and emitted code has names of its own",
            "choose a name such as W, U, b or theta",
            text=text,
        )
    _require_no_facts(declared, text)
    return declared


def _vector(name: str, given: str, text: str) -> Declaration:
    declared = declare(name, given)
    _require_no_facts(declared, text)
    if declared.kind != "vector":
        raise NetworkError(
            f"the input of the layer {text}",
            f"{declared.name} is declared as {declared} and the input of a layer is a vector",
            'write input="vector n"',
        )
    return declared


def _require_no_facts(declared: Declaration, text: str) -> None:
    if declared.facts:
        raise UnsupportedError(
            f"{declared.name} of the layer {text}",
            f"it is declared {', '.join(sorted(declared.facts))}, which a step of training would "
            "not keep",
            "declare it without facts",
        )


def _input_symbol(tree: Tree, declared: Sequence[Declaration], text: str) -> str:
    """The one symbol that is no parameter; sizes may be used as numbers."""
    *parameters, _ = declared
    taken = {d.name for d in parameters} | {size for d in declared for size in d.sizes}
    used = [part.name for part in walk(tree) if isinstance(part, Symbol)]
    free = [name for name in dict.fromkeys(used) if name not in taken]
    if len(free) != 1:
        clash = (
            f"{', '.join(free)} are not declared, and the input of a layer is the one symbol that "
            "is no parameter"
            if free
            else "every symbol is a parameter, and a layer has an input"
        )
        raise NetworkError(
            f"the layer {text}",
            clash,
            "declare the parameters, such as W='matrix m n', so that one symbol is left",
            text=text,
        )
    return free[0]


def _sizes(scope: Scope, symbol: str, outputs: Size) -> dict[Size, Size]:
    """The kind's name of every size."""
    inputs = scope.symbols[symbol].sizes[0]
    names: dict[Size, Size] = {}
    if isinstance(inputs, str):
        names[inputs] = "p"
    if isinstance(outputs, str):
        names.setdefault(outputs, "q")
    more = (s for s in chain(MORE_SIZES, map("r{}".format, count(1))) if s not in scope.symbols)
    for size in sorted(scope.sizes):
        if size not in names:
            names[size] = next(more)
    return names


def _canonical(
    text: str, tree: Tree, scope: Scope, symbol: str, names: Mapping[Size, Size], order: list[str]
) -> LayerFormula:
    """The formula in the letters of a kind; `order` are the names of the parameters."""
    known = scope.symbols
    x = symbol if "x" in known else "x"

    def size(given: Size) -> Size:
        return names.get(given, given)

    def letter(name: str) -> str:
        if name == symbol:
            return x
        return name if name in known else str(size(name))

    symbols = {
        letter(d.name): Declaration(letter(d.name), d.kind, tuple(map(size, d.sizes)))
        for d in known.values()
    }
    parameters = tuple(symbols[name] for name in order)
    _require_held(text, names, symbols.values())
    whole = renamed(tree, letter, size)
    inputs, outputs = symbols[x].sizes[0], size(scope.shape.rows[0])
    sample, batch = [], []
    asked, rows = f"the layer {text}", "X"
    last, source = whole, Declaration(x, "vector", (inputs,))
    if _ends_with(whole):
        assert isinstance(whole, Call)
        inner, *others = whole.arguments
        sample.append(("z", plain_text(inner)))
        batch.append(("Z", batch_text(asked, inner, symbols, {x: rows})))
        last = with_children(whole, (Symbol("z"), *others))
        source = Declaration("z", "vector", (outputs,))
        symbols, rows = {"z": source}, "Z"
    sample.append(("a", plain_text(last)))
    batch.append(("A", batch_text(asked, last, symbols, {source.name: rows})))
    return LayerFormula(
        text=text,
        input=x,
        parameters=parameters,
        inputs=inputs,
        outputs=outputs,
        sizes=tuple((str(key), str(name)) for key, name in names.items()),
        sample=tuple(sample),
        batch=tuple(batch),
        activation=whole.function if isinstance(whole, Call) else "",
    )


def _require_held(text: str, names: Mapping[Size, Size], symbols: Iterable[Declaration]) -> None:
    """Every size is that of a symbol, or nothing could tell what it is."""
    held = {size for declared in symbols for size in declared.sizes}
    for given, name in names.items():
        if name not in held:
            raise NetworkError(
                f"the layer {text}",
                f"{given} is the size of neither the input nor a parameter",
                "give it as a number",
                text=text,
            )


def _ends_with(tree: Tree) -> bool:
    """Whether a formula is an activation of something that is worth a name."""
    if not isinstance(tree, Call) or not tree.arguments or isinstance(tree.arguments[0], Symbol):
        return False
    record = OPERATIONS.get(tree.function)
    single = isinstance(record, Elementwise) and record.arity == 1
    numbers = all(literal(argument) is not None for argument in tree.arguments[1:])
    return numbers and (single or tree.function == "softmax")
