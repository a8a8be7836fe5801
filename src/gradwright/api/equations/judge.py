"""One link of an equation: right, right under a condition, or wrong and what is right instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice

from msgspec import Struct
from msgspec.structs import replace

from gradwright.api.equations.compare import Difference, Side, first_above, first_difference, side
from gradwright.api.equations.derivatives import by_name
from gradwright.api.equations.indexed import free, indexed
from gradwright.api.equations.repair import (
    MAX_NODES,
    Candidate,
    candidates,
    far_candidates,
    far_left_candidates,
    left_candidates,
)
from gradwright.api.equations.report import EquationCheck
from gradwright.api.equations.setting import Point, Reading, Setting, Variant
from gradwright.core.work import ALLOWED, Account, allowed, apart, spend, within
from gradwright.errors import GradwrightError, LimitError, UnsupportedError
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.tree import (
    Call,
    Entry,
    Symbol,
    Transpose,
    Tree,
    walk,
)
from gradwright.render.plain import plain_text

#: Changes of a wrong side that are tried, for each convention.
MAX_CANDIDATES = 3000
#: Those of them that have a derivative to be taken.
MAX_DERIVATIVES = 200
#: Units of work for judging one link, and for a search, besides what is counted elsewhere.
JUDGED = 1500
#: And for one change.
TRIED = 50
#: Of the work of all searches of a text, as much as its call has besides, so much at most goes to
#: one kind of changes to one equation; where nothing is left, the derived formula alone is given.
SEARCH = 0.4

AS_IT_IS = Variant("")

#: A right side, or a left side, and what was changed.
Correction = tuple[Tree | None, Tree | None, str]


class Verdict(Struct, frozen=True, eq=False):
    """Whether two sides are equal; if not, why, and where they differ."""

    ok: bool
    reason: str = ""
    difference: Difference | None = None


def searches() -> Account:
    """The work of all searches for corrections of one text."""
    return Account("correcting equations", allowed(ALLOWED))


class Judge:
    """Judges the links of one reading of an equation."""

    def __init__(self, setting: Setting, reading: Reading, searches: Account) -> None:
        self.setting = setting
        self.searches = searches
        self.reading = reading
        self.declared = setting.declared(reading)

    def link(self, place: int, relation: str = "=") -> EquationCheck:
        """The link between side `place` and the next one."""
        if relation in ("<=", ">="):
            return self._ordered(place, relation)
        left, right = self.reading.sides[place : place + 2]
        base = EquationCheck(0, "", "", True)
        found = self._verdict(left, right, self.reading.texts[place : place + 2])
        if found.ok:
            return base
        for variant in self.setting.variants(self.reading):
            if self._equals(left, right, variant):
                return replace(base, condition=variant.remark)
        if found.difference is not None:
            for condition in self.setting.conditions(self.reading):
                if self._equals(left, right, AS_IT_IS, condition.points()):
                    remark = f"holds if {condition.remark}, and not always"
                    return self._with_point(replace(base, condition=remark), left, right, found)
        return self._wrong(base, left, right, found)

    def _ordered(self, place: int, relation: str) -> EquationCheck:
        """Whether one side is nowhere larger than the other, entry by entry."""
        left, right = self.reading.sides[place : place + 2]
        base = EquationCheck(0, "", "", True, relation=relation)
        sign = 1 if relation == "<=" else -1
        for variant in (AS_IT_IS, *self.setting.variants(self.reading)):
            one, other = self._side(left, variant), self._side(right, variant)
            if one is None or other is None or one.scope.shape != other.scope.shape:
                continue
            points = chain(
                self.setting.points(self.reading), self.setting.small_points(self.reading)
            )
            found = first_above(one, other, points, sign)
            if found is None:
                return replace(base, condition=variant.remark)
            return replace(
                base,
                ok=False,
                reason=f"the left side is {'larger' if sign > 0 else 'smaller'} somewhere",
                counterexample=found.point.shown(_symbols(one.tree) | _symbols(other.tree)),
                left_value=found.left,
                right_value=found.right,
            )
        verdict = self._verdict(left, right, self.reading.texts[place : place + 2])
        return replace(base, ok=False, reason=verdict.reason)

    def _prepared(self, tree: Tree) -> Tree:
        """A side as it is evaluated; it may bring in names."""
        made = self.setting.prepared(tree, self.reading)
        if _symbols(made) - self.declared.keys():
            self.declared = self.setting.declared(self.reading)
        return made

    def _verdict(self, left: Tree, right: Tree, texts: Sequence[str]) -> Verdict:
        """Whether two trees are equal at random points with unequal sizes."""
        spend(JUDGED)
        indices = free(left), free(right)
        if indices[0] != indices[1]:
            alone = min(indices[0] ^ indices[1])
            where = "left" if alone in indices[0] else "right"
            return Verdict(False, f"the index {alone} is free on the {where} side alone")
        try:
            left, right = self._prepared(left), self._prepared(right)
        except LimitError:
            raise
        except GradwrightError as error:
            return Verdict(False, self._spelled(f"{error.asked}: {error.clash}"))
        try:
            one, other = self._evaluated(left), self._evaluated(right)
        except LimitError:
            raise
        except GradwrightError as error:
            return Verdict(False, self._shape_reason((left, right), texts, error))
        if one.scope.shape != other.scope.shape:
            return Verdict(False, self._shapes(left, right, one, other))
        difference = first_difference(one, other, self.setting.points(self.reading))
        if difference is None:
            return Verdict(True)
        return Verdict(False, "the two sides differ", difference)

    def _shape_reason(
        self, trees: tuple[Tree, Tree], texts: Sequence[str], error: GradwrightError
    ) -> str:
        """Why a side is not conformable, in the sizes that the user knows."""
        declared = self.setting.declared(self.reading, sizes_as_given=True)
        if isinstance(error, UnsupportedError):
            return self._spelled(f"{error.asked}: {error.clash}")
        for tree, text in zip(trees, texts, strict=True):
            try:
                side(indexed(tree), declared, text)
            except GradwrightError as known:
                return self._spelled(f"{known.asked}: {known.clash}")
        return self._spelled(f"{error.asked}: {error.clash}; it fits for these widths only")

    def _shapes(self, left: Tree, right: Tree, one: Side, other: Side) -> str:
        declared = self.setting.declared(self.reading, sizes_as_given=True)
        made = (side(indexed(tree), declared) for tree in (left, right))
        shapes = tuple(found.scope.shape for found in made)
        if shapes[0] == shapes[1]:
            shapes = one.scope.shape, other.scope.shape
        return f"the left side is a {shapes[0]} and the right side a {shapes[1]}"

    def _spelled(self, text: str) -> str:
        return self.setting.spelled(text, self.reading)

    # Wrong ------------------------------------------------------------------------------------

    def _wrong(self, base: EquationCheck, left: Tree, right: Tree, found: Verdict) -> EquationCheck:
        result = replace(base, ok=False, reason=found.reason)
        near = apart(self.searches, lambda: self._correction(left, right))
        corrected, corrected_left, change = near or (None, None, "")
        if corrected_left is not None:
            shown = self._spelled(plain_text(corrected_left))
            result = replace(result, corrected_left=shown, change=change)
        elif corrected is None:
            corrected = self.setting.derived(left, self.reading)
            change = "the derived formula"
        if corrected is not None:
            shown = self._spelled(plain_text(corrected))
            result = replace(result, corrected=shown, change=change)
        return self._with_point(result, left, right, found)

    def _correction(self, left: Tree, right: Tree) -> Correction:
        """One of the sides with a change that makes it right."""
        spend(JUDGED)
        right = without_spans(right)
        fits = free(left) == free(right)
        names = self.setting.names(self.reading)
        searches = [
            partial(self._corrected, left, right, self._near),
            partial(self._corrected_left, right, left_candidates(left, names, free(right))),
            partial(self._corrected, left, right, self._far),
            partial(self._corrected_left, right, far_left_candidates(left, names)),
        ]
        # The fault is on the left, more likely than not, where the sides have other indices.
        order = searches if fits else [searches[k] for k in (1, 3, 0, 2)]
        for search in order[:-1]:
            found = within(SEARCH, search)
            if found is not None:
                return found
        return order[-1]() or (None, None, "")

    def _with_point(
        self, result: EquationCheck, left: Tree, right: Tree, found: Verdict
    ) -> EquationCheck:
        """The result with the smallest point at which the sides differ."""
        if found.difference is None:
            return result
        left, right = self._prepared(left), self._prepared(right)
        difference = self._smallest(left, right) or found.difference
        return replace(
            result,
            counterexample=difference.point.shown(_symbols(left) | _symbols(right)),
            left_value=difference.left,
            right_value=difference.right,
        )

    def _smallest(self, left: Tree, right: Tree) -> Difference | None:
        try:
            one, other = self._evaluated(left), self._evaluated(right)
            return first_difference(one, other, self.setting.small_points(self.reading))
        except GradwrightError:
            return None

    def _corrected(
        self, left: Tree, right: Tree, changes: Callable[[Tree, Tree], Iterator[Candidate]]
    ) -> Correction | None:
        """The right side with one change that makes it right, and what was changed."""
        if sum(1 for _ in walk(left)) > MAX_NODES:
            return None
        for variant in (AS_IT_IS, *self.setting.variants(self.reading)):
            one = self._side(left, variant)
            if one is None:
                continue
            tried = self._sensible(left, right, changes(left, right))
            for change, tree in islice(tried, MAX_CANDIDATES):
                spend(TRIED)
                if free(tree) == free(left) and self._same(one, self._side(tree, variant)):
                    return tree, None, change
        return None

    def _corrected_left(self, right: Tree, changes: Iterator[Candidate]) -> Correction | None:
        """The left side with one other name or index, where the fault lies there."""
        if self._side(right, AS_IT_IS) is None:
            return None
        for change, tree in changes:
            spend(TRIED)
            if not _symbols(tree) & _symbols(right) and self._equals(tree, right, AS_IT_IS):
                return None, tree, change
        return None

    def _near(self, left: Tree, right: Tree) -> Iterator[Candidate]:
        """Right sides with a small change, and whole ones with the derivative of the left."""
        operators = {p.function for p in walk(left) if isinstance(p, Call) and by_name(p)}
        for name in sorted(operators):
            yield "a missing derivative", Call(name, (right,))
        names, factors = self.setting.names(self.reading), self.setting.factors(self.reading)
        yield from candidates(right, names, factors, free(left))

    def _far(self, left: Tree, right: Tree) -> Iterator[Candidate]:
        """Right sides that another quantity was brought into."""
        return far_candidates(right, self.setting.names(self.reading))

    def _sensible(
        self, left: Tree, right: Tree, changes: Iterator[Candidate]
    ) -> Iterator[Candidate]:
        """Changed right sides that do not bring in what stands on the left."""
        alone = left.operand if isinstance(left, Transpose) else left
        new = {alone.name} - _symbols(right) if isinstance(alone, Symbol) else set()
        bare = [s for s in self.reading.sides if isinstance(_base(s), Symbol)]
        derivatives = 0
        for change, tree in changes:
            derivatives += any(by_name(part) for part in walk(tree))
            tautology = new & _symbols(tree) or tree in bare
            if derivatives <= MAX_DERIVATIVES and not tautology:
                yield change, tree

    def _side(self, tree: Tree, variant: Variant) -> Side | None:
        """A side in some convention; None if it is not conformable."""
        try:
            made = variant.after(self._prepared(variant.before(tree)))
            return self._evaluated(made)
        except GradwrightError:
            return None

    def _evaluated(self, tree: Tree) -> Side:
        for name in sorted(_symbols(tree)):
            if name.startswith("J_") and name not in self.declared:
                raise UnsupportedError(
                    f"the value of {name}",
                    f"{name} is no matrix, and stands in no chain rule",
                    "write entries of it",
                )
        return side(indexed(tree), self.declared)

    def _equals(
        self, left: Tree, right: Tree, variant: Variant, points: Iterator[Point] | None = None
    ) -> bool:
        if free(left) != free(right):
            return False
        return self._same(self._side(left, variant), self._side(right, variant), points)

    def _same(
        self, one: Side | None, other: Side | None, points: Iterator[Point] | None = None
    ) -> bool:
        """Whether two sides have one shape, and equal values at some points."""
        if one is None or other is None or one.scope.shape != other.scope.shape:
            return False
        points = self.setting.points(self.reading) if points is None else points
        try:
            return first_difference(one, other, points) is None
        except GradwrightError:
            return False


def _symbols(tree: Tree) -> set[str]:
    return {part.name for part in walk(tree) if isinstance(part, Symbol)}


def _base(tree: Tree) -> Tree:
    """What an entry is of."""
    return tree.base if isinstance(tree, Entry) else tree
