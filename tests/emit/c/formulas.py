"""C modules of formulas, compiled without a warning and called, with guards around their memory."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.api.derivation import Derivation
from gradwright.core.sizes import Lengths, names_in
from gradwright.program.ir import operand_axes
from tests.emit.standalone.building import STRICT

#: Numbers before and behind an array that nobody may write to.
GUARD = 32
UNTOUCHED = -7


@dataclass
class Compiled:
    """The function of a module: its parameters as (type, name), and how to call it."""

    library: ctypes.CDLL
    name: str
    parameters: list[tuple[str, str]]

    def __call__(
        self, sizes: Sequence[int], values: Sequence[object], counts: Sequence[int]
    ) -> np.ndarray:
        """The results, of so many numbers each, behind each other; sizes and values in order."""
        guarded: list[np.ndarray] = []
        given = self._sizes(sizes)
        for (kind, _), value in zip(self.parameters[len(sizes) :], values, strict=False):
            if kind == "real":
                given.append(ctypes.c_double(float(np.asarray(value))))
                continue
            array = np.ascontiguousarray(value, np.int64 if "long" in kind else np.float64)
            guarded.append(_guarded(array.size, array.dtype))
            _inside(guarded[-1])[:] = array.ravel()
            given.append(_inside(guarded[-1]).ctypes.data_as(ctypes.c_void_p))
        results = [_guarded(count) for count in counts]
        room = [_guarded(self._scratch(sizes))] if self.parameters[-1][1] == "scratch" else []
        given += [_inside(held).ctypes.data_as(ctypes.c_void_p) for held in (*results, *room)]
        assert len(given) == len(self.parameters)
        function = getattr(self.library, self.name)
        function.restype = None if results else ctypes.c_double
        value = function(*given)
        for held in (*guarded, *results, *room):
            assert np.all(held[:GUARD] == UNTOUCHED) and np.all(held[-GUARD:] == UNTOUCHED)
        return np.concatenate([_inside(held) for held in results]) if results else np.array([value])

    def _sizes(self, sizes: Sequence[int]) -> list[object]:
        assert [kind for kind, _ in self.parameters].count("long") == len(sizes)
        return [ctypes.c_long(size) for size in sizes]

    def _scratch(self, sizes: Sequence[int]) -> int:
        counted = getattr(self.library, f"{self.name}_scratch")
        counted.restype = ctypes.c_long
        return int(counted(*self._sizes(sizes)))


def _guarded(count: int, dtype: Any = np.float64) -> np.ndarray:
    """So many numbers that were never written, with guards on both sides."""
    held = np.full(count + 2 * GUARD, UNTOUCHED, dtype)
    if held.dtype == np.float64:
        _inside(held)[:] = np.nan
    return held


def _inside(held: np.ndarray) -> np.ndarray:
    return held[GUARD : len(held) - GUARD]


def compiled(sources: Sequence[str], folder: Path, flags: Sequence[str] = ()) -> list[Compiled]:
    """The functions of modules, in one library: each gets a number behind its name."""
    parts: list[tuple[str, list[tuple[str, str]]]] = []
    names = []
    for place, source in enumerate(sources):
        name, head = re.findall(r"^(?:void|real) (\w+)\(([^{]*)\)\n\{", source, re.MULTILINE)[-1]
        listed = [
            (kind.strip(), called)
            for kind, called in re.findall(r"\s*([^,]*?)(\w+)\s*(?:,|$)", head)
        ]
        path = folder / f"module{place}.c"
        path.write_text(re.sub(rf"\b{name}(_scratch)?\b", rf"{name}{place}\1", source), "utf-8")
        names.append(path)
        parts.append((f"{name}{place}", listed))
    built = folder / "modules.so"
    # What C leaves undefined ends the process.
    flags = flags or ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    command = ["gcc", *STRICT, "-O1", "-fPIC", "-shared", *flags, *map(str, names), "-lm"]
    done = subprocess.run([*command, "-o", str(built)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    library = ctypes.CDLL(str(built))
    return [Compiled(library, name, listed) for name, listed in parts]


def results_of(derived: Derivation, function: Compiled, point: Mapping[str, Any]) -> np.ndarray:
    """What the C code of a derivation gives at a point, all results behind each other."""
    made, _ = derived._program.functions
    lengths = Lengths(derived._program.lengths(point))
    names = names_in(size for axes in made.axes.values() for size in axes)
    sizes = [lengths[size] for size in sorted(names | set(derived.free_sizes))]
    values = [point[name] for name in made.inputs if name not in derived.free_sizes]
    axes = [operand_axes(operand, made.axes) for operand in made.outputs]
    counts = [int(np.prod([lengths.length(size) for size in one], dtype=int)) for one in axes]
    return function(sizes, values, [] if axes == [()] else counts)
