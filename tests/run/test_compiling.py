"""Compiling: what is stored, and what happens when a compiler or the store fails."""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradwright.errors import UnsupportedError
from gradwright.run import compilers, compiling
from gradwright.run.compiling import compiled
from gradwright.run.store import folders
from tests.programs.installed import COMPILER

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

SOURCE = "long answer(void) { return 42; }\n"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRADWRIGHT_CACHE", str(tmp_path / "store"))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "store"


def _answer(path: Path) -> int:
    # A copy: a library is loaded once for each path.
    copy = path.with_suffix(f".{os.urandom(4).hex()}")
    copy.write_bytes(path.read_bytes())
    return ctypes.CDLL(str(copy)).answer()


@needs_compiler
def test_a_source_is_compiled_once(monkeypatch):
    first = compiled(SOURCE)
    assert _answer(first) == 42
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("compiled again"))
    assert compiled(SOURCE) == first


@needs_compiler
def test_other_definitions_are_another_entry():
    assert compiled(SOURCE) != compiled(SOURCE, ["DOUBLE_PRECISION"])


@needs_compiler
@pytest.mark.parametrize("damage", [b"", b"\x7fELF no more", None])
def test_a_damaged_entry_is_made_again(damage):
    entry = compiled(SOURCE)
    content = entry.read_bytes()
    entry.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert _answer(compiled(SOURCE)) == 42


@needs_compiler
def test_processes_may_race(store):
    program = (
        "import ctypes; from gradwright.run.compiling import compiled; "
        f"print(ctypes.CDLL(str(compiled({SOURCE!r}))).answer())"
    )
    command = [sys.executable, "-c", program]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in racing] == ["42\n"] * 4
    assert all(entry.suffix == ".so" for entry in store.iterdir())


@needs_compiler
def test_a_child_process_goes_on_with_what_is_loaded():
    library = ctypes.CDLL(str(compiled(SOURCE)))
    # In a process of its own: a fork of a process with threads is warned of.
    read, write = os.pipe()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import ctypes, os\n"
            f"library = ctypes.CDLL({library._name!r})\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    os._exit(library.answer())\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
        ],
        stdout=write,
    )
    os.close(write)
    child.wait()
    with os.fdopen(read) as told:
        assert told.read() == "42\n"


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(compilers, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="none of cc, gcc, clang is on the path"):
        compiled(SOURCE)


@needs_compiler
def test_a_compiler_from_a_package(tmp_path, monkeypatch):
    """A stand-in for ziglang, of 400 MB, that calls the compiler of the system."""
    package, about = tmp_path / "ziglang", tmp_path / "ziglang-0.13.dist-info"
    package.mkdir()
    about.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import subprocess, sys\n"
        "assert sys.argv[1] == 'cc'\n"
        f"sys.exit(subprocess.call([{COMPILER!r}, *sys.argv[2:]], env={dict(os.environ)!r}))\n"
    )
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ziglang\nVersion: 0.13\n")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    brought = compilers.required()
    assert brought.version == "ziglang 0.13"
    # What it links first takes longer, and whether it has linked before is not known.
    assert brought.seconds == compilers.FIRST_SECONDS > compilers.SECONDS
    assert _answer(compiled(SOURCE)) == 42


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo something is missing >&2; exit 3", "ends with 3 and says: something is missing"),
        ("exit 0", "ends with 0 and says: nothing"),
    ],
)
def test_a_broken_compiler(script, told, tmp_path, monkeypatch):
    broken = tmp_path / "cc"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(UnsupportedError, match=told):
        compiled(SOURCE)


@needs_compiler
def test_a_compiler_with_arguments(tmp_path, monkeypatch):
    script = tmp_path / "wrapper"
    script.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/told\nshift\nexec {COMPILER} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CC", f"'{script}' -first")
    assert _answer(compiled(SOURCE)) == 42
    assert (tmp_path / "told").read_text() == "-first\n"


