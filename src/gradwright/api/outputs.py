"""What a derivation holds: a derivative by one variable, emitted code, and both in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.api.modes import Chain
from gradwright.core.nodes import Node
from gradwright.errors import UnsupportedError
from gradwright.explain.left_sides import parted
from gradwright.notation.definitions import Definitions
from gradwright.program.telling import Part
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify.readable import Printed


class Output(Struct, frozen=True):
    """A derivative by one variable: the node, and equal nodes found in another mode.

    Its first `rows` axes are those of what was differentiated. `constraint` says how the entries
    of the variable were taken to vary, and `convention` says it in words. `safer` is an equal node
    that is better to run, where there is one.
    """

    name: str
    node: Node
    as_row: bool
    others: tuple[Node, ...] = ()
    rows: int = 0
    constraint: str = "none"
    convention: str = ""
    safer: Node | None = None

    @property
    def equal(self) -> tuple[Node, ...]:
        """The other nodes that it may be printed from."""
        return self.others if self.safer is None else (*self.others, self.safer)

    @property
    def key(self) -> str | tuple[str, ...]:
        """What it is found by among several results: a name, or the names of a block."""
        names = parted(self.name)
        return names if len(names) > 1 else self.name


class Choice(Struct, frozen=True):
    """The mode of the chain rule that was asked for, and lengths of sizes to count with.

    Without a chain there is nothing to choose: a product with a vector has one mode.
    """

    chain: Chain | None
    mode: str
    sizes: Mapping[str, int] = {}


class Module(Struct, frozen=True):
    """Emitted code, and the abstract functions that it takes behind its other parameters.

    `takes_out` says that its last parameter is an array for the result. `told_by` is, for each
    result, the part that tells whether an entry is not a number.
    """

    source: str
    callables: tuple[tuple[str, int], ...]
    takes_out: bool
    told_by: tuple[Part | None, ...]


def printed_dict(printed: Printed, definitions: Definitions) -> dict[str, Any]:
    """A printed result as plain values."""
    assert printed.level is not None
    return {
        "form": printed.form,
        "text": definitions.shown(printed.tree, plain_text),
        "unicode": definitions.shown(printed.tree, unicode_text),
        "latex": definitions.shown(printed.tree, latex),
        "verified": printed.level.value,
    }


def plain(value: Any) -> Any:
    """Zero-dimensional results as Python floats."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def require_forward_mode(
    target: str, forward_mode: bool, spelled: str = "forward_mode=False"
) -> None:
    """Check that a forward mode is left out of code that has one: that for PyTorch.

    `spelled` is how it was asked for.

    Raises:
        UnsupportedError: the target is another.
    """
    if not forward_mode and target != "torch":
        raise UnsupportedError(
            f"code for the target {target} with {spelled}",
            f"{spelled} leaves the forward mode out of code for torch, and the target is {target}",
            f"ask for the target torch, or leave {spelled} out",
        )


def unknown_target(target: str) -> UnsupportedError:
    """The error for a target that there is not."""
    return UnsupportedError(
        f"source for the target {target!r}",
        f"{target!r} is asked for and the targets are numpy, torch and c",
        'use source("numpy"), source("torch") or source("c")',
    )
