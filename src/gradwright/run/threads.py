"""How many threads BLAS uses: of each library that this process has loaded.

The functions are those of OpenBLAS, under the names that NumPy's and SciPy's wheels give them, and
of MKL. Other libraries keep their number of threads.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock

#: (part of a library's file name, function that reads its number of threads, one that sets it).
FUNCTIONS = (
    *(
        (
            "openblas",
            f"{start}openblas_get_num_threads{end}",
            f"{start}openblas_set_num_threads{end}",
        )
        for start in ("scipy_", "")
        for end in ("64_", "")
    ),
    ("mkl_rt", "MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)

#: Multiplications of a product from which on a second thread gains time, about those of the first
#: layer of 784-256-128-10 with 128 samples; below it a barrier costs more. See docs/performance.md.
SHARED = 25_000_000

#: More threads than this do not share a product, here and in OpenBLAS's wheels.
MOST = 64

Control = tuple[Callable[[], int], Callable[[int], None]]

#: The numbers that are asked for now, and what each library had before the first of them. All
#: threads of a process have one BLAS.
_LOCK = Lock()
_asked: list[int] = []
_before: dict[str, tuple[Callable[[int], None], int]] = {}


def available() -> int:
    """The threads that BLAS may use: the cores of this process, and what its variables say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min([cores or 1, MOST, *(read() for read, _ in _controls().values())])


def suited(widths: Sequence[int], batch: int) -> int:
    """The threads for a network: one where its largest product is small."""
    largest = batch * max(p * q for p, q in pairwise(widths))
    return available() if largest >= SHARED else 1


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """So many threads in every library of this process, and behind it as many as before.

    Of several at once, in other threads of the process, the lowest number holds until the last one
    ends: trainings with equal numbers do not notice each other.
    """
    with _LOCK:
        for path, (read, change) in _controls().items():
            if path not in _before:
                _before[path] = change, read()
        _asked.append(count)
        _change()
    try:
        yield
    finally:
        with _LOCK:
            _asked.remove(count)
            _change()
            if not _asked:
                _before.clear()


def _change() -> None:
    for change, number in _before.values():
        change(min(_asked, default=number))


def _controls() -> dict[str, Control]:
    """How to read and to change the number of threads of each library, by its file."""
    found: dict[str, Control] = {}
    for path in sorted(_loaded()):
        for part, read, change in FUNCTIONS:
            if part not in Path(path).name:
                continue
            library = ctypes.CDLL(path)
            if hasattr(library, read) and hasattr(library, change):
                found[path] = getattr(library, read), getattr(library, change)
                break
    return found


def _loaded() -> set[str]:
    """The files of the libraries of this process, where the system tells them."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    files = {line.split(maxsplit=5)[-1] for line in lines if "/" in line}
    return {x for x in files if any(part in x for part, *_ in FUNCTIONS) and Path(x).exists()}
