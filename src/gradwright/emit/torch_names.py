"""What everything is called in the code of a differentiable value for PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.names import PythonNames, python_names
from gradwright.emit.torch_support import TORCH_HELPERS
from gradwright.program.autograd import VALUE, Autograd
from gradwright.program.folding import OWN

#: Names that every module has of its own.
MODULE_NAMES = ("torch", "ctx", "inputs", "output", "found", "tensors", "plain", "added",
                "applied", "way_back", "still", "fixed", *TORCH_HELPERS)  # fmt: skip


class FunctionNames:
    """What everything is called: `of` by the name in the program.

    `result` is the letter of the value; what comes back to a value has its name behind a d.
    Names of functions begin with `prefix`.
    """

    def __init__(
        self, parts: Autograd, result: str, taken: Sequence[str], prefix: str = ""
    ) -> None:
        given = PythonNames((*MODULE_NAMES, *taken))
        made = parts.made
        self.inputs = [v.name for v in made.inputs]
        self.of = python_names(self.inputs, given)
        for name in (VALUE, *(v.name for v in parts.kept)):
            self.of[name] = given.give(result if name == VALUE else name.removeprefix(OWN), "s")
        for size in parts.sizes:
            if size not in self.of:
                self.of[size] = given.give(size, "size")
        self.of[made.cotangent.name] = given.give(f"d{self.of[VALUE]}", "d")
        for back in (*parts.second, *parts.through):
            self.of[back.cotangent.name] = given.give(f"d{self.of[back.of.name]}", "d")
        #: The tangents of what the functions are given.
        named = dict.fromkeys((*self.inputs, *parts.gradient.function.inputs))
        self.tangents = {x: given.give(f"{self.of[x]}_dot", "dot") for x in named}
        for along in (*parts.along, *parts.gradient_along):
            self.of[along.cotangent.name] = self.tangents[along.of.name]
        #: The functions that are called where the inputs have their names.
        self.functions = {
            back.function.name: given.give(f"{prefix}{what}_{self.of[back.of.name]}", "back")
            for what, backs in (
                ("second", parts.second),
                ("through", parts.through),
                ("along", parts.along),
                ("gradient_along", parts.gradient_along),
            )
            for back in backs
        }
        inputs = parts.gradient.function.inputs
        self.seconds = {name: given.give(f"d_{self.of[name]}", "d") for name in inputs}
        self.flags = [given.give(f"wants_{self.of[v.name]}", "wants") for v in made.wrt]
