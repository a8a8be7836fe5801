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
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Size,
    declare,
    declare_any,
)
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
    with, "" where it ends with none. `functions` are its abstract functions; where one maps
    vectors there is no form for a batch, and `batch` is empty.
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
    functions: tuple[FunctionDeclaration, ...] = ()

    def shapes(self, sizes: Mapping[str, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of each parameter at given sizes."""
        return tuple(
            (d.name, tuple(s if isinstance(s, int) else sizes[s] for s in d.sizes))
            for d in self.parameters
        )


def layer_formula(
    text: str, input: str, declarations: Mapping[str, str | AnyDeclaration]
) -> LayerFormula:
    """Read a layer, and find its form for a batch.

    Args:
        text: the formula for one sample, a vector.
        input: the declaration of the input, such as "vector n"; the input is the one symbol of
            the formula that is no parameter.
        declarations: those of the parameters, and of abstract functions.

    Raises:
        NotationError, ShapeError, SymbolError: the formula cannot be read.
        NetworkError: not one input, a value that is no vector, or a name that layers use.
        UnsupportedError: facts, or no form in matrices for a batch.
    """
    tree = parse(text)
    given = [
        declare_any(name, said) if isinstance(said, str) else said
        for name, said in declarations.items()
    ]
    functions = {d.name: d for d in given if isinstance(d, FunctionDeclaration)}
    listed = [_parameter(d, text) for d in given if isinstance(d, Declaration)]
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
    symbols = {**functions, **declared, symbol: _vector(symbol, input, text)}
    scope = infer(tree, symbols, text)
    used = {*scope.symbols, *scope.functions}
    unused = [name for name in (*declared, *functions) if name not in used]
    if unused:
        raise NetworkError(
            f"the layer {text}",
            f"{unused[0]} is declared, and the formula has no {unused[0]}",
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


def _parameter(declared: Declaration, text: str) -> Declaration:
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
    functions = tuple(
        FunctionDeclaration(d.name, d.kind, tuple(map(size, d.sizes)))
        for d in scope.functions.values()
    )
    _require_held(text, names, [*symbols.values(), *functions])
    whole = renamed(tree, letter, size)
    outputs = size(scope.shape.rows[0])
    sample, batch = _texts(text, whole, symbols, functions, x, outputs)
    return LayerFormula(
        text=text,
        input=x,
        parameters=tuple(symbols[name] for name in order),
        inputs=symbols[x].sizes[0],
        outputs=outputs,
        sizes=tuple((str(key), str(name)) for key, name in names.items()),
        sample=sample,
        batch=batch,
        activation=whole.function if isinstance(whole, Call) else "",
        functions=functions,
    )


def _texts(
    text: str,
    whole: Tree,
    symbols: dict[str, Declaration],
    functions: Sequence[FunctionDeclaration],
    x: str,
    outputs: Size,
) -> tuple[Texts, Texts]:
    """(the formulas of one sample, those of a batch), through z where that has a name."""
    abstract: dict[str, AnyDeclaration] = {d.name: d for d in functions}
    # A map of vectors takes one sample at a time.
    mapped = any(d.kind == "map" for d in functions)
    sample: list[tuple[str, str]] = []
    batch: list[tuple[str, str]] = []
    last, source, rows = whole, x, "X"
    if _ends_with(whole, functions):
        assert isinstance(whole, Call)
        inner, *others = whole.arguments
        sample.append(("z", plain_text(inner)))
        if not mapped:
            known = {**abstract, **symbols}
            batch.append(("Z", batch_text(f"the layer {text}", inner, known, {x: rows})))
        last = with_children(whole, (Symbol("z"), *others))
        source, rows = "z", "Z"
        symbols = {"z": Declaration("z", "vector", (outputs,))}
    sample.append(("a", plain_text(last)))
    if not mapped:
        known = {**abstract, **symbols}
        batch.append(("A", batch_text(f"the layer {text}", last, known, {source: rows})))
    return tuple(sample), tuple(batch)


def _require_held(text: str, names: Mapping[Size, Size], symbols: Iterable[AnyDeclaration]) -> None:
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


def _ends_with(tree: Tree, functions: Sequence[FunctionDeclaration]) -> bool:
    """Whether a formula is an activation of something that is worth a name."""
    if not isinstance(tree, Call) or not tree.arguments or isinstance(tree.arguments[0], Symbol):
        return False
    record = OPERATIONS.get(tree.function)
    single = isinstance(record, Elementwise) and record.arity == 1
    single |= any(d.name == tree.function and d.kind == "elementwise" for d in functions)
    numbers = all(literal(argument) is not None for argument in tree.arguments[1:])
    return numbers and (single or tree.function == "softmax")
