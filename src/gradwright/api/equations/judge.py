"""One link of an equation: right, right under a condition, or wrong and what is right instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from gradwright.api.equations.compare import Difference, Side, first_difference, side
from gradwright.api.equations.repair import candidates
from gradwright.api.equations.report import EquationCheck
from gradwright.api.equations.setting import Reading, Setting, Variant
from gradwright.errors import GradwrightError
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.tree import Symbol, Transpose, Tree, walk
from gradwright.render.plain import plain_text

#: Changes of a wrong side that are tried.
MAX_CANDIDATES = 6000


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Whether two sides are equal; if not, why, and where they differ."""

    ok: bool
    reason: str = ""
    difference: Difference | None = None


class Judge:
    """Judges the links of one reading of an equation."""

    def __init__(self, setting: Setting, reading: Reading) -> None:
        self.setting = setting
        self.reading = reading
        self.declared = setting.declared()

    def link(self, place: int) -> EquationCheck:
        """The link between side `place` and the next one."""
        left, right = self.reading.sides[place : place + 2]
        base = EquationCheck(0, "", "", True)
        found = self.verdict(left, right, self.reading.texts[place : place + 2])
        if found.ok:
            return base
        for variant in self.setting.variants(self.reading):
            if self._holds(variant, left, right):
                return replace(base, condition=variant.remark)
        return self._wrong(base, left, right, found)

    def verdict(
        self, left: Tree, right: Tree, texts: Sequence[str | None] = (None, None)
    ) -> Verdict:
        """Whether two trees are equal at random points with unequal sizes."""
        for name in sorted(_symbols(left) | _symbols(right)):
            if name.startswith("J_") and name not in self.declared:
                shown = self.setting.spelled(name, self.reading)
                return Verdict(False, f"{shown} has more than two axes and is no matrix")
        try:
            one, other = side(left, self.declared), side(right, self.declared)
        except GradwrightError as error:
            return Verdict(False, self._shape_reason((left, right), texts, error))
        if one.scope.shape != other.scope.shape:
            return Verdict(False, self._shapes(left, right, one, other))
        difference = first_difference(one, other, self.setting.points(self.reading))
        if difference is None:
            return Verdict(True)
        return Verdict(False, "the two sides differ", difference)

    def _holds(self, variant: Variant, left: Tree, right: Tree) -> bool:
        changed = variant.apply(left), variant.apply(right)
        return changed != (left, right) and self._equals(*changed)

    def _shape_reason(
        self, trees: tuple[Tree, Tree], texts: Sequence[str | None], error: GradwrightError
    ) -> str:
        """Why a side is not conformable, in the sizes that the user knows."""
        declared = self.setting.declared(sizes_as_given=True)
        for tree, text in zip(trees, texts, strict=True):
            try:
                side(tree, declared, text)
            except GradwrightError as known:
                said = f"{known.asked}: {known.clash}"
                return self.setting.spelled(said, self.reading)
        said = f"{error.asked}: {error.clash}; it fits for these widths only"
        return self.setting.spelled(said, self.reading)

    def _shapes(self, left: Tree, right: Tree, one: Side, other: Side) -> str:
        declared = self.setting.declared(sizes_as_given=True)
        shapes = side(left, declared).scope.shape, side(right, declared).scope.shape
        if shapes[0] == shapes[1]:
            shapes = one.scope.shape, other.scope.shape
        return f"the left side is a {shapes[0]} and the right side a {shapes[1]}"

    # Wrong ------------------------------------------------------------------------------------

    def _wrong(self, base: EquationCheck, left: Tree, right: Tree, found: Verdict) -> EquationCheck:
        corrected, change = self._corrected(left, right)
        shown = None
        if corrected is not None:
            shown = self.setting.spelled(plain_text(corrected), self.reading)
        result = replace(base, ok=False, reason=found.reason, corrected=shown, change=change)
        if found.difference is None:
            return result
        difference = self._smallest(left, right) or found.difference
        names = _symbols(left) | _symbols(right)
        return replace(
            result,
            counterexample=difference.point.shown(names),
            left_value=difference.left,
            right_value=difference.right,
        )

    def _smallest(self, left: Tree, right: Tree) -> Difference | None:
        try:
            one, other = side(left, self.declared), side(right, self.declared)
            return first_difference(one, other, self.setting.small_points(self.reading))
        except GradwrightError:
            return None

    def _corrected(self, left: Tree, right: Tree) -> tuple[Tree | None, str]:
        """The right side with one change, else the derived formula, and what was changed."""
        right = self.setting.expanded(without_spans(right))
        for apply in (_as_it_is, *(v.apply for v in self.setting.variants(self.reading))):
            if not self._is_conformable(apply(left)):
                continue
            for change, tree in self._near(left, right):
                prepared = self.setting.prepared(tree)
                if _symbols(prepared) - self.declared.keys():
                    self.declared = self.setting.declared()
                if self._equals(apply(left), apply(prepared)):
                    return tree, change
        derived = self.setting.derived(left, self.reading)
        return derived, "" if derived is None else "the derived formula"

    def _is_conformable(self, tree: Tree) -> bool:
        try:
            side(tree, self.declared)
        except GradwrightError:
            return False
        return True

    def _near(self, left: Tree, right: Tree) -> Iterator[tuple[str, Tree]]:
        """Changed right sides that do not bring in what stands on the left."""
        names = self.setting.names(self.reading)
        factors = self.setting.factors(self.reading)
        alone = left.operand if isinstance(left, Transpose) else left
        new = {alone.name} - _symbols(right) if isinstance(alone, Symbol) else set()
        for change, tree in islice(candidates(right, names, factors), MAX_CANDIDATES):
            if not new & _symbols(tree):
                yield change, tree

    def _equals(self, left: Tree, right: Tree) -> bool:
        try:
            one, other = side(left, self.declared), side(right, self.declared)
            if one.scope.shape != other.scope.shape:
                return False
            points = self.setting.points(self.reading)
            return first_difference(one, other, points) is None
        except GradwrightError:
            return False


def _as_it_is(tree: Tree) -> Tree:
    return tree


def _symbols(tree: Tree) -> set[str]:
    return {part.name for part in walk(tree) if isinstance(part, Symbol)}
