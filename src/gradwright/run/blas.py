"""The library that makes large products of compiled code: MKL or the OpenBLAS of SciPy."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from gradwright.errors import UnsupportedError

#: The routine for each precision.
ROUTINES = {"float32": "sgemm", "float64": "dgemm"}

#: What chooses the library where both are installed.
VARIABLE = "GRADWRIGHT_BLAS"

#: What a training that uses it says that it ran.
TARGETS = {"scipy": "c with BLAS", "mkl": "c with MKL"}


class Blas(Struct, frozen=True):
    """The address of a routine for products, and the target that it makes."""

    address: int
    target: str


def found(dtype: str) -> Blas | None:
    """What `GRADWRIGHT_BLAS` names; else MKL on processors of Intel, SciPy's, or None.

    On other processors MKL was slower than OpenBLAS (docs/performance.md).

    Raises:
        UnsupportedError: the variable names no library, or one that is not installed.
    """
    asked = os.environ.get(VARIABLE) or None
    looked = {"mkl": _mkl, "scipy": _scipy}
    if asked is not None:
        address = looked[asked](ROUTINES[dtype]) if asked in looked else None
        if address is None:
            known = "it is not installed" if asked in looked else "the libraries are mkl and scipy"
            raise UnsupportedError(
                "the target c",
                f"{VARIABLE} is {asked!r} and {known}",
                f"unset {VARIABLE}, or set it to mkl or scipy where that is installed",
            )
        return Blas(address, TARGETS[asked])
    for name in ("mkl", "scipy") if _of_intel() else ("scipy",):
        address = looked[name](ROUTINES[dtype])
        if address is not None:
            return Blas(address, TARGETS[name])
    return None


def _of_intel() -> bool:
    """Whether the processor is one of Intel's, where the system tells."""
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _mkl(routine: str) -> int | None:
    """The address of a routine of MKL, as the package of that name installs it."""
    for path in sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*")):
        address = _address(path, routine)
        if address is not None:
            return address
    return None


def _scipy(routine: str) -> int | None:
    """The address of a routine of SciPy's BLAS, which its wheels bring as a library of its own."""
    package = find_spec("scipy")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    for path in (
        *sorted(folder.with_name("scipy.libs").glob("libscipy_openblas*.so")),
        *sorted((folder / ".dylibs").glob("libscipy_openblas*.dylib")),
    ):
        address = _address(path, f"scipy_{routine}_")
        if address is not None:
            return address
    return _scipy_imported(routine)


def _scipy_imported(routine: str) -> int | None:
    """The same by SciPy's own interface, which takes ten times as long to load."""
    try:
        from scipy.linalg import cython_blas
    except ImportError:
        return None
    capsule = cython_blas.__pyx_capi__[routine]
    name_of, address_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address_of.restype, address_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = address_of(capsule, name_of(capsule))
    return None if address is None else int(address)


def _address(library: Path, routine: str) -> int | None:
    """Where a routine of a library lies, or None where that cannot be loaded or has none."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(str(library)), routine), ctypes.c_void_p).value
    except (OSError, AttributeError):
        return None
