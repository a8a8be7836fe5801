"""Newton steps solved through the structure of a Hessian, beside the dense Hessian.

Run as `python -m bench.newton`; `--json` prints the figures as JSON. A step takes the Hessian at
the values and solves with it for a gradient: through `operator(...).solve`, and by the dense
Hessian that the derivation computes with `numpy.linalg.solve`. Both run in turns, with one BLAS
thread, and must first agree. The multiplications are those that the maps say; `tests/run` counts
them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from bench.hessian import timed
from bench.step import environment, processor, revision

Array = Any
SEED = 7
AGREEMENT = 1e-8


@dataclass(frozen=True)
class Problem:
    """A Hessian at values, with a dense side unless that is too large to be made."""

    name: str
    formula: str
    wrt: str
    values: dict[str, Any]
    declarations: dict[str, str]
    rounds: int
    dense: bool = True


def problems(rng: np.random.Generator) -> list[Problem]:
    """Kronecker, sum of Kroneckers, and low rank."""

    def factorisation(n: int, m: int, k: int, rounds: int, dense: bool = True) -> Problem:
        shapes = {"T": (n, m), "U": (n, k), "V": (m, k)}
        values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        name = f"norm2(T - U*V')^2 in U, n = {n}, k = {k}"
        return Problem(name, "norm2(T - U*V')^2", "U", values, {}, rounds, dense)

    def posdef(size: int) -> Array:
        V = rng.normal(size=(size, size))
        return V.T @ V / size + np.eye(size)

    X = rng.normal(size=(40, 1500))
    quadratic = {"A": posdef(40), "B": posdef(30), "X": rng.normal(size=(40, 30))}
    ridge = {"X": X, "w": rng.normal(size=1500), "y": rng.normal(size=40), "c": 0.1}
    facts = {"A": "symmetric p p", "B": "symmetric q q", "X": "matrix p q"}
    two_sided = ("tr(X'*A*X) + tr(X*B*X')", "X", quadratic, facts)
    return [
        factorisation(200, 200, 5, 31),
        factorisation(500, 200, 5, 7),
        factorisation(20_000, 200, 5, 31, dense=False),
        Problem(f"{two_sided[0]}, 40 × 30", *two_sided, 15),
        Problem(
            "norm2(X*w - y)^2 + c*w'*w in w, X 40 × 1500",
            "norm2(X*w - y)^2 + c*w'*w",
            "w",
            ridge,
            {"c": "scalar"},
            9,
        ),
    ]


def calls_of(problem: Problem) -> tuple[dict[str, Callable[[], Array]], Any]:
    """The two sides, and the map."""
    import gradwright as gw

    formula = gw.formula(problem.formula, **problem.declarations)
    hessian = formula.hessian(problem.wrt)
    right = np.ravel(formula.gradient(problem.wrt)(**problem.values), order="F")

    def dense() -> Array:
        H = hessian(**problem.values)
        axes = H.ndim // 2
        turned = (*reversed(range(axes)), *reversed(range(axes, 2 * axes)))
        return np.linalg.solve(H.transpose(turned).reshape(right.size, -1), right)

    made = hessian.operator(**problem.values)
    sides: dict[str, Callable[[], Array]] = {
        "structured": lambda: hessian.operator(**problem.values).solve(right),
        "its solve alone": lambda: made.solve(right),
    }
    if problem.dense:
        sides["dense"] = dense
    return sides, made


def measured() -> list[dict[str, Any]]:
    """The figures of all problems; runs in the process that is measured."""
    found = []
    for problem in problems(np.random.default_rng(SEED)):
        sides, made = calls_of(problem)
        results = {name: side() for name, side in sides.items()}
        scale = float(np.max(np.abs(results["structured"])))
        for name, result in results.items():
            gap = float(np.max(np.abs(result - results["structured"])))
            if not gap <= AGREEMENT * scale:
                raise SystemExit(f"{problem.name}: {name} differs by {gap:.1e} of {scale:.1e}")
        times = timed(sides, problem.rounds)
        costs = made.costs
        found.append(
            {
                "problem": problem.name,
                "rounds": problem.rounds,
                "unknowns": made.shape[0],
                "structure": made.structure,
                "multiplications": {"structured": costs.solve, "dense": costs.dense_solve},
                "ms": {
                    name: {clock: float(np.median(spent)) for clock, spent in clocks.items()}
                    for name, clocks in times.items()
                },
            }
        )
    return found


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [
        f"machine: {figures['machine']}; load average {figures['load']}",
        f"date: {figures['date']}; revision: {figures['revision']}",
        "",
        "Newton steps, float64, one thread; medians of rounds in turns",
    ]
    for case in figures["cases"]:
        lines += ["", f"{case['problem']} ({case['rounds']} rounds)"]
        lines.append(f"  Hessian {case['unknowns']} × {case['unknowns']}: {case['structure']}")
        counts = case["multiplications"]
        times = counts["dense"] / counts["structured"]
        lines.append(
            f"  multiplications of solve: {counts['structured']:,}, dense {counts['dense']:,} "
            f"({times:,.0f} times)"
        )
        for name, clocks in case["ms"].items():
            over = clocks["processor"] / case["ms"]["structured"]["processor"]
            ratio = f"   {over:.0f} times structured, by CPU" if name == "dense" else ""
            wall, spent = clocks["wall"], clocks["processor"]
            lines.append(f"  {name:<16} {wall:>10.3f} ms wall {spent:>10.3f} ms CPU{ratio}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.newton", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--measured", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measured:
        print(json.dumps(measured()))
        return
    run = subprocess.run(
        [sys.executable, "-m", "bench.newton", "--measured"],
        env=environment(1),
        check=True,
        stdout=subprocess.PIPE,
    )
    figures = {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "load": round(os.getloadavg()[0], 1),
        "cases": json.loads(run.stdout),
    }
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
