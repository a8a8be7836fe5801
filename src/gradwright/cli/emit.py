"""`gradwright emit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gradwright.cli import options
from gradwright.cli.learning import numbers
from gradwright.cli.output import json_text, say
from gradwright.cli.progress import note
from gradwright.cli.subject import (
    given_network,
    layer_numbers,
    make_derivation,
    make_network,
    refuse_options,
)
from gradwright.errors import UnsupportedError
from gradwright.run.files import OutputFolder, output_folder, publish

if TYPE_CHECKING:
    from gradwright.api.backprop import NetworkDerivation
    from gradwright.api.standalone import Standalone
    from gradwright.emit.c.kernels import Kernels

SCHEMA = "gradwright.source/1"
KERNELS_SCHEMA = "gradwright.kernels/1"


@click.command("emit", context_settings=options.FORMULA_MAY_START_WITH_MINUS)
@click.argument("text", metavar="FORMULA|NETWORK")
@options.wrt
@options.kind
@options.mode
@options.constraint
@options.declare
@options.loss
@options.reduction
@options.layout
@click.option(
    "--target",
    default="numpy",
    show_default=True,
    help="What the code is written for: numpy, torch or c.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="With --target c: print which kernel each matrix product has, and why, not the code.",
)
@click.option(
    "--weighted",
    is_flag=True,
    help="The code of a network takes a weight for each sample, in every target.",
)
@click.option(
    "--forward-mode/--no-forward-mode",
    default=True,
    help="Leave forward mode out of a module for PyTorch, which is then about half as long.",
)
@options.steps_of
@options.standalone_options
@options.as_json
@options.out
def command(
    text: str,
    wrt: str | None,
    kind: str | None,
    mode: str,
    constraint: str,
    declarations: tuple[str, ...],
    loss: str | None,
    reduction: str,
    layout: str | None,
    target: str,
    explain: bool,
    weighted: bool,
    forward_mode: bool,
    optimizer: str | None,
    as_json: bool,
    out: str | None,
    standalone: bool,
    **of_standalone: Any,
) -> None:
    """Print the derivative as a complete module that needs NumPy, PyTorch, or a C compiler only.

    With --out, the folder gets the module as derivative.py, or for a network as backprop.py; for
    the target c as derivative.c or backprop.c. With --standalone, it gets network.h, network.c and
    test_network.c.

    \b
    Examples:
      gradwright emit "x'*A*x" --wrt x,A
      gradwright emit "logdet(P)" --wrt P --declare "P=posdef n n" --target c > derivative.c
      gradwright emit "64 -> 32 relu -> 10 softmax" > backprop.py
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --out build/
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --target torch > model.py
      gradwright emit "2 -> 8 tanh -> 1 sigmoid" --target c --optimizer adam > model.c
      gradwright emit "784 -> 256 relu -> 10 softmax" --target c --explain
      gradwright emit "3 -> 10 relu -> 3 softmax" --target c --standalone --out firmware/
      gradwright emit "3 -> 10 relu -> 3 softmax" --target c --standalone --weighted --explain
    """
    network = given_network(text)
    _require_target(target, network, standalone, explain, forward_mode)
    if standalone:
        asked = make_network(text, loss, reduction, layout).backprop(weighted=weighted)
        with output_folder(out) as folder:
            made = _standalone(asked, optimizer, **of_standalone)
            for path in [] if folder is None else made.write(folder.target):
                note(f"wrote {path}")
            if explain:
                _say_kernels(made.kernels, text, as_json)
            else:
                _say_standalone(made, as_json, folder is not None)
        return
    refuse_options(tuple(of_standalone), text, "a module with --standalone", "another module")
    with output_folder(out) as folder:
        if network:
            whole = make_network(text, loss, reduction, layout).backprop(weighted=weighted)
            source = whole.source(target, optimizer, forward_mode=forward_mode)
        else:
            derived = make_derivation(text, wrt, kind, declarations, mode, constraint)
            source = derived.source(target, forward_mode=forward_mode)
        _write(folder, network, target, source)
        for path in publish(folder):
            note(f"wrote {path}")
        if explain:
            _say_kernels(whole.kernels(), text, as_json)
        else:
            _say_source(text, target, source, as_json)


def _write(folder: OutputFolder | None, network: bool, target: str, source: str) -> None:
    """Write the module into the folder, if there is one."""
    if folder is not None:
        ending = "c" if target == "c" else "py"
        folder.write(f"{'backprop' if network else 'derivative'}.{ending}", source)


def _require_target(
    target: str, network: bool, standalone: bool, explain: bool, forward_mode: bool
) -> None:
    """Check that what is asked for exists for the target."""
    from gradwright.api.outputs import require_forward_mode

    require_forward_mode(target, forward_mode, "--no-forward-mode")
    compiled = target == "c" and network
    _require(compiled or not standalone, "--standalone", network, target)
    _require(compiled or not explain, "--explain", network, target)


def _require(fits: bool, option: str, network: bool, target: str) -> None:
    """Check that an option of the target c is given with it, for a network."""
    if not fits:
        raise UnsupportedError(
            f"emit {option}",
            f"{option} is for networks in C, and this is "
            f"{'a network' if network else 'a formula'} for the target {target}",
            f"give a network and --target c, or leave {option} out",
        )


def _say_source(text: str, target: str, source: str, as_json: bool) -> None:
    document = {"schema": SCHEMA, "of": text, "target": target, "source": source}
    say(json_text(document) if as_json else source.rstrip("\n"))


def _say_kernels(kernels: Kernels, text: str, as_json: bool) -> None:
    document = {"schema": KERNELS_SCHEMA, "of": text, **kernels.to_dict()}
    say(json_text(document) if as_json else kernels.text())


def _standalone(
    backprop: NetworkDerivation,
    optimizer: str | None,
    params: str | None,
    train: str,
    batch_size: int,
    optimizer_settings: tuple[str, ...],
    dtype: str,
    name: str,
    seed: int,
) -> Standalone:
    """The module that the options ask for."""
    from gradwright.nn.optimizers import optimizer as optimizer_with

    given = None if params is None else backprop.network.load(params)
    steps = optimizer or ("sgd" if optimizer_settings else None)
    rule = steps and optimizer_with(steps, **numbers(optimizer_settings))
    layers = train if train in ("all", "none") else layer_numbers(train)
    return backprop.standalone(given, layers, batch_size, rule, dtype, name, seed)


def _say_standalone(made: Standalone, as_json: bool, is_written: bool) -> None:
    """Header, source and test program, or where these are files what they take of memory."""
    if as_json:
        say(json_text(made.to_dict()))
    elif not is_written:
        say("\n".join(f"/* {file} */\n\n{content}" for file, content in made.files.items()))
    else:
        say(str(made))
        size = made.code_size()
        if size is None:
            say("code     not measured: that takes a C compiler and the program size, on Linux")
        else:
            made_by = f"as {size.compiler} makes it for {size.machine}"
            say(f"code     {size.bytes:>10,} bytes, measured, {made_by}")
