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


#: Calls that would run a user's text, or load what a stranger wrote.
DANGEROUS = re.compile(
    r"(?<![\w.])eval\(|^\s*(import|from) (pickle|marshal|shelve)\b", re.MULTILINE
)


def test_the_package_runs_no_text_of_the_user() -> None:
    # exec stands in run/load.py alone, which is given emitted source only.
    for path in project_files(".py"):
        if "src" not in path.relative_to(ROOT).parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert not DANGEROUS.search(text), path
        if re.search(r"(?<![\w.])exec\(", text):
            assert path.relative_to(ROOT).as_posix() == "src/gradwright/run/load.py"
