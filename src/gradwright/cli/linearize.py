"""`gradwright linearize`."""

from __future__ import annotations

import click

from gradwright.cli import options
from gradwright.cli.main import CHECK_FAILED
from gradwright.cli.options import declared, names
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note
from gradwright.run.files import output_folder, publish


@click.command("linearize", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA")
@click.option("--wrt", metavar="NAME", help="The variable to linearize in.")
@options.declare
@options.seed
@options.as_json
@options.out
def command(
    text: str,
    wrt: str | None,
    declarations: tuple[str, ...],
    seed: int,
    as_json: bool,
    out: str | None,
) -> int:
    """Linearize FORMULA at a random point: f(x0) + J(x0) (x - x0), as a formula and as numbers.

    What it leaves out is measured for smaller and smaller steps. The exit code is 0 when it shrinks
    faster than the step and 1 when it does not. With --out, the folder gets linearization.txt,
    linearization.tex (the formula) and linearization.json.

    \b
    Examples:
      gradwright linearize "tanh(W*x)" --wrt x
      gradwright linearize "x'*A*x" --wrt x --json
      gradwright linearize "log(det(X))" --wrt X --declare 'X=posdef n n' --seed 3
    """
    from gradwright.api.formula import formula
    from gradwright.api.linearization import linearize_at_sample

    with output_folder(out) as folder:
        variables = names(wrt or "")
        if len(variables) != 1:
            raise click.UsageError("--wrt names the one variable to linearize in")
        made = linearize_at_sample(formula(text, **declared(declarations)), variables[0], seed)
        if folder is not None:
            folder.write("linearization.txt", str(made))
            folder.write("linearization.tex", made.latex())
            folder.write("linearization.json", json_text(made.to_dict()))
        for path in publish(folder):
            note(f"wrote {path}")
        say(json_text(made.to_dict()) if as_json else str(made))
    return 0 if made.remainders().shrinks else CHECK_FAILED
