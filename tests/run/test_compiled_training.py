"""Whole trainings by compiled code where something goes wrong: each ends in the right numbers."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradwright
import gradwright as gw
from tests.programs.installed import COMPILER

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

#: Trains and writes the parameters; `watch` is called after each epoch.
PROGRAM = """
import json, os, sys
import numpy as np
import gradwright as gw

watch = None
{before}
net = gw.Network("3 -> 5 tanh -> 2 softmax")
X = np.sin(np.arange(33.0)).reshape(11, 3)
y = np.arange(11) % 2
run = gw.train(net, X, y, epochs=4, batch_size=4, seed=7, target={target!r},
               callbacks=[watch] if watch else [])
{after}
print(json.dumps(run.params.flat.tolist()))
"""

#: Linux's prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE): without it file modes bind root as well.
DROP, OVERRIDE = 24, 1


def _program(target: str = "c", before: str = "", after: str = "") -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(target=target, before=before, after=after)]


def _trained(command: list[str], **more) -> list[list[float]]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def right() -> list[float]:
    """The same training by NumPy."""
    net = gw.Network("3 -> 5 tanh -> 2 softmax")
    X = np.sin(np.arange(33.0)).reshape(11, 3)
    y = np.arange(11) % 2
    run = gw.train(net, X, y, epochs=4, batch_size=4, seed=7, target="numpy")
    return run.params.flat.tolist()


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRADWRIGHT_CACHE", str(tmp_path / "store"))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "store"


def _same(found: list[float], right: list[float]) -> None:
    # Twelve steps of 32 numbers near 1: rounding is far below.
    np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-13)


@needs_compiler
def test_trainings_that_race_for_one_entry(right):
    racing = [subprocess.Popen(_program(), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(process.communicate()[0]) for process in racing]
    assert found[0] == found[1]
    _same(found[0], right)


@needs_compiler
def test_a_damaged_entry(store, right):
    [first] = _trained(_program())
    for entry in store.glob("*.so"):
        entry.write_bytes(entry.read_bytes()[:-100])
    assert _trained(_program()) == [first]
    _same(first, right)


@needs_compiler
def test_a_fork_in_the_middle(right):
    """Both processes go on from the second epoch, each to the end."""
    forks = (
        "child = None\n"
        "def watch(epoch):\n"
        "    global child\n"
        "    if epoch.epoch == 2:\n"
        "        child = os.fork()\n"
    )
    waits = "if child: os.waitpid(child, 0)"
    one, two = _trained(_program(before=forks, after=waits))
    assert one == two
    assert [one] == _trained(_program())
    _same(one, right)


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"])
def test_a_compiler_that_breaks(script, tmp_path, monkeypatch, right):
    """It is called, as one that takes no time would be, and the training goes on with NumPy."""
    broken = tmp_path / "cc"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    called = (
        "from gradwright.api import choosing_target\n"
        "from gradwright.run.compilers import Compiler\n"
        f"choosing_target.found = lambda: Compiler(({str(broken)!r},), '', 0.0)"
    )
    told = "assert run.target == 'numpy' and 'compiler' in run.note, run"
    [found] = _trained(_program("auto", before=called, after=told))
    assert found == right


@needs_compiler
@pytest.mark.skipif(sys.platform != "linux", reason="modes bind root on Linux alone")
def test_an_install_that_cannot_be_written(tmp_path, monkeypatch, right):
    site, home = tmp_path / "site", tmp_path / "home"
    package = Path(gradwright.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, site / "gradwright", ignore=ignored)
    home.mkdir()
    for place in [home, site, *site.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
    monkeypatch.delenv("GRADWRIGHT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(site))
    refused = (
        "try: open(os.path.join(os.path.dirname(gw.__file__), 'new'), 'w')\n"
        "except PermissionError: pass\n"
        "else: sys.exit('the install can be written')\n"
    )
    drop = ctypes.CDLL(None).prctl
    [found] = _trained(
        _program(before=refused), preexec_fn=lambda: drop(DROP, OVERRIDE, 0, 0, 0), cwd=tmp_path
    )
    _same(found, right)
    assert list(tmp_path.glob("gradwright-*/*.so"))
    assert not list(home.iterdir())
