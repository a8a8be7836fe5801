"""The check of a backward pass that a user wrote, for a network: `gw.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.api.backward_slips import forward_pass, misshapen, scales, slips
from gradwright.api.network import Network
from gradwright.api.network_checking import (
    ReferenceNetwork,
    drawn_functions,
    drawn_masks,
    drawn_parameters,
    drawn_samples,
    samples_for,
)
from gradwright.api.network_parts import for_step
from gradwright.errors import DataError, NetworkError, UnsupportedError, require_type
from gradwright.nn.initialise import require_seed
from gradwright.nn.parameters import Parameters, parameter_shapes
from gradwright.verification.causes import Slip
from gradwright.verification.points import Point
from gradwright.verification.reference import check_against
from gradwright.verification.report import CheckReport

Array = Any
#: From the parameters by name, X and y to the gradients by name.
Backward = Callable[[dict[str, Array], Array, Array], Mapping[str, Array]]

ORACLE = "derived gradient"
ASKED = "checking a backward pass"


def check(
    backward: Backward,
    net: Network,
    params: Parameters | Mapping[str, Array] | None = None,
    X: Array | None = None,
    y: Array | None = None,
    *,
    seed: int = 0,
    tolerance: float | None = None,
    training: tuple[int, int] | None = None,
) -> CheckReport:
    """Compare a backward pass that you wrote with the derived gradients of a network.

    `backward(params, X, y)` gets a dictionary of float64 arrays W1, b1, … in the shapes of the
    network's layout, and X as samples × features. It returns a mapping with the gradient of the
    loss by each parameter under the parameter's own name, and as many values on the way as you
    like: Z1, A1, …, and dZ1, dA1, … for the derivatives of the loss by them. Those lie as in the
    network's layout.

    Every entry of every block is compared: max |a − b| / max |b| over the block, with the
    tolerance 32 u κ, at least 1e-12. A wrong block is named with its probable cause: what a slip
    would lead to is computed, and a slip is named where its numbers are those that were returned.

    Args:
        backward: the function.
        net: the network that it is the backward pass of.
        params: the parameters; by default random ones.
        X: the samples; by default random ones, their number unlike every width.
        y: class indices, one-hot rows or targets, handed over as they are; by default random ones
            as samples × outputs.
        seed: of everything random.
        tolerance: in place of the derived one, say 1e-4 for a function in float32.
        training: (seed, step), as of `net.gradient`; without it layers are as in prediction.

    Raises:
        DataError: the function raises, changes what it is given, or does not return a mapping with
            every gradient by its name, real and finite, in a shape that can be told from the right
            one; parameters, samples or labels that do not fit the network.
        NetworkError: no network, or parameters of another one.
        UnsupportedError: values on the way of a network that runs otherwise in training.
    """
    _require_arguments(backward, net, tolerance)
    require_seed(seed)
    if net.model.symbolic:
        net = net.sized(**net.backprop().drawn_sizes(seed))
    problem = _Backward(backward, net, training)
    generator = np.random.default_rng(seed)
    given = _given(net, params, X, y)

    def draw(generator: np.random.Generator) -> dict[str, Array]:
        return problem.drawn(generator, *given)

    point = draw(generator)
    problem.learn_names(point)
    return check_against(
        problem.claims,
        problem.reference,
        problem.loss,
        point,
        oracle=ORACLE,
        seed=seed,
        kink_distance=problem.kink_distance,
        redraw=None if given[0] is not None and given[1] is not None else draw,
        context=problem.context,
        slips=problem.slips,
        misshapen=problem.misshapen,
        tolerance=tolerance,
    )


def _require_arguments(backward: object, net: object, tolerance: object) -> None:
    instead = "write gw.check(backward, net)"
    require_type(NetworkError, ASKED, net, Network, "a Network is expected", instead)
    if not callable(backward):
        raise DataError(
            ASKED,
            f"a {type(backward).__name__} is given and a function is needed",
            "write gw.check(backward, net), where backward(params, X, y) returns a dictionary",
        )
    if tolerance is not None and not (
        isinstance(tolerance, (int, float)) and 0 <= float(tolerance) < float("inf")
    ):
        raise DataError(
            ASKED,
            f"tolerance is {tolerance!r} and a relative error is a number from 0",
            "give a number such as 1e-8, or leave it out",
        )


def _given(
    net: Network, params: Parameters | Mapping[str, Array] | None, X: Array | None, y: Array | None
) -> tuple[Parameters | None, Array | None, Array | None]:
    """What the user gave, checked; the labels as they are."""
    if X is None and y is not None:
        raise DataError(ASKED, "y is given and X is not", "give both, or X alone")
    start = None
    if params is not None:
        layers = net.model.layers
        held = params if isinstance(params, Parameters) else Parameters.from_dict(layers, params)
        start = net.own_parameters(held).astype("float64")
    if X is not None:
        X = net.inputs(start or net.init(), X)
    if y is not None:
        net.targets(start or net.init(), X, y)
        y = np.asarray(y)
    return start, X, y


class _Backward:
    """A backward pass beside the network that it is of, at points of parameters and X.

    The samples' labels, and codes of categories, are held here: no rounding is in them.
    """

    def __init__(self, function: Backward, net: Network, training: tuple[int, int] | None) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.net = net
        self.training = training
        self.layers = net.model.layers
        self.fixed: dict[str, Array] = {}
        self.y: Array = None
        self.extras: tuple[str, ...] = ()
        self._reference: ReferenceNetwork | None = None

    # Points --------------------------------------------------------------------------------------

    def drawn(
        self,
        generator: np.random.Generator,
        params: Parameters | None,
        X: Array | None,
        y: Array | None,
    ) -> dict[str, Array]:
        """A point, with what is given in it; the labels are kept."""
        model = self.net.model
        p = drawn_parameters(self.layers, generator) if params is None else params
        samples = samples_for(model.widths) if X is None else len(X)
        drawn_X, Y = drawn_samples(model, samples, generator)
        X = drawn_X if X is None else X
        self.y = Y if y is None else y
        self.fixed = {"Y": Y if y is None else self.net.targets(p, X, y)}
        point = {name: np.array(value) for name, value in p.items()}
        (self.fixed if self.layers[0].codes else point)["X"] = X
        return point

    def samples(self, point: Point) -> tuple[Parameters, Array, Array]:
        """(parameters, X, Y) of a point."""
        every = {**point, **self.fixed}
        names = Parameters.zeros(self.layers).names()
        p = Parameters(self.layers, np.concatenate([every[name].ravel() for name in names]))
        return p, every["X"], every["Y"]

    # The function --------------------------------------------------------------------------------

    def called(self, point: Point) -> Mapping[str, Array]:
        """What the function returns, if it is a mapping and the arguments are as they were."""
        p, X, _ = self.samples(point)
        params = {name: np.array(value) for name, value in p.items()}
        given = {**params, "X": X.copy(), "y": self.y.copy()}
        before = {name: value.tobytes() for name, value in given.items()}
        try:
            found = self.function(params, given["X"], given["y"])
        except Exception as error:
            raise self.refused(
                f"it raised {type(error).__name__}: {error}",
                "correct the function; it gets a dictionary of arrays "
                f"{', '.join(list(params)[:4])}, …, X of shape {X.shape} and y of shape "
                f"{self.y.shape}",
            ) from error
        changed = [name for name, value in given.items() if value.tobytes() != before[name]]
        if changed:
            raise self.refused(
                f"it changed {', '.join(changed[:4])}, which it was given",
                "work on copies, and return new arrays",
            )
        if not isinstance(found, Mapping):
            raise self.refused(
                f"it returned a {type(found).__name__} and a mapping of names to arrays is needed",
                "return a dictionary, {'W1': …, 'b1': …}",
            )
        return found

    def claims(self, point: Point) -> dict[str, Array]:
        """The blocks that are compared, as real numbers."""
        found = self.called(point)
        self.require_names(found)
        return {name: self.real(name, found[name]) for name in (*self.required, *self.extras)}

    def real(self, name: str, value: Any) -> Array:
        """A block as an array of finite real numbers."""
        try:
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise self.refused(f"{name} is no array ({error})", "return an array") from error
        if array.dtype.kind not in "biuf":
            raise self.refused(
                f"{name} has the dtype {array.dtype} and real numbers are needed",
                "return an array of float64",
            )
        bad = int(array.size - np.isfinite(array).sum())
        if bad:
            raise self.refused(
                f"{bad} of the {array.size} values of {name} are not finite",
                "look for a division by 0, the logarithm of 0 or an exponential of a large number",
            )
        return array

    def refused(self, clash: str, instead: str) -> DataError:
        """What is wrong with the function or with what it returned."""
        return DataError(f"the backward pass {self.name}(params, X, y)", clash, instead)

    # Names ---------------------------------------------------------------------------------------

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that have gradients."""
        return tuple(parameter_shapes(self.layers))

    def learn_names(self, point: Point) -> None:
        """The values on the way that the function returns besides the gradients."""
        found = self.called(point)
        extras = tuple(name for name in found if name not in self.required)
        if extras and self.training is not None and self.net.model.trains_apart:
            raise UnsupportedError(
                f"checking {extras[0]} in a step of training",
                "values on the way are those of prediction",
                "leave them out, or leave out training=",
            )
        self.require_names(found, tuple(self.on_the_way(point)) if extras else ())
        self.extras = extras

    def require_names(
        self, found: Mapping[str, Array], allowed: Sequence[str] | None = None
    ) -> None:
        """Refuse blocks that are missing or unknown."""
        known = (*self.required, *(self.extras if allowed is None else allowed))
        missing = [name for name in self.required if name not in found]
        if missing:
            raise self.refused(
                f"it returned {_listed(found) or 'nothing'}, and {_listed(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing",
                f"return the gradients by {_listed(self.required)} under these names",
            )
        unknown = [name for name in found if name not in known]
        if unknown:
            name = unknown[0]
            own = name[1:] if isinstance(name, str) and name[1:] in self.required else None
            raise self.refused(
                f"it returned {name!r}, which is no array of the network",
                f"name the gradient by {own} {own!r}"
                if own
                else f"return {_listed(known)}"
                + (", and of the values on the way what you like" if allowed is None else ""),
            )
        if allowed is None and any(name not in found for name in self.extras):
            lost = [name for name in self.extras if name not in found]
            raise self.refused(
                f"it returned {_listed(lost)} at one point and not at another",
                "return the same names at every point",
            )

    # The network ---------------------------------------------------------------------------------

    def reference(self, point: Point) -> dict[str, Array]:
        """The right arrays."""
        p, X, Y = self.samples(point)
        _, gradient = self.net.value_and_gradient(p, X, Y, training=self.training)
        found = {name: np.asarray(gradient[name]) for name in self.required}
        way = self.on_the_way(point) if self.extras else {}
        return found | {name: np.asarray(way[name]) for name in self.extras}

    def on_the_way(self, point: Point) -> dict[str, Array]:
        """Z1, A1, dZ1, … by name; of a layer without activation Z is A."""
        lines = self.net.traced(*self.samples(point))
        found = {line.line.name.replace("δ", "d"): line.value for line in lines}
        for number, layer in enumerate(self.layers, start=1):
            if layer.formula is None and layer.activation == "identity":
                for mark in ("", "d"):
                    found[f"{mark}Z{number}"] = found[f"{mark}A{number}"]
        gradients = {f"d{name}" for name in self.required}
        return {name: value for name, value in found.items() if name not in gradients}

    @property
    def oracle(self) -> ReferenceNetwork:
        """The forward pass by the notation's evaluator, for kinks and the loss."""
        if self._reference is None:
            samples = len(self.fixed["Y"])
            model, more = for_step(self.net.model, self.training, samples)
            functions = drawn_functions(model.layers)
            if more:
                masks = drawn_masks(model.layers, model.module, samples, more["training"])
                functions = [f | m for f, m in zip(functions, masks, strict=True)]
            shapes = parameter_shapes(model.layers)
            self._reference = ReferenceNetwork(model.kinds, shapes, functions)
        return self._reference

    def loss(self, point: Point) -> Array:
        """The loss."""
        return self.oracle.loss({**point, **self.fixed})

    def kink_distance(self, point: Point) -> float:
        """The smallest distance of an argument from a kink."""
        return self.oracle.kink_distance({**point, **self.fixed})

    # Causes --------------------------------------------------------------------------------------

    def context(self, point: Point) -> dict[str, Array]:
        """X first: lengths are named by the first array that has them."""
        p, X, Y = self.samples(point)
        found = {"X": X, "Y": Y, **point}
        forward = forward_pass(self.net.model, p, X)
        if forward is not None:
            batch = self.net.model.layout.batch
            for number, value in enumerate(forward.Z, start=1):
                found[f"Z{number}"] = batch(value)
        return found

    def slips(self, point: Point) -> list[Slip]:
        """What slips would lead to, of networks of dense layers those between layers too."""
        p, X, _ = self.samples(point)
        model = self.net.model
        right = self.reference(point).items()
        derivatives = {x: value for x, value in right if x in self.required or x.startswith("d")}
        found = list(scales(model, len(X), derivatives))
        forward = forward_pass(model, p, X)
        if forward is None:
            return found
        top = model.layout.batch(self.on_the_way(point)[f"dA{len(model.layers)}"])
        return [*found, *slips(model, forward, top)]

    def misshapen(self, name: str, claim: Array, right: Array, tolerance: float) -> str:
        """What a block of another shape is.

        Raises:
            DataError: no slip leads to that shape.
        """
        said = misshapen(len(self.fixed["Y"]), name, claim, right, tolerance)
        if said is None:
            raise self.refused(
                f"{name} has the shape {claim.shape} and the shape {right.shape} is needed",
                f"return {name} in the shape {right.shape}",
            )
        return said


def _listed(names: Any) -> str:
    """Names in a row, the first few of them."""
    shown = [str(name) for name in names]
    return ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "")
