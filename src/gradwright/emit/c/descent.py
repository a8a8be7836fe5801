"""The C target for steps of optimisers: one loop over all parameters, and many steps in one call.

What a loop reads is what lay in memory before it, so all new values are stored by the last loop.
A sum over entries has a loop of its own before that, which makes again what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.buffered import plain_name
from gradwright.emit.c.dialect import VECTORS, Dialect
from gradwright.emit.c.entries import entry_expression
from gradwright.emit.driver import WEIGHTS
from gradwright.emit.numpy import documentation
from gradwright.program.ir import Alignment, Apply, Length, Map, Operand, Ref, Statement, Sum
from gradwright.program.update import GRADIENT, PARAMETERS, RATE, STEPS, Update

#: Numbers are doubles, whatever the arrays hold: 1 - beta2^t loses digits in a float.
NUMBERS = {"power": "pow({0}, {1})", "max": "fmax({0}, {1})", "min": "fmin({0}, {1})"}
NUMBER_MAPS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "pow({0}, {1})",
    "square": "({0}) * ({0})",
    "sqrt": "sqrt({0})",
    "negative": "-({0})",
}

UPDATE = """
/* One step of {title} in place, entry by entry:

{lines}

   w stands for the parameters and g for the gradient.{state}{steps} */
static void update({parameters})
{{
{body}
}}
"""

#: How much a batch counts.
WEIGHT_OF = """
static double weight_of(const real *sample_weight, const int64_t *order, long n)
{
    double sum = 0;
    for (long i = 0; i < n; ++i)
        sum += (double)sample_weight[order[i]];
    return sum;
}
"""

DESCEND = """
/* Steps of {title} in place over batches of the samples that `order` names, with a rate for each.

   Returns how many were made: fewer than asked for where a loss is not finite, before that step.
   Adds to `total` each loss times {said}; `last` is the last loss. Large
   products are shared by so many threads. */
