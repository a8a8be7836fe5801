"""The functions of a C module that run through the layers, and where their numbers lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from gradwright.calculus.stage import NEXT
from gradwright.emit.buffered import plain_name
from gradwright.emit.c.blocks import Block, Room
from gradwright.emit.c.drawing import draw_lines
from gradwright.emit.c.function import CFunction, sizes_of
from gradwright.emit.c.lines import call_lines, indented
from gradwright.emit.c.memory import SAMPLES, Memory
from gradwright.emit.driver import WEIGHTS
from gradwright.program.ir import Function
from gradwright.program.stage import StageProgram

DRIVER = """
/* How many numbers the functions below need of memory for so many samples. */
size_t work_length(long samples)
{{
    return (size_t)({per_sample} * samples + {fixed} + (samples + {space}) * WIDE);
}}

static inline void swap(real **one, real **other)
{{
    real *const kept = *one;
    *one = *other;
    *other = kept;
}}

enum {{ PARAMETERS = {parameters}, STATE = {states} }};

/* The first layer's input: rows of X, all or those that `order` names{turned}. */
static void gather(long n, long width, const real *from, const int64_t *order, real *to)
{{
    for (long i = 0; i < n; ++i) {{
        const real *row = from + (order ? order[i] : i) * width;
{copy}
    }}
}}

{forward}
{training}static real value_of(
    const real *parameters, long n, const real *Y, {weights}real *work, real *scratch, real *space)
{{
    (void)parameters;
{loss}
}}

static void backward_pass(const real *parameters, long n, const real *Y, {weights}real *gradient,
                          real *work, real *scratch, real *space)
{{
    real *dA = work + {first_adjoint} * n, *dX = work + {second_adjoint} * n;
{backward}
}}

{fitting}/* The activations of the last layer, one sample in each row. */
void predict(const real *parameters, const real *X, long n, real *result, real *work)
{{
    real *const scratch = work + {scratch}, *const space = scratch + {scratch_length};
    gather(n, {inputs}, X, NULL, work);
    forward_pass(parameters, n, work, scratch, space);
    const real *A = work + {last} * n;
    for (long i = 0; i < n; ++i)
        for (long j = 0; j < {outputs}; ++j)
            result[i * {outputs} + j] = A[{last_entry}];
}}

/* The loss of a batch{refused}. */
double loss(const real *parameters, const real *X, const real *Y, {weights}long n, real *work)
{{
    real *const scratch = work + {scratch}, *const space = scratch + {scratch_length};
    real *const targets = work + {targets} * n;
{required}    gather(n, {inputs}, X, NULL, work);
    gather(n, {outputs}, Y, NULL, targets);
    forward_pass(parameters, n, work, scratch, space);
    return value_of(parameters, n, targets, {given}work, scratch, space);
}}

static double batch(const real *parameters, const real *X, const real *Y, const int64_t *order,
                    {weights}long n, real *gradient, real *work{random})
{{
    real *const scratch = work + {scratch}, *const space = scratch + {scratch_length};
    real *const targets = work + {targets} * n;
    gather(n, {inputs}, X, order, work);
    gather(n, {outputs}, Y, order, targets);
{gathered}    {passes}(parameters, n, work, scratch, space{drawn});
    const double value = value_of(parameters, n, targets, {chosen}work, scratch, space);
    backward_pass(parameters, n, targets, {chosen}gradient, work, scratch, space);
{state}    return value;
}}

/* The loss of a batch{refused}, and its gradient as a flat vector like the
   parameters.{behind} Large products are shared by so many threads. */
double value_and_gradient(const real *parameters, const real *X, const real *Y, {weights}long n,
                          real *gradient, long threads, real *work{random})
{{
    begin_sharing(threads);
    const double value = batch(parameters, X, Y, NULL, {given}n, gradient, work{drawn});
    end_sharing();
    return value;
}}
"""


#: What tells weights that have no meaning.
FITTING = """\
/* Whether weights are finite numbers from 0, at least one of them above 0. */
static int fitting(long n, const real *weights)
{
    real total = 0;
    for (long i = 0; i < n; ++i) {
        if (!(weights[i] >= 0))
            return 0;
        total += weights[i];
    }
    return total > 0 && isfinite(total);
}

"""

#: What is said of them, and done.
REFUSED = ", NaN where weights are no finite numbers from 0 with one above it"
REQUIRED = f"""\
    if (!fitting(n, {WEIGHTS}))
        return NAN;
