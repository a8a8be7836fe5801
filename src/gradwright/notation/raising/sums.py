"""Sums of terms: like terms merged, common factors pulled out where that is shorter to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

from msgspec.structs import replace

from gradwright.core.nodes import ONE
from gradwright.notation.raising.build import Chain, factors, hadamard, product
from gradwright.notation.raising.cost import Readability, is_sum
from gradwright.notation.raising.spreading import spreading
from gradwright.notation.raising.term import Term, joined, spine
from gradwright.notation.tree import Call, Number, Tree, signed_terms

#: Sums with more terms than this are printed as they are, without looking for common factors.
MAX_FACTORED_TERMS = 8

#: Sums that are looked at on the way to one; terms that share many factors have many subsets.
MAX_GROUPED = 60


def sum_tree(terms: Sequence[Term], reading: Readability) -> Tree:
    """The cheapest way found to write a sum: as it is, or with common factors pulled out."""
    plain = joined(terms)
    if not 1 < len(terms) <= MAX_FACTORED_TERMS:
        return plain
    pulled, grouped = _parted(terms, reading, {})
    if pulled == Term(ONE) and grouped == list(terms):
        return plain
    factored = _together(pulled, grouped).tree()
    return factored if reading.cost(factored) <= reading.cost(plain) else plain


def sum_term(terms: Sequence[Term], reading: Readability, done: Grouped | None = None) -> Term:
    """A sum as one term whose chain or scalars may hold a shorter sum.

    `done` has the sums that were grouped on the way to this one.
    """
    if len(terms) == 1:
        return terms[0]
    return _together(*_parted(terms, reading, {} if done is None else done))


def _parted(terms: Sequence[Term], reading: Readability, done: Grouped) -> tuple[Term, list[Term]]:
    """What all terms of a sum share, and the terms that are left, those that share more merged."""
    pulled, rest = _common_scalars(terms)
    rest = _like_terms(rest)
    # Factors pulled out in another order leave the same sums behind.
    key = tuple(rest)
    grouped = done.get(key)
    if grouped is None:
        grouped = rest if len(done) >= MAX_GROUPED else _grouped(rest, reading, done)
        done[key] = grouped
    return pulled, grouped


def _together(pulled: Term, grouped: Sequence[Term]) -> Term:
    """What terms share times their sum, as one term."""
    if len(grouped) == 1:
        only = grouped[0]
        return Term(
            pulled.coefficient * only.coefficient,
            (*pulled.over, *only.over),
            (*pulled.under, *only.under),
            only.chain,
        )
    body = joined(grouped)
    if any(term.chain for term in grouped):
        return replace(pulled, chain=(body,))
    return replace(pulled, over=(*pulled.over, body))


def _common_scalars(terms: Sequence[Term]) -> tuple[Term, list[Term]]:
    """What all terms share in coefficient, numerators and denominators."""
    over = _shared([term.over for term in terms])
    under = _shared([term.under for term in terms])
    coefficients = [term.coefficient for term in terms]
    shared = Fraction(
        gcd(*(c.numerator for c in coefficients)), lcm(*(c.denominator for c in coefficients))
    )
    if shared.denominator != 1 and not all(
        c.denominator == shared.denominator for c in coefficients
    ):
        shared = Fraction(1)
    if all(c < 0 for c in coefficients):
        shared = -shared
    if shared == 1 and not over and not under:
        return Term(shared), list(terms)
    rest = [
        Term(t.coefficient / shared, _less(t.over, over), _less(t.under, under), t.chain)
        for t in terms
    ]
    return Term(shared, over, under), rest


def _shared(bags: Sequence[Sequence[Tree]]) -> tuple[Tree, ...]:
    if not all(bags):
        return ()
    common = Counter(bags[0])
    for bag in bags[1:]:
        common &= Counter(bag)
    return tuple(common.elements())


def _less(bag: Sequence[Tree], taken: Sequence[Tree]) -> tuple[Tree, ...]:
    if not taken:
        return tuple(bag)
    left = Counter(taken)
    kept = []
    for tree in bag:
        if left[tree]:
            left[tree] -= 1
        else:
            kept.append(tree)
    return tuple(kept)


def _like_terms(terms: list[Term]) -> list[Term]:
    """x - y - (x - z) = z - y: sums among the terms are opened where terms then merge."""
    opened = [part for term in terms for part in _opened(term)]
    if len(opened) == len(terms):
        return terms
    merged: dict[Term, Fraction] = {}
    for part in opened:
        unit = replace(part, coefficient=Fraction(1))
        merged[unit] = merged.get(unit, Fraction(0)) + part.coefficient
    kept = [replace(unit, coefficient=c) for unit, c in merged.items() if c]
    return kept if kept and len(merged) < len(opened) else terms


def _opened(term: Term) -> list[Term]:
    """The terms of a bare sum, each with the sum's coefficient; any other term as it is."""
    if term.over or term.under or len(term.chain) != 1 or not is_sum(term.chain[0]):
        return [term]
    found = []
    for sign, tree in signed_terms(term.chain[0]):
        coefficient, chain = term.coefficient * sign, tuple(spine(tree))
        if isinstance(chain[0], Number):
            coefficient, chain = coefficient * chain[0].value, chain[1:]
        found.append(Term(coefficient, chain=chain))
    return found


# Common factors ---------------------------------------------------------------------------------

#: Where a factor is shared: at the left end, at the right end, elementwise, beside a kron.
Place = tuple[str, Tree]

