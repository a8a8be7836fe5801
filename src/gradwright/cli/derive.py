"""`gradwright derive`."""

from __future__ import annotations

import click

from gradwright.cli import options
from gradwright.cli.output import json_text, say, write_file
from gradwright.cli.progress import note
from gradwright.cli.subject import make_derivation
from gradwright.run.files import output_folder, publish


@click.command("derive", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA")
@options.wrt
@options.kind
@options.mode
@options.constraint
@options.cost
@options.declare
@options.level
@options.as_json
@options.out
@options.report
def command(
    text: str,
    wrt: str | None,
    kind: str | None,
    mode: str,
    constraint: str,
    cost: bool,
    declarations: tuple[str, ...],
    level: str,
    as_json: bool,
    out: str | None,
    report: str | None,
) -> None:
    """Differentiate FORMULA, written as in x'*A*x, and print the derivation.

    With --out, the folder gets derivation.txt, derivation.tex (the result), derivative.py and
    derivation.json.

    \b
    Examples:
      gradwright derive "x'*A*x" --wrt x
      gradwright derive "norm2(X*w - y)^2" --wrt w --kind hessian
      gradwright derive "tr(A*X*B)" --wrt X --declare 'X=matrix n n symmetric'
      gradwright derive "tanh(W*x + b)" --wrt W --declare 'b=vector m' --json
    """
    with output_folder(out) as folder:
        derivation = make_derivation(text, wrt, kind, declarations, mode, constraint)
        explained = derivation.explain(level=level)
        if folder is not None:
            folder.write("derivation.txt", explained)
            folder.write("derivation.tex", derivation.latex())
            folder.write("derivative.py", derivation.source("numpy"))
            folder.write("derivation.json", json_text(derivation.to_dict()))
        for path in publish(folder):
            note(f"wrote {path}")
        if report is not None:
            write_file(report, derivation.html(derivation.check()))
            note(f"wrote {report}")
        if cost:
            say(json_text(derivation.cost.to_dict()) if as_json else str(derivation.cost))
        else:
            say(json_text(derivation.to_dict()) if as_json else explained)
