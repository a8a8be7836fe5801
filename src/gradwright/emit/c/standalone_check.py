"""The test program of a standalone module, which compares with numbers of other code.

It calls the public functions alone, so that it may run wherever the module is linked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from gradwright.emit.c.lines import indented
from gradwright.emit.c.standalone_module import StandaloneModule, literal, numbers
from gradwright.emit.driver import WEIGHTS

MAIN = """\
/* Does {name} give the numbers that NumPy gives in double precision for the same network?

   Each bound is {roundings} roundings to {real} of the largest number, times the roundings by which
   the numbers move where all that they are computed from is rounded once.
   Prints the largest errors and ends with 0 where none is above its bound, else with 1. */

#include <math.h>
#include <stdio.h>

#include "{name}.h"

{tables}
static int failed = 0;

static void compare(const char *what, long count, const {real} *found, const {real} *expected,
                    {real} bound)
{{
    {real} largest = 0;
    int fits = 1;
    for (long i = 0; i < count; ++i) {{
        const {real} error = {abs}(found[i] - expected[i]);
        largest = error > largest ? error : largest;
        fits &= error <= bound; /* not a number is below no bound */
    }}
    failed |= !fits;
    printf("%-22s largest error %.2e, bound %.2e: %s\\n", what, (double)largest, (double)bound,
           fits ? "ok" : "WRONG");
}}

int main(void)
{{
{body}
    printf("%s\\n", failed ? "{name} does not give the reference numbers" : "all numbers agree");
    return failed;
}}
"""

PREDICTS = """\
for (long i = 0; i < {samples}; ++i)
    {name}_predict(X + i * {upper}_INPUTS, outputs + i * {upper}_OUTPUTS);
compare("outputs", {samples} * {upper}_OUTPUTS, outputs, expected_outputs, {bound});"""

STEP = """\
value = {name}_train_step(X, Y,{weights} {samples}, {rate});
compare("loss, step {step}", 1, &value, &expected_loss_{step}, {bound});"""

GRADIENT = """\
compare("gradient, step 1", {upper}_PARAMETERS, {name}_gradient(), expected_gradient,
        {bound});"""

ENDS = """\
compare("parameters after", {upper}_PARAMETERS + {upper}_STATE, {name}_parameters,
        expected_parameters, {bound});"""


class Expected(Struct, frozen=True, eq=False):
    """Numbers and how far others may be from them."""

    numbers: Any
    bound: float


class StepReference(Struct, frozen=True, eq=False):
    """The loss that a step on the first `samples` samples should give."""

    samples: int
    loss: Expected


class Reference(Struct, frozen=True, eq=False):
    """Inputs and targets of samples, and what should come out, all of another implementation.

    `weights` are those of the samples, or None. `gradient` is that of the first step, `parameters`
    are those after the last.
    """

    X: Any
    Y: Any
    weights: Any
    outputs: Expected
    steps: Sequence[StepReference]
    gradient: Expected | None
    parameters: Expected | None
    learning_rate: float


def check_program(module: StandaloneModule, reference: Reference) -> str:
    """The source of the program."""
    name, double = module.described.name, module.double
    known = {"name": name, "upper": name.upper()}

    def shown(value: float) -> str:
        return literal(value, double)

    def table(label: str, values: Any) -> str:
        lines = indented(numbers(values.ravel(), double))
        return f"static const {module.real} {label}[] = {{\n{lines}\n}};\n"

    samples = len(reference.X)
    tables = [table("X", reference.X), table("expected_outputs", reference.outputs.numbers)]
    body = [f"static {module.real} outputs[{samples} * {name.upper()}_OUTPUTS];"]
    outputs = PREDICTS.format(**known, samples=samples, bound=shown(reference.outputs.bound))
    body += outputs.splitlines()
    if reference.steps:
        tables.append(table("Y", reference.Y))
        if reference.weights is not None:
            tables.append(table(WEIGHTS, reference.weights))
        body.append(f"{module.real} value;")
    for place, step in enumerate(reference.steps, start=1):
        expected = shown(step.loss.numbers)
        tables.append(f"static const {module.real} expected_loss_{place} = {expected};\n")
        body += STEP.format(
            **known,
            samples=step.samples,
            weights="" if reference.weights is None else f" {WEIGHTS},",
            rate=shown(reference.learning_rate),
            step=place,
            bound=shown(step.loss.bound),
        ).splitlines()
        if place == 1 and reference.gradient is not None:
            tables.append(table("expected_gradient", reference.gradient.numbers))
            bound = shown(reference.gradient.bound)
            body += GRADIENT.format(**known, bound=bound).splitlines()
    if reference.parameters is not None:
        tables.append(table("expected_parameters", reference.parameters.numbers))
        body += ENDS.format(**known, bound=shown(reference.parameters.bound)).splitlines()
    return MAIN.format(
        name=name,
        real=module.real,
        abs="fabs" if double else "fabsf",
        roundings=ROUNDINGS,
        tables="\n".join(tables),
        body=indented(body),
    )


#: So many roundings of the largest number are allowed, times the condition.
ROUNDINGS = 32
