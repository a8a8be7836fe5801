"""The NumPy target for steps of optimisers: whole vectors, written with `out=` in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gradwright.core.nodes import Size
from gradwright.emit.driver import WEIGHTS, call_lines
from gradwright.emit.expression import option_texts, statement_text
from gradwright.emit.library import NUMPY, Library
from gradwright.emit.numpy import documentation, signature
from gradwright.emit.operands import ATOM, POWER, SUM, Text, operand_text
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import Apply, Map, Ref, Statement, Sum, is_temporary
from gradwright.program.update import GRADIENT, PARAMETERS, Update

#: Operations on numbers, which are Python's: NumPy's own would widen arrays of float32.
NUMBERS = {
    "power": ("{0} ** {1}", POWER),
    "max": ("max({0}, {1})", ATOM),
    "min": ("min({0}, {1})", ATOM),
}


class UpdateBody:
    """The statements of an update, each into an array that is there already.

    After `lines`, `scratch` is the number of further vectors that are needed.
    """

    def __init__(self, update: Update) -> None:
        self.update = update
        self.scratch = 0
        statements = update.function.statements
        self._last = {
            operand.name: place
            for place, statement in enumerate(statements)
            for operand in statement.operands
            if isinstance(operand, Ref)
        }
        self._kept = frozenset(update.made.values())
        self._texts: dict[str, Text] = {}
        self._uses = Counter(o.name for s in statements for o in s.operands if isinstance(o, Ref))
        self._array = {x: x for x in (PARAMETERS, GRADIENT, *update.state)}
        # Which value lies in each array; None where nobody reads it any more.
        self._held: dict[str, str | None] = {x: x for x in self._array}

    # Names, as expressions ask for them ---------------------------------------------------------

    @property
    def library(self) -> Library:
        """The arrays are NumPy's."""
        return NUMPY

    def value(self, name: str) -> Text:
        """A number by its name, a vector by that of its array."""
        if name in self._texts:
            return self._texts[name]
        array = self._array.get(name, name)
        known = {PARAMETERS: "parameters", GRADIENT: "gradient"}
        return Text(known.get(array, array.replace("%", "t")))

    def axes(self, name: str) -> Sequence[Size]:
        """The axes of a value."""
        return self.update.function.axes[name]

    def is_number(self, name: str) -> bool:
        """Whether a value is a Python number."""
        return not self.axes(name)

    def owns(self, name: str) -> bool:
        """Arrays are chosen here alone."""
        return False

    def size(self, size: Size) -> str:
        """Rules do not mention the number of parameters."""
        raise AssertionError(f"the size {size} stands in an update")

    def like(self) -> str:
        """All vectors are like the parameters."""
        return "parameters.dtype"

    def callable(self, name: str) -> str:
        """Rules are made of operations that have code."""
        raise AssertionError(f"the abstract function {name} stands in an update")

    # Lines --------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """The statements, the numbers with them where they are needed."""
        written = []
        for place, statement in enumerate(self.update.function.statements):
            self._free(place)
            if self.update.is_scalar(statement):
                written += self._number(statement)
            else:
                written.append(self._vector(statement, self._chosen(statement, place)))
        for vector, value in self.update.made.items():
            if self._array[value] != vector:
                names = self.value(vector).source, self.value(value).source
                written.append(f"np.copyto({', '.join(names)})")
        return written

    def _free(self, place: int) -> None:
        """Arrays whose values no statement from here on reads."""
        for array, value in self._held.items():
            if value not in self._kept and self._last.get(value or "", -1) < place:
                self._held[array] = None

    def _chosen(self, statement: Statement, place: int) -> str:
        """The array for a result: its own, that of an operand read last here, a free one."""
        target = statement.targets[0]
        operands = [o.name for o in statement.operands if isinstance(o, Ref)]
        vectors = [x for x in operands if self.axes(x) and x not in self._kept]
        usable = [self._array[x] for x in vectors if self._last[x] == place]
        usable += [array for array, value in self._held.items() if value is None]
        own = self.update.belongs.get(target, "")
        # Nothing but their own new values belongs into the parameters.
        others = [x for x in usable if x != PARAMETERS] or [f"scratch{self.scratch}"]
        chosen = own if own in usable else others[0]
        self.scratch += chosen not in self._held
        self._held[chosen] = target
        return chosen

    def _vector(self, statement: Statement, array: str) -> str:
        sources = [operand_text(operand, self).source for operand in statement.operands]
        target = statement.targets[0]
        self._array[target] = array
        out = self.value(target).source
        match statement.kernel:
            case Map(operator):
                return f"np.{operator}({', '.join(sources)}, out={out})"
            case Apply(name, options) if OPERATIONS[name].numpy.statements:
                given = option_texts(options) | {"out": out}
                (line,) = OPERATIONS[name].numpy.statements
                return line.format(*sources, **given)
        return f"np.copyto({out}, {statement_text(statement, self).source})"

    def _number(self, statement: Statement) -> list[str]:
        """The line that makes a number; none where it stands where it is used, once."""
        target = statement.targets[0]
        text = self._number_text(statement)
        pure = all(self.is_number(o.name) for o in statement.operands if isinstance(o, Ref))
        if pure and self._uses[target] == 1 and is_temporary(target):
            self._texts[target] = text
            return []
        return [f"{self.value(target).source} = {text.source}"]

    def _number_text(self, statement: Statement) -> Text:
        parts = [operand_text(operand, self) for operand in statement.operands]
        match statement.kernel:
            case Sum():
                return Text(f"float(np.sum({parts[0].source}))")
            case Apply(name, _) if name in NUMBERS:
                template, level = NUMBERS[name]
                at = ATOM if level == POWER else SUM
                return Text(template.format(*(part.at(at) for part in parts)), level)
        return statement_text(statement, self)


