"""The letters of a layer kind and the formulas that define it, for a batch or for one sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwright.calculus.pullback import adjoint_name
from gradwright.explain.lines import renamed
from gradwright.nn.activations import activation_text
from gradwright.nn.batch_text import BATCH
from gradwright.nn.kinds import Kind
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.loss_formula import weighted_text
from gradwright.nn.losses import loss_text, target_facts
from gradwright.nn.masks import batch_letter
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Size,
    declare,
)
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import Scope, Shape
from gradwright.notation.tree import Symbol, Transpose, Tree
from gradwright.render.plain import plain_text

#: Outputs and targets, with an axis of samples.
SAMPLES = (Symbol("A"), Symbol("Y"))


def letters_of(kind: Kind, one_sample: bool = False) -> dict[str, Declaration]:
    """The letters of a kind with their types, for a batch or for one sample as a column."""
    declared = _own_letters(kind, one_sample)
    of_columns = not (one_sample or LAYOUTS[kind.layout].row_samples)
    facts = {"A": _facts(("sum1",) if kind.activation == "softmax" else (), of_columns)}
    if kind.loss is not None:
        declared |= {"Y": declared["A"], "L": "scalar"}
        if kind.weights and not one_sample:
            declared[kind.weights] = f"vector {BATCH}"
        by_name = kind.loss_formula is None
        facts["Y"] = _facts(target_facts(kind.loss) if by_name else (), of_columns)
    adjoints = {adjoint_name(name): text for name, text in declared.items()}
    typed = {name: text + facts.get(name, "") for name, text in declared.items()} | adjoints
    return {name: declare(name, text) for name, text in typed.items()}


def names_of(kind: Kind, one_sample: bool = False) -> dict[str, AnyDeclaration]:
    """The letters of a kind, and the abstract functions of its formula."""
    functions = () if kind.formula is None else kind.formula.functions
    letters: dict[str, AnyDeclaration] = {declared.name: declared for declared in functions}
    return letters | letters_of(kind, one_sample)


def weights_letter(kind: Kind) -> str:
    """The letter of the weights of samples in the loss behind a layer: w, or what is free."""
    taken = names_of(kind)
    return next(letter for letter in ("w", "s", "c", "weights") if letter not in taken)


def _facts(facts: Sequence[str], of_columns: bool) -> str:
    """Facts about samples, as words of a declaration: of rows and vectors, or of columns."""
    return "".join(f" columns_{fact}" if of_columns else f" {fact}" for fact in facts)


def _own_letters(kind: Kind, one_sample: bool) -> dict[str, str]:
    """Input, parameters, pre-activation and activation."""
    layout = LAYOUTS[kind.layout]
    if kind.formula is not None:
        formula = kind.formula
        outputs = layout.values(str(formula.outputs), one_sample)
        parameters = {declared.name: str(declared) for declared in formula.parameters}
        inputs = layout.values(str(formula.inputs), one_sample)
        inner = dict(formula.parts) | {"Z": formula.pre_activation}
        parts = {name: layout.values(str(size), one_sample) for name, size in inner.items()}
        drawn = {
            batch_letter(mask.name): layout.values(str(mask.sizes[0]), one_sample)
            for mask in formula.masks
        }
        drawn |= {codes.name: f"indices {BATCH} {codes.count}" for codes in formula.codes}
        state = {declared.name: str(declared) for declared in formula.state}
        return {"X": inputs, **parameters, **drawn, **state, **parts, "A": outputs}
    inputs, outputs = (layout.values(units, one_sample) for units in ("p", "q"))
    declared = {"X": inputs, "W": layout.weights, "Z": outputs, "A": outputs}
    return {**declared, "b": "vector q"} if kind.bias else declared


def defining_texts(kind: Kind, one_sample: bool = False) -> list[tuple[str, str]]:
    """The defining formulas of a kind in notation, in order of computation."""
    affine = LAYOUTS[kind.layout].affine(kind.bias, one_sample)
    if kind.formula is not None:
        lines = _of_one(kind.formula) if one_sample else list(kind.formula.batch)
    elif kind.activation == "identity":
        lines = [("A", affine)]
    else:
        lines = [("Z", affine), ("A", _activation(kind, one_sample))]
    if kind.loss is not None:
        lines.append(("L", _loss_of_one(kind) if one_sample else _loss(kind)))
    return lines


def _of_one(formula: LayerFormula) -> list[tuple[str, str]]:
    """The formulas of the user in the letters of a kind."""
    lines, source, letter = [], formula.input, "X"
    drawn = {mask.name: batch_letter(mask.name) for mask in formula.masks}
    for name, text in formula.sample:
        tree = _in_letters(text, {**drawn, source: letter}, formula.outputs)
        lines.append((name.upper(), plain_text(tree)))
        source, letter = "z", "Z"
    return lines


def _in_letters(text: str, letters: Mapping[str, str], outputs: Size) -> Tree:
    """A formula with other letters, q being the number of outputs."""
    return renamed(
        parse(text),
        lambda name: letters.get(name, name),
        lambda size: outputs if size == "q" else size,
    )


def _loss_of_one(kind: Kind) -> str:
    """The loss of one sample, which is the mean over it too."""
    assert kind.loss is not None
    outputs = "q" if kind.formula is None else kind.formula.outputs
    if kind.loss_formula is None:
        return plain_text(_in_letters(loss_text(kind.loss, "sum"), {}, outputs))
    return plain_text(_in_letters(kind.loss_formula.text, {"a": "A", "y": "Y"}, outputs))


def _loss(kind: Kind) -> str:
    """The loss of a batch in the letters of its kind: samples and sizes as they are there."""
    assert kind.loss is not None
    outputs = "q" if kind.formula is None else kind.formula.outputs
    if kind.weights:
        rows = LAYOUTS[kind.layout].row_samples
        text = weighted_text(kind.loss, kind.loss_formula, kind.weights, rows)
        text = plain_text(_in_letters(text, {}, outputs))
        return f"({text})/sum({kind.weights})" if kind.reduction == "mean" else text
    if kind.loss_formula is None:
        return plain_text(_in_letters(loss_text(kind.loss, kind.reduction), {}, outputs))
    tree = _in_letters(kind.loss_formula.batch, {}, outputs)
    if not LAYOUTS[kind.layout].row_samples:
        tree = rebuilt(tree, lambda part: Transpose(part) if part in SAMPLES else part)
    text = plain_text(tree)
    return f"({text})/n" if kind.reduction == "mean" else text


def _activation(kind: Kind, one_sample: bool) -> str:
    """A in notation; softmax is of rows and vectors, so columns are turned for it."""
    of_columns = not (one_sample or LAYOUTS[kind.layout].row_samples)
    if kind.activation == "softmax" and of_columns:
        return activation_text(kind.activation, kind.options, argument="Z'") + "'"
    return activation_text(kind.activation, kind.options)


def open_scope(names: Mapping[str, AnyDeclaration]) -> Scope:
    """A scope of names for results that use some of them."""
    held = {size for declared in names.values() for size in declared.sizes}
    sizes = frozenset(size for size in held if isinstance(size, str))
    symbols = {name: d for name, d in names.items() if isinstance(d, Declaration)}
    functions = {name: d for name, d in names.items() if isinstance(d, FunctionDeclaration)}
    return Scope(symbols, sizes, Shape("scalar", (), ()), functions)
