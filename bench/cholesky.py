"""One Cholesky factor beside one routine for each thing: the log-likelihood of a Gaussian process.

Run as `python -m bench.cholesky`. `logdet(K) + y'*inv(K)*y` with its gradient by K and y is run as
emitted, and as the same lines with NumPy's or PyTorch's routines one by one: a Cholesky factor for
the log-determinant, an LU factor for the solution, another for the inverse. Both run in turns, with
one thread, and must first agree. PyTorch's part is left out where it is not installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import gradwright as gw
from bench.hessian import timed
from bench.step import environment, processor, revision
from gradwright.run.load import load

Array = Any
ROUNDS = {10: 400, 100: 100, 500: 15}
AGREEMENT = 1e-9


def by_numpy(K: Array, y: Array) -> tuple[Array, ...]:
    """Value and gradient, one routine for each thing."""
    z = np.linalg.solve(K, y)
    log_det = 2 * np.sum(np.log(np.diag(np.linalg.cholesky(K))))
    return y @ z + log_det, np.linalg.inv(K) - np.outer(z, z), 2 * z


def by_torch(K: Array, y: Array) -> tuple[Array, ...]:
    """The same with PyTorch."""
    import torch

    z = torch.linalg.solve(K, y)
    log_det = 2 * torch.sum(torch.log(torch.diagonal(torch.linalg.cholesky(K))))
    return y @ z + log_det, torch.linalg.inv(K) - torch.outer(z, z), 2 * z


def emitted() -> dict[str, Callable[..., Any]]:
    """The functions of the emitted modules, by library."""
    likelihood = gw.formula("logdet(K) + y'*inv(K)*y", K="posdef n n", y="vector n")
    derived = likelihood.gradient("K", "y")
    with_value = derived._program._modules[1].source
    made = {"NumPy": load(with_value).value_and_gradient}
    if importlib.util.find_spec("torch"):
        made["PyTorch"] = load(derived.source("torch")).value_and_gradient
    return made


def main() -> None:
    """Print a table."""
    if "--here" not in sys.argv:
        command = [sys.executable, "-m", "bench.cholesky", "--here"]
        sys.exit(subprocess.run(command, env=environment(1)).returncode)
    rng = np.random.default_rng(3)
    print(f"{revision()}, {processor()}, load {os.getloadavg()[0]:.1f}")
    print(
        "library  n    one by one  one factor  (least of the rounds in ms, median of the quotients)"
    )
    for library, ours in emitted().items():
        for n, rounds in ROUNDS.items():
            points = rng.normal(size=(n, n))
            given = points @ points.T / n + np.eye(n), rng.normal(size=n)
            theirs = by_numpy
            if library == "PyTorch":
                import torch

                torch.set_num_threads(1)
                given, theirs = tuple(map(torch.tensor, given)), by_torch
            for one, other in zip(ours(*given), theirs(*given), strict=True):
                error = np.max(np.abs(np.asarray(one - other)))
                assert error <= AGREEMENT * np.max(np.abs(np.asarray(other)))
            calls = {"theirs": partial(theirs, *given), "ours": partial(ours, *given)}
            times = timed(calls, rounds)
            one, other = times["theirs"]["wall"], times["ours"]["wall"]
            quotient = median(a / b for a, b in zip(one, other, strict=True))
            print(f"{library:8} {n:<4} {min(one):10.3f}  {min(other):10.3f}  {quotient:.2f}x")


if __name__ == "__main__":
    main()
