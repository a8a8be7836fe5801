"""Which code a training runs by default: C where compiling it gains time, else NumPy."""

from __future__ import annotations

from msgspec import Struct

from gradwright.errors import UnsupportedError
from gradwright.nn.network import NetworkModel
from gradwright.nn.optimizers import Optimizer
from gradwright.run.compiled_network import CompiledNetwork
from gradwright.run.compilers import INSTEAD, SECONDS, found

#: What a step by C saves, in seconds: for each layer, where calls of Python are left out, and for
#: each unit and sample, where loops are shared. Measured by `python -m bench.train`.
FOR_EACH_LAYER = 30e-6
FOR_EACH_ENTRY = 8e-9

#: Masks and normalisations over the batch are many calls of NumPy, about as many as these layers.
LIKE_LAYERS = 7

#: So many times the seconds of compiling have to be saved: neither is known exactly.
MARGIN = 2.0


class Chosen(Struct, frozen=True):
    """The compiled network to train with, or None for NumPy; `note` says what stood in the way."""

    compiled: CompiledNetwork | None
    note: str = ""


def saved_seconds(model: NetworkModel, batch: int, steps: int) -> float:
    """About how much less time so many steps take by C than by NumPy."""
    units = sum(model.widths[1:])
    calls = sum(LIKE_LAYERS if layer.masks or layer.state else 1 for layer in model.layers)
    return steps * (FOR_EACH_LAYER * calls + FOR_EACH_ENTRY * batch * units)


def choose(
    model: NetworkModel,
    dtype: str,
    rule: Optimizer,
    batch: int,
    steps: int,
    before: str | None,
    threads: int,
) -> Chosen:
    """The target of a training that does not say one.

    The choice depends on the work and on whether there is a compiler, not on what was compiled
    before: the same call gives the same numbers. `before` is the target of the training that is
    resumed, which is kept.
    """
    saved = saved_seconds(model, batch, steps)
    if before is not None:
        return Chosen(model.compiled(dtype, rule, batch, threads) if before != "numpy" else None)
    needed = MARGIN * SECONDS
    try:
        compiler = found()
        if compiler is not None:
            needed = MARGIN * compiler.seconds
        if saved < needed:
            return Chosen(None)
        if compiler is None:
            return Chosen(None, f"about {saved:.0f} s slower without a C compiler: {INSTEAD}")
        return Chosen(model.compiled(dtype, rule, batch, threads))
    except UnsupportedError as error:
        return Chosen(None, f"{error.asked} is left: {error.clash}" if saved >= needed else "")
