"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from gradwright.errors import SymbolError

Command = Callable[..., Any]

#: A formula such as -x'*x is an argument, not a set of options.
FORMULA_MAY_START_WITH_MINUS = {"ignore_unknown_options": True}

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON document."
)
out = click.option(
    "--out", metavar="FOLDER", help="Also write the results to files in this folder."
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of every random choice.",
)
declare = click.option(
    "--declare",
    "declarations",
    multiple=True,
    metavar="'NAME=KIND SIZES'",
    help="Declare a symbol, such as 'A=matrix n n'. May be given several times.",
)
level = click.option(
    "--level",
    type=click.Choice(["outline", "full", "index"]),
    default="full",
    show_default=True,
    help="How much of the derivation is written; index adds sums over indices and proofs.",
)
wrt = click.option(
    "--wrt",
    metavar="NAME[,NAME]",
    help="The variable to differentiate by, or several: each alone, with --kind derivative one "
    "after the other.",
)
kind = click.option(
    "--kind",
    type=click.Choice(["gradient", "jacobian", "hessian", "derivative", "vjp", "jvp", "hvp"]),
    help="Default: the gradient of a scalar formula, the Jacobian of any other. vjp is the "
    "Jacobian times a cotangent from the left; jvp and hvp are Jacobian and Hessian times a "
    "tangent.",
)
mode = click.option(
    "--mode",
    type=click.Choice(["auto", "reverse", "forward", "cross_country"]),
    default="auto",
    show_default=True,
    help="The order of the chain rule in the code; auto takes the fewest multiplications.",
)
constraint = click.option(
    "--constraint",
    type=click.Choice(["none", "projected", "free"]),
    default="none",
    show_default=True,
    help="A gradient or Hessian by a variable with facts, such as a symmetric matrix: entry by "
    "entry, within the set of such matrices, or by their free entries.",
)
cost = click.option(
    "--cost",
    is_flag=True,
    help="Print the multiplications of each mode instead of the derivation.",
)
equations = click.option(
    "--equations", metavar="FILE", help="Check the equations of this file, one a line; - is stdin."
)
network = click.option(
    "--network", metavar="NETWORK", help="The network that the equations are about."
)
trace = click.option(
    "--trace",
    is_flag=True,
    help="Also show one step on two samples with all its numbers, those multiplied included.",
)
report = click.option(
    "--report", metavar="FILE.html", help="Also write one self-contained HTML page to this file."
)
loss = click.option(
    "--loss",
    metavar="NAME",
    help="A name, or a formula of one sample in its outputs a and targets y, as norm2(a - y). "
    "Default: the loss that belongs to the last activation.",
)
reduction = click.option(
    "--reduction",
    type=click.Choice(["mean", "sum"]),
    default="mean",
    show_default=True,
    help="How the losses of the samples are put together.",
)
layout = click.option(
    "--layout",
    type=click.Choice(["rows", "columns", "transposed"]),
    help="What formulas and code look like: X W + 1 bᵀ, which is the default, W X + b 1ᵀ or "
    "Wᵀ X + b 1ᵀ. Data has its samples as rows in any case.",
)


def data_options(required: bool) -> Callable[[Command], Command]:
    """`--data` and `--label`."""
    data = click.option(
        "--data",
        required=required,
        metavar="NAME|FILE.csv",
        help="A bundled data set (such as digits) or a CSV file with a header.",
    )
    label = click.option(
        "--label",
        metavar="COLUMN",
        help="The column of a CSV file that is to be predicted. Default: the last one, or the one "
        "before it where the last is --sample-weight.",
    )
    return lambda command: data(label(command))


notation = click.option(
    "--notation",
    type=click.Choice(["000", "001", "002", "003", "004"]),
    help="Letters, conventions and layout of one of the lecture notes.",
)


