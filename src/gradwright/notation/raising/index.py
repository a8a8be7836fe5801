"""Index notation: the form that every result has when no matrix form exists."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradwright.core.nodes import Add, Node, Operation, Power, Product, Unit
from gradwright.errors import UnsupportedError

LETTERS = "ijklpqrstuvw"

#: The text of a node of order 0 to 2 in matrix notation, None where it has no such form.
TextOf = Callable[[Node], str | None]


def index_text(node: Node, name: str, text_of: TextOf, sum_sign: str = "Σ") -> str:
    """`name[i,j,k] = Σ_l A[i,l] …`, with identities written δ[i,j].

    `text_of` prints nodes of order 0 to 2 in matrix notation; each is followed by its indices.
    """
    axes = tuple(range(node.order))
    left = f"{name}[{','.join(_letter(x) for x in axes)}]" if axes else name
    return f"{left} = {_body(node, axes, node.order, text_of, sum_sign)}"


def _letter(label: int) -> str:
    return LETTERS[label] if label < len(LETTERS) else f"i{label}"


def _body(node: Node, axes: tuple[int, ...], fresh: int, text_of: TextOf, sign: str) -> str:
    """A sum at the letters `axes`; letters from `fresh` on are in use nowhere around it."""
    terms = node.terms if isinstance(node, Add) else ((Fraction(1), node),)
    parts = []
    for coefficient, term in terms:
        value, text = _term(term, axes, fresh, text_of, sign)
        value *= coefficient
        size = abs(value)
        shown = text if size == 1 and text else f"{size} {text}".strip()
        parts.append(("- " if value < 0 else "+ ") + (shown or "1"))
    joined = " ".join(parts)
    return joined[2:] if joined.startswith("+ ") else "-" + joined[2:]


def _term(
    node: Node, axes: tuple[int, ...], fresh: int, text_of: TextOf, sign: str
) -> tuple[Fraction, str]:
    if not isinstance(node, Product):
        return Fraction(1), _factor(node, axes, fresh, text_of, sign)
    letter: dict[int, int] = {}
    pieces = []
    for place, label in zip(axes, node.out, strict=True):
        if label in letter:
            pieces.append(f"δ[{_letter(letter[label])},{_letter(place)}]")
        else:
            letter[label] = place
    bound = []
    for _, labels in node.factors:
        for label in labels:
            if label not in letter:
                letter[label] = fresh
                bound.append(_letter(fresh))
                fresh += 1
    for factor, labels in node.factors:
        places = tuple(letter[x] for x in labels)
        pieces.append(_factor(factor, places, fresh, text_of, sign))
    prefix = f"{sign}_{','.join(bound)} " if bound else ""
    return node.coefficient, prefix + " ".join(pieces)


def _factor(node: Node, places: tuple[int, ...], fresh: int, text_of: TextOf, sign: str) -> str:
    if isinstance(node, Unit):
        return f"δ[{_letter(places[0])},{node.place}]"
    if isinstance(node, Power) and node.exponent.denominator == 1 and node.exponent < 0:
        inner = _factor(node.base, places, fresh, text_of, sign)
        return f"{inner}^({node.exponent})"
    text = text_of(node) if node.order <= 2 else _applied(node, text_of)
    if text is None:
        return f"({_body(_opened(node), places, fresh, text_of, sign)})"
    plain = text.replace("_", "").isalnum()
    bare = plain or (_is_call(text) and (not places or node.order > 2))
    shown = text if bare else f"({text})"
    return shown + (f"[{','.join(_letter(x) for x in places)}]" if places else "")


def _applied(node: Node, text_of: TextOf) -> str | None:
    """A higher derivative of an abstract function, at arguments in matrix notation."""
    if not isinstance(node, Operation):
        return None
    arguments = [text_of(part) for part in node.arguments]
    if None in arguments:
        return None
    return f"{node.operation}({', '.join(map(str, arguments))})"


def _opened(node: Node) -> Product | Add:
    if isinstance(node, Product | Add):
        return node
    raise UnsupportedError(
        "writing a result in index notation",
        "a part of it has no form in matrix notation, and it is no sum or product",
        "differentiate a smaller part of the formula",
    )


def _is_call(text: str) -> bool:
    """Whether a text is one call, `tr(A*B)`, which needs no parentheses beside other factors."""
    name, opening, inside = text.partition("(")
    if not (opening and name.isidentifier() and text.endswith(")")):
        return False
    depth = 1
    for place, character in enumerate(inside):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(inside) - 1
    return False