"""

#: The weights of the samples of a batch.
GATHERED = """\
    real *const own_weights = work + {place} * n;
    gather(n, 1, sample_weight, order, own_weights);
    if (!fitting(n, own_weights)) {{
        for (long i = 0; i < PARAMETERS + STATE; ++i)
            gradient[i] = NAN;
        return NAN;
    }}
"""

#: A pass from the first layer to the last.
PASS = """/* {said} */
static void {name}(const real *parameters, long n, real *work, real *scratch, real *space{random})
{{
{calls}
}}
"""


def written(program: StageProgram) -> list[str]:
    """What the forward function of a layer writes into arrays that it is given."""
    return [name for name in program.saved if name not in program.drawn]


class Driver:
    """The text of the functions that run through the layers.

    In `work` lie, behind each other, the activations, the targets, two adjoints, what else the
    layers save, and memory for the functions of the layers.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        functions: Mapping[str, Mapping[str, CFunction]],
        widths: Sequence[int],
        row_samples: bool,
        memory: Memory,
        trains_apart: bool,
    ) -> None:
        self.blocks = blocks
        self.functions = functions
        self.widths = widths
        self.row_samples = row_samples
        self.memory = memory
        self.trains_apart = trains_apart
        last = blocks[-1]
        self.last_activation = last.activations + last.fan_in + (last.count - 1) * last.fan_out
        self.targets = self.last_activation + last.fan_out
        self.weights = last.program.weights
        self.own_weights = self.targets + widths[-1]
        self.adjoints = self.own_weights + bool(self.weights)
        self.saved_start = Room(self.adjoints + 2 * max(widths))
        self.scratch = self.saved_start + last.saved + last.extra_room.times(last.count)

    def text(self) -> str:
        """The functions that callers see."""
        needed = self._scratch()
        last = self.blocks[-1]
        to = "to[i * width + j]" if self.row_samples else "to[j * n + i]"
        whole = self.scratch + needed
        return DRIVER.format(
            per_sample=whole.per_sample,
            fixed=whole.fixed,
            space=self._longest(),
            turned="" if self.row_samples else ", turned",
            copy=f"        for (long j = 0; j < width; ++j)\n            {to} = row[j];",
            forward=PASS.format(
                name="forward_pass",
                said="What each layer saves for the way back, behind each other in `work`.",
                random="",
                calls=indented(self.forward([block.predicting for block in self.blocks])),
            ),
            training=self._training(),
            random=", uint64_t seed, uint64_t step" if self.trains_apart else "",
            drawn=", seed, step" if self.trains_apart else "",
            passes="training_pass" if self.trains_apart else "forward_pass",
            weights=f"const real *{WEIGHTS}, " if self.weights else "",
            given=f"{WEIGHTS}, " if self.weights else "",
            chosen="own_weights, " if self.weights else "",
            gathered=GATHERED.format(place=self.own_weights) if self.weights else "",
            fitting=FITTING if self.weights else "",
            required=REQUIRED if self.weights else "",
            refused=REFUSED if self.weights else "",
            loss=indented(self.loss()),
            backward=indented(self.backward()),
            first_adjoint=self.adjoints,
            second_adjoint=self.adjoints + max(self.widths),
            targets=self.targets,
            scratch=self.scratch.text(),
            scratch_length=needed.text(),
            inputs=self.widths[0],
            outputs=self.widths[-1],
            last=self.last_activation,
            last_entry=f"i * {self.widths[-1]} + j" if self.row_samples else "j * n + i",
            parameters=last.parameters + last.count * last.size,
            states=last.state + last.count * last.state_size,
            state="".join(f"    {line}\n" for line in self.state()),
            behind="\n   Behind it stands the new state of layers." if self.state() else "",
        )

    def _longest(self) -> int:
        """The longest axis, other than that of the samples, which a product may sum over."""
        return max(
            max(block.layer.sizes.length(size) for size in (*axes, 1) if size != SAMPLES)
            for block in self.blocks
            for function in (block.program.forward, block.program.backward)
            for axes in function.axes.values()
        )

    def _scratch(self) -> Room:
        """The most memory that a function needs."""
        most = Room()
        for block in self.blocks:
            for function in (
                *self.functions[block.program.name].values(),
                *self.functions[block.predicting.name].values(),
            ):
                needed = sum((block.room(axes) for axes in function.scratch), Room())
                most = Room(max(most.per_sample, needed.per_sample), max(most.fixed, needed.fixed))
        return most

    def _training(self) -> str:
        """The forward pass of training, where it is another one."""
        if not self.trains_apart:
            return ""
        text = PASS.format(
            name="training_pass",
            said="The same in a step of training with a seed: what is random follows from these.",
            random=",\n                          uint64_t seed, uint64_t step",
            calls=indented(self.forward([block.program for block in self.blocks])),
        )
        return f"{text}\n"

    def forward(self, programs: Sequence[StageProgram]) -> list[str]:
        """The calls from the first layer to the last, with a program for each block."""
        lines = []
        for block, program in zip(self.blocks, programs, strict=True):
            results = written(program) if program is block.program else program.saved[-1:]
            draws = [x for name in program.drawn for x in self._draw(block, program, name)]
            listed = self._arguments(block, program.forward, results, {})
            call = [*draws, *call_lines(program.forward.name, listed)]
            lines += self._looped(block, call, "for (long l = 0; l < {count}; ++l) {{")
        return lines

    def _draw(self, block: Block, program: StageProgram, name: str) -> list[str]:
        return draw_lines(
            block, program, name, self.memory, ("seed", "step"), partial(self._where, block)
        )

    def loss(self) -> list[str]:
        """The call of the last layer's loss."""
        block = self.blocks[-1]
        function = block.program.loss
        assert function is not None
        call = call_lines(f"return {function.name}", self._arguments(block, function, (), {}))
        return self._looped(block, call, "")

    def backward(self) -> list[str]:
        """The calls from the last layer to the first."""
        lines = []
        for block in reversed(self.blocks):
            program = block.program
            wants = "dX"
            if block is self.blocks[0]:
                wants = "l > 0 ? dX : NULL" if block.count > 1 else "NULL"
            results = [name for name in program.gradients if name != "δX"]
            call = call_lines(
                program.backward.name,
                self._arguments(block, program.backward, [*results, "δX"], {"δX": wants}),
            )
            over = "for (long l = {count} - 1; l >= 0; --l) {{"
            lines += self._looped(block, [*call, "swap(&dA, &dX);"], over)
        return lines[:-1] if self.blocks[0].count == 1 else lines

    def state(self) -> list[str]:
        """The calls that put the new state of layers behind the gradient."""
        lines = []
        for block in self.blocks:
            update = block.program.update
            if update is not None:
                results = [f"{NEXT}{name}" for name in block.layer.state]
                call = call_lines(update.name, self._arguments(block, update, results, {}))
                lines += self._looped(block, call, "for (long l = 0; l < {count}; ++l) {{")
        return lines

    def _arguments(
        self, block: Block, function: Function, results: Sequence[str], known: Mapping[str, str]
    ) -> list[str]:
        known_sizes = {"n": "n"} | {k: str(v) for k, v in block.layer.sizes.items()}
        found = [known_sizes[size] for size in sizes_of(function)]
        names = [*function.inputs, *results]
        found += [known.get(name) or self._where(block, name) for name in names]
        return [*found, "scratch", "space"]

    def _where(self, block: Block, name: str) -> str:
        """Where the array of a name lies for layer l of a block, counted from 0 in it."""
        many = block.count > 1
        if name in ("Y", "δA"):
            return plain_name(name)
        if name == block.program.weights:
            return WEIGHTS
        inside = block.parameter(name.removeprefix("δ"))
        if inside is not None:
            base = "gradient" if name.startswith("δ") else "parameters"
            start = block.parameters + inside
            step = f" + l * {block.size}" if many else ""
            return f"{base} + {start}{step}" if start or step else base
        inside = block.state_part(name.removeprefix(NEXT))
        if inside is not None:
            base = "gradient" if name.startswith(NEXT) else "parameters"
            step = f" + l * {block.state_size}" if many else ""
            return f"{base} + PARAMETERS + {block.state + inside}{step}"
        if name == "X":
            step = f" + l * {block.fan_out}" if many else ""
            return _at(block.activations, step)
        if name == block.program.saved[-1]:
            step = f" + l * {block.fan_out}" if many else ""
            return _at(block.activations + block.fan_in, step)
        place = self.saved_start + block.saved + block.extra(name)
        return f"work + {place.text()}" + _step(block.extra_room if many else Room())

    def _looped(self, block: Block, lines: Sequence[str], over: str) -> list[str]:
        if block.count == 1:
            return list(lines)
        return [over.format(count=block.count), *(f"    {line}" for line in lines), "}"]


def _at(start: int, step: str) -> str:
    """A place in `work`, which has so many numbers before it for each sample."""
    if step:
        return f"work + ({start}{step}) * n"
    return f"work + {start} * n" if start else "work"


def _step(room: Room) -> str:
    """So much further for each layer."""
    parts = [f"{room.per_sample} * n"] if room.per_sample else []
    parts += [str(room.fixed)] if room.fixed else []
    return "".join(f" + l * {part}" for part in parts)