@pytest.mark.parametrize("asked", ["/nope/cc", "no-such-compiler -O2", "'unclosed", " "])
def test_a_compiler_that_is_not_there(asked, monkeypatch):
    monkeypatch.setenv("CC", asked)
    with pytest.raises(UnsupportedError, match=r"CC is .* and no such program is found"):
        compiled(SOURCE)


@needs_compiler
def test_a_compiler_that_makes_something_else(tmp_path, monkeypatch):
    junk = tmp_path / "cc"
    junk.write_text(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do\n"
        '  if [ "$1" = -o ]; then echo junk > "$2"; fi\n  shift\ndone\n'
    )
    junk.chmod(0o755)
    monkeypatch.setenv("CC", str(junk))
    with pytest.raises(UnsupportedError, match="should make a shared object, and loading it says"):
        compiling.loaded(compiled(SOURCE))


def test_a_compiler_that_does_not_end(tmp_path, monkeypatch):
    slow = tmp_path / "cc"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("CC", str(slow))
    monkeypatch.setattr(compiling, "MOST_SECONDS", 0.2)
    with pytest.raises(UnsupportedError, match="timed out"):
        compiled(SOURCE)


@needs_compiler
def test_a_store_that_cannot_be_written_is_left_for_another(store, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    store.write_text("a file, no folder")
    assert _answer(compiled(SOURCE)) == 42


@needs_compiler
def test_a_user_without_a_home_has_the_folder_for_temporary_files(tmp_path, monkeypatch):
    """As in a container that runs as a number the system does not know."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    for variable in ("HOME", "GRADWRIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    entry = compiled(SOURCE)
    assert _answer(entry) == 42
    assert entry.is_relative_to(tmp_path)


@pytest.mark.parametrize("variable", ["GRADWRIGHT_CACHE", "XDG_CACHE_HOME"])
def test_a_folder_may_be_named_from_the_home(variable, tmp_path, monkeypatch):
    monkeypatch.delenv("GRADWRIGHT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "~/kept")
    assert next(folders()).is_relative_to(tmp_path / "kept")


@needs_compiler
def test_a_full_disk(store, tmp_path, monkeypatch):
    """A stand-in where no disk can be mounted (see test_full_disk): moving says that it is full."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    move = os.replace

    def full(source, target):
        if Path(target).parent == store:
            raise OSError(errno.ENOSPC, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert _answer(compiled(SOURCE)) == 42
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "")))
    with pytest.raises(UnsupportedError, match="no folder for it can be written"):
        compiled(SOURCE + "\n")


ROUTINES = '__attribute__((visibility("hidden"))) long routine(void) { return 42; }\n'
WITH_ROUTINES = """
#ifdef ROUTINES_APART
long routine(void);
#else
static long routine(void) { return 41; }
#endif
long answer(void) { return routine(); }
"""


@needs_compiler
def test_routines_are_compiled_once_for_all_sources(store, monkeypatch):
    assert _answer(compiled(WITH_ROUTINES)) == 41
    assert _answer(compiled(WITH_ROUTINES, routines=ROUTINES)) == 42
    (kept,) = store.glob("*.o")
    told = []
    started = subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda command, **more: told.append(command) or started(command, **more),
    )
    assert _answer(compiled(f"{WITH_ROUTINES}\n", routines=ROUTINES)) == 42
    assert len(told) == 2 and str(kept) in told[1], "one source and a link"


@needs_compiler
def test_a_damaged_object_of_routines_is_made_again(store):
    compiled(WITH_ROUTINES, routines=ROUTINES)
    (kept,) = store.glob("*.o")
    kept.write_bytes(b"\x7fELF no more")
    assert _answer(compiled(f"{WITH_ROUTINES}\n", routines=ROUTINES)) == 42


@needs_compiler
def test_an_error_in_the_routines_is_told():
    with pytest.raises(UnsupportedError, match="error"):
        compiled(WITH_ROUTINES, routines="no C at all\n")
