"""Random structures and networks: `python -m tests.suites.structures --count 2000`.

Two of three cases are linear maps composed at random, square or not; each of their operations is
compared with the dense array by plain NumPy. The third is a random network in a random layout,
whose Hessian products are compared with backprop by hand and a complex step, and its Gauss-Newton
matrix with Jacobians found so. `--shard 1/4` splits the work, `--log FILE` goes on where it
stopped, `--seed` repeats a run.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.errors import ConditionWarning
from gradwright.run.linear_map import LinearMap
from tests.nn.complex_backprop import gauss_newton, hessian_product
from tests.nn.random_networks import random_network
from tests.run.random_maps import rectangular, square

Array = Any
UNIT = 2.3e-16

#: Of products of networks, relative to the largest entry.
TOLERANCE = 1e-9

#: A softmax that is all but 1 has slopes a (1 - a) without a digit: below this there is no largest
#: entry to compare with.
SATURATED = 1e-6


def require_equal(made: LinearMap, array: Array, rng: np.random.Generator) -> None:
    """Every operation of a map is that of the array, up to rounding."""
    rows, columns = array.shape
    scale = max(1.0, float(np.linalg.norm(array, 2))) if array.size else 1.0
    # Sums of as many products as the structure is deep and wide.
    bound = 64 * UNIT * scale * max(array.shape) * 10
    assert made.shape == array.shape
    X, Y = rng.normal(size=(columns, 3)), rng.normal(size=(rows, 2))
    assert np.max(np.abs(made.dense() - array)) <= bound
    assert np.max(np.abs(made @ X - array @ X)) <= bound * 10
    assert (made @ X[:, 0]).shape == (rows,)
    assert np.max(np.abs(made.T @ Y - array.T @ Y)) <= bound * 10
    assert np.max(np.abs(made.diagonal() - np.diagonal(array))) <= bound
    singular = np.linalg.svd(array, compute_uv=False)
    assert np.max(np.abs(made.singular_values() - singular)) <= bound
    if rows != columns:
        return
    assert abs(made.trace() - np.trace(array)) <= bound * rows
    condition = float(np.linalg.cond(array))
    if condition > 1e8:
        return
    expected = np.linalg.solve(array, Y)
    off = float(np.max(np.abs(made.solve(Y) - expected)))
    assert off <= 1e4 * UNIT * condition * float(np.max(np.abs(expected))), made.structure
    assert abs(made.logdet() - np.linalg.slogdet(array)[1]) <= 1e4 * UNIT * condition * rows


def off(found: Array, expected: Array) -> float:
    """The largest difference by the largest entry, or by SATURATED where all are smaller."""
    scale = max(float(np.max(np.abs(expected))), SATURATED)
    return float(np.max(np.abs(found - expected))) / scale


def judge_network(rng: np.random.Generator) -> None:
    """Hessian products and the Gauss-Newton matrix of a random network."""
    text, loss, X, y = random_network(rng)
    rows = gw.Network(text, loss=loss, reduction=str(rng.choice(["mean", "sum"])))
    layout = str(rng.choice(["rows", "columns", "transposed"]))
    net, p, v = rows.relayout(layout), rows.init(), rows.init()
    p.flat[:] = rng.normal(size=p.flat.size) / 2
    v.flat[:] = rng.normal(size=v.flat.size)
    q, w = p.relayout(layout), v.relayout(layout)
    found = net.hvp(q, X, y, w).relayout("rows").flat
    assert off(found, hessian_product(rows, p.flat, X, y, v.flat)) <= TOLERANCE, rows
    expected = gauss_newton(rows, p.flat, X, y)
    G = net.gauss_newton(q, X, y)
    product = w.relayout("rows")
    product.flat[:] = expected @ v.flat
    assert off(G @ w.flat, product.relayout(layout).flat) <= TOLERANCE, rows
    product.flat[:] = np.diagonal(expected)
    assert off(G.diagonal(), product.relayout(layout).flat) <= TOLERANCE, rows


def judge(seed: int, number: int) -> str:
    """What case `number` is; AssertionError where a result is wrong."""
    rng = np.random.default_rng([seed, number])
    with warnings.catch_warnings():
        # Of random structures some are nearly singular, and say so.
        warnings.simplefilter("ignore", ConditionWarning)
        match number % 3:
            case 0:
                require_equal(*square(rng, int(rng.integers(2, 17)), int(rng.integers(0, 4))), rng)
                return "square map"
            case 1:
                require_equal(*rectangular(rng, int(rng.integers(0, 3))), rng)
                return "rectangular map"
            case _:
                judge_network(rng)
                return "network"


def main() -> int:
    """Run the suite, print what was judged, and return 1 when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard", default="1/1", help="K/N: every Nth case, from the Kth on")
    parser.add_argument("--log", type=Path, help="a file of the cases that were judged")
    given = parser.parse_args()
    first, step = map(int, given.shard.split("/"))
    known = given.log.read_text().split("\n") if given.log and given.log.exists() else []
    judged = dict(line.split(" ", 1) for line in known if line)
    for number in range(first - 1, given.count, step):
        if str(number) in judged:
            continue
        try:
            outcome = judge(given.seed, number)
        except AssertionError as error:
            outcome = f"wrong: {str(error).splitlines()[0] if str(error) else error!r}"
            print(number, outcome, file=sys.stderr)
        judged[str(number)] = outcome
        if given.log:
            with given.log.open("a") as file:
                file.write(f"{number} {outcome}\n")
    counts = Counter("wrong" if o.startswith("wrong") else o for o in judged.values())
    print(f"seed {given.seed}, shard {given.shard}")
    for sort, count in sorted(counts.items()):
        print(f"{count:6}  {sort}")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