def convention_options(command: Command) -> Command:
    """`--notation`, `--gradient`, `--jacobian`, `--layer-jacobian`."""
    options = (
        notation,
        click.option(
            "--gradient",
            type=click.Choice(["column", "row"]),
            help="With a notation for one sample: how derivatives by values of layers are written.",
        ),
        click.option(
            "--jacobian",
            type=click.Choice(["numerator", "transposed"]),
            help="With a notation: whether ∂f/∂x has a row or a column for each entry of f.",
        ),
        click.option(
            "--layer-jacobian",
            type=click.Choice(["output", "pre-activation"]),
            help="With a notation: what the recursion over the layers runs over.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


steps_of = click.option(
    "--optimizer",
    metavar="NAME",
    help="Whose steps the code of a network makes, in every target; as in gradwright train. "
    "Default: sgd.",
)

OPTIMIZER_SETTING = click.option(
    "--setting",
    "optimizer_settings",
    multiple=True,
    metavar="NAME=NUMBER",
    help="A setting of the optimizer, such as beta1=0.8. May be given several times.",
)

#: What a standalone module is asked for.
OF_STANDALONE = (
    click.option(
        "--standalone",
        is_flag=True,
        help="With --target c: header, source and test program in plain C99 for embedded systems, "
        "without heap, and what they take of memory. The options below go with it.",
    ),
    click.option(
        "--params",
        metavar="FILE.npz",
        help="The parameters that are written into the code; otherwise a random start.",
    ),
    click.option(
        "--train-layers",
        "train",
        default="all",
        show_default=True,
        metavar="all|none|NUMBER[,NUMBER...]",
        help="The layers whose parameters move, counted from 1; with none the code predicts only.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="The most samples of a step: memory grows with it.",
    ),
    OPTIMIZER_SETTING,
    click.option(
        "--dtype",
        type=click.Choice(["float32", "float64"]),
        default="float32",
        show_default=True,
        help="Whether numbers are floats or doubles.",
    ),
    click.option(
        "--name",
        default="network",
        show_default=True,
        metavar="NAME",
        help="What the names of files and functions begin with.",
    ),
    seed,
)


def standalone_options(command: Command) -> Command:
    """`--standalone`, and those that go with it."""
    for option in reversed(OF_STANDALONE):
        command = option(command)
    return command


sample_weight = click.option(
    "--sample-weight",
    metavar="COLUMN",
    help="The column of a CSV file that says how much each sample counts.",
)

#: What a training is asked for, the optimiser with it.
OF_TRAINING = (
    click.option("--epochs", type=click.IntRange(1), default=30, show_default=True),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        help="Samples in a step. Default: 32; lbfgs and levenberg_marquardt take all of them.",
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        help="Default: the optimizer's own, 0.1 for sgd, 0.001 for adam.",
    ),
    click.option(
        "--optimizer",
        default="sgd",
        show_default=True,
        metavar="NAME",
        help="sgd, momentum, nesterov, rmsprop, adam, adamw; lbfgs or levenberg_marquardt, whose "
        "epochs are iterations over all samples.",
    ),
    OPTIMIZER_SETTING,
    click.option(
        "--schedule",
        default="constant",
        show_default=True,
        metavar="NAME|FORMULA",
        help="How the rate changes: constant, step, cosine, one_cycle, or a formula of "
        "learning_rate and t, the number of steps before, such as 'learning_rate/(1 + t/100)'.",
    ),
    click.option(
        "--warmup",
        type=click.FloatRange(0),
        default=0,
        metavar="EPOCHS",
        help="For so many epochs the rate rises to its full value.",
    ),
    click.option(
        "--max-norm",
        type=click.FloatRange(0, min_open=True),
        help="Scale gradients down to this norm where they are longer.",
    ),
    click.option(
        "--weight-decay",
        type=click.FloatRange(0),
        help="Shrink the parameters by the rate times this in each step.",
    ),
    click.option("--l1", type=click.FloatRange(0), help="Add l1 ‖w‖₁ to the loss."),
    click.option("--l2", type=click.FloatRange(0), help="Add l2 ‖w‖₂²/2 to the loss."),
    sample_weight,
    click.option(
        "--class-weight",
        multiple=True,
        metavar="balanced|CLASS=NUMBER",
        help="How much the samples of a class count; balanced: all classes count the same. May be "
        "given several times.",
    ),
    click.option(
        "--categories",
        multiple=True,
        metavar="COLUMN[=WIDTH]",
        help="A column of a CSV file that holds categories: each has a row of a table, of WIDTH "
        "numbers, that is trained. Columns of words without digits do anyway. May be given several "
        "times.",
    ),
    click.option(
        "--held-out",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.2,
        show_default=True,
        help="The part of the samples that is kept from training and measured on.",
    ),
)


def training_options(command: Command) -> Command:
    """`--epochs`, `--batch-size`, `--held-out`, weights, and those of the optimiser."""
    for option in reversed(OF_TRAINING):
        command = option(command)
    return command


def declared(declarations: Sequence[str]) -> dict[str, str]:
    """`["A=matrix n n"]` as `{"A": "matrix n n"}`.

    Raises:
        SymbolError: a declaration without `=`, or a name declared twice.
    """
    found: dict[str, str] = {}
    for text in declarations:
        name, equals, what = (part.strip() for part in text.partition("="))
        if not (name and equals and what):
            raise SymbolError(
                f"the declaration {text!r}",
                "a declaration is a name, an equals sign and a kind, and a part is missing",
                "write it like --declare 'A=matrix n n'",
                text=text,
            )
        if name in found:
            raise SymbolError(
                f"the declaration {text!r}",
                f"{name} is declared as {found[name]!r} and again as {what!r}",
                f"declare {name} once",
                text=text,
            )
        found[name] = what
    return found


def names(text: str) -> tuple[str, ...]:
    """`"x, A"` as `("x", "A")`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
