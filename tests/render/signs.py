"""When two trees are the same but for signs, brackets of chains and the spelling of numbers.

A printer may hoist a minus out of a product, because `-a b` reads as (-a) b and as -(a b) alike,
and may leave out the brackets of a + (b + c) or a (b c). Nothing else may change.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree

#: A sign, and what remains: nested tuples that are compared by ==.
Signed = tuple[int, tuple[object, ...]]


def normal(tree: Tree) -> Signed:
    """The same for trees that differ in signs moved through products, or in association only."""
    match tree:
        case Symbol(name):
            return 1, ("symbol", name)
        case Number(value):
            return 1, ("number", value)
        case Negate(operand):
            sign, rest = normal(operand)
            return -sign, rest
        case Transpose(operand):
            sign, rest = normal(operand)
            return sign, ("'", rest)
        case Call("kron", (left, right)):
            (one, first), (other, second) = normal(left), normal(right)
            return one * other, ("kron", first, second)
        case Call(function, arguments, options):
            return 1, (function, *(normal(part) for part in arguments), options)
        case Binary("+" | "-" as operator, left, right):
            turned = normal(right)
            if operator == "-":
                turned = (-turned[0], turned[1])
            return 1, ("sum", *_terms(normal(left)), *_terms(turned))
        case Binary("^" | ".^" as operator, base, exponent):
            return 1, (operator, normal(base), normal(exponent))
        case Binary(operator, left, right):
            return _product(operator, normal(left), normal(right))
    raise AssertionError(type(tree))


def _terms(part: Signed) -> tuple[object, ...]:
    """A sum within a sum, flat; a sum behind a minus stays one term."""
    sign, rest = part
    return rest[1:] if sign == 1 and rest[0] == "sum" else (part,)


def _product(operator: str, left: Signed, right: Signed) -> Signed:
    (one, first), (other, second) = left, right
    if operator == "/" and first[0] == second[0] == "number":
        top, bottom = first[1], second[1]
        assert isinstance(top, Fraction) and isinstance(bottom, Fraction)
        return one * other, ("number", top / bottom)
    if operator in ("*", ".*"):
        parts = [p for side in (first, second) for p in _factors(operator, side)]
        return one * other, (operator, *parts)
    return one * other, (operator, first, second)


def _factors(operator: str, side: tuple[object, ...]) -> tuple[object, ...]:
    return side[1:] if side[0] == operator else (side,)
