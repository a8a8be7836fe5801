"""C source as a shared object: the compiler, its flags, and what is kept of what it makes."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from gradwright.errors import UnsupportedError
from gradwright.run.compilers import Compiler, required
from gradwright.run.store import digest, folders, store, stored

#: NaN and infinities keep their meaning. With -O3 it would take up to twice as long to compile and
#: no less to run (docs/performance.md).
FLAGS = (
    "-std=gnu99",
    "-O2",
    "-ftree-vectorize",
    "-funswitch-loops",
    "-fpeel-loops",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp-simd",
    "-pthread",
    "-fPIC",
)

#: A disk that has no room for so many bytes counts as full, where a compiler failed on it.
ROOM = 2**23

#: A compiler that takes longer is stopped.
MOST_SECONDS = 120

#: What a source is compiled with that has its routines from another object.
APART = "-DROUTINES_APART"


def compiled(source: str, definitions: Sequence[str] = (), routines: str = "") -> Path:
    """The shared object of a source, from the store or compiled now.

    `routines` is the source of an object that it is linked with, which is kept for other sources.

    Raises:
        UnsupportedError: there is no compiler, it fails, or the system is Windows.
    """
    build = _Build(required(), (*FLAGS, *(f"-D{name}" for name in definitions)))
    key = build.key(source, routines)
    for folder in folders():
        found = stored(folder, key, ".so")
        if found is not None:
            return found
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return build.shared_object(source, routines, folder)
    raise UnsupportedError(
        "the target c",
        "compiled code has to be stored and no folder for it can be written",
        'set GRADWRIGHT_CACHE to a folder with space, or use target="numpy"',
    )


def loaded(path: Path) -> ctypes.CDLL:
    """A shared object, loaded.

    Raises:
        UnsupportedError: the compiler has made something else.
    """
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise UnsupportedError(
            "the target c",
            f"the compiler {' '.join(required().command)} should make a shared object, and loading "
            f"it says: {error}",
            'set CC to a compiler that works, or use target="numpy"',
        ) from error


def _machine() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


class _Build(Struct, frozen=True):
    """A compiler with what it is told."""

    compiler: Compiler
    options: tuple[str, ...]

    def key(self, *sources: str) -> str:
        """The key of what is made of these sources."""
        told = (*self.options, *self.compiler.command, self.compiler.version)
        return digest(*sources, *told, _machine())

    def shared_object(self, source: str, routines: str, folder: Path) -> Path:
        """A new entry of a folder.

        Raises:
            OSError: the folder cannot be written.
            UnsupportedError: the compiler fails.
        """
        # What only a compilation needs is loaded by one: most processes find an earlier one's.
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(dir=folder, prefix=".compiling-") as name:
            place = Path(name)
            try:
                made = self._linked(source, routines, folder, place)
            except UnsupportedError:
                # A compiler that has no room to write does not say so in a way that all share.
                (place / "room").write_bytes(bytes(ROOM))
                raise
            return store(made, folder, self.key(source, routines))

    def _linked(self, source: str, routines: str, folder: Path, place: Path) -> Path:
        """The shared object, made in `place`; the object of the routines is kept in `folder`."""
        network, made, key = place / "network.o", place / "network.so", self.key(routines)
        kept = stored(folder, key, ".o") if routines else None
        fresh = place / "routines.o" if routines and kept is None else None
        apart = (APART,) if routines else ()
        commands = {network: self._object(network, source, *apart)}
        if fresh is not None:
            commands[fresh] = self._object(fresh, routines)
        self._run(commands)
        if fresh is not None:
            kept = store(fresh, folder, key)
        objects = [str(path) for path in (network, kept) if path is not None]
        self._run({made: [*objects, "-shared", "-o", str(made), "-lm"]})
        return made

    def _object(self, made: Path, text: str, *more: str) -> list[str]:
        """The arguments that make an object of a text, which is written beside it."""
        source = made.with_suffix(".c")
        source.write_text(text, "utf-8")
        return [*more, "-c", str(source), "-o", str(made)]

    def _run(self, commands: Mapping[Path, Sequence[str]]) -> None:
        """Make each of these files, all at the same time.

        Raises:
            UnsupportedError: the compiler fails.
        """
        import subprocess

        first = [*self.compiler.command, *self.options]
        running: dict[Path, subprocess.Popen[bytes]] = {}
        try:
            for made, arguments in commands.items():
                with made.with_suffix(".told").open("wb") as told:
                    streams: dict[str, Any] = {"stdout": told, "stderr": subprocess.STDOUT}
                    # What a compiler writes on the way lies on the same disk.
                    around = {**os.environ, "TMPDIR": str(made.parent)}
                    try:
                        running[made] = subprocess.Popen(
                            [*first, *arguments], env=around, **streams
                        )
                    except OSError as error:
                        raise self._failure(str(error)) from error
            for made, process in running.items():
                ended = process.wait(MOST_SECONDS)
                if ended or not made.exists():
                    said = made.with_suffix(".told").read_text("utf-8", "replace").strip()
                    line = (said.splitlines() or ["nothing"])[0]
                    raise self._failure(f"it ends with {ended} and says: {line}")
        except subprocess.TimeoutExpired as error:
            raise self._failure(str(error)) from error
        finally:
            for process in running.values():
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def _failure(self, what: str) -> UnsupportedError:
        called = " ".join(self.compiler.command)
        return UnsupportedError(
            "the target c",
            f"the compiler {called} should compile emitted code, and {what}",
            'set CC to a compiler that works, or use target="numpy"',
        )
