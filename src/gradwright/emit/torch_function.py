"""A differentiable value as `torch.autograd.Function`s: itself, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.nodes import Variable
from gradwright.emit.numpy import documentation, shape_note, signature
from gradwright.emit.torch_body import TorchBody
from gradwright.emit.torch_names import FunctionNames
from gradwright.program.autograd import VALUE, Autograd, Back
from gradwright.program.folding import OWN
from gradwright.program.ir import Function

#: Calls up to this length stand in one line.
MAX_CALL = 84


class FunctionText:
    """The source of a differentiable value.

    Args:
        parts: its functions.
        names: what everything is called.
        classes: the names of the two classes, of the value and of its gradient.
        doc: what the value is.
        targets: an input that may be class indices, the helper that makes rows or columns of
            them, and the number of classes.
        forward_mode: whether the functions of forward mode stand behind.
    """

    def __init__(
        self,
        parts: Autograd,
        names: FunctionNames,
        classes: tuple[str, str],
        doc: Sequence[str] = (),
        targets: tuple[str, str, int] | None = None,
        forward_mode: bool = True,
    ) -> None:
        self.parts = parts
        self.names = names
        self.value, self.gradient = classes
        self.doc = doc
        self.targets = targets
        self.forward_mode = forward_mode
        self.helpers: set[str] = set()
        self.many = len(parts.made.wrt) > 1
        #: The sizes that the code of the way back really reads, in order.
        self.sizes = self._sizes_read()

    def _sizes_read(self) -> tuple[str, ...]:
        """A sum with a constant needs no size, which only its code shows."""
        used: set[str] = set()
        parts = self.parts
        moving = (*parts.along, *parts.gradient_along) if self.forward_mode else ()
        for back in (parts.gradient, *parts.second, *parts.through, *moving):
            body = TorchBody(back.function, self.names.of, self.parts.sizes)
            body.lines()
            used |= body.used_sizes
        return tuple(size for size in self.parts.sizes if size in used)

    def given(self, back: Back) -> list[str]:
        """The parameters of a function of the way back."""
        dropped = set(self.parts.sizes) - set(self.sizes)
        return self.texts([x for x in back.function.inputs if x not in dropped])

    def blocks(self) -> list[str]:
        """The classes and functions, each a block of lines."""
        found = [self._value_class(), self._gradient_class()]
        found += [self._second(back) for back in self.parts.second]
        found += [self._through(back) for back in self.parts.through]
        return found

    def saving(self) -> list[str]:
        """What is saved, as lines of documentation."""
        parts = self.parts
        lines = []
        for saved, chosen in zip(parts.saved, parts.choice.saved, strict=True):
            name, shape = self.names.of[saved.variable.name], shape_note(saved.variable.axes)
            note = f"{name} ({shape}): {chosen.why}"
            if len(saved.needed) < len(parts.made.wrt):
                wrt = self.texts([v.name for v in saved.needed])
                note += f"; for the gradient by {', '.join(wrt)} only"
            lines.append(f"    {note}")
        head = "Saved for the way back:" if lines else "Nothing is saved for the way back."
        again = len(parts.choice.again)
        more = [f"Computed again on the way back: {again} of its values."] if again else []
        return [documentation(line) for line in (head, *lines, *more)]

    def texts(self, names: Sequence[str]) -> list[str]:
        """What some names of the program are called."""
        return [self.names.of[name] for name in names]

    # The value ----------------------------------------------------------------------------------

    def _value_class(self) -> str:
        parts = self.parts
        parameters = self.texts(self.names.inputs)
        cotangents = self.texts([back.cotangent.name for back in (parts.gradient, *parts.through)])
        lines = [
            f"class {self.value}(torch.autograd.Function):",
            *_docstring(self.doc),
            "",
            "    generate_vmap_rule = True",
            "",
            "    @staticmethod",
            "    @plain",
            *indented(signature("forward", parameters)),
            *indented(self.body(parts.forward), 8),
            "",
            "    @staticmethod",
            "    def setup_context(ctx, inputs, output):",
            *indented(self._stored(parameters), 8),
            "",
            "    @staticmethod",
            f"    def backward(ctx, {', '.join(cotangents)}):",
            *indented(self._back_lines(), 8),
        ]
        return "\n".join(lines)

    def _stored(self, parameters: Sequence[str]) -> list[str]:
        """The lines that save."""
        parts = self.parts
        lines = [f"{unpacked(parameters)} = inputs"]
        value_too = any(saved.variable.name == VALUE for saved in parts.saved)
        if parts.kept or value_too:
            outputs = [self.names.of[VALUE] if value_too else "_"]
            outputs += self.texts([v.name for v in parts.kept])
            lines.append(f"{', '.join(outputs)} = output")
        kept = [self._when_needed(k) for k in range(len(parts.saved))]
        if any(" if " in text for text in kept):
            lines.append(self._flag_line())
        if parts.kept:
            lines.append("ctx.set_materialize_grads(False)")
        lines += call_lines("ctx.save_for_backward", kept)
        lines += [f"ctx.{self.names.of[s]} = {self.length(s)}" for s in self.sizes]
        return lines

    def _when_needed(self, number: int) -> str:
        """What is saved, or None where no gradient that is wanted reads it."""
        saved = self.parts.saved[number]
        name = self.names.of[saved.variable.name]
        wrt = self.parts.made.wrt
        if not self.many or len(saved.needed) == len(wrt):
            return name
        wants = " or ".join(self.names.flags[wrt.index(v)] for v in saved.needed)
        return f"{name} if {wants} else None"

    def _flag_line(self) -> str:
        flags = dict(zip((v.name for v in self.parts.made.wrt), self.names.flags, strict=True))
        return f"{', '.join(flags.get(x, '_') for x in self.names.inputs)} = ctx.needs_input_grad"

    def length(self, size: str) -> str:
        """A size, from an input."""
        if size in self.names.inputs:
            return self.names.of[size]
        for v in self.parts.made.inputs:
            if size in v.axes and (self.targets is None or v.name != self.targets[0]):
                return f"{self.names.of[v.name]}.shape[{v.axes.index(size)}]"
        raise AssertionError(f"no input has an axis of the size {size}")

    def restored(self) -> list[str]:
        """The lines that read what was saved."""
        lines = []
        if self.parts.saved:
            saved = self.texts([s.variable.name for s in self.parts.saved])
            lines.append(f"{unpacked(saved)} = ctx.saved_tensors")
        return lines + [f"{self.names.of[s]} = ctx.{self.names.of[s]}" for s in self.sizes]

    def _back_lines(self) -> list[str]:
        """From what comes back to the value to what comes back to the inputs."""
        parts, names = self.parts, self.names
        wrt = [v.name for v in parts.made.wrt]
        found = [names.of[f"{OWN}d{x}"] for x in wrt]
        flags = names.flags if self.many else []
        inputs = [x for x in parts.gradient.function.inputs if x not in parts.sizes]
        call = [self.gradient, *self.texts((*inputs, *self.sizes)), *flags]
        lines = self.restored() + ([self._flag_line()] if flags else [])
        if not parts.through:
            lines += call_lines(f"{', '.join(found)} = way_back", call)
        else:
            lines += [f"found = (None,) * {len(wrt)}"]
            back = names.of[parts.made.cotangent.name]
            lines += [f"if {back} is not None:", *self._adding("way_back", call)]
            for part in parts.through:
                name = names.functions[part.function.name]
                given = [*self.given(part), *flags]
                lines += [f"if {names.of[part.cotangent.name]} is not None:"]
                lines += self._adding(name, given)
            lines.append(f"{unpacked(found)} = found")
        results = [names.of[f"{OWN}d{x}"] if x in wrt else "None" for x in names.inputs]
        return [*lines, f"return {', '.join(results)}"]

    def _adding(self, function: str, given: Sequence[str]) -> list[str]:
        if self.many:
            more = call_lines(f"more = {function}", given)
            return indented([*more, "found = added(found, more)"])
        more = call_lines(f"more = {function}", given)
        return indented([*more, "found = added(found, (more,))"])

    # What comes back ----------------------------------------------------------------------------

    def _gradient_class(self) -> str:
        parts = self.parts
        inputs = [x for x in parts.gradient.function.inputs if x not in parts.sizes]
        tensors, sizes = self.texts(inputs), self.texts(self.sizes)
        flags = self.names.flags if self.many else []
        backs = self.texts([back.cotangent.name for back in parts.second])
        parameters = [*tensors, *sizes, *flags]
        lines = [
            f"class {self.gradient}(torch.autograd.Function):",
            '    """What comes back, times the derivative; its own backward is the second one."""',
            "",
            "    generate_vmap_rule = True",
            "",
            "    @staticmethod",
            "    @plain",
            *indented(signature("forward", parameters)),
            *indented(self.results(parts.gradient), 8),
            "",
            "    @staticmethod",
            "    def setup_context(ctx, inputs, output):",
            f"        {unpacked(parameters)} = inputs",
            *(["        ctx.set_materialize_grads(False)"] if self.many else []),
            *indented(call_lines("ctx.save_for_backward", tensors), 8),
            *(f"        ctx.{size} = {size}" for size in sizes),
            "",
            "    @staticmethod",
            f"    def backward(ctx, {', '.join(backs)}):",
            f"        {unpacked(tensors)} = ctx.saved_tensors",
            *(f"        {size} = ctx.{size}" for size in sizes),
            *indented(self._second_calls(inputs, len(sizes) + len(flags)), 8),
        ]
        return "\n".join(lines)

    def _second_calls(self, inputs: Sequence[str], others: int) -> list[str]:
        """The lines that call the second derivatives and return what comes back to each input."""
        lines = []
        for back in self.parts.second:
            targets = self._texts_of_seconds(back)
            shown = {v.name: text for v, text in zip(back.to, targets, strict=True)}
            results = [shown.get(x, "None") for x in inputs]
            name = self.names.functions[back.function.name]
            call = call_lines(f"{unpacked(targets)} = {name}", self.given(back))
            if not self.many:
                call = call if targets else []
                return [*call, f"return {', '.join([*results, *['None'] * others])}"]
            if targets:
                lines += [f"if {self.names.of[back.cotangent.name]} is not None:", *indented(call)]
                lines += indented(call_lines("found = added", ["found", f"({', '.join(results)})"]))
        start = f"found = (None,) * {len(inputs)}"
        return [start, *lines, f"return {', '.join(['*found', *['None'] * others])}"]

    def _texts_of_seconds(self, back: Back) -> list[str]:
        return [self.names.seconds[v.name] for v in back.to]

    def _second(self, back: Back) -> str:
        name = self.names.of[back.of.name]
        if not back.to:
            return ""
        return "\n".join(
            [
                "@plain",
                *signature(self.names.functions[back.function.name], self.given(back)),
                f'    """What comes back to the gradient by {name}, times its derivatives."""',
                *indented(self.tuple_of(self.body(back.function), len(back.to))),
            ]
        )

    def tuple_of(self, lines: list[str], count: int) -> list[str]:
        """A body that returns a tuple, also of one."""
        last = lines[-1].removeprefix("return ")
        return [*lines[:-1], f"return ({last},)"] if count == 1 else lines

    def _through(self, back: Back) -> str:
        name = self.names.of[back.of.name]
        flags = self.names.flags if self.many else []
        parameters = [*self.given(back), *flags]
        return "\n".join(
            [
                "@plain",
                *signature(self.names.functions[back.function.name], parameters),
                f'    """What comes back to {name}, times its derivative."""',
                *indented(self.results(back)),
            ]
        )

    def results(self, back: Back) -> list[str]:
        """A body with a result for each variable; where there are several, only those wanted."""
        if not self.many:
            return self.body(back.function)
        body = TorchBody(back.function, self.names.of, self.parts.sizes)
        targets = [self.names.of[f"{OWN}d{v.name}"] for v in back.to]
        lines = body.guarded(targets, self.flags(back.to))
        self.helpers |= body.helpers
        return self._with_targets(back.function, lines)

    def flags(self, to: Sequence[Variable]) -> list[str]:
        """The flags that say which gradients are wanted; where there is one, none."""
        wrt = self.parts.made.wrt
        return [self.names.flags[wrt.index(v)] for v in to] if self.many else []

    def body(self, function: Function) -> list[str]:
        """A body in which everything is computed."""
        names, sizes = self.names.of, self.parts.sizes
        if function is self.parts.forward:
            names, sizes = {x: names[x] for x in function.inputs}, ()
        body = TorchBody(function, names, sizes)
        lines = body.lines()
        self.helpers |= body.helpers
        return self._with_targets(function, lines)

    def _with_targets(self, function: Function, lines: list[str]) -> list[str]:
        """The body behind a line that makes rows of class indices, where it reads them."""
        if self.targets is None or self.targets[0] not in function.inputs:
            return lines
        given, helper, outputs = self.targets
        self.helpers.add(helper)
        name = self.names.of[given]
        like = next(x for x in function.inputs if x != given)
        return [f"{name} = {helper}({name}, {outputs}, {self.names.of[like]})", *lines]


def unpacked(names: Sequence[str]) -> str:
    """The targets of an assignment from a tuple."""
    return ", ".join(names) if len(names) > 1 else f"({names[0]},)" if names else ""


def call_lines(function: str, arguments: Sequence[str]) -> list[str]:
    """A call in one line, or with its arguments in lines of their own."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= MAX_CALL:
        return [line]
    return [f"{function}(", *(f"    {argument}," for argument in arguments), ")"]


def _docstring(lines: Sequence[str]) -> list[str]:
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *(f"    {line}".rstrip() for line in lines[1:]), '    """']


def indented(lines: Sequence[str], by: int = 4) -> list[str]:
    """Lines further to the right."""
    return [" " * by + line for line in lines]
