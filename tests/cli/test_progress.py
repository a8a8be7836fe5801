"""Progress goes to standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import io

import pytest

from gradwright.cli import progress as module
from gradwright.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_come_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 1.0, 4.9, 5.1, 6.0, 10.2])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    with progress("training") as update:
        for done in range(1, 6):
            update("loss 0.5", done, 5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "training: loss 0.5, 3 of 5",
        "training: loss 0.5, 5 of 5",
    ]


@pytest.mark.parametrize("no_colour", [False, True])
def test_a_terminal_gets_a_bar(
    no_colour: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(module.sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    with progress("checking") as update:
        update("W1 [part]", 2, 3)
    shown = terminal.getvalue()
    assert "checking: W1 [part]" in shown
    assert "2/3" in shown
    assert ("\x1b[38;5;" in shown or "\x1b[3" in shown) is not no_colour
    assert capsys.readouterr().out == ""
