"""Help, exit codes and streams: what holds for every command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradwright.cli.main import COMMANDS
from tests.cli.command import TIMEOUT, gradwright


def test_no_command_means_help() -> None:
    for command in COMMANDS:
        assert command in gradwright("--help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_and_the_options_every_command_has(command: str) -> None:
    done = gradwright(command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert f"gradwright {command} " in done.stdout.partition("Examples:")[2]
    assert "--json" in done.stdout and "--out" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", [[], ["--frobnicate"]], ids=["no argument", "unknown option"])
def test_wrong_usage_is_bad_input(command: str, wrong: list[str]) -> None:
    done = gradwright(command, *wrong)
    assert done.returncode == 2
    assert done.stdout == "" and "Usage:" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_command_is_bad_input() -> None:
    done = gradwright("integrate", "x")
    assert done.returncode == 2 and "integrate" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_written_is_found_before_any_work(
    command: str, tmp_path: Path
) -> None:
    """The text is nonsense too: the complaint is about the place, so that came first."""
    (tmp_path / "taken").write_text("a file")
    needed = ["--data", "digits"] if command in ("train", "predict") else []
    done = gradwright(command, "][", *needed, "--out", tmp_path / "taken")
    assert done.returncode == 2 and done.stdout == ""
    assert str(tmp_path / "taken") in done.stderr and "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    """As in `gradwright --help | head -1`: not exit code 1, which says that a check failed."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "gradwright", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(reading)
    os.close(writing)
    _, said = process.communicate(timeout=TIMEOUT)
    assert said == "" and process.returncode == 0


def _interrupted(folder: Path, sent: signal.Signals) -> tuple[int, str, str]:
    """(exit code, output, messages) of a check to which a signal is sent as soon as it works.

    The work is seen from outside by the folder that it prepares its files in.
    """
    text = "784 -> 60 * 300 relu -> 10 softmax"
    process = subprocess.Popen(
        [sys.executable, "-m", "gradwright", "check", text, "--out", "out"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process in the background of a shell ignores interrupts, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not list(folder.iterdir()):
        time.sleep(0.01)
    process.send_signal(sent)
    said, complained = process.communicate(timeout=TIMEOUT)
    return process.returncode, said, complained


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, sent: signal.Signals) -> None:
    code, said, complained = _interrupted(tmp_path, sent)
    # Python loses an interrupt that falls into a callback of its imports, and says so; nobody
    # else hears of it.
    while "Exception ignored in" in complained and code != 130:
        code, said, complained = _interrupted(tmp_path, sent)
    assert code == 130
    assert "interrupted" in complained and "Traceback" not in complained and said == ""
    assert list(tmp_path.iterdir()) == []


def test_signs_that_a_stream_cannot_show_are_escaped() -> None:
    done = gradwright("derive", "x'*A*x", "--wrt", "x", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and "A\\u1d40" in done.stdout


def test_nothing_is_coloured_without_a_terminal() -> None:
    for done in (gradwright("--help"), gradwright("derive", "x*(", "--wrt", "x")):
        assert "\x1b" not in done.stdout + done.stderr