def update_function(update: Update, title: str, defaults: Mapping[str, float]) -> str:
    """The function `update`, which makes one step in place."""
    body = UpdateBody(update)
    lines = body.lines()
    before = []
    if update.state:
        before.append(f"{', '.join(update.state)}{',' * (len(update.state) == 1)} = state")
    if body.scratch:
        names = [f"scratch{k}" for k in range(body.scratch)]
        before += [
            "if work is None:",
            f"    work = np.empty(({body.scratch}, parameters.size), parameters.dtype)",
            f"{', '.join(names)}{',' * (len(names) == 1)} = work",
        ]
    listed = ["parameters", "gradient", *_arguments(update, defaults)]
    listed += ["work=None"] * bool(body.scratch)
    said = _said(update, title)
    text = [*signature("update", listed), *(f"    {line}" if line else "" for line in said)]
    return "\n".join([*text, *(f"    {line}" for line in (*before, *lines))])


def step_function(
    update: Update,
    title: str,
    defaults: Mapping[str, float],
    trains_apart: bool = False,
    has_state: bool = False,
    weighted: bool = False,
) -> str:
    """`update`, and the function `step`, which makes one with a batch.

    With `trains_apart` the passes of the network take seed and step; with `has_state` layers carry
    something from step to step; with `weighted` samples have weights in the loss.
    """
    work = ["work"] * bool(scratch_vectors(update))
    arguments = _arguments(update, defaults)
    names = [argument.split("=")[0] for argument in arguments]
    more = ["gradient=None", "buffers=None", *(f"{name}=None" for name in work)]
    given = ["parameters", "gradient", *names, *work]
    after: list[str] = []
    if has_state:
        # Behind the parameters lies the state of layers, which no gradient moves.
        given[:2] = ["parameters[:PARAMETERS]", "gradient[:PARAMETERS]"]
        after.append("    parameters[PARAMETERS:] = gradient[PARAMETERS:]")
    batch = ["parameters", "X", "Y", *[WEIGHTS] * weighted]
    passed = [*batch, "gradient", "buffers"]
    if trains_apart:
        more.append("training=(0, 0)")
        passed.append("training")
    return "\n".join(
        [
            update_function(update, title, defaults),
            "",
            "",
            *signature("step", [*batch, *arguments, *more]),
            f'    """One step of {documentation(title)} in place; returns the loss before it.',
            "",
            "    A `gradient` that is given is written over.",
            '    """',
            f"    value, gradient = value_and_gradient({', '.join(passed)})",
            *(f"    {line}" for line in call_lines("update", given)),
            *after,
            "    return value",
            "",
        ]
    )


def scratch_vectors(update: Update) -> int:
    """How many vectors `update` needs beside parameters, gradient and state."""
    body = UpdateBody(update)
    body.lines()
    return body.scratch


def update_module(update: Update, title: str, defaults: Mapping[str, float]) -> str:
    """A module with the function `update` alone."""
    return f"import numpy as np\n\n\n{update_function(update, title, defaults)}\n"


def _arguments(update: Update, defaults: Mapping[str, float]) -> list[str]:
    """State, rate and number of steps, and the settings with their defaults."""
    listed = ["state"] * bool(update.state)
    for name in update.scalars:
        listed.append(f"{name}={defaults[name]!r}" if name in defaults else name)
    return listed


def _said(update: Update, title: str) -> list[str]:
    said = [f'"""One step of {title} in place; `gradient` is written over.', ""]
    said += [f"    {documentation(line)}" for line in update.lines]
    said += ["", "w stands for the parameters and g for the gradient."]
    if update.state:
        vectors = " and ".join(update.state)
        said.append(f"`state` has rows for {vectors}, zeros before the first step.")
    if update.counts_steps:
        said.append("t is the number of steps before this one.")
    return [*said, '"""']
