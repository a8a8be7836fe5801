"""What one step costs beside hand-written NumPy, and how long a first derivation takes.

Run as `python -m bench.step`; `--json` prints the figures as JSON, `--threads` sets the BLAS
threads of both sides. The figures come from processes of their own, in which no variable chooses
the kernels of BLAS.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from bench import cold

#: Variables that override which kernels BLAS takes for this processor.
KERNEL_CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def environment(threads: int) -> dict[str, str]:
    """The environment of what is measured."""
    kept = {name: value for name, value in os.environ.items() if name not in KERNEL_CHOICES}
    counts = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return kept | dict.fromkeys(counts, str(threads))


def processor() -> str:
    """The processor's name and the cores that this process may use."""
    names = [platform.processor() or platform.machine()]
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = listing.read_text(encoding="utf-8").splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {os.cpu_count()} cores"


def revision() -> str:
    """The revision of the checkout, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def measure(threads: int) -> dict[str, Any]:
    """All figures."""
    given = environment(threads)
    passes = subprocess.run(
        [sys.executable, "-m", "bench.passes"], env=given, check=True, stdout=subprocess.PIPE
    )
    return {
        "machine": processor(),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "threads": threads,
        "passes": json.loads(passes.stdout),
        "cold": cold.measure(given),
    }


def _row(case: dict[str, Any], timed: dict[str, Any]) -> str:
    low, _, high = timed["quartiles"]
    return (
        f"{case['network']:<58} {case['batch']:>5} {timed['emitted_us']:>9.1f} "
        f"{timed['handwritten_us']:>9.1f} {timed['ratio']:>6.2f}  {low:.2f} to {high:.2f}"
    )


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    passes, started = figures["passes"], figures["cold"]
    lines = [
        f"machine: {figures['machine']}; load average {passes['load']:.1f}",
        f"Python {figures['python']}, NumPy {passes['numpy']}; BLAS kernel: {passes['blas']}",
        f"date: {figures['date']}; revision: {figures['revision']}",
        "",
        "value_and_gradient, float32, buffers reused; microseconds, medians of rounds in turns",
    ]
    # Processor time is one thread's: with several, only wall time says what a pass takes.
    for clock in ("processor", "wall") if figures["threads"] == 1 else ("wall",):
        lines += ["", f"{clock + ' time':<58} batch   emitted   by hand  ratio  quartiles"]
        lines += [_row(case, case[clock]) for case in passes["cases"]]
    lines += ["", f"{started['command']}, {started['runs']} fresh processes; seconds"]
    lines.append(f"{'':<20} {'median':>7} {'fastest':>8}")
    for name, value in started["median_s"].items():
        lines.append(f"{name:<20} {value:>7.2f} {started['fastest_s'][name]:>8.2f}")
    imports = ", ".join(f"{name} {ms:.0f}" for name, ms in started["imports_ms"].items())
    return "\n".join([*lines, f"imports, ms in their own modules: {imports}"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.step", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads (default: 1)")
    options = parser.parse_args()
    figures = measure(options.threads)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
