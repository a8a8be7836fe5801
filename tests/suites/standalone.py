"""Random networks as standalone modules: `python -m tests.suites.standalone --count 100`.

Layers, losses, optimisers, layouts, what trains and how many samples are drawn; the module is
compiled with the strictest warnings of C99 as errors, and its test program is run. What it compares
with are the numbers of the NumPy module, which `tests.suites.networks` compares with difference
quotients. Each network has its own seed, which `--only` repeats; `--shard 1/4` takes every fourth.
`--compiler` names another compiler than cc, `--flag` gives it flags.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gradwright as gw
from tests.emit.standalone.building import compiled, run
from tests.suites.network_drawing import Dense, drawn


def random_module(seed: int) -> tuple[Any, str]:
    """(a standalone module, what it is of)."""
    rng = np.random.default_rng(seed)
    case = drawn(rng)
    net = case.network()
    if all(isinstance(item, Dense) for item in case.items):
        text = " -> ".join([str(case.inputs), *(item.text for item in case.items)])
        layout = str(rng.choice(["rows", "columns", "transposed"]))
        net = gw.Network(text, loss=case.loss_text, reduction=case.reduction, layout=layout)
    possible = [k for k, x in enumerate(net.model.layers, start=1) if x.parameters]
    some = [k for k in possible if rng.random() < 0.5]
    train: Any = ["all", "none", some][rng.choice(3, p=[0.4, 0.15, 0.45])]
    rule = gw.optimizer(case.rule, **dict(case.settings))
    p = net.init(seed=seed)
    p.flat[:] += rng.uniform(0.05, 0.2, p.flat.shape)
    samples = int(rng.integers(2, 7))
    moved = possible if train == "all" else [] if train == "none" else some
    steps = {"batch_size": samples, "optimizer": rule} if moved else {}
    options = {
        "train": train,
        "dtype": str(rng.choice(["float32", "float32", "float64"])),
        "seed": seed,
        **steps,
    }
    said = f"{case} {net.model.layout.name} {options}"
    return net.backprop().standalone(p, **options), said


def judge(seed: int, compiler: Sequence[str], flags: Sequence[str] = ()) -> str:
    """What is wrong with the module of a seed; "" where nothing is."""
    try:
        made, said = random_module(seed)
    except gw.GradwrightError as error:
        if "do not give finite numbers" in str(error):
            return "set aside: no finite numbers"
        return f"{type(error).__name__} {error}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            compiled(made, Path(folder), compiler, *flags)
        except AssertionError as error:
            return f"{error}: {said}"
        done = run(Path(folder))
        return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}: {said}"


def main() -> int:
    """Judge modules, say what is wrong with some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--only", type=int)
    parser.add_argument("--compiler", default="cc")
    parser.add_argument("--flag", action="append", default=[])
    given = parser.parse_args()
    compiler = given.compiler.split()
    if given.only is not None:
        print(judge(given.only, compiler, given.flag) or "right")
        return 0
    seed = given.seed if given.seed is not None else int(np.random.default_rng().integers(2**31))
    part, parts = map(int, given.shard.split("/"))
    print(f"seed {seed}, shard {given.shard}", flush=True)
    counts: Counter[str] = Counter()
    for place in range(part - 1, given.count, parts):
        own = int(np.random.default_rng((seed, place)).integers(2**31))
        found = judge(own, compiler, given.flag)
        kind = "right" if not found else "set aside" if found.startswith("set aside") else "wrong"
        counts[kind] += 1
        if found:
            print(f"seed {own}: {found}", flush=True)
    print(dict(counts))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
