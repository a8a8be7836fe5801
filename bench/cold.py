"""Times `gradwright derive` in fresh processes, and which imports take its time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any

RUNS = 10

#: The command as its console script runs it.
COMMAND = ["derive", "x'*A*x", "--wrt", "x"]
SCRIPT = "from gradwright.cli.main import main; main()"

#: What is timed beside it: what every program that uses NumPy pays.
FLOORS = {"python": "pass", "python with NumPy": "import numpy"}


def seconds(arguments: list[str], environment: Mapping[str, str]) -> float:
    """Wall time of one fresh process."""
    start = perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return perf_counter() - start


def import_times(environment: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds spent in the modules of each package itself, the largest first."""
    arguments = [sys.executable, "-X", "importtime", "-c", SCRIPT, *COMMAND]
    run = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True)
    spent: Counter[str] = Counter()
    for line in run.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            package = rest.split("|")[-1].strip().split(".")[0]
            ours = package in ("gradwright", "numpy", "click", "rich", "opt_einsum")
            spent[package if ours else "others"] += int(own)
    return {package: microseconds / 1000 for package, microseconds in spent.most_common()}


def measure(environment: Mapping[str, str]) -> dict[str, Any]:
    """The median of RUNS fresh processes of each, in turns, and the imports of one."""
    programs = {"derive": ["-c", SCRIPT, *COMMAND]}
    programs |= {name: ["-c", text] for name, text in FLOORS.items()}
    seconds(programs["derive"], environment)  # writes the byte code
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, arguments in programs.items():
            times[name].append(seconds(arguments, environment))
    return {
        "command": 'gradwright derive "x\'*A*x" --wrt x',
        "runs": RUNS,
        "median_s": {name: median(found) for name, found in times.items()},
        "fastest_s": {name: min(found) for name, found in times.items()},
        "imports_ms": import_times(environment),
    }
