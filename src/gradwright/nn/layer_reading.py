"""Reading a layer from its formula for one sample, and finding its form for a batch.

For `tanh(W*x + b)` that is Z = X Wᵀ + 1 bᵀ, A = tanh(Z), found by giving every node that depends on
x a leading axis, and printed and verified like every other result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain, count

from msgspec.structs import replace

from gradwright.core.sizes import is_compound, names_in, renamed_size
from gradwright.emit.names import PythonNames
from gradwright.errors import NetworkError, ShapeError, UnsupportedError
from gradwright.explain.lines import renamed
from gradwright.nn.batch_text import batch_text
from gradwright.nn.layer_formula import LETTERS, NO_NUMBERS, TAKEN, LayerFormula, Texts
from gradwright.nn.masks import batch_letter, require_masks, without_masks
from gradwright.nn.naming import Part, is_activation, named_parts
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Size,
    declare,
    declare_any,
)
from gradwright.notation.definitions import read
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Call, Symbol, Tree, walk, with_children
from gradwright.render.plain import plain_text

#: Names for sizes that are neither those of the input nor of the output.
MORE_SIZES = tuple("rstuvwkmhcdeg")


def layer_formula(
    text: str,
    input: str,
    declarations: Mapping[str, str | AnyDeclaration],
    starts: Mapping[str, Fraction] = NO_NUMBERS,
    masks: Mapping[str, Fraction] = NO_NUMBERS,
    named: Collection[Tree] = (),
) -> LayerFormula:
    """Read a layer, and find its form for a batch.

    Args:
        text: the formula for one sample, a vector; statements before it may name its parts.
        input: the declaration of the input, such as "vector n"; the input is the one symbol of
            the formula that is no parameter.
        declarations: those of the parameters, and of abstract functions.
        starts: the value that all entries of a parameter have at first, instead of drawn ones.
        masks: which of the declared vectors are dropout masks, and their rates.
        named: parts of the formula that have lines of their own for a batch, besides those that a
            textbook would name.

    Raises:
        NotationError, ShapeError, SymbolError: the formula cannot be read.
        NetworkError: not one input, a value that is no vector, or a name that layers use.
        UnsupportedError: facts, or no form in matrices for a batch.
    """
    if not isinstance(input, str):
        raise NetworkError(
            f"the layer {text}",
            f"input is a {type(input).__name__}, and the input is declared by text",
            'write input="vector n"',
        )
    given = [_declared(name, said, text) for name, said in declarations.items()]
    tree, _ = read(text, {d.name: d for d in given})
    functions = {d.name: d for d in given if isinstance(d, FunctionDeclaration)}
    listed = [_parameter(d, text) for d in given if isinstance(d, Declaration)]
    declared = {parameter.name: parameter for parameter in listed}
    _require_free_gradients(text, declared)
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
    require_masks(text, declared, masks)
    names = _sizes(scope, symbol, shape.rows[0])
    made = _canonical(text, tree, scope, symbol, names, list(declared), tuple(masks), named)
    made = replace(made, starts=_starts(text, declared, starts))
    return _with_prediction(made, tree, scope, symbol, names, named) if masks else made


def _with_prediction(
    made: LayerFormula,
    tree: Tree,
    scope: Scope,
    symbol: str,
    names: Mapping[Size, Size],
    named: Collection[Tree],
) -> LayerFormula:
    """The layer with its formula for prediction, in which masks are ones."""
    masks = {mask.name: scope.symbols[mask.name] for mask in made.masks}
    plain = without_masks(tree, masks)
    order = [declared.name for declared in made.parameters]
    named = [without_masks(part, masks) for part in named]
    predicted = _canonical(made.text, plain, scope, symbol, names, order, (), named)
    return replace(made, predicted=replace(predicted, starts=made.starts))


def _starts(
    text: str, declared: Mapping[str, Declaration], starts: Mapping[str, Fraction]
) -> tuple[tuple[str, Fraction], ...]:
    for name in starts:
        if name not in declared:
            raise NetworkError(
                f"the layer {text}",
                f"{name} has a value to start from and is no parameter",
                f"leave it out, or declare {name}",
                text=text,
            )
    return tuple(starts.items())


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


def _declared(name: str, said: str | AnyDeclaration, text: str) -> AnyDeclaration:
    if isinstance(said, str):
        return declare_any(name, said)
    if isinstance(said, Declaration | FunctionDeclaration):
        return said
    raise NetworkError(
        f"the layer {text}",
        f"{name} is declared by a {type(said).__name__}, and declarations are text",
        f"write {name}='matrix m n', {name}='vector m' or {name}='scalar'",
    )


def _require_free_gradients(text: str, declared: Mapping[str, Declaration]) -> None:
    for name in declared:
        if f"d{name}" in declared:
            raise NetworkError(
                f"the layer {text}",
                f"it has the parameters {name} and d{name}, and d{name} is what emitted code calls "
                f"the gradient by {name}",
                "rename one of the two",
                text=text,
            )


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
    if isinstance(outputs, str) and not is_compound(outputs):
        names.setdefault(outputs, "q")
    more = (s for s in chain(MORE_SIZES, map("r{}".format, count(1))) if s not in scope.symbols)
    for size in sorted(names_in(scope.sizes)):
        if size not in names:
            names[size] = next(more)
    return names


def _canonical(
    text: str,
    tree: Tree,
    scope: Scope,
    symbol: str,
    names: Mapping[Size, Size],
    order: list[str],
    masks: tuple[str, ...],
    named: Collection[Tree],
) -> LayerFormula:
    """The formula in the letters of a kind; `order` are the names of the parameters."""
    known = scope.symbols
    x = symbol if "x" in known else "x"

    def size(given: Size) -> Size:
        return renamed_size(given, lambda name: names.get(name, name))

    def letter(name: str) -> str:
        if name == symbol:
            return x
        return name if name in known else str(names.get(name, name))

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
    drawn = tuple(symbols[name] for name in masks)
    named = [renamed(part, letter, size) for part in named]
    parts, batch = _for_batches(text, whole, symbols, functions, x, drawn, named)
    return LayerFormula(
        text=text,
        input=x,
        parameters=tuple(symbols[name] for name in order if name not in masks),
        inputs=symbols[x].sizes[0],
        outputs=outputs,
        sizes=tuple((str(key), str(name)) for key, name in names.items()),
        sample=_sample_texts(whole, functions),
        batch=batch,
        activation=whole.function if isinstance(whole, Call) else "",
        functions=functions,
        parts=tuple((part.name, part.size) for part in parts if part.name not in ("Z", "A")),
        pre_activation=next((part.size for part in parts if part.name == "Z"), outputs),
        masks=drawn,
    )


def _for_batches(
    text: str,
    whole: Tree,
    symbols: Mapping[str, Declaration],
    functions: Sequence[FunctionDeclaration],
    x: str,
    drawn: Sequence[Declaration],
    named: Collection[Tree],
) -> tuple[Sequence[Part], Texts]:
    """(the named parts of a formula, the formulas of them for a batch)."""
    taken = {batch_letter(mask.name): mask for mask in drawn}
    # A map of vectors takes one sample at a time.
    mapped = any(d.kind == "map" for d in functions)
    parts = [] if mapped else named_parts(whole, {**symbols, **taken}, functions, x, named=named)
    every: dict[str, AnyDeclaration] = {**symbols, **{d.name: d for d in functions}}
    rows = {x: "X", **{mask.name: batch_letter(mask.name) for mask in drawn}}
    return parts, _batch_texts(text, parts, every, rows)


def _sample_texts(whole: Tree, functions: Sequence[FunctionDeclaration]) -> Texts:
    """The formulas of one sample, through z where the layer ends with an activation."""
    if not is_activation(whole, functions):
        return (("a", plain_text(whole)),)
    assert isinstance(whole, Call)
    inner, *others = whole.arguments
    last = with_children(whole, (Symbol("z"), *others))
    return ("z", plain_text(inner)), ("a", plain_text(last))


def _batch_texts(
    text: str,
    parts: Sequence[Part],
    names: Mapping[str, AnyDeclaration],
    of_samples: Mapping[str, str],
) -> Texts:
    """The named parts of a formula for a batch."""
    known, rows, found = dict(names), dict(of_samples), []
    for part in parts:
        used = {name: row for name, row in rows.items() if name in _symbols(part.tree)}
        asked = f"the layer {text}"
        found.append((part.name, batch_text(asked, part.tree, known, used)))
        known[part.name] = Declaration(part.name, "vector", (part.size,))
        rows[part.name] = part.name
    return tuple(found)


def _symbols(tree: Tree) -> set[str]:
    return {part.name for part in walk(tree) if isinstance(part, Symbol)}


def _require_held(text: str, names: Mapping[Size, Size], symbols: Iterable[AnyDeclaration]) -> None:
    """Every size is that of a symbol, or nothing could tell what it is."""
    held = names_in(size for declared in symbols for size in declared.sizes)
    for given, name in names.items():
        if name not in held:
            raise NetworkError(
                f"the layer {text}",
                f"{given} is the size of neither the input nor a parameter",
                "give it as a number",
                text=text,
            )
