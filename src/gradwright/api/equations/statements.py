"""Statements that are no equations: x ∈ ℝ^(n×1), and W := W - α ∂L/∂W."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from gradwright.api.equations.compare import side
from gradwright.api.equations.indexed import indexed
from gradwright.api.equations.judge import Judge, searches
from gradwright.api.equations.network_names import STEP_SIZES
from gradwright.api.equations.report import EquationCheck
from gradwright.api.equations.setting import Reading, Setting
from gradwright.errors import NotationError
from gradwright.notation.mapped import MappedText
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Shape, infer
from gradwright.notation.tree import Symbol, walk

_SET = re.compile(r"(?:ℝ|R)\s*(?:\^\s*[({]?\s*(?P<sizes>.*?)\s*[)}]?)?\s*")
_BY = re.compile(r"\s*(?:×|\*|\bx\b|\bby\b)\s*")


def membership(setting: Setting, left: MappedText, right: MappedText) -> EquationCheck:
    """Whether a quantity has the sizes that a statement says.

    Raises:
        NotationError: the set is none of ℝ, ℝ^n and ℝ^(m×n).
    """
    base = EquationCheck(0, "", "", True, relation="∈")
    found = _SET.fullmatch(right.text)
    if found is None:
        raise NotationError(
            "reading a statement about sizes",
            f"{right.text} is no set of numbers, vectors or matrices",
            "write ℝ, ℝ^n or ℝ^(m×n)",
            text=right.original,
            span=right.whole(),
        )
    said = tuple(_BY.split(found["sizes"])) if found["sizes"] else ()
    if "n" in said and left.text in ("ŷ", "y", "x") and setting.has_batches:
        # All samples of a batch, in the letter of one.
        left = left.joined([left.text.upper()])
    counted = setting.count(left.text)
    if counted is not None:
        return _counted(base, found["sizes"] or "1", *counted)
    for reading in setting.readings((left,)):
        sizes = _sizes(setting, reading)
        if said in (sizes, (*sizes, "1")[: max(len(sizes), 2)]) and len(sizes) < 3:
            continue
        if setting.has_row_twin(reading) and said == ("1", *sizes):
            base = replace(base, condition="with b as a row")
            continue
        wanted = "×".join(sizes) if len(sizes) != 1 else f"{sizes[0]}×1"
        return replace(
            base,
            ok=False,
            reason=f"the sizes are {' × '.join(sizes) or 'those of a number'}",
            corrected=f"ℝ^({wanted})" if sizes else "ℝ",
            change="the sizes",
        )
    return base


def _sizes(setting: Setting, reading: Reading) -> tuple[str, ...]:
    tree = indexed(setting.prepared(reading.sides[0], reading))
    shape: Shape = side(tree, setting.declared(reading, sizes_as_given=True)).scope.shape
    rows, columns = ("·".join(map(str, part)) for part in (shape.rows, shape.columns))
    if shape.kind == "row":
        return ("1", columns)
    return tuple(part for part in (rows, columns) if part)


def _counted(
    base: EquationCheck, said: str, values: Mapping[str, int], right: str
) -> EquationCheck:
    """Whether a number of parameters, a formula in the widths, is right."""
    tree = parse(said.replace("·", "*"))
    names = {part.name for part in walk(tree) if isinstance(part, Symbol)}
    scope = infer(tree, {}, sizes=tuple(values))
    number = evaluate(tree, {n: values[n] for n in names if n in values}, scope)
    truth = parse(right)
    known = {part.name for part in walk(truth) if isinstance(part, Symbol)}
    expected = evaluate(truth, {n: values[n] for n in known}, infer(truth, {}, sizes=tuple(values)))
    if float(number) == float(expected):
        return base
    return replace(
        base,
        ok=False,
        reason=f"with {', '.join(f'{n} = {values[n]}' for n in sorted(names))} that is "
        f"{number:g} and there are {expected:g}",
        corrected=f"ℝ^({right.replace('*', '·')})",
        change="the derived formula",
    )


def assignment(setting: Setting, left: MappedText, right: MappedText) -> EquationCheck:
    """Whether W := W - α ∂L/∂W is a step of gradient descent.

    Raises:
        NotationError: no step size is named.
    """
    name = next((n for n in STEP_SIZES if re.search(rf"(?<!\w){n}(?!\w)", right.text)), None)
    if name is None:
        raise NotationError(
            "reading an assignment",
            "no step size is named",
            "write W := W - α ∂L/∂W",
            text=right.original,
            span=right.whole(),
        )
    taken = left.joined([left, " - (", right, ")"])
    expected = left.joined([f"{name} ∂L/∂", left])
    result = EquationCheck(0, "", "", True, relation=":=")
    for reading in setting.readings((taken, expected)):
        judged = Judge(setting, reading, searches()).link(0)
        if not judged.ok:
            shown = setting.spelled(f"{left.text} - {name}*∂L/∂{left.text}", reading)
            return replace(judged, corrected=shown, change="the derived formula", relation=":=")
        result = replace(judged, relation=":=")
    return result
