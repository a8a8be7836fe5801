"""The PyTorch target for formulas: a complete, readable module with a `torch.autograd.Function`."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.body import FormulaBody
from gradwright.emit.library import TORCH
from gradwright.emit.names import PythonNames, python_names
from gradwright.emit.numpy import documentation, shape_note, signature
from gradwright.emit.torch_support import TORCH_HELPERS
from gradwright.program.autograd import COTANGENT, VALUE, Autograd
from gradwright.program.folding import OWN
from gradwright.program.ir import Function

#: Names of the module itself.
MODULE_NAMES = (
    "torch", "ctx", "inputs", "output", "Value", "Gradient", "value", "gradient", "jacobian",
    "hessian", "tensors", "plain", "added", *TORCH_HELPERS,
)  # fmt: skip

TENSORS = '''
def tensors(*values):
    """Tensors of one floating type on one device: those of the tensors with axes, where any are."""
    given = [v for v in values if torch.is_tensor(v)]
    wide = [v for v in given if v.dim()] or given
    device = wide[0].device if wide else None
    floating = [v.dtype for v in wide if v.is_floating_point()]
    dtype = floating[0] if floating else torch.get_default_dtype()
    for other in floating:
        dtype = torch.promote_types(dtype, other)
    return [
        v.to(device if v.dim() == 0 else v.device, dtype)
        if torch.is_tensor(v)
        else torch.tensor(v, dtype=dtype, device=device)
        for v in values
    ]
'''

PLAIN = '''
def plain(function):
    """The function without autocast: it computes in the type of its arguments."""

    def run(first, *others):
        with torch.autocast(first.device.type, enabled=False):
            return function(first, *others)

    return run
'''

ADDED = '''
def added(one, other):
    """The sums of two tuples of gradients, of which either may be None."""
    return other if one is None else tuple(x + y for x, y in zip(one, other))
'''


def torch_module(
    parts: Autograd,
    shown: Function,
    both: Function,
    free: Sequence[str],
    title: str,
    notes: Sequence[str],
) -> str:
    """The module of a formula.

    `shown` computes the derivative that was asked for and `both` the value before it; `free` names
    inputs that are sizes, numbers and no tensors.
    """
    return _Module(parts, shown, both, free).text(title, notes)


class FormulaNames:
    """What everything is called in the module: `of` by the name in the program.

    `backs` has what comes back to each variable, `kept_backs` to each value that is kept.
    """

    def __init__(self, parts: Autograd, free: Sequence[str]) -> None:
        given = PythonNames(MODULE_NAMES)
        made = parts.made
        self.inputs = [v.name for v in made.inputs]
        self.of = python_names(self.inputs, given)
        for name in (COTANGENT, VALUE, *(v.name for v in parts.kept)):
            label = "y" if name == VALUE else name.removeprefix(OWN)
            self.of[name] = given.give("dy" if name == COTANGENT else label, "s")
        for size in parts.sizes:
            if size not in self.of:
                self.of[size] = given.give(size, "size")
        self.wrt = [v.name for v in made.wrt]
        self.backs = {f"{OWN}d{x}": given.give(f"d{self.of[x]}", "d") for x in self.wrt}
        self.kept_backs = [given.give(f"d{self.of[v.name]}", "d") for v in parts.kept]
        self.tensors = [x for x in self.inputs if x not in free]


class _Module:
    def __init__(
        self, parts: Autograd, shown: Function, both: Function, free: Sequence[str]
    ) -> None:
        self.parts = parts
        self.shown = shown
        self.both = both
        self.helpers: set[str] = set()
        known = FormulaNames(parts, free)
        self.inputs, self.names, self.wrt = known.inputs, known.of, known.wrt
        self.backs, self.kept_backs, self.tensors = known.backs, known.kept_backs, known.tensors

    # Parts of the module ------------------------------------------------------------------------

    def text(self, title: str, notes: Sequence[str]) -> str:
        blocks = [self._value_class(), self._gradient_class()]
        blocks += [self._through(k) for k in range(len(self.parts.kept))]
        blocks += self._calls()
        used = sorted(self.helpers)
        head = ['"""' + documentation(title), "", *self._saving()]
        head += ["", *map(documentation, notes)] if notes else []
        support = [TENSORS, PLAIN, *([ADDED] if self.parts.kept else [])]
        support += [TORCH_HELPERS[name] for name in used]
        start = "\n".join([*head, '"""', "", "import torch"])
        return "\n\n\n".join(text.strip() for text in (start, *support, *blocks)) + "\n"

    def _saving(self) -> list[str]:
        lines = ["Saved for the way back:"]
        for saved, variable in zip(self.parts.choice.saved, self.parts.saved, strict=True):
            lines.append(
                f"    {self.names[variable.name]}  {shape_note(variable.axes)}: {saved.why}"
            )
        if not self.parts.saved:
            lines = ["Nothing is saved for the way back."]
        count = len(self.parts.choice.again)
        if count:
            lines.append(f"Values computed again on the way back: {count}.")
        return [documentation(line) for line in lines]

    def _body(self, function: Function, names: dict[str, str]) -> list[str]:
        body = FormulaBody(function, TORCH, names)
        lines = body.lines()
        self.helpers |= body.helpers
        return lines

    def _listed(self, names: Sequence[str]) -> str:
        return ", ".join(names)

    def _given(self) -> list[str]:
        """What every function of the way back is given besides cotangents."""
        return [self.names[x] for x in (*(v.name for v in self.parts.saved), *self.parts.sizes)]

    def _value_class(self) -> str:
        parts = self.parts
        parameters = [self.names[x] for x in self.inputs]
        saved = [self.names[v.name] for v in parts.saved]
        kept = [self.names[v.name] for v in parts.kept]
        stored = [f"{self._unpacked(parameters)} = inputs"]
        outputs = [self.names[VALUE] if VALUE in (v.name for v in parts.saved) else "_", *kept]
        if outputs != ["_"]:
            stored.append(f"{', '.join(outputs)} = output")
        if kept:
            stored.append("ctx.set_materialize_grads(False)")
        stored.append(f"ctx.save_for_backward({', '.join(saved)})")
        stored += self._told_sizes(parts.sizes)
        lines = [
            "class Value(torch.autograd.Function):",
            '    """The value of the formula'
            + (", and what is kept of it." if kept else ".")
            + '"""',
            "",
            "    generate_vmap_rule = True",
            "",
            "    @staticmethod",
            "    @plain",
            *_indented(signature("forward", parameters)),
            *_indented(self._body(parts.forward, self.names), 8),
            "",
            "    @staticmethod",
            "    def setup_context(ctx, inputs, output):",
            *_indented(stored, 8),
            "",
            "    @staticmethod",
            f"    def backward(ctx, {self._listed([self.names[COTANGENT], *self.kept_backs])}):",
            *_indented(self._backward_lines(), 8),
        ]
        return "\n".join(lines)

    def _told_sizes(self, sizes: Sequence[str]) -> list[str]:
        lines = []
        for size in sizes:
            if size in self.inputs:
                lines.append(f"ctx.{self.names[size]} = {self.names[size]}")
                continue
            for v in self.parts.made.inputs:
                if size in v.axes:
                    told = f"{self.names[v.name]}.shape[{v.axes.index(size)}]"
                    lines.append(f"ctx.{self.names[size]} = {told}")
                    break
        return lines

    def _unpacked(self, names: Sequence[str]) -> str:
        return ", ".join(names) if len(names) > 1 else f"({names[0]},)"

    def _backward_lines(self) -> list[str]:
        parts = self.parts
        given = self._given()
        lines = []
        if parts.saved:
            lines.append(
                f"{self._unpacked([self.names[v.name] for v in parts.saved])} = ctx.saved_tensors"
            )
        lines += [f"{self.names[size]} = ctx.{self.names[size]}" for size in parts.sizes]
        dy = self.names[COTANGENT]
        call = f"Gradient.apply({', '.join([dy, *given])})"
        found = [self.backs[f"{OWN}d{x}"] for x in self.wrt]
        if not parts.kept:
            lines.append(f"{', '.join(found)} = {call}")
        else:
            whole = call if len(found) > 1 else f"({call},)"
            lines.append(f"found = None if {dy} is None else {whole}")
            for back, v in zip(self.kept_backs, parts.kept, strict=True):
                name = f"through_{self.names[v.name]}"
                lines.append(f"if {back} is not None:")
                more = f"{name}({', '.join([back, *given])})"
                more = more if len(found) > 1 else f"({more},)"
                lines.append(f"    found = added(found, {more})")
            lines += ["if found is None:", f"    return {', '.join(['None'] * len(self.inputs))}"]
            lines.append(f"{self._unpacked(found)} = found")
        results = [self.backs[f"{OWN}d{x}"] if x in self.wrt else "None" for x in self.inputs]
        lines.append(f"return {', '.join(results)}")
        return lines

    def _gradient_class(self) -> str:
        parts = self.parts
        given = self._given()
        dy = self.names[COTANGENT]
        parameters = [dy, *given]
        names = {**self.names, **self.backs}
        seconds = {name: f"d_{text}" for name, text in self.names.items()}
        backs = [self.backs[f"{OWN}d{x}"] for x in self.wrt]
        saved = [dy, *(self.names[v.name] for v in parts.saved)]
        sizes = [self.names[size] for size in parts.sizes]
        active = {v.name for v in parts.active}
        results = [seconds[COTANGENT]]
        results += [seconds[v.name] if v.name in active else "None" for v in parts.saved]
        results += ["None"] * len(sizes)
        targets = [seconds[COTANGENT], *(seconds[v.name] for v in parts.active)]
        call = ", ".join([*backs, dy, *given])
        lines = [
            "class Gradient(torch.autograd.Function):",
            '    """What comes back, times the derivative; its own backward is the second one."""',
            "",
            "    generate_vmap_rule = True",
            "",
            "    @staticmethod",
            "    @plain",
            *_indented(signature("forward", parameters)),
            *_indented(self._body(parts.gradient, names), 8),
            "",
            "    @staticmethod",
            "    def setup_context(ctx, inputs, output):",
            f"        {self._unpacked(parameters)} = inputs",
            f"        ctx.save_for_backward({', '.join(saved)})",
            *(f"        ctx.{size} = {size}" for size in sizes),
            "",
            "    @staticmethod",
            f"    def backward(ctx, {', '.join(backs)}):",
            f"        {self._unpacked(saved)} = ctx.saved_tensors",
            *(f"        {size} = ctx.{size}" for size in sizes),
            f"        {', '.join(targets)} = second({call})",
            f"        return {', '.join(results)}",
            "",
            "",
            "@plain",
            *signature("second", [*backs, dy, *given]),
            '    """What comes back to the gradient, times the derivatives of the gradient."""',
            *_indented(self._body(parts.second, names)),
        ]
        return "\n".join(lines)

    def _through(self, k: int) -> str:
        function, back = self.parts.through[k], self.kept_backs[k]
        names = {**self.names, function.inputs[0]: back}
        name = self.names[self.parts.kept[k].name]
        return "\n".join(
            [
                "@plain",
                *signature(f"through_{name}", [back, *self._given()]),
                f'    """What comes back to {name}, times its derivative."""',
                *_indented(self._body(function, names)),
            ]
        )

    # What is called -----------------------------------------------------------------------------

    def _calls(self) -> list[str]:
        parameters = [self.names[x] for x in self.inputs]
        apply = f"Value.apply({', '.join(parameters)})" + ("[0]" if self.parts.kept else "")
        shapes = "; ".join(
            f"{self.names[v.name]}: {shape_note(v.axes)}" for v in self.parts.made.inputs
        )
        doc = f"{documentation(shapes)}."
        return [
            self._call(
                "value",
                [f"return {apply}"],
                f"The value, differentiable by {', '.join(self.names[x] for x in self.wrt)}. {doc}",
            ),
            self._call(
                self.shown.name,
                self._body(self.shown, self._known(self.shown)),
                f"The {self.shown.name}. {doc}",
            ),
            self._call(
                self.both.name,
                self._body(self.both, self._known(self.both)),
                f"The value, and the {self.shown.name}. {doc}",
            ),
        ]

    def _known(self, function: Function) -> dict[str, str]:
        return {x: self.names[x] for x in function.inputs}

    def _call(self, name: str, lines: list[str], doc: str) -> str:
        parameters = [self.names[x] for x in self.inputs]
        listed = [self.names[x] for x in self.tensors]
        return "\n".join(
            [
                *signature(name, parameters),
                f'    """{doc}"""',
                f"    {self._unpacked(listed)} = tensors({', '.join(listed)})",
                *_indented(lines),
            ]
        )


def _indented(lines: Sequence[str], by: int = 4) -> list[str]:
    return [" " * by + line for line in lines]
