"""The sides of `bench.train`: each gives an epoch in the samples' order, and one that is timed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any

#: (an epoch from the start in the samples' order, which returns the flat parameters; an epoch in
#: a new order, to be timed)
Side = tuple[Callable[[], Array], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """A network and its samples."""

    net: Any
    start: Array
    X: Array
    y: Array
    batch: int
    rate: float
    optimizer: str = "sgd"

    @property
    def onehot(self) -> Array:
        """The classes as rows."""
        return np.eye(self.net.widths[-1], dtype=np.float32)[self.y]

    def unpacked(self, flat: Array) -> list[tuple[Array, Array]]:
        """(W, b) of each layer as views."""
        return list(zip(*self.net.model.module.unpack(flat), strict=True))

    @property
    def activations(self) -> list[str]:
        """The activation of each layer."""
        return [layer.activation for layer in self.net.model.layers]


def compiled(task: Task) -> Side:
    """Our compiled C."""
    import gradwright as gw

    rule = gw.optimizer(task.optimizer)
    threads = int(os.environ["OMP_NUM_THREADS"])
    network = task.net.model.compiled("float32", rule, task.batch, threads)
    Y, gradient = task.onehot, np.empty_like(task.start)
    rng = np.random.default_rng(0)
    steps = -(-len(task.X) // task.batch)
    rates, given = np.full(steps, task.rate), dict(rule.settings)

    def new_state() -> Array:
        return np.zeros((len(rule.update.state), len(task.start)), np.float32)

    def run(flat: Array, order: Array, state: Array, done: int) -> Array:
        network.descend(flat, task.X, Y, order, task.batch, rates, gradient, state, done, given)
        return flat

    timed, state, made = task.start.copy(), new_state(), 0

    def epoch() -> None:
        nonlocal made
        order = np.arange(len(task.X))
        rng.shuffle(order)
        run(timed, order, state, made)
        made += steps

    return lambda: run(task.start.copy(), np.arange(len(task.X)), new_state(), 0), epoch


def numpy_steps(task: Task) -> Side | None:
    """Our NumPy module, a step of gradient descent at a time."""
    if task.optimizer != "sgd":
        return None
    module = task.net.model.module
    Y, gradient = task.onehot, np.empty_like(task.start)
    buffers = module.Buffers(task.batch, np.float32)
    rng = np.random.default_rng(0)

    def run(flat: Array, order: Array) -> Array:
        for first in range(0, len(order), task.batch):
            places = order[first : first + task.batch]
            module.step(flat, task.X[places], Y[places], task.rate, gradient, buffers)
        return flat

    timed = task.start.copy()
    return (
        lambda: run(task.start.copy(), np.arange(len(task.X))),
        lambda: run(timed, rng.permutation(len(task.X))),
    )


def torch_fused(task: Task) -> Side:
    """PyTorch, eager, with the fused optimiser."""
    return _torch(task, lambda step: step)


def torch_compiled(task: Task) -> Side:
    """PyTorch with forward, loss and backward by torch.compile, and the fused optimiser."""
    import torch

    return _torch(task, torch.compile)


def _torch(task: Task, transformed: Callable[[Any], Any]) -> Side:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    layers: list[Any] = []
    functions = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
    for (W, b), activation in zip(task.unpacked(task.start), task.activations, strict=True):
        linear = torch.nn.Linear(*W.shape)
        layers += [linear, *([functions[activation]()] if activation in functions else [])]
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b.copy()))
    model = torch.nn.Sequential(*layers)
    makers = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = makers[task.optimizer](model.parameters(), lr=task.rate, fused=True)
    X, y = torch.from_numpy(task.X), torch.from_numpy(task.y)
    loss_of = transformed(lambda x, c: torch.nn.functional.cross_entropy(model(x), c))

    def run(order: Any) -> float:
        total = torch.zeros(())
        for first in range(0, len(X), task.batch):
            places = order[first : first + task.batch]
            optimizer.zero_grad()
            loss = loss_of(X[places], y[places])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(places)
        return float(total)

    def in_order() -> Array:
        run(torch.arange(len(X)))
        held = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
        parts = [p for layer in held for p in (layer.weight.T, layer.bias)]
        return np.concatenate([p.detach().numpy().ravel() for p in parts])

    return in_order, lambda: run(torch.randperm(len(X)))


def jax_scan(task: Task) -> Side:
    """JAX: a whole epoch in one compiled scan."""
    import jax
    import jax.numpy as jnp

    functions = {"relu": jax.nn.relu, "tanh": jnp.tanh, "softmax": lambda z: z}
    chosen = [functions[name] for name in task.activations]

    def loss(parameters: Any, X: Any, Y: Any) -> Any:
        for (W, b), function in zip(parameters, chosen, strict=True):
            X = function(X @ W + b)
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(X), axis=1))

    def moved(t: Any, p: Any, g: Any, m: Any, v: Any) -> Any:
        if task.optimizer == "sgd":
            return p - task.rate * g, m, v
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - task.rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    def step(carried: Any, batch: Any) -> Any:
        parameters, first, second, t = carried
        value, gradient = jax.value_and_grad(loss)(parameters, *batch)
        parts = [jax.tree.leaves(tree) for tree in (parameters, gradient, first, second)]
        made = [moved(t + 1, *leaves) for leaves in zip(*parts, strict=True)]
        shape = jax.tree.structure(parameters)
        trees = [jax.tree.unflatten(shape, leaves) for leaves in zip(*made, strict=True)]
        return (*trees, t + 1), value

    def in_turn(carried: Any, X: Any, Y: Any, order: Any) -> Any:
        shape = (-1, task.batch)
        batches = (X[order].reshape(*shape, X.shape[1]), Y[order].reshape(*shape, Y.shape[1]))
        return jax.lax.scan(step, carried, batches)

    ordered = jax.jit(in_turn)
    shuffled = jax.jit(lambda p, X, Y, key: in_turn(p, X, Y, jax.random.permutation(key, len(X))))
    flat = jax.tree.map(jnp.asarray, [(W.copy(), b.copy()) for W, b in task.unpacked(task.start)])
    zeros = jax.tree.map(jnp.zeros_like, flat) if task.optimizer == "adam" else flat
    start = (flat, zeros, zeros, jnp.float32(0))
    X, Y = jnp.asarray(task.X), jnp.asarray(task.onehot)
    key = jax.random.key(0)

    def in_order() -> Array:
        (made, *_), _ = ordered(start, X, Y, jnp.arange(len(X)))
        return np.concatenate([np.asarray(part).ravel() for pair in made for part in pair])

    return in_order, lambda: jax.block_until_ready(shuffled(start, X, Y, key))


def sklearn_epochs(task: Task) -> Side | None:
    """scikit-learn's MLPClassifier; for two classes it has another network.

    Its first call takes a step before the parameters are set, so Adam is left out.
    """
    from sklearn.neural_network import MLPClassifier

    widths = task.net.widths
    if widths[-1] == 2 or task.optimizer != "sgd":
        return None
    hidden = widths[1:-1]

    def made(shuffle: bool) -> Any:
        model = MLPClassifier(
            hidden,
            activation=task.activations[0],
            solver=task.optimizer,
            alpha=0.0,
            batch_size=task.batch,
            learning_rate_init=task.rate,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=shuffle,
            random_state=0,
        )
        model.partial_fit(task.X, task.y, classes=np.arange(widths[-1]))
        pairs = task.unpacked(task.start.copy())
        for place, (W, b) in enumerate(pairs):
            model.coefs_[place][...] = W
            model.intercepts_[place][...] = b
        return model

    def in_order() -> Array:
        model = made(False)
        model.partial_fit(task.X, task.y)
        pairs = zip(model.coefs_, model.intercepts_, strict=True)
        return np.concatenate([part.ravel() for pair in pairs for part in pair])

    timed = made(True)
    return in_order, lambda: timed.partial_fit(task.X, task.y)


PEERS: dict[str, Callable[[Task], Side | None]] = {
    "gradwright, c": compiled,
    "gradwright, numpy": numpy_steps,
    "PyTorch, eager, fused": torch_fused,
    "PyTorch, compile, fused": torch_compiled,
    "JAX, jit, scan": jax_scan,
    "scikit-learn": sklearn_epochs,
}
