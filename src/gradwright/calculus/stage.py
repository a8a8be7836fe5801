"""Named definitions: what a layer computes, and the pullback through it.

Each name is an opaque variable for everything after it; that is what keeps expressions small,
shares work and lets a derivation read like a textbook.
"""

from __future__ import annotations

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable

#: What stands before the name of a part of the state where its new value is meant.
NEXT = "next_"


class Definition(Struct, frozen=True):
    """`name := node`; later definitions refer to the variable."""

    variable: Variable
    node: Node


class Block(Struct, frozen=True):
    """Definitions in order of computation, over given inputs."""

    inputs: tuple[Variable, ...]
    definitions: tuple[Definition, ...]


class Stage(Struct, frozen=True):
    """One kind of layer, derived: forward definitions and the pullback's definitions.

    A hidden stage has inputs X, W, b and defines Z, A; its backward block has inputs δA and
    whatever it needs of X, W, b, Z, A and defines δZ, δW, δb, δX. The head stage also has the
    input Y and defines the loss L last in forward; its backward block starts without δA.
    Without bias there is no b and no δb; with the identity as activation there is no Z. Sizes are
    the names "n" (samples), "p" (fan-in) and "q" (fan-out). Adjoints are named δA, δZ, δW, δb, δX.
    `drawn` are the inputs that every step of training draws anew; `update` makes new values of
    what a layer carries from step to step. `weights` is the input of the head, beside Y, that says
    how much each sample counts in the loss, or "".
    """

    name: str
    graph: Graph
    forward: Block
    backward: Block
    drawn: tuple[str, ...] = ()
    update: Block | None = None
    weights: str = ""

    @property
    def layer_inputs(self) -> tuple[Variable, ...]:
        """The inputs of forward that are not for the loss alone."""
        return tuple(v for v in self.forward.inputs if v.name not in ("Y", self.weights))
