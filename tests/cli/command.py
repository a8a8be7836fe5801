"""Running the command line as a person does: another process, its streams and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: The slowest command a test runs takes a few seconds; a hang is found by this.
TIMEOUT = 120


def gradwright(
    *arguments: str | Path, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `gradwright ARGUMENTS` without a terminal."""
    encoding = environment.setdefault("PYTHONIOENCODING", "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "gradwright", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding=encoding,
        timeout=TIMEOUT,
        cwd=folder,
        env={**os.environ, **environment},
    )
