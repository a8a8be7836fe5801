"""The optimisers: each is a few formulas that change vectors, its state, and its settings.

In the formulas w stands for the trainable parameters as one vector, g for the gradient of the loss
by them, t for the number of steps before this one. Other vectors are state, and begin with zeros.
A line gives a vector its new value; lines below it mean that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from msgspec import Struct

from gradwright.emit.c.descent import descent_source
from gradwright.emit.update import scratch_vectors, step_function, update_module
from gradwright.errors import TrainingError, UnsupportedError
from gradwright.nn.settings import RANGES, checked_setting
from gradwright.program.update import Update, build_update
from gradwright.run.load import load


class OptimizerRecord(Struct, frozen=True):
    """An optimiser: `settings` have the values that hold where none are given."""

    name: str
    title: str
    lines: tuple[str, ...]
    learning_rate: float
    state: tuple[str, ...] = ()
    settings: tuple[tuple[str, float], ...] = ()
    source: str = ""


#: The lines of Adam; AdamW adds those of the weight decay, like any other optimiser.
ADAM = (
    "m = beta1*m + (1 - beta1)*g",
    "v = beta2*v + (1 - beta2)*g.^2",
    "rate = learning_rate/(1 - beta1^(t + 1))",
    "scale = sqrt(1 - beta2^(t + 1))",
    "w = w - rate*m./(sqrt(v)/scale + epsilon)",
)

OPTIMIZERS: Mapping[str, OptimizerRecord] = MappingProxyType(
    {
        record.name: record
        for record in (
            OptimizerRecord(
                "sgd",
                "gradient descent",
                ("w = w - learning_rate*g",),
                0.1,
                source="H. Robbins and S. Monro, A stochastic approximation method, 1951",
            ),
            OptimizerRecord(
                "momentum",
                "gradient descent with momentum",
                ("v = momentum*v + g", "w = w - learning_rate*v"),
                0.1,
                ("v",),
                (("momentum", 0.9),),
                "B. T. Polyak, Some methods of speeding up the convergence of iteration methods, "
                "1964; the rate outside of v, as in PyTorch",
            ),
            OptimizerRecord(
                "nesterov",
                "gradient descent with Nesterov's momentum",
                ("v = momentum*v + g", "w = w - learning_rate*(g + momentum*v)"),
                0.1,
                ("v",),
                (("momentum", 0.9),),
                "I. Sutskever et al., On the importance of initialization and momentum in deep "
                "learning, 2013, section 2, in the form of PyTorch's nesterov=True",
            ),
            OptimizerRecord(
                "rmsprop",
                "RMSprop",
                (
                    "v = alpha*v + (1 - alpha)*g.^2",
                    "w = w - learning_rate*g./(sqrt(v) + epsilon)",
                ),
                0.01,
                ("v",),
                (("alpha", 0.99), ("epsilon", 1e-8)),
                "T. Tieleman and G. Hinton, Lecture 6.5 of Neural Networks for Machine Learning, "
                "2012; epsilon outside of the root, as in PyTorch",
            ),
            OptimizerRecord(
                "adam",
                "Adam",
                ADAM,
                0.001,
                ("m", "v"),
                (("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8)),
                "D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015, "
                "algorithm 1 with t + 1 for its t",
            ),
            OptimizerRecord(
                "adamw",
                "AdamW",
                ADAM,
                0.001,
                ("m", "v"),
                (("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8), ("weight_decay", 0.01)),
                "I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019, "
                "algorithm 2 with the decay scaled by the rate, as in PyTorch",
            ),
        )
    }
)

#: Optimisers of all samples at once. They have no lines: each iteration is a search.
FULL_BATCH: Mapping[str, OptimizerRecord] = MappingProxyType(
    {
        record.name: record
        for record in (
            OptimizerRecord(
                "lbfgs",
                "L-BFGS",
                (),
                1.0,
                settings=(("memory", 10.0), ("tolerance", 1e-8)),
                source="D. C. Liu and J. Nocedal, On the limited memory BFGS method for large "
                "scale optimization, 1989; the L-BFGS-B of SciPy",
            ),
            OptimizerRecord(
                "levenberg_marquardt",
                "Levenberg and Marquardt's method",
                (),
                1.0,
                settings=(("damping", 1e-3), ("tolerance", 1e-10)),
                source="D. W. Marquardt, An algorithm for least-squares estimation of nonlinear "
                "parameters, 1963; the damping of K. Madsen, H. B. Nielsen and O. Tingleff, "
                "Methods for non-linear least squares problems, 2004, algorithm 3.16",
            ),
        )
    }
)

#: Lines before those of an optimiser, for settings that every one of them may have. The penalties
#: l1 |w|₁ and l2 |w|₂²/2 belong to the loss whose gradient is clipped; weight decay does not.
COMMON: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "l1": ("g = g + l1*sign(w)",),
        "l2": ("g = g + l2*w",),
        # R. Pascanu et al., On the difficulty of training recurrent neural networks, 2013; as
        # PyTorch's clip_grad_norm_, which adds 1e-6 to the norm.
        "max_norm": ("clip = max_norm/max(max_norm, norm2(g))", "g = clip*g"),
        "weight_decay": ("w = (1 - learning_rate*weight_decay)*w",),
    }
)


class Optimizer(Struct, frozen=True):
    """An optimiser with its settings, as `gw.optimizer` makes it; printed, its formulas."""

    record: OptimizerRecord
    settings: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """The name of the optimiser."""
        return self.record.name

    @property
    def learning_rate(self) -> float:
        """The rate where none is given."""
        return self.record.learning_rate

    @property
    def full_batch(self) -> bool:
        """Whether each iteration takes all samples, and is no formula."""
        return not self.record.lines

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return self.record.title

    @property
    def lines(self) -> tuple[str, ...]:
        """The formulas of a step, in order: of a setting that all may have, then its own.

        >>> optimizer("sgd", l2=0.5).lines
        ('g = g + l2*w', 'w = w - learning_rate*g')
        """
        given = dict(self.settings)
        before = [line for name, lines in COMMON.items() if name in given for line in lines]
        return (*before, *self.record.lines)

    @property
    def update(self) -> Update:
        """The formulas as a program; the same for all values of the settings.

        Raises:
            UnsupportedError: it has none.
        """
        if self.full_batch:
            raise UnsupportedError(
                f"the steps of {self.name} as code",
                f"{self.name} searches over all samples in each iteration, and has no formula of a "
                "step",
                f"use one of {', '.join(OPTIMIZERS)}",
            )
        names = tuple(name for name, _ in self.settings)
        return build_update(self.lines, self.record.state, names)

    def numpy_step(self, trains_apart: bool, has_state: bool, weighted: bool = False) -> str:
        """The functions `update` and `step` behind a network's NumPy module.

        `trains_apart` says that layers of the network train by formulas of their own, `has_state`
        that some carry something from step to step, `weighted` that its loss has weights of
        samples.
        """
        passes = (trains_apart, has_state, weighted)
        text = step_function(self.update, self.title, dict(self.settings), *passes)
        return f"\n\n{text}"

    def c_descent(self, trains_apart: bool, weighted: bool = False) -> str:
        """The functions `update` and `descend` behind a network's C module.

        `weighted` says that its loss has weights of samples.
        """
        return descent_source(self.update, self.title, trains_apart, weighted)

    def torch_steps(self, module: str) -> str:
        """A network's module for PyTorch with the class `Optimizer` behind it."""
        from gradwright.emit.torch_update import with_steps

        settings = dict(self.settings)
        ranges = {name: RANGES[name].ends for name in settings}
        return with_steps(module, self.update, self.title, self.learning_rate, settings, ranges)

    @property
    def function(self) -> Callable[..., None]:
        """The emitted function `update`, loaded, which makes one step in place.

        Its arguments are the flat parameters and gradient, the state as an array with a row for
        each vector where there is one, the rate, t where it matters, and the settings.

        >>> import numpy as np
        >>> w = np.array([1.0, 2.0])
        >>> optimizer("sgd").function(w, np.array([1.0, -1.0]), 0.5)
        >>> w.tolist()
        [0.5, 2.5]

        Raises:
            UnsupportedError: it has no formulas.
        """
        source = update_module(self.update, self.title, dict(self.settings))
        return cast("Callable[..., None]", load(source).update)

    @property
    def scratch(self) -> int:
        """How many vectors `function` needs beside the state."""
        return scratch_vectors(self.update)

    def having(self, **settings: float | None) -> Optimizer:
        """The same with further settings, where they are given.

        Raises:
            TrainingError: a setting that it does not have, or a value out of its range.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        return optimizer(self.name, **{**dict(self.settings), **given}) if given else self

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.settings)
        return f"gw.optimizer({self.name!r}{given})"

    def __str__(self) -> str:
        return "\n".join(self.lines) or self.title


def optimizer(name: str, **settings: float) -> Optimizer:
    """An optimiser with settings of one's own.

    Beside those of its record every optimiser may have `l1` and `l2`, which add the gradients of
    l1 ‖w‖₁ and l2 ‖w‖₂²/2 to that of the loss; `max_norm`, which scales that gradient down to
    this norm where it is longer; and `weight_decay`, which shrinks w by the rate times it, apart
    from the gradient.

    >>> print(optimizer("momentum", momentum=0.8))
    v = momentum*v + g
    w = w - learning_rate*v

    Raises:
        TrainingError: there is no such optimiser or setting, or a value is out of its range.
    """
    if name not in (*OPTIMIZERS, *FULL_BATCH):
        known = ", ".join((*OPTIMIZERS, *FULL_BATCH))
        raise TrainingError(
            f"the optimizer {name!r}",
            f"{name!r} is asked for and the optimizers are {known}",
            "use one of those",
        )
    record = OPTIMIZERS.get(name) or FULL_BATCH[name]
    values = dict(record.settings)
    common = COMMON if record.lines else {}
    for setting, value in settings.items():
        if setting not in values and setting not in common:
            known = ", ".join(dict.fromkeys((*values, *common)))
            raise TrainingError(
                f"the optimizer {name} with {setting}={value!r}",
                f"{setting} is given and the settings of {name} are {known}",
                "leave it out, or use one of those",
            )
        values[setting] = checked_setting(f"the optimizer {name}", setting, value)
    own = [x for x in values if x not in COMMON]
    order = [*own, *(x for x in COMMON if x in values)]
    return Optimizer(record, tuple((x, values[x]) for x in order))


def known_optimizer(asked: str | Optimizer) -> Optimizer:
    """An optimiser by name, or as it is.

    Raises:
        TrainingError: there is no such optimiser.
    """
    return asked if isinstance(asked, Optimizer) else optimizer(asked)


#: Plain gradient descent.
SGD = optimizer("sgd")
