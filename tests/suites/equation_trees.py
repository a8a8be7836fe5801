"""Expressions as nested tuples: random ones, rules of algebra, corruptions, values, spellings.

`("sym", name)`, `("num", k)`, `("ones", size)`, `("t", a)`, `("neg", a)`, `("fn", name, a)`,
`("sum", a)`, `("diag", a)`, and `(operator, a, b)` for `+ - * .*`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

Tree = tuple[Any, ...]
Point = dict[str, np.ndarray]
#: Sizes by letter: () a number, (n,) a column, (1, n) a row, (m, n) a matrix.
Shape = tuple[Any, ...]

FUNCTIONS = {
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.where(x > 0, x, 0),
    "step": lambda x: np.where(x > 0, 1.0, 0.0),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
    "log": np.log,
}
SHAPES = {
    "s": (), "t": (), "x": ("n",), "y": ("n",), "u": ("m",), "v": ("m",),
    "A": ("m", "n"), "B": ("m", "n"), "S": ("n", "n"), "T": ("n", "n"),
}  # fmt: skip
RENAMED = {
    "s": "c", "t": "d", "x": "p", "y": "q", "u": "h", "v": "k",
    "A": "M", "B": "N", "S": "P", "T": "Q",
}  # fmt: skip


def names(draw: random.Random) -> dict[str, Shape]:
    """Names with their shapes, in one of two alphabets."""
    return {RENAMED[n]: s for n, s in SHAPES.items()} if draw.random() < 0.5 else dict(SHAPES)


def declaration(shape: Shape) -> str:
    """A shape as it is declared."""
    return " ".join([("scalar", "vector", "matrix")[len(shape)], *shape])


def point(held: dict[str, Shape], draw: random.Random) -> Point:
    """Random values, with m = 3 and n = 4; vectors are columns of two axes."""
    lengths = {"m": 3, "n": 4, 1: 1}
    generator = np.random.default_rng(draw.randrange(2**32))
    return {
        name: generator.normal(size=[lengths[s] for s in _two(shape)])
        for name, shape in held.items()
    }


def _two(shape: Shape) -> Shape:
    return (*shape, 1, 1)[:2]


# Shapes and values -------------------------------------------------------------------------------


class NotConformable(Exception):
    """The shapes do not go together."""


def value(tree: Tree, at: Point) -> np.ndarray:
    """The value as an array of two axes.

    Raises:
        NotConformable: it has none.
    """
    match tree:
        case ("sym", name):
            found = np.asarray(at[name])
            return found.reshape(*found.shape, *(1,) * (2 - found.ndim))
        case ("num", number):
            return np.full((1, 1), float(number))
        case ("ones", name):
            return np.ones((len(at[name]), 1))
        case ("t", a):
            return value(a, at).T
        case ("neg", a):
            return -value(a, at)
        case ("fn", name, a):
            return np.asarray(FUNCTIONS[name](value(a, at)))
        case ("sum", a):
            return value(a, at).sum().reshape(1, 1)
        case ("diag", a):
            inner = value(a, at)
            if 1 not in inner.shape:
                raise NotConformable
            return np.diag(np.ravel(inner))
        case ("*", a, b):
            one, other = value(a, at), value(b, at)
            if one.size == 1 or other.size == 1:
                return one * other
            if one.shape[1] != other.shape[0]:
                raise NotConformable
            return one @ other
        case (sign, a, b):
            return _together(sign, value(a, at), value(b, at))
    raise AssertionError(tree)


def _together(sign: str, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    for k in range(2):
        if one.shape[k] != other.shape[k] and 1 not in (one.shape[k], other.shape[k]):
            raise NotConformable
    # A row with a column is none, whatever their lengths.
    vectors = 1 in one.shape and 1 in other.shape and min(one.size, other.size) > 1
    if vectors and one.shape != other.shape:
        raise NotConformable
    return {"+": np.add, "-": np.subtract, ".*": np.multiply}[sign](one, other)


def axes(tree: Tree) -> list[int]:
    """The lengths of a tree's axes that are not 1, at a point with unequal sizes."""
    at = _PROBE | {name: np.ones((3, 4)) for name in symbols(tree) - _PROBE.keys()}
    try:
        return [length for length in value(tree, at).shape if length > 1]
    except NotConformable:
        return []


_PROBE = point(SHAPES, random.Random(0)) | {
    RENAMED[n]: v for n, v in point(SHAPES, random.Random(0)).items()
}


def flat(tree: Tree, at: Point) -> np.ndarray:
    """The value as a row of numbers."""
    return np.ravel(value(tree, at))


