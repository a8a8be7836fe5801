"""What runs is compared with what is printed before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from gradwright import formula
from gradwright.api import planning
from gradwright.calculus import elimination
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.errors import InternalError
from gradwright.simplify.equal import differ

#: formula, declarations, kind, variable: with more than one path from the output.
FORMULAS = [
    ("sum(sin(A*x) .* cos(A*x))", {"A": "matrix m n"}, "gradient", "x"),
    ("A*tanh(B*x) + tanh(B*x)", {"A": "matrix n n", "B": "matrix n n"}, "jacobian", "x"),
    ("log(det(A))*x'*inv(A)*x", {"A": "posdef n n", "x": "vector n"}, "gradient", "A"),
    ("norm2(x)*softmax(A*x)", {"A": "matrix n n", "x": "vector n"}, "jacobian", "x"),
]
IDS = [text for text, *_ in FORMULAS]


def derived(text: str, declared: dict[str, str], kind: str, wrt: str) -> Any:
    return getattr(formula(text, **declared), kind)(wrt, mode="cross_country")


@pytest.mark.parametrize(("text", "declared", "kind", "wrt"), FORMULAS, ids=IDS)
def test_an_elimination_that_forgets_a_path_is_not_run(
    text: str, declared: dict[str, str], kind: str, wrt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert derived(text, declared, kind, wrt).source()

    def forgetful(self: Any, user: Node, argument: Node, jacobian: Node) -> None:
        self.below[user][argument] = jacobian
        self.above[argument][user] = None

    monkeypatch.setattr(elimination._Edges, "_add", forgetful)
    made = derived(text, declared, kind, wrt)
    # Of the orders of one mode the cheapest runs, and chains from reverse mode are among them.
    monkeypatch.setattr(type(made._choice.chain), "ways", _eliminations)
    with pytest.raises(InternalError, match="is not what is printed"):
        made.source()


def _eliminations(chain: Any, hints: Any) -> list[planning.Way]:
    def make() -> tuple[Node, ...]:
        ((node, by),) = chain.outputs
        found = elimination.cross_country(
            chain.graph, node, by, elimination.ORDERS[0], lambda size: hints.get(size, 3)
        )
        assert found is not None
        return tuple(chain.finish(k, found[v]) for k, v in enumerate(by))

    return [planning.Way("cross_country", "planted", planning.Bracketing.CHEAPEST, make)]


@pytest.mark.parametrize("text", ["inv(A)'*x", "A'*x"])
def test_a_step_towards_the_code_that_transposes_is_not_run(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def transposing(graph: Graph, node: Node, log: object = None) -> Node:
        return graph.permute(node, (1, 0)) if node.order == 2 else node

    monkeypatch.setattr(planning, "finished", transposing)
    made = formula(text, A="matrix n n", x="vector n").jacobian("x")
    with pytest.raises(InternalError):
        made.source()


def test_a_matrix_without_an_inverse_tells_nothing() -> None:
    """X'X is singular where X has fewer rows than columns: rounding is no difference."""
    graph = Graph()
    x = graph.variable("X", ("m", "n"))
    gram = graph.product([(x, (0, 1)), (x, (0, 2))], (1, 2))
    inverse = graph.operation("inv", (gram,), ("n", "n"))
    again = graph.operation("inv", (graph.permute(gram, (1, 0)),), ("n", "n"))
    assert not differ(inverse, graph.permute(again, (1, 0)))
    assert differ(inverse, graph.scale(2, again))


@pytest.mark.parametrize(
    ("text", "name", "symbols"),
    [
        # step is 1 everywhere, and the derivative of a sum of softmax is 0.
        ("step(p.^2, kink=1)'*softmax(x - t)", "x", {"p": "vector n", "x": "vector n"}),
        ("sum(softmax(x - t))", "t", {"x": "vector n"}),
    ],
)
def test_what_cancels_to_rounding_is_no_difference(
    text: str, name: str, symbols: dict[str, str]
) -> None:
    written = formula(text, t="scalar", **symbols)
    for mode in ("reverse", "forward", "cross_country"):
        assert written.gradient(name, mode=mode).source()
