"""The parts of support files that a module needs, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files

WORD = re.compile(r"\w+")

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

#: What a part defines: macros, functions and tables.
DEFINED = re.compile(r"^#define (\w+)|^static[^;{(\[]*?\b(\w+)\s*[(\[]", re.MULTILINE)

MACRO = "#define "

#: The headers of the C library, and what needs them.
LIBRARY = {
    "math.h": r"\b(NAN|INFINITY|isfinite|real_\w+|sqrt|pow|fmax|fmin)\b",
    "stddef.h": r"\b(NULL|size_t)\b",
    "stdint.h": r"\bu?int\d+_t\b",
    "string.h": r"\bmem(cpy|set)\b",
}


def support_texts(names: Iterable[str], double: bool) -> list[str]:
    """The texts of support files for one precision."""
    found = ((files(__package__) / name).read_text("utf-8") for name in names)
    return [chosen_precision(content, double) for content in found]


def chosen_precision(text: str, double: bool) -> str:
    """A text without the lines for the other precision."""
    lines, kept = [], True
    for line in text.splitlines():
        match line.strip():
            case "#ifdef DOUBLE_PRECISION":
                kept = double
            case "#else":
                kept = not kept
            case "#endif":
                kept = True
            case _ if kept:
                lines.append(line)
    return "\n".join(lines)


def defined_names(text: str) -> set[str]:
    """The names of macros, functions and tables that a text defines, and what macros stand for."""
    defined = {name for names in DEFINED.findall(text) for name in names if name}
    return defined | set(re.findall(r"^#define \w+ (\w+)$", text, re.MULTILINE))


def needed_parts(texts: Iterable[str], code: str) -> str:
    """The parts of the texts that the code refers to, and those that these refer to, in order.

    Parts are apart by empty lines, or lines that define macros. Of two that define the same the
    first is taken.
    """
    parts: list[tuple[str, frozenset[str]]] = []
    known: set[str] = set()
    for part in (part for text in texts for part in _parts(text)):
        names = frozenset(one or other for one, other in DEFINED.findall(part))
        if names and not names & known:
            parts.append((part, names))
            known |= names
    words = _words(code)
    taken: set[str] = set()
    while more := [part for part, names in parts if names & words and part not in taken]:
        taken.update(more)
        words |= _words("\n".join(more))
    lines = ""
    for part, _ in parts:
        if part in taken:
            last = lines.rstrip("\n").rsplit("\n", 1)[-1]
            together = part.startswith(MACRO) and last.startswith(MACRO)
            lines += f"{part}\n" if together else f"\n{part}\n"
    return lines


def _words(code: str) -> set[str]:
    """The words of code, without those of its comments."""
    return set(WORD.findall(COMMENT.sub("", code)))


def _parts(text: str) -> Iterator[str]:
    for part in re.split(r"\n{2,}", text.strip()):
        lines = part.splitlines()
        if all(line.startswith(MACRO) for line in lines):
            yield from lines
        else:
            yield part
