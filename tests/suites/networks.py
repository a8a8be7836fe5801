"""Random networks of all layers, losses and optimisers in NumPy and in C.

The documented suite is `python -m tests.suites.networks --count 2000`.

The NumPy module and the C module of each network have the same loss, gradient and state in float64
and, to rounding, in float32; the gradient agrees with a difference quotient of the loss along a
random direction; and after some steps of training both have the same parameters. Each network has
its own seed, which `--only` repeats; `--shard 1/4` takes every fourth, `--log FILE` goes on where a
run stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.losses import LOSSES
from gradwright.nn.optimizers import OPTIMIZERS
from gradwright.nn.targets import prepare_targets, sample_targets

Array = Any

#: Between dense layers.
NAMED = ("layer_norm", "rms_norm(eps=0.01)", "batch_norm", "dropout(0.3)", "dropout", "tanh")

#: Sums of the two are in other orders: a gradient may be off by so many roundings of its condition.
ROUNDINGS = 32

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}


def random_items(rng: np.random.Generator) -> tuple[list[Any], str]:
    """(a network as a list, its loss), widths unequal."""
    widths = [int(w) for w in rng.choice(np.arange(2, 13), int(rng.integers(2, 6)), replace=False)]
    if rng.random() < 0.3:
        widths[int(rng.integers(len(widths)))] += 40
    loss = str(rng.choice(list(LOSSES)))
    items: list[Any] = [str(widths[0])]
    for width in widths[1:-1]:
        items.append(_dense(rng, width))
        if rng.random() < 0.4:
            items.append(str(rng.choice(NAMED)))
        if rng.random() < 0.25:
            inner = f"{rng.integers(2, 9)} {rng.choice(['tanh', 'relu', 'gelu'])}"
            items.append(gw.residual(inner, str(width)))
        if rng.random() < 0.2:
            items.append(gw.parallel("identity", f"{rng.integers(2, 6)} sigmoid"))
    head = LOSSES[loss].activation
    items.append(f"{widths[-1]} {head}" if head else _dense(rng, widths[-1]))
    return items, loss


def _dense(rng: np.random.Generator, width: int) -> str:
    repeat = f"{rng.integers(2, 4)} * " if rng.random() < 0.2 else ""
    bias = " no_bias" if rng.random() < 0.2 else ""
    return f"{repeat}{width} {rng.choice(list(ACTIVATIONS))}{bias}"


def judge(seed: int) -> str:
    """What is wrong with the network of a seed; "" where nothing is."""
    rng = np.random.default_rng(seed)
    items, loss = random_items(rng)
    net = gw.Network(items, loss=loss, reduction=str(rng.choice(["mean", "sum"])))
    samples = int(rng.integers(2, 12))
    p = net.init(seed=seed)
    p.flat[:] += rng.uniform(0, 0.2, p.flat.shape)
    X = rng.normal(size=(samples, net.widths[0]))
    targets = sample_targets(loss, samples, net.widths[-1], rng)
    Y = prepare_targets(targets, net.widths[-1], loss, samples, np.float64)
    module, training = net.model.module, (seed, 3)
    more = {"training": training} if net.model.trains_apart else {}
    value, gradient = module.value_and_gradient(p.flat, X, Y, **more)
    if not np.isfinite(gradient).all():
        return "set aside: the gradient is not finite"
    said = f"{net} seed {seed}"
    count = module.PARAMETERS

    def at(flat: Array, rows: Array = X) -> tuple[float, Array]:
        loss_value, found = module.value_and_gradient(flat, rows, Y, **more)
        return loss_value, found.copy()

    wrong = _by_difference(at, p.flat, gradient, count, rng)
    if wrong:
        return f"{wrong}: {said}"
    moved = [at(p.flat * _ulps(rng, p.flat), X * _ulps(rng, X))[1] for _ in range(16)]
    scale = np.max(np.abs(gradient)) or 1.0
    change = max(float(np.max(np.abs(one - gradient))) for one in moved) / scale
    condition = max(1.0, change / UNIT["float64"])
    for dtype in ("float64", "float32"):
        bound = max(ROUNDINGS * UNIT[dtype] * condition, 1e-12 if dtype == "float64" else 0.0)
        arrays = [np.ascontiguousarray(array, dtype) for array in (p.flat, X, Y)]
        found_value, found = net.model.compiled(dtype).value_and_gradient(*arrays, training)
        error = float(np.max(np.abs(found - gradient))) / scale
        if bound < 1e-2 and not error <= bound and not _kink(at, p.flat, gradient, dtype, scale):
            return f"{dtype}: gradients differ by {error:.1e}, allowed {bound:.1e}: {said}"
        if dtype == "float64" and abs(found_value - value) > 1e-10 * max(1.0, abs(value)):
            return f"losses {value} and {found_value}: {said}"
    return _by_training(net, p, X, targets, rng, condition, said)


def _ulps(rng: np.random.Generator, array: Array) -> Array:
    return 1 + 2.0**-53 * rng.choice([-2.0, 2.0], array.shape)


def _by_difference(at: Any, flat: Array, gradient: Array, count: int, rng: Any) -> str:
    """Along a direction, by central differences of two lengths, whose distance is the tolerance."""
    direction = np.zeros_like(flat)
    direction[:count] = rng.choice([-1.0, 1.0], count)
    slopes = []
    for h in (1e-4, 1e-5, 1e-6):
        above, below = at(flat + h * direction)[0], at(flat - h * direction)[0]
        slopes.append((above - below) / (2 * h))
    ours = float(gradient @ direction)
    spread = max(abs(slopes[0] - slopes[1]), abs(slopes[1] - slopes[2]))
    size = float(np.sum(np.abs(gradient[:count]))) or 1.0
    if spread > 1e-3 * size:
        return ""  # a kink between the points
    error = min(abs(ours - slope) for slope in slopes)
    return f"slope {ours} and {slopes}" if error > 2 * spread + 1e-6 * size else ""


def _kink(at: Any, flat: Array, gradient: Array, dtype: str, scale: float) -> bool:
    """Whether rounding of the inputs to a dtype jumps over a kink."""
    step = 64 * UNIT[dtype]
    jumps = [at(flat * (1 + sign * step))[1] for sign in (-1, 1)]
    return any(np.max(np.abs(one - gradient)) > 1e-4 * scale for one in jumps)


def _by_training(
    net: Any, p: Any, X: Array, y: Array, rng: Any, condition: float, said: str
) -> str:
    """The same parameters after steps in both targets, where rounding does not decide."""
    rule = str(rng.choice(list(OPTIMIZERS)))
    size = int(rng.integers(2, len(X) + 1))
    if net.model.has_state and 1 in (size, len(X) % size):
        size = len(X)
    settings = {"params": p, "epochs": 2, "batch_size": size, "seed": 7, "optimizer": rule}
    try:
        runs = [
            gw.train(net, X, y, target=target, learning_rate=1e-3, **settings)
            for target in ("numpy", "c")
        ]
    except gw.GradwrightError as error:
        return "" if "not finite" in str(error) else f"{type(error).__name__} {error}: {said}"
    if rule.startswith(("adam", "rmsprop")) or condition > 1e6:
        return ""  # steps of a size that does not follow the gradient make rounding large
    one, other = (run.params.flat for run in runs)
    error = float(np.max(np.abs(one - other))) / (float(np.max(np.abs(one))) or 1.0)
    return f"{rule}: parameters differ by {error:.1e}: {said}" if error > 1e-9 else ""


def main() -> int:
    """Judge networks, say what is wrong with some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--only", type=int)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    if given.only is not None:
        print(judge(given.only) or "right")
        return 0
    seed = given.seed if given.seed is not None else int(np.random.default_rng().integers(2**31))
    part, parts = map(int, given.shard.split("/"))
    print(f"seed {seed}, shard {given.shard}", flush=True)
    done: dict[int, str] = {}
    if given.log is not None and given.log.exists():
        for line in given.log.read_text("utf-8").splitlines():
            row = json.loads(line)
            done[row["seed"]] = row["found"]
    for place in range(part - 1, given.count, parts):
        own = int(np.random.default_rng((seed, place)).integers(2**31))
        if own not in done:
            done[own] = judge(own)
            if given.log is not None:
                with given.log.open("a", encoding="utf-8") as log:
                    print(json.dumps({"seed": own, "found": done[own]}), file=log)
        if done[own]:
            print(f"seed {own}: {done[own]}", flush=True)
    counts = Counter(
        "right" if not found else "set aside" if "set aside" in found else "wrong"
        for found in done.values()
    )
    print(dict(counts))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
