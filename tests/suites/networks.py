"""Random networks of all layers, losses and optimisers: NumPy, C and PyTorch's autograd.

The documented suite is `python -m tests.suites.networks --count 2000`.

A network is drawn as a description. The NumPy module and the C module of it, in float64 and in
float32, and the module for PyTorch are made by the package; the same network is written in
PyTorch's own functions by `drawn_networks.py`, where PyTorch is installed. Loss, gradients, the
state behind them and predictions are compared, the gradient with a difference quotient of the loss,
and what some steps of training make of the parameters. C modules are compiled `--together` at a
time. Each network has its own seed, which `--only` repeats; `--shard 1/4` takes every fourth,
`--log FILE` goes on where a run stopped, and judges again what was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.run import compiling
from tests.suites.network_judging import TORCH, Case, judge
from tests.suites.network_units import Unit

#: Networks in one compilation unit.
TOGETHER = 16


def judged(seeds: Sequence[int]) -> list[dict[str, Any]]:
    """What is found of the networks of seeds, whose C modules are compiled together."""
    cases = [Case(seed) for seed in seeds]
    unit = Unit([(case.model, case.rule) for case in cases])
    return [
        judge(case, {dtype: unit.compiled(place, dtype) for dtype in ("float64", "float32")})
        for place, case in enumerate(cases)
    ]


def main() -> int:
    """Judge networks, say what is wrong with some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--only", type=int)
    parser.add_argument("--together", type=int, default=TOGETHER)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    # At low priority on a busy machine a unit of many networks takes long to compile.
    compiling.MOST_SECONDS = 3600
    print("PyTorch takes part" if TORCH else "PyTorch is not installed and takes no part")
    if given.only is not None:
        (found,) = judged([given.only])
        print(json.dumps(found, indent=1))
        return 1 if found["wrong"] else 0
    seed = given.seed if given.seed is not None else int(np.random.default_rng().integers(2**31))
    part, parts = map(int, given.shard.split("/"))
    print(f"seed {seed}, shard {given.shard}", flush=True)
    places = range(part - 1, given.count, parts)
    own = [int(np.random.default_rng((seed, place)).integers(2**31)) for place in places]
    done = _read(given.log)
    left = [seed for seed in own if seed not in done or done[seed]["wrong"]]
    for start in range(0, len(left), given.together):
        for found in judged(left[start : start + given.together]):
            done[found["seed"]] = found
            if given.log is not None:
                with given.log.open("a", encoding="utf-8") as log:
                    print(json.dumps(found), file=log)
            if found["wrong"]:
                print(f"seed {found['seed']}: {found['wrong']}", flush=True)
    return summary([done[seed] for seed in own])


def _read(log: Path | None) -> dict[int, dict[str, Any]]:
    if log is None or not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return {row["seed"]: row for row in rows}


def summary(rows: Sequence[dict[str, Any]]) -> int:
    """Print how many were judged by what, and the worst errors; how many are wrong."""
    wrong = [row for row in rows if row["wrong"]]
    print(f"{len(rows)} networks, {len(wrong)} wrong")
    for what, count in sorted(Counter(note for row in rows for note in row["notes"]).items()):
        print(f"  {what}: {count}")
    errors: dict[str, list[float]] = {}
    for row in rows:
        for side, error in row["errors"].items():
            errors.setdefault(side, []).append(error)
    for side, listed in sorted(errors.items()):
        print(f"  {side}: {len(listed)} networks, largest error {max(listed):.2g} of the allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
