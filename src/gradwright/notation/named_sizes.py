"""Numbers of rows and columns by the names of their sizes, once these are known."""

from __future__ import annotations

from msgspec.structs import replace

from gradwright.notation.definitions import Definitions
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Call, Tree, walk

COUNTS = ("rows", "columns")


def with_named_sizes(tree: Tree, scope: Scope) -> tuple[Tree, Scope]:
    """A tree and its scope with sizes in place of `rows(A)` and `columns(A)`."""
    names = scope.definitions
    known: dict[Tree, Tree] = {}
    for part in walk(tree):
        if isinstance(part, Call) and part.function in COUNTS and part not in known:
            shape = infer(part.arguments[0], scope.known, sizes=scope.sizes).shape
            size = (shape.rows if part.function == "rows" else shape.columns)[0]
            # A size may be a sum or a product of names. It is found for the call as it stands in
            # the formula and as it was written in a definition.
            known[part] = known[names.folded(part)] = parse(str(size))
    if not known:
        return tree, scope

    def named(one: Tree) -> Tree:
        return rebuilt(one, lambda part: known.get(part, part))

    definitions = Definitions(
        tuple(replace(one, value=named(one.value)) for one in names.listed),
        {named(key): named(value) for key, value in names.written.items()},
    )
    return named(tree), replace(scope, definitions=definitions)
