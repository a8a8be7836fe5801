"""Forward mode of a differentiable value for PyTorch: the functions with `jvp`."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.numpy import signature
from gradwright.emit.torch_function import FunctionText, call_lines, indented, unpacked
from gradwright.program.autograd import VALUE, Back
from gradwright.program.folding import OWN

HEADING = "# Forward mode, for torch.func.jvp, jacfwd and hessian: the functions with `jvp`."

#: Behind the name of a class that one with `jvp` is there too.
FORWARD = ("", "Forward")


class ForwardText:
    """The source of what forward mode needs besides `text`: two classes, and their functions.

    `fixed` are inputs of floating numbers that there is no derivative by.
    """

    def __init__(self, text: FunctionText, fixed: Sequence[str]) -> None:
        self.text = text
        self.fixed = fixed
        self.parts = text.parts
        self.names = text.names

    def blocks(self) -> list[str]:
        """The classes and functions, each a block of lines."""
        found = [self._value_class(), self._gradient_class()]
        found += [self._along(back) for back in self.parts.along]
        return [*found, *(self._gradient_along(back) for back in self._of_gradient())]

    def _of_gradient(self) -> list[Back]:
        """What moves along what the gradient is given."""
        inputs = self.parts.gradient.function.inputs
        return [back for back in self.parts.gradient_along if back.of.name in inputs]

    # The value ----------------------------------------------------------------------------------

    def _value_class(self) -> str:
        parts, names, text = self.parts, self.names, self.text
        saved = text.texts([saved.variable.name for saved in parts.saved])
        lines = [f"{unpacked(text.texts(names.inputs))} = inputs"]
        outputs = [VALUE, *(v.name for v in parts.kept)]
        used = [x in {s.variable.name for s in parts.saved} for x in outputs]
        if any(used):
            shown = [names.of[x] if read else "_" for x, read in zip(outputs, used, strict=True)]
            lines.append(f"{', '.join(shown)} = output")
        lines += self._saving(saved)
        lines += [f"ctx.{names.of[size]} = {text.length(size)}" for size in text.sizes]
        moved = [names.tangents[x] for x in names.inputs]
        others = [f"{names.of[x]}={names.tangents[x]}" for x in self.fixed]
        jvp = [*(call_lines("still", others) if others else []), *text.restored()]
        jvp += self._added([(back, text.given(back)) for back in parts.along], outputs)
        guard = [] if parts.through else self._guard(text.value, parts.gradient, len(names.inputs))
        return self._class(text.value, lines, guard, moved, jvp)

    def _along(self, back: Back) -> str:
        """The function of one tangent of the value."""
        names, text = self.names, self.text
        outputs = [VALUE, *(v.name for v in self.parts.kept)]
        what = "the value, and of what is kept," if len(outputs) > 1 else "the value"
        return "\n".join(
            [
                "@plain",
                *signature(names.functions[back.function.name], text.given(back)),
                f'    """The derivative of {what} along a tangent of {names.of[back.of.name]}."""',
                *indented(text.tuple_of(text.body(back.function), len(back.to))),
            ]
        )

    # What comes back ----------------------------------------------------------------------------

    def _gradient_class(self) -> str:
        parts, names, text = self.parts, self.names, self.text
        inputs = [x for x in parts.gradient.function.inputs if x not in parts.sizes]
        tensors, sizes = text.texts(inputs), text.texts(text.sizes)
        flags = text.flags(parts.made.wrt)
        lines = [f"{unpacked([*tensors, *sizes, *flags])} = inputs", *self._saving(tensors)]
        lines += [f"ctx.{size} = {size}" for size in sizes]
        lines += [f"ctx.wants = {', '.join(flags)}"] if flags else []
        moved = [names.tangents[x] for x in inputs]
        jvp = [f"{unpacked(tensors)} = ctx.saved_tensors", *(f"{x} = ctx.{x}" for x in sizes)]
        jvp += [f"{', '.join(flags)} = ctx.wants"] if flags else []
        calls = [(back, [*text.given(back), *flags]) for back in self._of_gradient()]
        jvp += self._added(calls, [f"{OWN}d{v.name}" for v in parts.made.wrt])
        others = len(sizes) + len(flags)
        moved += ["*_"] if others else []
        count = len(tensors) + others
        guard = [] if text.many else self._guard(text.gradient, parts.second[0], count)
        return self._class(text.gradient, lines, guard, moved, jvp)

    def _gradient_along(self, back: Back) -> str:
        """The function of one tangent of what comes back."""
        names, text = self.names, self.text
        name = names.of[back.of.name]
        parameters = [*text.given(back), *text.flags(back.to)]
        return "\n".join(
            [
                "@plain",
                *signature(names.functions[back.function.name], parameters),
                f'    """The derivative of what comes back along a tangent of {name}."""',
                *indented(text.tuple_of(text.results(back), len(back.to))),
            ]
        )

    # The parts of both --------------------------------------------------------------------------

    def _saving(self, tensors: Sequence[str]) -> list[str]:
        """The lines that save; under vmap PyTorch takes what is saved for the other way."""
        lines = ["ctx.set_materialize_grads(False)"]
        for way in ("backward", "forward"):
            lines += call_lines(f"ctx.save_for_{way}", tensors)
        return lines

    def _guard(self, name: str, back: Back, count: int) -> list[str]:
        """A backward that may be given None."""
        cotangent = self.names.of[back.cotangent.name]
        return [
            "",
            "    @staticmethod",
            f"    def backward(ctx, {cotangent}):",
            f"        if {cotangent} is None:",
            f"            return {f'(None,) * {count}' if count > 1 else 'None'}",
            f"        return {name}.backward(ctx, {cotangent})",
        ]

    def _added(
        self, calls: Sequence[tuple[Back, Sequence[str]]], outputs: Sequence[str]
    ) -> list[str]:
        """The sum over the tangents that there are."""
        lines = [f"found = (None,) * {len(outputs)}"]
        for back, given in calls:
            call = call_lines(f"more = {self.names.functions[back.function.name]}", given)
            call.append("found = added(found, more)")
            lines += [f"if {self.names.tangents[back.of.name]} is not None:", *indented(call)]
        return [*lines, "return found" if len(outputs) > 1 else "return found[0]"]

    def _class(
        self,
        name: str,
        setup: Sequence[str],
        backward: Sequence[str],
        moved: Sequence[str],
        jvp: Sequence[str],
    ) -> str:
        lines = [
            f"class {name}Forward({name}):",
            f'    """`{name}` with `jvp`, for forward mode."""',
            "",
            "    @staticmethod",
            "    def setup_context(ctx, inputs, output):",
            *indented(setup, 8),
            *backward,
            "",
            "    @staticmethod",
            f"    def jvp(ctx, {', '.join(moved)}):",
            *indented(jvp, 8),
            "",
            "",
            f"{name}.forward_mode = {name}Forward",
        ]
        return "\n".join(lines)
