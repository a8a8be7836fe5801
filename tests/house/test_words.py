"""The project speaks of itself alone, and leaves nothing half done."""

from __future__ import annotations

import re

from tests.house.tree import ROOT, project_files

TEXT = (".py", ".md", ".toml", ".csv", ".tex", ".txt", ".cfg", ".yml", ".yaml", "")

#: Spelled in pieces, so that this file passes its own test.
FORBIDDEN = {
    "package registry": r"py" + r"pi\.org|files\.python" + r"hosted|registry\.npm" + r"js",
    "place on somebody's machine": r"/wor" + r"k/|\.\./sha" + r"red|/home/[a-z]",
    "how the work was organised": r"\bissue tra"
    + r"cker\b|\bthis ses"
    + r"sion\b|\bpro"
    + r"mpts?\b",
    "work left over": r"\bTO" + r"DO\b|\bFIX" + r"ME\b|\bXX" + r"X\b",
}


def test_no_file_says_what_does_not_belong_here() -> None:
    found = []
    for path in project_files(*TEXT):
        if path.name == "LICENSE":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found += [
                f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()[:80]}"
                for what, pattern in FORBIDDEN.items()
                if re.search(pattern, line, re.IGNORECASE if what.startswith("how") else 0)
            ]
    assert found == []
