"""The files that belong to the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: What tools make and git ignores; .git is a file in a linked work tree.
MADE = {".git", ".venv", "__pycache__", "build", "dist", "out"}


def project_files(*suffixes: str) -> list[Path]:
    """Every file of the project with one of the suffixes (all files when none is given)."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in MADE and not f.endswith("_cache")]
        found += [Path(folder, name) for name in names if name not in MADE]
    return sorted(p for p in found if not suffixes or p.suffix in suffixes)