long descend({parameters})
{{
    begin_sharing(threads);
    long step = 0;
    for (long start = 0; start < samples; start += batch_size, ++step) {{
        const long n = samples - start < batch_size ? samples - start : batch_size;
        *last = batch(parameters, X, Y, order + start, {weights}n, gradient, work{drawn});
        if (!isfinite(*last))
            break;
        *total += *last * {counted};
        update({arguments});
        if (STATE)
            memcpy(parameters + PARAMETERS, gradient + PARAMETERS, STATE * sizeof(real));
    }}
    end_sharing();
    return step;
}}
"""


def update_source(update: Update, title: str, dialect: Dialect = VECTORS) -> str:
    """The function `update`, which makes one step."""
    state = ["real *state"] * bool(update.state)
    scalars = [_typed(name) for name in update.scalars]
    return UPDATE.format(
        title=documentation(title),
        lines="\n".join(f"       {documentation(line)}" for line in update.lines),
        state=f"\n   `state` has {_listed(update.state)} behind each other." * bool(update.state),
        steps="\n   t is the number of steps before this one." * update.counts_steps,
        parameters=_wrapped(
            ["real *parameters", "const real *gradient", *state, *scalars], "static void update("
        ),
        body="\n".join(f"    {line}" for line in _Body(update, dialect).lines()),
    )


def descent_source(
    update: Update, title: str, trains_apart: bool = False, weighted: bool = False
) -> str:
    """The functions `update` and `descend`, which stand behind those of a network.

    With `trains_apart` the passes of the network take seed and step, with `weighted` the weights
    of samples.
    """
    state = ["real *state"] * bool(update.state)
    given = ["parameters", "gradient", *["state"] * bool(state)]
    given += [{RATE: "rates[step]", STEPS: "t + step"}.get(x, x) for x in update.scalars]
    arrays = ["real *parameters", "const real *X", "const real *Y"]
    arrays += [f"const real *{WEIGHTS}"] * weighted + ["const int64_t *order"]
    arrays += ["long samples", "long batch_size", "const double *rates", "real *gradient"]
    others = [_typed(name) for name in update.scalars if name != RATE]
    if trains_apart:
        others += ["uint64_t seed", *["long t"] * (not update.counts_steps)]
    results = ["long threads", "real *work", "double *total", "double *last"]
    descend = DESCEND.format(
        title=documentation(title),
        weights=f"{WEIGHTS}, " * weighted,
        counted=f"weight_of({WEIGHTS}, order + start, n)" if weighted else "(double)n",
        said="the weights of its samples" if weighted else "its number of samples",
        parameters=_wrapped([*arrays, *state, *others, *results], "long descend("),
        arguments=_wrapped(given, "        update("),
        drawn=", seed, (uint64_t)(t + step)" if trains_apart else "",
    )
    return update_source(update, title) + WEIGHT_OF * weighted + descend


def _typed(name: str) -> str:
    return f"long {name}" if name == STEPS else f"double {name}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)


def _wrapped(parts: Sequence[str], before: str) -> str:
    """Parameters or arguments in lines, under each other."""
    lines, width = [""], 98 - len(before)
    for place, part in enumerate(parts):
        end = "" if place == len(parts) - 1 else ", "
        if lines[-1] and len(lines[-1] + part) + 1 > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += part + end
    return f"\n{' ' * len(before)}".join(lines)


class _Body:
    """The statements of an update as numbers and loops."""

    def __init__(self, update: Update, dialect: Dialect = VECTORS) -> None:
        self.update = update
        self.dialect = dialect
        self.axes = update.function.axes
        self.maker = {s.targets[0]: s for s in update.function.statements}

    def lines(self) -> list[str]:
        """The body of the function."""
        vectors = {PARAMETERS: "parameters", GRADIENT: "gradient"}
        written = []
        for place, name in enumerate(self.update.state):
            vectors[name] = name
            at = f" + {place} * PARAMETERS" if place else ""
            written.append(f"real *const {name} = state{at};")
        self.arrays = vectors
        for statement in self.update.function.statements:
            if self.update.is_scalar(statement):
                written += self._number(statement)
        made = [(vector, value) for vector, value in self.update.made.items()]
        stores = [f"{vectors[vector]}[i] = {plain_name(value)};" for vector, value in made]
        return written + self._loop([value for _, value in made], stores)

    def _number(self, statement: Statement) -> list[str]:
        """A number as a double; one that is a sum, by a loop."""
        name = plain_name(statement.targets[0])
        if isinstance(statement.kernel, Sum):
            (operand,) = statement.operands
            assert isinstance(operand, Ref)
            adding = [f"{name} += (double){self._operand(operand)};"]
            loop = self._loop([operand.name], adding, [name])
            return [f"double {name} = 0;", *loop]
        parts = [self._double(operand) for operand in statement.operands]
        match statement.kernel:
            case Map(operator):
                text = NUMBER_MAPS[operator].format(*parts)
            case Apply(operation, _):
                text = NUMBERS[operation].format(*parts)
            case _:
                raise AssertionError(statement.kernel)
        return [f"const double {name} = {text};"]

    def _double(self, operand: Operand) -> str:
        if isinstance(operand, Ref):
            return f"(double){STEPS}" if operand.name == STEPS else plain_name(operand.name)
        assert not isinstance(operand, Length)
        return repr(float(operand)) if operand >= 0 else f"({float(operand)!r})"

    def _loop(
        self, wanted: Sequence[str], last: Sequence[str], sums: Sequence[str] = ()
    ) -> list[str]:
        """A loop that makes the entries of the vectors that are wanted."""
        needed = self._needed(wanted)
        inner = []
        for statement in self.update.function.statements:
            name = statement.targets[0]
            if name in needed:
                value = entry_expression(statement, self._operand)
                inner.append(f"const real {plain_name(name)} = {value};")
        return [
            *self.dialect.before_loop(sums),
            "for (long i = 0; i < PARAMETERS; ++i) {",
            *(f"    {line}" for line in (*inner, *last)),
            "}",
        ]

    def _needed(self, wanted: Sequence[str]) -> set[str]:
        """Vectors that have to be made for those that are wanted."""
        found: set[str] = set()
        stack = list(wanted)
        while stack:
            name = stack.pop()
            if name in found or name not in self.maker or not self.axes[name]:
                continue
            found.add(name)
            stack += [o.name for o in self.maker[name].operands if isinstance(o, Ref)]
        return found

    def _operand(self, operand: Operand, alignment: Alignment | None = None) -> str:
        if not isinstance(operand, Ref):
            return f"(real){self._double(operand)}"
        if not self.axes[operand.name]:
            return f"(real){plain_name(operand.name)}"
        if operand.name in self.arrays:
            return f"{self.arrays[operand.name]}[i]"
        return plain_name(operand.name)
