"""A formula with numbers in place of its names: matrices in full, laid out as on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.notation.tree import Tree
from gradwright.render.layout import (
    Applied,
    Blocked,
    Fenced,
    Infix,
    Layout,
    Literal,
    Minus,
    Name,
    Superscript,
    decimal,
    integer_exponent,
    layout,
)
from gradwright.render.unicode import (
    FUNCTIONS,
    MARKS,
    OPERATORS,
    SUPERSCRIPTS,
    unicode_name,
    unicode_pieces,
)

Array = Any

#: Arrays with more rows or columns are shown by their name.
FULL = 8

#: Significant digits of every number.
DIGITS = 4


class Block(Struct, frozen=True):
    """Lines of equal width; `middle` is the line that stands beside others' middle lines."""

    lines: tuple[str, ...]
    middle: int = 0

    @property
    def width(self) -> int:
        """The width of every line."""
        return len(self.lines[0])


def word(text: str) -> Block:
    """A block of one line."""
    return Block((text,))


def beside(*blocks: Block) -> Block:
    """Blocks in a row, their middle lines on one line."""
    above = max(block.middle for block in blocks)
    below = max(len(block.lines) - block.middle for block in blocks)
    rows = []
    for row in range(-above, below):
        places = (row + block.middle for block in blocks)
        rows.append(
            "".join(
                block.lines[place] if 0 <= place < len(block.lines) else " " * block.width
                for block, place in zip(blocks, places, strict=True)
            )
        )
    return Block(tuple(rows), above)


def matrix_block(value: Array) -> Block:
    """Numbers in brackets; a vector is a column, a number stands alone.

    >>> for line in matrix_block(np.array([[1.0, 0.25], [-3, 1e-7]])).lines:
    ...     print(line)
    [  1   0.25 ]
    [ -3  1e-07 ]
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0:
        return word(number_text(float(array)))
    rows = array.reshape(len(array), -1)
    texts = [[number_text(float(x)) for x in row] for row in rows]
    widths = [max(len(row[k]) for row in texts) for k in range(rows.shape[1])]
    lines = tuple(
        f"[ {'  '.join(x.rjust(w) for x, w in zip(row, widths, strict=True))} ]" for row in texts
    )
    return Block(lines, (len(lines) - 1) // 2)


def number_text(value: float) -> str:
    """A number with four significant digits."""
    # Adding zero makes -0.0 a plain 0.
    return f"{value + 0.0:.{DIGITS}g}"


def is_small(value: Array) -> bool:
    """Whether an array is shown in full."""
    return all(size <= FULL for size in np.shape(value))


def numbers_block(tree: Tree, values: Mapping[str, Array]) -> Block:
    """A formula with the values of its names in their places.

    A name without a value, and one of a large array, stays a name.
    """
    made: dict[int, Block] = {}
    stack = [layout(tree)]
    while stack:
        node = stack[-1]
        missing = [part for part in _parts(node) if id(part) not in made]
        if missing:
            stack += missing
            continue
        stack.pop()
        made[id(node)] = _block(node, [made[id(part)] for part in _parts(node)], values)
    return made[id(stack[0])] if stack else made[id(node)]


def _parts(node: Layout) -> tuple[Layout, ...]:
    match node:
        case Infix(_, left, right):
            return left, right
        case Minus(inner) | Superscript(inner, _) | Fenced(inner):
            return (inner,)
        case Applied(_, arguments, _):
            return arguments
        case Name() | Literal():
            return ()
        case _:
            return tuple(piece for piece in unicode_pieces(node) if not isinstance(piece, str))


def _block(node: Layout, parts: list[Block], values: Mapping[str, Array]) -> Block:
    match node:
        case Name(text):
            value = values.get(text)
            shown = value is not None and is_small(value)
            return matrix_block(value) if shown else word(unicode_name(text))
        case Literal(value):
            return word(decimal(value))
        case Minus():
            return beside(word("-"), parts[0])
        case Superscript(_, mark):
            return _raised(parts[0], MARKS[mark])
        case Fenced():
            return fenced(parts[0])
        case Infix("^" | ".^" as operator, _, exponent):
            power = integer_exponent(exponent)
            dotted = "" if operator == "^" else "⊙"
            if power is None:
                return beside(parts[0], word(operator), parts[1])
            return _raised(parts[0], dotted + str(power).translate(SUPERSCRIPTS))
        case Infix("*"):
            return beside(parts[0], word(" "), parts[1])
        case Infix(operator):
            return beside(parts[0], word(OPERATORS[operator]), parts[1])
        case Applied("norm2"):
            return _enclosed("‖", parts[0], "‖")
        case Applied("norm1"):
            return beside(_enclosed("‖", parts[0], "‖"), word("₁"))
        case Applied("ones", (Name(size), *others)) if not others and size in values:
            count = int(values[size])
            return matrix_block(np.ones(count)) if count <= FULL else word(f"ones({size})")
        case Applied(function):
            inner = parts[0]
            for part in parts[1:]:
                inner = beside(inner, word(", "), part)
            return beside(word(FUNCTIONS.get(function, function)), fenced(inner))
        case Blocked():
            between = node.pieces(", ", "; ")
            return _enclosed("[", _in_text(between, parts), "]")
        case _:
            return _in_text(unicode_pieces(node), parts)


def _in_text(pieces: Sequence[str | Layout], parts: Sequence[Block]) -> Block:
    """Texts, and blocks in the places of the layouts between them."""
    made = iter(parts)
    return beside(*(word(x) if isinstance(x, str) else next(made) for x in pieces))


def fenced(block: Block) -> Block:
    """In parentheses as high as the block."""
    count = len(block.lines)
    if count == 1:
        return _enclosed("(", block, ")")
    left = ["⎜"] * count
    right = ["⎟"] * count
    left[0], left[-1], right[0], right[-1] = "⎛", "⎝", "⎞", "⎠"
    rows = zip(left, block.lines, right, strict=True)
    return Block(tuple("".join(row) for row in rows), block.middle)


def _enclosed(left: str, block: Block, right: str) -> Block:
    return Block(tuple(f"{left}{line}{right}" for line in block.lines), block.middle)


def _raised(block: Block, mark: str) -> Block:
    """A mark at the upper right."""
    blank = " " * len(mark)
    lines = (block.lines[0] + mark, *(line + blank for line in block.lines[1:]))
    return Block(lines, block.middle)
