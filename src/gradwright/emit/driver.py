"""The functions of a NumPy module that run through the layers, and the calls that they make."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.calculus.stage import NEXT
from gradwright.emit.unpacking import Unpacking
from gradwright.program.ir import Ref
from gradwright.program.stage import StageProgram

#: Calls longer than this are broken; they stand in a function, and sometimes in a loop.
MAX_LINE = 92

#: A pass from the first layer to the last.
PASS = '''def {name}({values}, X, buffers{given}):
    """What each layer saves {said}"""
    if len(X) > buffers.samples:
        raise ValueError(f"{{len(X)}} samples do not fit buffers made for {{buffers.samples}}")
{least}    saved = [({X},)]
{calls}
    return saved
'''

DRIVER = '''

{require_weights}{forward}

def forward(parameters, X, buffers=None):
    """The activations A1, ..., AL as views into the buffers."""
    buffers = buffers or Buffers(len(X), parameters.dtype)
    return [values[-1]{turned} for values in forward_pass({argument}, X, buffers)[1:]]


def predict(parameters, X, buffers=None):
    """The last activation, of shape (samples, outputs), as a view into the buffers."""
    return forward(parameters, X, buffers)[-1]


def loss(parameters, X, Y{weights}, buffers=None):
    """The loss of a batch{weighted}."""
{check}    buffers = buffers or Buffers(len(X), parameters.dtype)
    saved = forward_pass({argument}, X, buffers)
    return float({loss})


{training}def value_and_gradient({whole}):
    """(loss, gradient); the gradient is a flat vector like the parameters.{said}"""
{check}    gradient = np.empty_like(parameters) if gradient is None else gradient
    buffers = buffers or Buffers(len(X), parameters.dtype)
    {values} = unpack(parameters)
    {gradients} = unpack(gradient)
    saved = {passes}({values}, X, buffers{given})
    value = float({loss})
{backward}{state}
    return value, gradient
'''

#: What functions call the weights of the samples, a vector.
WEIGHTS = "sample_weight"

#: What refuses weights, and the call of it.
REQUIRE_WEIGHTS = f'''\
def require_weights({WEIGHTS}, samples):
    """Weights are finite numbers from 0, one for each sample, and one of them is above 0."""
    if {WEIGHTS}.shape != (samples,):
        raise ValueError(f"{WEIGHTS} has shape {{{WEIGHTS}.shape}} for {{samples}} samples")
    if not (np.all({WEIGHTS} >= 0) and 0 < np.sum({WEIGHTS}) < np.inf):
        raise ValueError("{WEIGHTS} has finite numbers from 0, at least one of them above 0")


'''
CHECK = f"    require_weights({WEIGHTS}, len(X))\n"

#: A variance over the batch needs two samples.
LEAST = """\
    if len(X) < 2:
        raise ValueError("a layer normalises over the batch, which has 1 sample")
"""

#: What its `value_and_gradient` says of that.
OF_TRAINING = """

    These are of the formulas for training; `training` is (seed, step), from which what is random
    follows. Behind the gradient stands the new state, where layers have one.
    """


def driver_text(calls: Calls, predicting: Calls | None, row_samples: bool) -> str:
    """The functions; `predicting` has the calls for prediction where those are others."""
    unpacking, apart = calls.unpacking, predicting is not None
    shared = {"values": unpacking.values, "X": "X" if row_samples else "X.T"}
    forward = PASS.format(
        name="forward_pass",
        given="",
        said="for the way back, X first; the activation stands last in each.",
        least="",
        calls=indented((predicting or calls).forward()),
        **shared,
    )
    training = PASS.format(
        name="training_pass",
        given=", training",
        said="in a step of training; `training` is (seed, step).",
        least=LEAST if any(program.update for program, _, _ in calls.runs) else "",
        calls=indented(calls.forward()),
        **shared,
    )
    return DRIVER.format(
        forward=forward,
        training=f"{training}\n\n" if apart else "",
        require_weights=REQUIRE_WEIGHTS if calls.weights else "",
        check=CHECK if calls.weights else "",
        weights=f", {WEIGHTS}" if calls.weights else "",
        weighted=", each sample counting with its weight" if calls.weights else "",
        whole=_parameters(calls, apart),
        said=OF_TRAINING if apart else "",
        passes="training_pass" if apart else "forward_pass",
        given=", training" if apart else "",
        turned="" if row_samples else ".T",
        loss=calls.loss(),
        backward=indented(calls.backward()),
        state="".join(f"\n    {line}" for line in calls.state()),
        values=unpacking.values,
        gradients=unpacking.gradients,
        argument=unpacking.argument,
    )


def _parameters(calls: Calls, apart: bool) -> str:
    """The parameters of `value_and_gradient`."""
    weights = [WEIGHTS] * bool(calls.weights)
    more = ["training=(0, 0)"] * apart
    listed = ["parameters", "X", "Y", *weights, "gradient=None", "buffers=None", *more]
    return ", ".join(listed)


def indented(lines: Sequence[str]) -> str:
    """Lines of a function's body."""
    return "\n".join(f"    {line}" for line in lines)


