"""The text of standalone modules, with places for what differs."""

HEADER = """\
/* The network
   {text}
   {note}

   Plain C99: no heap, no files, static memory only. What it takes of memory:

{budget}

   The parameters lie behind each other, each row by row:

{order} */

#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
    {upper}_INPUTS = {inputs},
    {upper}_OUTPUTS = {outputs},
    {upper}_RAM_BYTES = {ram},
    {upper}_CONSTANT_BYTES = {constants}{training_sizes}
}};

/* The outputs for one sample: X has {inputs} numbers, A gets {outputs}.{codes} */
void {name}_predict(const {real} *X, {real} *A);
{training}
#ifdef __cplusplus
}}
#endif

#endif
"""

TRAINING_SIZES = """,
    {upper}_BATCH = {batch},
    {upper}_PARAMETERS = {parameters},
    {upper}_STATE = {state}"""

TRAINING_HEADER = """
/* The parameters that train{behind}.
   They start with the values that the module was made with. */
extern {real} {name}_parameters[{upper}_PARAMETERS + {upper}_STATE];

/* One step of {title} on n samples, {least} to {upper}_BATCH.

   X has {inputs} numbers for each sample, Y {outputs}, sample behind sample.{weighted} Returns the
   loss before the step. Where that is not finite no parameter moves; where n is out of range or the
   rate is not finite nothing is done and NaN is returned. */
{real} {name}_train_step({parameters_of_step});

/* The gradient of the loss in the last step, in the order of the parameters. */
const {real} *{name}_gradient(void);
"""

SOURCE = """\
/* The functions of {name}.h. */

#include "{name}.h"
{includes}
typedef {real} real;

enum {{
{sizes}
}};
{places}{support}{tables}{ram}
{functions}
{body}"""

PLACES = """
/* Where each parameter begins among those that train, or among the constants. Of equal layers it
   is that of the first. */
enum {{
{places}
}};
"""

BODY = """{forward}
void {name}_predict(const {real} *X, {real} *A)
{{
    forward_pass(1, X, A);
}}
{training}"""

RAM = """
/* All other memory. */
static struct {{
{members}
}} ram;
"""

CHECKED = """
/* Does not compile where numbers have another size than stated. */
typedef char ram_is_as_stated[{sizes} == {upper}_RAM_BYTES ? 1 : -1];
"""

PASS = """
/* {said} */
static void {name}(long n, const real *X, real *A)
{{
{calls}
}}
"""

TRAIN_STEP = """{passes}
static void backward_pass(long n, const real *X, const real *Y,{weights} const real *A)
{{
{backward}
}}
{update}
{real} {name}_train_step({parameters_of_step})
{{
    if (n < {least} || n > BATCH || !isfinite(learning_rate))
        return NAN;
{checked}    real *const A = ram.A;
    {training_pass}(n, X, A);
{loss}
    if (!isfinite(value))
        return value;
    backward_pass(n, X, Y,{given} A);
{steps}
    return value;
}}

const {real} *{name}_gradient(void)
{{
    return ram.gradient;
}}
"""

#: What a header says of weights.
WEIGHTED = """
   sample_weight has a number from 0 for each: how much it counts in the loss. With a negative
   number, one that is not finite, or none above 0, nothing is done and NaN is returned."""

#: The check of weights.
CHECKED_WEIGHTS = """\
    real total = 0;
    for (long i = 0; i < n; ++i) {
        if (!(sample_weight[i] >= 0))
            return NAN;
        total += sample_weight[i];
    }
    if (!(total > 0) || !isfinite(total))
        return NAN;
"""
