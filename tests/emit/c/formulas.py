"""C modules of formulas, compiled without a warning and called, with guards around their memory."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradwright.api.derivation import Derivation
from gradwright.core.sizes import Lengths
from tests.emit.standalone.building import STRICT

#: Numbers before and behind an array that nobody may write to.
GUARD = 32
UNTOUCHED = -7.25


@dataclass
class Compiled:
    """The function of a module: its parameters as (type, name), and how to call it."""

    library: ctypes.CDLL
    name: str
    parameters: list[tuple[str, str]]

    def __call__(
        self, values: Mapping[str, object], lengths: Mapping[str, int], results: Sequence[int]
    ) -> list[np.ndarray]:
        """The results, each of so many numbers, for values and sizes by their names in C."""
        arrays: list[np.ndarray] = []
        guarded: list[np.ndarray] = []
        given: list[object] = []
        made: list[np.ndarray] = []
        counts = iter(results)
        for kind, name in self.parameters:
            match kind:
                case "long":
                    given.append(ctypes.c_long(lengths[name]))
                case "real":
                    given.append(ctypes.c_double(float(np.asarray(values[name]))))
                case "const real *":
                    arrays.append(np.ascontiguousarray(values[name], np.float64))
                    given.append(arrays[-1].ctypes.data_as(ctypes.c_void_p))
                case "const long *":
                    arrays.append(np.ascontiguousarray(values[name], np.int64))
                    given.append(arrays[-1].ctypes.data_as(ctypes.c_void_p))
                case _:
                    count = self._scratch(lengths) if name == "scratch" else next(counts)
                    held = np.full(count + 2 * GUARD, UNTOUCHED)
                    held[GUARD : GUARD + count] = np.nan
                    guarded.append(held)
                    inside = held[GUARD : GUARD + count]
                    given.append(inside.ctypes.data_as(ctypes.c_void_p))
                    if name != "scratch":
                        made.append(inside)
        function = getattr(self.library, self.name)
        function.restype = ctypes.c_double if not made else None
        value = function(*given)
        for held in guarded:
            assert np.all(held[:GUARD] == UNTOUCHED) and np.all(held[-GUARD:] == UNTOUCHED)
        return made or [np.array([value])]

    def _scratch(self, lengths: Mapping[str, int]) -> int:
        counted = getattr(self.library, f"{self.name}_scratch")
        counted.restype = ctypes.c_long
        sizes = [name for kind, name in self.parameters if kind == "long"]
        return int(counted(*(ctypes.c_long(lengths[size]) for size in sizes)))


def compiled(sources: Sequence[str], folder: Path, flags: Sequence[str] = ()) -> list[Compiled]:
    """The functions of modules, in one library: each gets a number behind its name."""
    parts: list[tuple[str, list[tuple[str, str]]]] = []
    names = []
    for place, source in enumerate(sources):
        name, head = re.findall(r"^(?:void|real) (\w+)\(([^{]*)\)\n\{", source, re.MULTILINE)[-1]
        listed = []
        for parameter in head.replace("\n", " ").split(","):
            kind, called = re.fullmatch(r"\s*(.*?)(\w+)\s*", parameter).groups()  # type: ignore[union-attr]
            listed.append((kind.strip(), called))
        path = folder / f"module{place}.c"
        path.write_text(re.sub(rf"\b{name}(_scratch)?\b", rf"{name}{place}\1", source), "utf-8")
        names.append(path)
        parts.append((f"{name}{place}", listed))
    built = folder / "modules.so"
    command = ["gcc", *STRICT, "-O1", "-fPIC", "-shared", *flags, *map(str, names), "-lm"]
    done = subprocess.run([*command, "-o", str(built)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    library = ctypes.CDLL(str(built))
    return [Compiled(library, name, listed) for name, listed in parts]


def results_of(derived: Derivation, function: Compiled, point: Mapping[str, object]) -> np.ndarray:
    """What the C code of a derivation gives at a point, all results behind each other."""
    lengths = derived._program.lengths(point)
    functions, _ = derived._program.functions
    counts = []
    for operand in functions.outputs:
        axes = _axes(operand, functions.axes)
        counts.append(int(np.prod([Lengths(lengths).length(a) for a in axes], dtype=int)))
    if counts == [1] and not _axes(functions.outputs[0], functions.axes):
        counts = []
    values = {**point}
    return np.concatenate([a.ravel() for a in function(values, lengths, counts)])


def _axes(operand: object, axes: Mapping[str, tuple]) -> tuple:
    from gradwright.program.ir import operand_axes

    return operand_axes(operand, axes)  # type: ignore[arg-type]
