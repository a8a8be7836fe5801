"""Formulas with the shape of every symbol under it: in text, LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradwright.notation.tree import Tree
from gradwright.render.equation import shape_latex, shape_text
from gradwright.render.latex import latex_pieces
from gradwright.render.layout import Applied, Layout, Literal, Name, Superscript, expand, layout
from gradwright.render.mathml import mathml_pieces
from gradwright.render.unicode import unicode_name, unicode_pieces

Size = int | str

#: The sizes of each symbol by its name: one for a vector, two for a matrix.
Shapes = Mapping[str, Sequence[Size]]


def _sizes(node: Layout, shapes: Shapes) -> tuple[Size, ...] | None:
    """Rows and columns of a symbol, of its transpose, or of ones; None for anything else.

    A vector is a column, n × 1.
    """
    match node:
        case Name(text) if shapes.get(text):
            sizes = tuple(shapes[text])
            return sizes if len(sizes) > 1 else (*sizes, 1)
        case Superscript(operand, "T"):
            turned = _sizes(operand, shapes)
            return None if turned is None else turned[::-1]
        case Applied("ones" | "zeros", arguments, _):
            known = tuple(
                size.text if isinstance(size, Name) else size.value.numerator
                for size in arguments
                if isinstance(size, Name | Literal)
            )
            return known if len(known) > 1 else (*known, 1)
    return None


def text_over_shapes(equations: Sequence[tuple[str, Tree, Shapes]]) -> list[str]:
    r"""Two lines for each `name = tree`: the formula, and the shapes under it.

    >>> from gradwright.notation.parser import parse
    >>> known = {"Z": ("n", 10), "X": ("n", 3), "W": (3, 10)}
    >>> print("\n".join(text_over_shapes([("Z", parse("X*W"), known)])))
     Z   =  X    W
    n×10   n×3 3×10
    """
    made = []
    for name, tree, shapes in equations:
        left = [_cell(Name(name), shapes) or (unicode_name(name), "")]
        made.append((_spread(left), _spread(_cells(layout(tree), shapes))))
    width = max((len(left[0]) for left, _ in made), default=0)
    lines = []
    for (name, under), (formula, shown) in made:
        lines.append(f"{name.rjust(width)} = {formula}".rstrip())
        lines.append(f"{under.rjust(width)}   {shown}".rstrip())
    return lines


def _cell(node: Layout, shapes: Shapes) -> tuple[str, str] | None:
    sizes = _sizes(node, shapes)
    if sizes is None:
        return None
    return expand(node, unicode_pieces), shape_text(sizes).replace(" × ", "×")


def _cells(root: Layout, shapes: Shapes) -> list[tuple[str, str]]:
    """The pieces of a formula, each with what stands under it."""
    found: list[tuple[str, str]] = []
    stack: list[str | Layout] = [root]
    while stack:
        piece = stack.pop()
        cell = (piece, "") if isinstance(piece, str) else _cell(piece, shapes)
        if cell is not None:
            found.append(cell)
        else:
            assert not isinstance(piece, str)
            stack.extend(reversed(unicode_pieces(piece)))
    return found


def _spread(cells: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Both lines, every symbol in the middle above its shape."""
    widths = [max(len(above), len(below)) for above, below in cells]
    pairs = list(zip(cells, widths, strict=True))
    above = "".join(text.center(width) for (text, _), width in pairs)
    return above, "".join(shape.center(width) for (_, shape), width in pairs)


def latex_over_shapes(tree: Tree, shapes: Shapes) -> str:
    r"""LaTeX mathematics with `\underset`.

    >>> from gradwright.notation.parser import parse
    >>> print(latex_over_shapes(parse("X"), {"X": ("n", 3)}))
    \underset{n \times 3}{X}
    """

    def pieces(node: Layout) -> Sequence[str | Layout]:
        sizes = _sizes(node, shapes)
        if sizes is None:
            return latex_pieces(node)
        return (rf"\underset{{{shape_latex(sizes)}}}{{{expand(node, latex_pieces)}}}",)

    return expand(layout(tree), pieces)


def mathml_over_shapes(tree: Tree, shapes: Shapes) -> str:
    """A row of MathML with `munder`."""

    def pieces(node: Layout) -> Sequence[str | Layout]:
        sizes = _sizes(node, shapes)
        if sizes is None:
            return mathml_pieces(node)
        shape = f"<mtext>{shape_text(sizes).replace(' × ', '×')}</mtext>"
        return (f"<munder><mrow>{expand(node, mathml_pieces)}</mrow>{shape}</munder>",)

    return expand(layout(tree), pieces)
