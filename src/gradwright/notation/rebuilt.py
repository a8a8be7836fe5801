"""Trees made from trees, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradwright.notation.tree import Tree, children, walk, with_children


def rebuilt(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """`change` applied to every node, children first; sizes in `ones(n)` are nodes too."""
    done: dict[int, Tree] = {}
    for part in reversed(list(walk(tree))):
        parts = children(part)
        new = tuple(done[id(child)] for child in parts)
        same = all(a is b for a, b in zip(parts, new, strict=True))
        done[id(part)] = change(part if same else with_children(part, new))
    return done[id(tree)]


def places(tree: Tree) -> Iterator[tuple[Tree, Callable[[Tree], Tree]]]:
    """Every node, and how to put another one into its place."""
    stack: list[tuple[Tree, tuple[int, ...]]] = [(tree, ())]
    while stack:
        node, path = stack.pop()
        yield node, lambda new, path=path: _put(tree, path, new)  # type: ignore[misc]
        stack += [(child, (*path, k)) for k, child in reversed(list(enumerate(children(node))))]


def _put(tree: Tree, path: tuple[int, ...], new: Tree) -> Tree:
    above = [tree]
    for k in path[:-1]:
        above.append(children(above[-1])[k])
    for node, k in zip(reversed(above[: len(path)]), reversed(path), strict=True):
        parts = list(children(node))
        parts[k] = new
        new = with_children(node, tuple(parts))
    return new
