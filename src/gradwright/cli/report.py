"""`gradwright report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradwright.cli import options
from gradwright.cli.main import CHECK_FAILED
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note, progress
from gradwright.cli.subject import given_network, make_backprop, make_derivation
from gradwright.errors import OutputError
from gradwright.run.files import output_folder, publish

if TYPE_CHECKING:
    from gradwright.verification.report import CheckReport

SCHEMA = "gradwright.report/1"

#: What is written, by the ending of the file.
FORMATS = {".html": "html", ".tex": "latex"}


@click.command("report", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA|NETWORK")
@click.option(
    "--out",
    required=True,
    metavar="FILE.html|FILE.tex",
    help="The file to write: one self-contained page, or a LaTeX document.",
)
@options.wrt
@options.kind
@options.declare
@options.loss
@options.reduction
@options.layout
@options.convention_options
@options.seed
@options.as_json
def command(
    text: str,
    out: str,
    wrt: str | None,
    kind: str | None,
    declarations: tuple[str, ...],
    loss: str | None,
    reduction: str,
    layout: str | None,
    seed: int,
    as_json: bool,
    **convention: str | None,
) -> int:
    """Write the derivation of FORMULA or NETWORK, with its check, as a page or a document.

    The ending of --out says which. The exit code is 1 when the check fails.

    \b
    Examples:
      gradwright report "x'*A*x" --wrt x --out quadratic.html
      gradwright report "tanh(W*x)" --wrt W --out layer.tex
      gradwright report "64 -> 32 relu -> 10 softmax" --out network.html
    """
    target = Path(out).absolute()
    written = _format(out)
    with output_folder(str(target.parent)) as folder:
        assert folder is not None
        if given_network(text):
            content, check = _network(text, loss, reduction, layout, convention, written, seed)
        else:
            content, check = _formula(text, wrt, kind, declarations, written, seed)
        folder.write(target.name, content)
        publish(folder)
    note(f"wrote {target}")
    document = {
        "schema": SCHEMA,
        "of": text,
        "file": str(target),
        "format": written,
        "check": check.to_dict(),
    }
    say(json_text(document) if as_json else str(check))
    return 0 if check.ok else CHECK_FAILED


def _format(out: str) -> str:
    ending = Path(out).suffix.lower()
    if ending not in FORMATS:
        raise OutputError(
            f"writing a report to {out}",
            f"--out ends in {ending or 'nothing'!r} and a report is written as "
            f"{' or '.join(FORMATS)}",
            "name a file such as report.html or report.tex",
        )
    return FORMATS[ending]


def _network(
    text: str,
    loss: str | None,
    reduction: str,
    layout: str | None,
    convention: Any,
    written: str,
    seed: int,
) -> tuple[str, CheckReport]:
    from gradwright.api.reporting import network_latex, network_page

    made = make_backprop(text, loss, reduction, layout, convention)
    with progress("checking") as watch:
        check = made.check(seed=seed, progress=watch)
    return (network_page if written == "html" else network_latex)(made, check), check


def _formula(
    text: str,
    wrt: str | None,
    kind: str | None,
    declarations: tuple[str, ...],
    written: str,
    seed: int,
) -> tuple[str, CheckReport]:
    from gradwright.api.reporting import formula_latex, formula_page

    made = make_derivation(text, wrt, kind, declarations)
    check = made.check(seed=seed)
    return (formula_page if written == "html" else formula_latex)(made, check), check