def apart(left: Tree, right: Tree, points: tuple[Point, ...]) -> str:
    """Whether two trees are "equal", differ in "value" or in "shape"."""
    for at in points:
        one = value(left, at)
        try:
            other = value(right, at)
        except NotConformable:
            return "shape"
        if one.shape != other.shape:
            # A vector that is turned is the same vector in another convention.
            same = one.shape == other.T.shape and np.allclose(one, other.T)
            return "equal" if same else "shape"
        if not np.allclose(one, other, rtol=1e-7, atol=1e-9):
            return "value"
    return "equal"


# Text --------------------------------------------------------------------------------------------


def text(tree: Tree) -> str:
    """A tree as it is typed."""
    match tree:
        case ("sym", name):
            return str(name)
        case ("num", number):
            return str(number)
        case ("ones", _):
            return "ones(n)"
        case ("t", a):
            return f"({text(a)})'"
        case ("neg", a):
            return f"(-({text(a)}))"
        case ("fn", name, a):
            return f"{name}({text(a)})"
        case ("sum" | "diag" as name, a):
            return f"{name}({text(a)})"
        case (sign, a, b):
            return f"({text(a)} {sign} {text(b)})"
    raise AssertionError(tree)


def entries(tree: Tree) -> str | None:
    """A tree with indices; None where it has what index notation does not write."""
    counter = iter(range(100))
    lengths = axes(tree)
    try:
        return _entry(tree, list("ij"[: len(lengths)]), counter)
    except (NotConformable, ValueError):
        return None


def _entry(tree: Tree, at: list[str], counter: Iterator[int]) -> str:
    shape = _shape(tree)
    match tree:
        case ("sym", name):
            return f"{name}[{','.join(at)}]" if at else str(name)
        case ("num", number):
            return str(number)
        case ("t", a) if len(at) == 2:
            return _entry(a, at[::-1], counter)
        case ("t", a):
            return _entry(a, at, counter)
        case ("neg", a):
            return f"(-({_entry(a, at, counter)}))"
        case ("fn", name, a):
            return f"{name}({_entry(a, at, counter)})"
        case ("sum", a):
            new = [f"k{next(counter)}" for length in _shape(a) if length > 1]
            inner = _entry(a, new, counter)
            return f"sum[{','.join(new)}]({inner})" if new else inner
        case ("*", a, b):
            return _product(a, b, at, counter)
        case ("+" | "-" | ".*" as sign, a, b):
            if _shape(a) != shape or _shape(b) != shape:
                raise ValueError("one side spreads")
            return f"({_entry(a, at, counter)} {sign.strip('.')} {_entry(b, at, counter)})"
    raise ValueError("no entries")


def _product(a: Tree, b: Tree, at: list[str], counter: Iterator[int]) -> str:
    one, other = _shape(a), _shape(b)
    if one == (1, 1) or other == (1, 1):
        first, second = (at, []) if other == (1, 1) else ([], at)
        return f"({_entry(a, first, counter)}*{_entry(b, second, counter)})"
    rows = at[:1] if one[0] > 1 else []
    columns = at[len(rows) :]
    new = [f"k{next(counter)}"] if one[1] > 1 else []
    inner = f"{_entry(a, [*rows, *new], counter)}*{_entry(b, [*new, *columns], counter)}"
    return f"sum[{new[0]}]({inner})" if new else f"({inner})"


def _shape(tree: Tree) -> tuple[int, int]:
    if symbols(tree) - _PROBE.keys():
        raise ValueError("names of a network")
    found = value(tree, _PROBE).shape
    return found[0], found[1]


def symbols(tree: Tree) -> set[str]:
    """The names in a tree."""
    if tree[0] == "sym":
        return {tree[1]}
    return set().union(*(symbols(part) for part in tree[1:] if isinstance(part, tuple)))


# Making ------------------------------------------------------------------------------------------


def random_tree(shape: Shape, depth: int, held: dict[str, Shape], draw: random.Random) -> Tree:
    """A random expression of a shape."""
    fitting: list[Tree] = [("sym", name) for name, own in held.items() if own == shape]
    if len(shape) == 2:
        fitting += [("t", ("sym", name)) for name, own in held.items() if own == shape[::-1]]
    if depth == 0 and fitting:
        return draw.choice(fitting)
    again = lambda other: random_tree(other, depth - 1, held, draw)  # noqa: E731
    kind = draw.randrange(6)
    if kind == 0:
        return (draw.choice("+-"), again(shape), again(shape))
    if kind == 1:
        return ("fn", draw.choice(["tanh", "sin", "sigmoid", "relu"]), again(shape))
    if kind == 2:
        return (".*", again(shape), again(shape))
    if kind == 3:
        return ("*", again(()), again(shape)) if shape else ("sum", again(("n",)))
    if shape == ():
        size = draw.choice("mn")
        return ("*", ("t", again((size,))), again((size,)))
    if len(shape) == 1:
        inner = draw.choice("mn")
        left: Shape = (shape[0], inner)
        if left == ("m", "m"):
            return ("*", ("*", again(("m", "n")), again(("n", "m"))), again(("m",)))
        return ("*", again(left), again((inner,)))
    if draw.random() < 0.3:
        return ("*", again(shape[:1]), ("t", again(shape[1:])))
    return ("*", again((shape[0], "n")), again(("n", shape[1])))