Runs = Sequence[tuple[StageProgram, int, int]]


class Calls:
    """The calls of the layers' functions: runs of layers of one kind, counted from 0.

    `targets` is the batch of targets as the layers take it; `reading` says of each layer whether
    what is made anew for every batch is read from its input, and not drawn.
    """

    def __init__(
        self, runs: Runs, unpacking: Unpacking, targets: str, reading: Sequence[bool] = ()
    ) -> None:
        self.runs = runs
        self.reading = reading
        self.unpacking = unpacking
        self.targets = targets
        self.weights = runs[-1][0].weights
        self.known = {"Y": targets, "δA": "dA"}

    def _argument(self, program: StageProgram, name: str, layer: str) -> str:
        """Where a function's input is found for a layer, counted from 0."""
        if name == "X":
            return f"saved[{layer}][-1]"
        if name in program.saved:
            return f"saved[{_next(layer)}][{program.saved.index(name)}]"
        if name == program.weights:
            return WEIGHTS
        return self.known.get(name) or self.unpacking.of_layer(name, layer)

    def _mask(self, program: StageProgram, name: str, layer: str) -> str:
        place = program.drawn.index(name)
        if layer.isdigit() and any(self.reading[int(layer) : int(layer) + 1]):
            return f"codes(saved[{layer}][-1], {layer}, {place})"
        return f"dropout_mask(training, {layer}, {place}, len(X), buffers)"

    def forward(self) -> list[str]:
        """The calls from the first layer to the last."""
        lines = []
        for program, first, last in self.runs:
            layer = "layer" if last - first > 1 else str(first)
            arguments = [
                self._mask(program, x, layer)
                if x in program.drawn
                else self._argument(program, x, layer)
                for x in program.forward.inputs
            ]
            call = call_lines(f"values = {program.forward.name}", [*arguments, "buffers", layer])
            over = f"range({first}, {last})"
            lines += _looped([*call, "saved.append(values)"], over, last - first)
        return lines

    def loss(self) -> str:
        """The call of the last layer's loss, within a line of a function."""
        program, _, last = self.runs[-1]
        assert program.loss is not None
        arguments = [self._argument(program, name, str(last - 1)) for name in program.loss.inputs]
        lines = call_lines(program.loss.name, arguments, before=len("    value = float()"))
        return "\n    ".join(lines)

    def backward(self) -> list[str]:
        """The calls from the last layer to the first."""
        lines = []
        for program, first, last in reversed(self.runs):
            layer = "layer" if last - first > 1 else str(first)
            arguments = [self._argument(program, x, layer) for x in program.backward.inputs]
            given = [name for name in program.gradients if name != "δX"]
            arguments += [self.unpacking.gradient(x.removeprefix("δ"), layer) for x in given]
            wants = "layer > 0" if last - first > 1 and first == 0 else str(first > 0)
            arguments += ["buffers", layer, wants]
            result = "dA = " if first > 0 or last - first > 1 else ""
            call = call_lines(f"{result}{program.backward.name}", arguments)
            lines += _looped(call, f"reversed(range({first}, {last}))", last - first)
        return lines

    def state(self) -> list[str]:
        """The lines that put the new state of layers behind the gradient."""
        lines = []
        for program, first, last in self.runs:
            if program.update is None:
                continue
            layer = "layer" if last - first > 1 else str(first)
            arguments = [self._argument(program, x, layer) for x in program.update.inputs]
            made = [o.name for o in program.update.outputs if isinstance(o, Ref)]
            letters = [name.removeprefix(NEXT) for name in made]
            lines += _looped(
                [
                    *call_lines(f"moved = {program.update.name}", arguments),
                    f"for name, new in zip({tuple(letters)}, moved):",
                    f"    d_layers[{layer}][name][...] = new",
                ],
                f"range({first}, {last})",
                last - first,
            )
        return lines


def _next(layer: str) -> str:
    return str(int(layer) + 1) if layer.isdigit() else f"{layer} + 1"


def call_lines(function: str, arguments: Sequence[str], before: int = 0) -> list[str]:
    """A call in one line, or with its arguments in a line, or in lines of their own.

    `before` characters stand around it in its line.
    """
    listed = ", ".join(arguments)
    if len(f"{function}({listed})") + before <= MAX_LINE:
        return [f"{function}({listed})"]
    if len(listed) + 4 <= MAX_LINE:
        return [f"{function}(", f"    {listed}", ")"]
    return [f"{function}(", *(f"    {argument}," for argument in arguments), ")"]


def _looped(lines: Sequence[str], over: str, count: int) -> list[str]:
    if count == 1:
        return list(lines)
    return [f"for layer in {over}:", *(f"    {line}" for line in lines)]
