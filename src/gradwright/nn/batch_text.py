"""A formula of one sample as a formula of a batch, in notation: the samples are rows."""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.core.batch import over_batch
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.errors import UnsupportedError
from gradwright.notation.declarations import AnyDeclaration, Declaration, FunctionDeclaration
from gradwright.notation.lower import lower
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope, Shape, infer
from gradwright.notation.tree import Tree
from gradwright.render.plain import plain_text
from gradwright.simplify.readable import Printer

#: The size of a batch.
BATCH = "n"


def batch_text(
    asked: str,
    tree: Tree,
    symbols: Mapping[str, AnyDeclaration],
    rows: Mapping[str, str],
    *,
    total: bool = False,
    weights: str = "",
    row_samples: bool = True,
) -> str:
    """The formula for a batch.

    Args:
        asked: what an error says was asked for.
        tree: the formula of one sample.
        symbols: its symbols and abstract functions.
        rows: for each vector that differs between samples, the name of the matrix whose rows are
            the samples.
        total: whether the results of the samples, numbers, are added.
        weights: for such a sum the vector of what each sample is multiplied by, or "".
        row_samples: whether the samples are the rows of the matrices, or the columns.

    Raises:
        UnsupportedError: it has no form in matrices.
    """
    graph = Graph()
    known = dict(symbols)
    sizes = frozenset(size for d in known.values() for size in d.sizes if isinstance(size, str))
    node = lower(tree, infer(tree, known, sizes=sizes), graph).value.node
    inputs: dict[Node, Node] = {}
    for single, whole in rows.items():
        own = known[single].sizes
        axes = (BATCH, *own) if row_samples else (*own, BATCH)
        batch = graph.variable(whole, axes)
        inputs[graph.variable(single, own)] = (
            batch if row_samples else graph.permute(batch, (len(own), *range(len(own))))
        )
        known[whole] = Declaration(whole, "matrix", axes)
    if weights:
        known[weights] = Declaration(weights, "vector", (BATCH,))
    declared = {name: d for name, d in known.items() if isinstance(d, Declaration)}
    functions = {name: d for name, d in known.items() if isinstance(d, FunctionDeclaration)}
    scope = Scope(declared, sizes | {BATCH}, Shape("scalar", (), ()), functions)
    try:
        lifted = over_batch(graph, node, inputs, BATCH)
    except UnsupportedError as error:
        raise _no_batch(asked, error.clash) from error
    printer = Printer(graph, scope, Raiser(graph, {}))
    try:
        if weights:
            weight = graph.variable(weights, (BATCH,))
            lifted = graph.product([(weight, (0,)), (lifted, (0,))], (0,))
        printed = printer.printed(graph.total(lifted) if total else lifted)
    except UnsupportedError as error:
        # Not even in index form.
        raise _no_batch(asked, THREE_AXES) from error
    if printed.form == "index":
        raise _no_batch(asked, THREE_AXES)
    return plain_text(printed.tree)


THREE_AXES = "a part of it is a matrix for each sample, and has three axes"


def _no_batch(asked: str, clash: str) -> UnsupportedError:
    return UnsupportedError(
        f"{asked} for a batch",
        clash,
        "write it with products of matrices and vectors and with functions of entries",
    )
