"""A process that is killed while it writes a checkpoint leaves a whole one behind."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from gradwright.training import checkpoint
from gradwright.training.checkpoint import Checkpoint

KILLS = 12
#: Writes state after state without a pause: state k has k epochs and 50,000 numbers equal to k.
WRITER = """
import sys
import numpy as np
from gradwright.training.checkpoint import Checkpoint, write
path, k = sys.argv[1], int(sys.argv[2])
row = dict(epoch=0, loss=0.0, seconds=0.0, validation_loss=None, validation_accuracy=None)
while True:
    k += 1
    history = tuple(dict(row, epoch=e) for e in range(k))
    numbers = np.full(50_000, float(k))
    write(path, Checkpoint(numbers, numbers[None], k, 7 * k, 0, history, {}))
    print(k, flush=True)
"""


def test_kill_9_during_writes(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "state.npz"
    checkpoint.write(path, Checkpoint(np.zeros(50_000), np.zeros((1, 50_000)), 0, 0, 0, (), {}))
    draw = random.Random(seed)
    reached = 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(path), str(reached)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            # A write takes a few milliseconds, so this falls anywhere inside one.
            time.sleep(draw.uniform(0, 0.02))
            writer.kill()
            told = [int(line) for line in writer.stdout.read().split()]
        assert writer.returncode == -signal.SIGKILL
        state = checkpoint.read(path)
        assert np.array_equal(state.parameters, np.full(50_000, float(state.epochs_done)))
        # The newest state that was told of is there, or the one that was just being written.
        assert max([reached + 1, *told]) <= state.epochs_done
        reached = state.epochs_done
    assert reached > KILLS
