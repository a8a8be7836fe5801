"""The command `gradwright`: its commands, and how a run ends.

Exit codes: 0 fine, 1 a check failed, 2 bad input, 130 interrupted. Commands are imported when they
are used, so that `--help` does not wait for NumPy.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

import click

from gradwright.errors import GradwrightError

CHECK_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

COMMANDS = {
    "derive": "The derivative of a formula, derived step by step.",
    "linearize": "The linearization of a formula, and what it leaves out as the step shrinks.",
    "backprop": "The backward pass of a network: derived, checked, trained with.",
    "check": "Check the derivative of a formula or a network against independent oracles.",
    "flow": "How gradients flow through a network: vanishing, exploding, and where.",
    "train": "Train a network and measure it on samples it has not seen.",
    "predict": "Predict for new samples with a network that was trained.",
    "report": "The derivation and its check as a page or a LaTeX document.",
    "emit": "The derivative of a formula or a network as code.",
}


class _Commands(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"gradwright.cli.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"gradwright {version('gradwright')}")
        ctx.exit()


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run gradwright COMMAND --help for the options of a command and examples.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def group() -> None:
    """Write the derivatives of a formula or a neural network.

    Derived step by step, checked against independent oracles, as code, and trained with.

    \b
    Examples:
      gradwright derive "x'*A*x" --wrt x
      gradwright backprop "64 -> 32 relu -> 10 softmax" --data digits --out out/
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        result = group.main(list(arguments), prog_name="gradwright", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except GradwrightError as error:
        click.echo(str(error), err=True)
        return BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit:
        # click's way to say that nobody reads its help (as in `| head`); its code 1 means a failed
        # check here.
        return 0
    return result if isinstance(result, int) else 0


def main() -> None:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        # Mathematics is not ASCII: where a terminal cannot show a sign, show its escape instead.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # A request to end leaves nothing half done behind, like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))