def _places(tree: Tree, path: tuple[int, ...] = ()) -> Iterator[tuple[Tree, tuple[int, ...]]]:
    yield tree, path
    for k, part in enumerate(tree):
        if isinstance(part, tuple):
            yield from _places(part, (*path, k))


def _put(tree: Tree, path: tuple[int, ...], new: Tree) -> Tree:
    if not path:
        return new
    parts = list(tree)
    parts[path[0]] = _put(parts[path[0]], path[1:], new)
    return tuple(parts)


def rewritten(tree: Tree, draw: random.Random, times: int) -> Tree:
    """A tree after some rules of algebra, each at a random place."""
    for _ in range(times):
        choices = [_put(tree, path, new) for node, path in _places(tree) for new in _rules(node)]
        if choices:
            tree = draw.choice(choices)
    return tree


def _rules(node: Tree) -> Iterator[Tree]:
    """Equal expressions."""
    yield ("t", ("t", node))
    yield ("neg", ("neg", node))
    match node:
        case ("+" | ".*" as sign, a, b):
            yield (sign, b, a)
        case ("-", a, b):
            yield ("+", a, ("neg", b))
            yield ("neg", ("-", b, a))
        case ("t", ("*", a, b)):
            yield ("*", ("t", b), ("t", a))
        case ("t", ("+" | "-" | ".*" as sign, a, b)):
            yield (sign, ("t", a), ("t", b))
        case ("fn", "tanh", a):
            doubled = ("fn", "sigmoid", ("*", ("num", 2), a))
            yield ("-", ("*", ("num", 2), doubled), ("num", 1))
        case ("fn", "relu", a):
            yield (".*", a, ("fn", "step", a))
    match node:
        case ("+", ("+", a, b), c):
            yield ("+", a, ("+", b, c))
        case ("*", ("*", a, b), c) if _associates(b, c):
            yield ("*", a, ("*", b, c))
        case ("*", a, ("*", b, c)) if _associates(a, b):
            yield ("*", ("*", a, b), c)
        case ("*", ("t", ("sym", a)), ("sym", b)) if _is_column(a) and _is_column(b):
            yield ("*", ("t", ("sym", b)), ("sym", a))
            yield ("sum", (".*", ("sym", a), ("sym", b)))
        case ("*", a, ("+" | "-" as sign, b, c)) if _same(b, c):
            yield (sign, ("*", a, b), ("*", a, c))
        case (".*", ("sym", a), ("sym", b)) if _is_column(a) and _is_column(b):
            yield ("*", ("diag", ("sym", a)), ("sym", b))


def _is_column(name: str) -> bool:
    return name in _PROBE and _PROBE[name].shape[1] == 1 < len(_PROBE[name])


def _associates(one: Tree, other: Tree) -> bool:
    """Whether both factors are matrices with more than one row and column, or fit as they are."""
    if (symbols(one) | symbols(other)) - _PROBE.keys():
        return False
    try:
        shapes = _shape(one), _shape(other)
    except (NotConformable, ValueError):
        return False
    return min(shapes[0]) > 1 and shapes[0][1] == shapes[1][0]


def _same(one: Tree, other: Tree) -> bool:
    try:
        return _shape(one) == _shape(other)
    except (NotConformable, ValueError):
        return False


def corrupted(tree: Tree, draw: random.Random, at: Point) -> Tree:
    """A tree with one fault: a name, a sign, a transpose, an order, a part missing, a number."""
    choices: list[Tree] = []
    for node, path in _places(tree):
        choices += [_put(tree, path, new) for new in _faults(node, at)]
    return draw.choice(choices)


def _faults(node: Tree, at: Point) -> Iterator[Tree]:
    match node:
        case ("sym", name):
            alike = [n for n in at if n != name and at[n].shape == at[name].shape]
            yield from (("sym", other) for other in alike)
            if at[name].size > 1:
                yield ("t", node)
        case ("t", a):
            yield a
        case ("neg", a):
            yield a
        case ("+", a, b):
            yield ("-", a, b)
            yield a
        case ("-", a, b):
            yield ("+", a, b)
            yield ("-", b, a)
        case ("*", a, b):
            yield ("*", b, a)
            yield (".*", a, b)
            yield b
        case (".*", a, b):
            yield ("*", a, b)
            yield a
        case ("num", number):
            yield ("num", number + 1)
        case ("fn", name, a):
            yield a
            yield from (("fn", other, a) for other in ("tanh", "sin") if other != name)
        case ("sum", a):
            yield a
    yield ("neg", node)
