"""Products with a diagonal or with ones as elementwise products, where columns and rows spread."""

from __future__ import annotations

from msgspec import Struct

from gradwright.notation.raising.build import ONE, Chain, factors
from gradwright.notation.tree import Call, Transpose, Tree


class Spread(Struct, frozen=True):
    """A product of two that is an elementwise product in which columns or rows spread.

    A `thin` one is a column or a row alone, which spreads over whatever stands beside it.
    """

    over: list[Tree]
    under: list[Tree]
    thin: bool = False


def spreading(chain: Chain) -> Spread | None:
    """diag(u) M is u .* M, M diag(u) is M .* u', and u ones' and ones u' are u and u'."""
    match chain:
        case (Call("diag", (column,)), matrix):
            over, under = _factors(column)
            return Spread([*over, matrix], under)
        case (matrix, Call("diag", (column,))):
            over, under = _factors(column)
            return Spread([matrix, *map(_turned, over)], [*map(_turned, under)])
        case (column, Transpose(Call("ones", (_,)))):
            return Spread(*_factors(column), thin=True)
        case (Call("ones", (_,)), Transpose(column)):
            over, under = _factors(column)
            return Spread([*map(_turned, over)], [*map(_turned, under)], thin=True)
    return None


def _factors(tree: Tree) -> tuple[list[Tree], list[Tree]]:
    over, under = factors(tree)
    return [part for part in over if part != ONE], under


def _turned(tree: Tree) -> Tree:
    return tree.operand if isinstance(tree, Transpose) else Transpose(tree)
