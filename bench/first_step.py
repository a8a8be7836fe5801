"""Seconds from the start of a process to the end of its first step of training, by compiled code.

Run as `python -m bench.first_step`; `--json` prints JSON, `--only T1` takes one network. Each
network is trained for one step in fresh processes: with an empty store, where the C is compiled,
and with what that left behind. Byte code is written before. Processor time counts the compiler too.
The process ends at once behind the step: what Python frees at its end is no part of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter
from typing import Any

from bench.step import environment, processor, revision
from bench.train import NETWORKS

RUNS = 3

PARTS = ("imports", "derivation", "code", "step")

PROGRAM = """
import os, sys, time
marks = [time.perf_counter()]
import numpy as np
import gradwright as gw
gw.Network, gw.train
marks.append(time.perf_counter())
text, batch = sys.argv[1], int(sys.argv[2])
net = gw.Network(text)
net.model.derived
marks.append(time.perf_counter())
net.model.compiled("float32", samples=batch)
marks.append(time.perf_counter())
X = np.ones((batch, net.widths[0]), np.float32)
gw.train(net, X, np.arange(batch) % net.widths[-1], params=net.init(dtype="float32"), epochs=1,
         batch_size=batch, target="c")
marks.append(time.perf_counter())
print(*(b - a for a, b in zip(marks, marks[1:])), flush=True)
os._exit(0)
"""


def run(name: str, store: str) -> dict[str, Any]:
    """One fresh process."""
    text, batch, _ = NETWORKS[name]
    surroundings = environment(1) | {"GRADWRIGHT_CACHE": store}
    # Without byte code every import compiles its module again.
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    before, started = getrusage(RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, text, str(batch)],
        env=surroundings,
        check=True,
        capture_output=True,
        text=True,
    )
    wall, after = perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    processor_time = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    parts = dict(zip(PARTS, map(float, done.stdout.split()), strict=True))
    return {"wall": wall, "processor": processor_time, **parts}


def measured(name: str) -> dict[str, Any]:
    """The medians with an empty store and with a full one."""
    runs: dict[str, list[dict[str, Any]]] = {"compiling": [], "cached": []}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as store:
            for kind in runs:
                runs[kind].append(run(name, store))
    return {
        kind: {part: median(one[part] for one in found) for part in found[0]}
        for kind, found in runs.items()
    }


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--only", choices=list(NETWORKS), action="append")
    given = reader.parse_args()
    names = given.only or ["T1", "T2", "D1", "T3", "T4"]
    with tempfile.TemporaryDirectory() as store:
        run(names[0], store)
    figures: dict[str, Any] = {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "rows": {name: measured(name) for name in names},
        "load": os.getloadavg()[0],
    }
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"machine: {figures['machine']}; load average {figures['load']:.1f}")
    print(f"date: {figures['date']}; revision: {figures['revision']}; medians of {RUNS}; seconds\n")
    print(" " * 15 + "".join(f"{x:>11}" for x in ("wall", "processor", *PARTS)))
    for name, kinds in figures["rows"].items():
        for kind, row in kinds.items():
            print(f"{name} {kind:<12}" + "".join(f"{value:>11.2f}" for value in row.values()))


if __name__ == "__main__":
    main()
