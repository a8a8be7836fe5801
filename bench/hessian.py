"""Numeric Hessians beside JAX (jit) and torch.func: float64, one thread, in turns.

Run as `python -m bench.hessian` in an environment that has jax and torch; `--json` prints the
figures as JSON, `--only WORD` takes the problems whose name holds a word. What is measured runs in
a process of its own, on one core and with one thread for every tool. Before anything is timed the
results must agree.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from statistics import quantiles
from time import perf_counter, process_time
from typing import Any

import numpy as np

from bench.hessian_problems import Problem, problems
from bench.step import environment, processor, revision

#: Relative to the largest entry; the slowest sums have some thousand terms.
AGREEMENT = 1e-10

XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

SEED = 4

OURS = "gradwright"
REUSED = "gradwright, out="

Call = Callable[[], Any]


def tools(problem: Problem) -> dict[str, Call]:
    """What is timed, by name; the first is ours, those with another result stand last."""
    import gradwright as gw

    written = gw.formula(problem.formula, **problem.declarations)
    derived = written.hessian(problem.wrt)
    values = problem.values
    calls: dict[str, Call] = {OURS: lambda: derived(**values)}
    calls["JAX, jit"] = _jax(problem)
    calls["torch.func"] = _torch(problem)
    if problem.core:
        into = np.empty_like(derived(**values))
        calls[REUSED] = lambda: derived(**values, out=into)
        calls["structured"] = lambda: derived.operator(**values)
    return calls


def _jax(problem: Problem) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    fixed = {name: jax.device_put(value) for name, value in problem.values.items()}
    at = fixed[problem.wrt]
    made = jax.jit(
        jax.hessian(lambda x, rest: problem.jax(jax.numpy, {**rest, problem.wrt: x}), argnums=0)
    )
    return lambda: made(at, fixed).block_until_ready()


def _torch(problem: Problem) -> Call:
    import torch

    torch.set_num_threads(1)
    fixed = {name: torch.tensor(value) for name, value in problem.values.items()}
    at = fixed[problem.wrt]
    made = torch.func.hessian(lambda x: problem.torch(torch, {**fixed, problem.wrt: x}))
    return lambda: made(at)


def require_agreement(calls: dict[str, Call], problem: Problem) -> None:
    """Fail unless all dense results are equal within rounding."""
    ours = np.asarray(calls[OURS]())
    scale = float(np.max(np.abs(ours)))
    for name, call in calls.items():
        if name == "structured":
            continue
        gap = float(np.max(np.abs(np.asarray(call()) - ours)))
        if not gap <= AGREEMENT * scale:
            raise SystemExit(f"{problem.name}: {name} differs by {gap:.1e} of {scale:.1e}")


def timed(calls: dict[str, Call], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of every round, of the wall and of the processor, the tools in turns."""
    found: dict[str, dict[str, list[float]]] = {n: {"wall": [], "processor": []} for n in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            wall, processor_time = perf_counter(), process_time()
            call()
            found[name]["wall"].append((perf_counter() - wall) * 1e3)
            found[name]["processor"].append((process_time() - processor_time) * 1e3)
    return found


def summary(times: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Quartiles of each tool in ms, and of its time over ours in the same round."""
    made: dict[str, Any] = {}
    for name, clocks in times.items():
        made[name] = {}
        for clock, spent in clocks.items():
            over = [s / ours for s, ours in zip(spent, times[OURS][clock], strict=True)]
            made[name][clock] = {
                "ms": [round(q, 4) for q in quantiles(spent, n=4, method="inclusive")],
                "over_ours": [round(q, 2) for q in quantiles(over, n=4, method="inclusive")],
            }
    return made


def measured(only: str) -> list[dict[str, Any]]:
    """The figures of the problems; runs in the process that is measured."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = []
    for problem in problems(np.random.default_rng(SEED)):
        if only not in problem.name:
            continue
        calls = tools(problem)
        require_agreement(calls, problem)
        times = timed(calls, problem.rounds)
        found.append({"problem": problem.name, "rounds": problem.rounds, "tools": summary(times)})
    return found


def versions() -> dict[str, str]:
    """Versions of what is compared, and the BLAS of NumPy."""
    import jax
    import torch

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} ({blas['name']} {blas['version']})",
        "jax": jax.__version__,
        "torch": torch.__version__,
    }


def measure(only: str) -> dict[str, Any]:
    """All figures, from a process whose libraries are told to use one thread."""
    given = environment(1) | {"XLA_FLAGS": XLA_FLAGS, "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-m", "bench.hessian", "--measured", "--only", only],
        env=given,
        check=True,
        stdout=subprocess.PIPE,
    )
    return {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "load": round(os.getloadavg()[0], 1),
        **json.loads(run.stdout),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    listed = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    lines = [
        f"machine: {figures['machine']}; load average {figures['load']}",
        listed,
        f"date: {figures['date']}; revision: {figures['revision']}",
        "",
        "Hessians, float64, one thread on one core; medians of rounds in turns, with quartiles",
    ]
    for case in figures["cases"]:
        lines += ["", f"{case['problem']} ({case['rounds']} rounds)"]
        lines.append(f"  {'':<16} {'wall ms':>9} {'CPU ms':>9}   times ours, by CPU")
        for name, found in case["tools"].items():
            wall, spent = found["wall"]["ms"][1], found["processor"]["ms"][1]
            low, middle, high = found["processor"]["over_ours"]
            ratio = "" if name == OURS else f"{middle:.2f} ({low:.2f} to {high:.2f})"
            lines.append(f"  {name:<16} {wall:>9.3f} {spent:>9.3f}   {ratio}".rstrip())
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.hessian", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--only", default="", help="problems whose name holds this word")
    parser.add_argument("--measured", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measured:
        print(json.dumps({"versions": versions(), "cases": measured(options.only)}))
        return
    figures = measure(options.only)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