#: A factor of a Kronecker product that terms share: the left one, the right one.
KRONECKER_SIDES = ("left of kron", "right of kron")

#: Sums without their common factors, each with its terms merged.
Grouped = dict[tuple[Term, ...], list[Term]]


def _grouped(terms: Sequence[Term], reading: Readability, done: Grouped) -> list[Term]:
    """Merge the terms that share the most, as long as that makes the sum cheaper."""
    current = list(terms)
    while len(current) > 1:
        places = _places(current)
        if not places:
            return current
        best: tuple[float, list[Term]] | None = None
        before = reading.cost(joined(current))
        for place, members in places.items():
            merged = _pulled(place, [current[k] for k in members], reading, done)
            if merged is None:
                continue
            rest = [term for k, term in enumerate(current) if k not in members]
            candidate = [*rest, merged]
            after = reading.cost(joined(candidate))
            if after < before and (best is None or after < best[0]):
                best = (after, candidate)
        if best is None:
            return current
        current = best[1]
    return current


def _places(terms: Sequence[Term]) -> dict[Place, tuple[int, ...]]:
    found: dict[Place, list[int]] = {}
    for k, term in enumerate(terms):
        keys: list[Place] = []
        if len(term.chain) > 1:
            keys += [("left", term.chain[0]), ("right", term.chain[-1])]
        elif len(term.chain) == 1:
            over, under = factors(term.chain[0])
            keys += [("over", tree) for tree in dict.fromkeys(over)]
            keys += [("under", tree) for tree in dict.fromkeys(under)]
            if isinstance(term.chain[0], Call) and term.chain[0].function == "kron":
                keys += zip(KRONECKER_SIDES, term.chain[0].arguments, strict=True)
        else:
            keys += [("scalar", tree) for tree in dict.fromkeys(term.over)]
            keys += [("below", tree) for tree in dict.fromkeys(term.under)]
        for key in keys:
            found.setdefault(key, []).append(k)
    for k, term in enumerate(terms):
        # u .* M joins a group that shares M elementwise; alone it stays diag(u) M.
        spread = spreading(term.chain)
        if spread is None:
            continue
        for tree in dict.fromkeys(spread.over):
            if ("over", tree) in found and tree in term.chain:
                found["over", tree].append(k)
        for tree in dict.fromkeys(spread.under):
            found.setdefault(("under", tree), []).append(k)
    return {key: tuple(members) for key, members in found.items() if len(members) > 1}


def _pulled(
    place: Place, terms: Sequence[Term], reading: Readability, done: Grouped
) -> Term | None:
    side, tree = place
    if side in ("scalar", "below"):
        taken = (tree,)
        rest = [
            replace(
                t,
                over=_less(t.over, taken if side == "scalar" else ()),
                under=_less(t.under, taken if side == "below" else ()),
            )
            for t in terms
        ]
        inner = sum_term(rest, reading, done)
        if side == "scalar":
            return replace(inner, over=(tree, *inner.over))
        return replace(inner, under=(*inner.under, tree))
    if side in KRONECKER_SIDES:
        return _pulled_from_kronecker(side, tree, terms, reading, done)
    if side == "left":
        inner = sum_term([replace(t, chain=t.chain[1:]) for t in terms], reading, done)
        return replace(inner, chain=(tree, *inner.chain))
    if side == "right":
        inner = sum_term([replace(t, chain=t.chain[:-1]) for t in terms], reading, done)
        return replace(inner, chain=(*inner.chain, tree))
    return _pulled_elementwise(side, tree, terms, reading, done)


def _pulled_from_kronecker(
    side: str, tree: Tree, terms: Sequence[Term], reading: Readability, done: Grouped
) -> Term:
    """kron(A, C) + c kron(B, C) = kron(A + c B, C), and the same for a shared left factor."""
    left = side == KRONECKER_SIDES[0]
    rest = []
    for term in terms:
        (whole,) = term.chain
        assert isinstance(whole, Call)
        rest.append(replace(term, chain=(whole.arguments[1 if left else 0],)))
    inner = sum_term(rest, reading, done)
    other = product(inner.chain)
    return replace(inner, chain=(Call("kron", (tree, other) if left else (other, tree)),))


def _pulled_elementwise(
    side: str, tree: Tree, terms: Sequence[Term], reading: Readability, done: Grouped
) -> Term | None:
    """x .* u + x .* v = x .* (u + v), and x + x .* v = x .* (1 + v)."""
    rest = []
    spreads = [spreading(term.chain) for term in terms]
    if all(spread is not None and spread.thin for spread in spreads):
        return None
    for term, spread in zip(terms, spreads, strict=True):
        over, under = (spread.over, spread.under) if spread else factors(term.chain[0])
        over = list(_less(over, (tree,) if side == "over" else ()))
        under = list(_less(under, (tree,) if side == "under" else ()))
        left: Chain = (hadamard(over, under),) if over or under else ()
        rest.append(replace(term, chain=left))
    inner = sum_term(rest, reading, done)
    # With an empty inner chain only scalars are left: they multiply the shared factor.
    over, under = factors(product(inner.chain)) if inner.chain else ([], [])
    if len(inner.chain) > 1:
        over, under = [product(inner.chain)], []
    if side == "over":
        return replace(inner, chain=(hadamard([tree, *over], under),))
    return replace(inner, chain=(hadamard(over, [*under, tree]),))
