"""C source as a shared object: the compiler, its flags, and the store of compiled objects.

An entry's name is the digest of what it was made from and the digest of what it holds. Entries
are written beside their place and moved there, so that processes may race, and an entry that is
half written or damaged is made again.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from gradwright.errors import UnsupportedError
from gradwright.run.compilers import Compiler, required

#: What the loops need to become vector code. NaN and infinities keep their meaning. -O2 with
#: vectors compiles in a third to two thirds of the time, and its code takes twice as long: blocks
#: of products stay loops over vectors in memory (docs/performance.md).
FLAGS = (
    "-std=gnu99",
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp-simd",
    "-pthread",
    "-shared",
    "-fPIC",
)

#: A compiler that takes longer is stopped.
MOST_SECONDS = 120


def compiled(source: str, definitions: Sequence[str] = ()) -> Path:
    """The shared object of a source, from the store or compiled now.

    Raises:
        UnsupportedError: there is no compiler, it fails, or the system is Windows.
    """
    compiler = required()
    options = [*FLAGS, *(f"-D{name}" for name in definitions)]
    made_from = "\0".join([source, *options, *compiler.command, compiler.version, _machine()])
    key = sha256(made_from.encode()).hexdigest()[:32]
    for folder in _folders():
        found = _stored(folder, key)
        if found is not None:
            return found
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return _compile(compiler, options, source, folder, key)
    raise UnsupportedError(
        "the target c",
        "compiled code has to be stored and no folder for it can be written",
        'set GRADWRIGHT_CACHE to a folder with space, or use target="numpy"',
    )


def _machine() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def _folders() -> Iterator[Path]:
    """Where compiled objects are kept; the second where the first cannot be written."""
    given = os.environ.get("GRADWRIGHT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    usual = Path(base) if base else Path("~/.cache").expanduser()
    yield Path(given) if given else usual / "gradwright"
    from tempfile import gettempdir

    yield Path(gettempdir()) / f"gradwright-{os.getuid()}"


def _stored(folder: Path, key: str) -> Path | None:
    """An entry whose content is what its name says, and that nobody else can have written."""
    try:
        if folder.stat().st_uid != os.getuid():
            return None
        entries = sorted(folder.glob(f"{key}-*.so"))
        for entry in entries:
            if entry.name == _entry_name(key, entry.read_bytes()):
                return entry
    except OSError:
        return None
    return None


def _entry_name(key: str, content: bytes) -> str:
    return f"{key}-{sha256(content).hexdigest()[:32]}.so"


def _compile(
    compiler: Compiler, options: Sequence[str], source: str, folder: Path, key: str
) -> Path:
    """Compile into a folder.

    Raises:
        OSError: the folder cannot be written.
        UnsupportedError: the compiler fails.
    """
    # What only a compilation needs is loaded by one: most processes find what an earlier one made.
    import subprocess
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=folder, prefix=".compiling-") as place:
        text, made = Path(place) / "network.c", Path(place) / "network.so"
        text.write_text(source, "utf-8")
        command = [*compiler.command, *options, str(text), "-o", str(made), "-lm"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failure(compiler, str(error)) from error
        if done.returncode or not made.exists():
            told = (done.stderr.strip().splitlines() or ["nothing"])[0]
            raise _failure(compiler, f"it ends with {done.returncode} and says: {told}")
        entry = folder / _entry_name(key, made.read_bytes())
        os.replace(made, entry)
        return entry


def _failure(compiler: Compiler, what: str) -> UnsupportedError:
    return UnsupportedError(
        "the target c",
        f"the compiler {' '.join(compiler.command)} should compile emitted code, and {what}",
        'set CC to a compiler that works, or use target="numpy"',
    )
