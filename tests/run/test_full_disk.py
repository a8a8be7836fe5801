"""Disks that are full, for real: small ones, mounted in a namespace that ends with the test."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import gradwright as gw
from tests.programs.installed import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

MOUNT = "mount -t tmpfs -o size={size}k none {folder}"

#: The first disk is full, later and later: while sources are written, by the compiler, by the
#: linker, and not at all, twice. The second has room.
COMPILES = """
import ctypes, json, os, subprocess, tempfile
from pathlib import Path
from gradwright.run.compiling import compiled

SOURCE = "long routine(void); long answer(void) {{ return routine(); }}"
ROUTINES = "long routine(void) {{ return 42; }}"
found = []
for pages in range(1, 25):
    if sum(fits for fits, _ in found) == 2:
        break
    disk = Path({folder!r}) / f"disk {{pages}}"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={{4 * pages}}k", "none", disk], check=True)
    tempfile.tempdir = {folder!r} + f"/second {{pages}}"
    os.mkdir(tempfile.tempdir)
    os.environ["GRADWRIGHT_CACHE"] = str(disk)
    made = compiled(SOURCE, routines=ROUTINES)
    found.append((made.is_relative_to(disk), ctypes.CDLL(str(made)).answer()))
    left = [path.name for path in disk.iterdir() if path.suffix not in (".so", ".o")]
    assert not left, left
print(json.dumps(found))
"""

#: No disk has room for compiled code, and the training ends with NumPy.
TRAINS = """
import json, sys
import numpy as np
import gradwright as gw
from gradwright.api import choosing_target

choosing_target.saved_seconds = lambda *_: 1e9
net = gw.Network("3 -> 5 tanh -> 2 softmax")
X, y = np.sin(np.arange(33.0)).reshape(11, 3), np.arange(11) % 2
run = gw.train(net, X, y, epochs=4, batch_size=4, seed=7)
print(json.dumps([run.target, run.note, run.params.flat.tolist()]))
"""


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Runs a program that may mount disks, one of this size in KiB mounted for all it writes."""
    monkeypatch.delenv("CC", raising=False)
    disk = tmp_path / "disk"
    disk.mkdir()

    def shell(command: str, *more: str) -> subprocess.CompletedProcess[str]:
        whole = ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh", *more]
        return subprocess.run(whole, capture_output=True, text=True)

    mounted = MOUNT.format(size=16, folder=f"'{disk}'")
    try:
        tried = shell(mounted)
    except FileNotFoundError:
        pytest.skip("there is no unshare, with which a small disk is mounted")
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted here: {tried.stderr.strip()}")

    def run(program: str, size: int = 16):
        monkeypatch.setenv("GRADWRIGHT_CACHE", str(disk))
        monkeypatch.setenv("TMPDIR", str(disk))
        mounted = MOUNT.format(size=size, folder=f"'{disk}'")
        done = shell(f'{mounted} && exec "$@"', sys.executable, "-c", program)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_what_does_not_fit_is_compiled_on_another_disk(ended, tmp_path):
    found = ended(COMPILES.format(folder=str(tmp_path)))
    assert {answer for _, answer in found} == {42}
    fits = [first for first, _ in found]
    assert not fits[0] and fits[-1] and fits == sorted(fits)


# Sources do not fit; their objects do not.
@pytest.mark.parametrize("size", [16, 96])
def test_where_nothing_fits_numpy_trains(ended, size):
    target, note, found = ended(TRAINS, size)
    assert target == "numpy" and "no folder for it can be written" in note
    net = gw.Network("3 -> 5 tanh -> 2 softmax")
    X, y = np.sin(np.arange(33.0)).reshape(11, 3), np.arange(11) % 2
    run = gw.train(net, X, y, epochs=4, batch_size=4, seed=7, target="numpy")
    assert found == run.params.flat.tolist()
