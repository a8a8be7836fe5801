"""What every test may ask for: a seed that can be repeated, and a generator made from it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets

import numpy as np
import pytest

from tests.programs.installed import CHROMIUM, NODE, PDFLATEX

RUN_SEED = pytest.StashKey[int]()

#: Folders of tests that need an optional package: the package, its name, the extra that has it.
EXTRAS = {"torch": ("torch", "PyTorch", "torch"), "zig": ("ziglang", "ziglang", "native")}
MISSING = {
    folder: (name, extra)
    for folder, (package, name, extra) in EXTRAS.items()
    if importlib.util.find_spec(package) is None
}

# Without the package they would only fail.
collect_ignore = list(MISSING)

#: Tests that start a program, the program, and its name.
PROGRAMS = {
    "programs/test_browser.py": (CHROMIUM, "chromium"),
    "programs/test_katex.py": (NODE, "node or npm"),
    "programs/test_latex.py": (PDFLATEX, "pdflatex"),
}
collect_ignore += [name for name, (program, _) in PROGRAMS.items() if program is None]


def pytest_configure(config: pytest.Config) -> None:
    written = os.environ.get("GRADWRIGHT_SEED")
    seed = secrets.randbelow(2**32) if written is None else int(written)
    config.stash[RUN_SEED] = seed
    # Processes that share a run's tests (`-n auto`) share its seed.
    os.environ["GRADWRIGHT_SEED"] = str(seed)


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.stash[RUN_SEED]
    lines = [f"gradwright: seed {seed} (GRADWRIGHT_SEED={seed} repeats this run)"]
    for folder, (package, extra) in MISSING.items():
        lines.append(
            f"gradwright: tests/{folder} is left out, {package} is not installed; "
            f"pip install -e '.[{extra}]' adds it"
        )
    for name, (program, wanted) in PROGRAMS.items():
        if program is None:
            lines.append(f"gradwright: tests/{name} is left out, {wanted} is not installed")
    return lines


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    # `pytest -q` shows no header, and a run without its seed cannot be repeated.
    if config.get_verbosity() < 0:
        for line in pytest_report_header(config):
            terminalreporter.write_line(line)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A number of this run and this test alone: the order of the tests does not change it."""
    name = f"{request.config.stash[RUN_SEED]} {request.node.nodeid}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
