"""Random networks as modules of PyTorch: against the NumPy code, gradcheck, and saved bytes.

The documented suite is `python -m tests.torch.networks --count 200`; it prints its seed, can be
split with `--shard 1/4`, and goes on where it stopped with `--log FILE`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load
from tests.nn.random_networks import random_network
from tests.torch.saved_bytes import saved_bytes

Tensor = torch.Tensor

#: A block that agrees this well, on the scale of its largest entry, is right.
TOLERANCE = 1e-12

#: Blocks whose entries are smaller than this are compared on this scale: their terms cancel.
SCALE = 1e-3

LAYOUTS = ("rows", "columns", "transposed")


@dataclass(frozen=True)
class Verdict:
    """A network, how far it is from the NumPy code, what failed, and the saved bytes."""

    line: str
    error: float
    failed: str
    ours: int
    theirs: int

    @property
    def ok(self) -> bool:
        return not self.failed and self.error <= TOLERANCE and self.ours <= self.theirs


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """PyTorch's own activation."""
    if name.startswith("leaky_relu"):
        slope = float(name.removeprefix("leaky_relu").strip("()") or 0.1)
        return lambda z: functional.leaky_relu(z, slope)
    known = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "": lambda z: z}
    return known[name] if name in known else lambda z: torch.softmax(z, 1)


def by_hand(
    text: str, loss: str, reduction: str, layout: str, parameters: dict[str, Tensor]
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of a network as a user of PyTorch would write it."""
    activations: list[str] = []
    for part in text.split(" -> ")[1:]:
        words = part.replace(" no_bias", "").split(" * ")
        times = int(words[0]) if len(words) == 2 else 1
        _, _, name = words[-1].strip().partition(" ")
        activations += [name.strip()] * times

    def compute(X: Tensor, Y: Tensor) -> Tensor:
        a = z = X
        for number, name in enumerate(activations, start=1):
            weight, bias = parameters[f"W{number}"], parameters.get(f"b{number}")
            z = functional.linear(a, weight if layout == "columns" else weight.T, bias)
            a = activation(name)(z)
        samples = len(X) if reduction == "mean" else 1
        if loss == "cross_entropy":
            return functional.cross_entropy(z, Y, reduction="sum") / samples
        if loss == "binary_cross_entropy":
            return functional.binary_cross_entropy_with_logits(z, Y, reduction="sum") / samples
        return functional.mse_loss(a, Y, reduction="sum") / samples

    return compute


def judge(seed: int) -> Verdict:
    """Everything that is asked of one random network."""
    rng = np.random.default_rng(seed)
    drawn = random_network(rng)
    layout, reduction = str(rng.choice(LAYOUTS)), str(rng.choice(["mean", "sum"]))
    return judged(drawn, layout, reduction, rng, f"seed {seed}: ")


def judged(
    drawn: tuple[str, str, Any, Any],
    layout: str,
    reduction: str,
    rng: np.random.Generator,
    named: str = "",
    source: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """Everything that is asked of a network with data; `source` may change its code."""
    text, loss, X, y = drawn
    line = f"{named}{text}, {loss}, {reduction}, {layout}, {len(X)} samples"
    net = gw.Network(text, loss=loss, reduction=reduction, layout=layout)
    p = net.init(seed=int(rng.integers(2**31)))
    p.flat[:] += 0.1 * rng.standard_normal(p.flat.size)
    model = load(source(net.backprop().source("torch"))).Network(p.flat, dtype=torch.float64)
    inputs, targets = torch.tensor(X), torch.tensor(y)
    if loss == "cross_entropy" and rng.random() < 0.5:
        targets = targets.argmax(1)
    names = [name for name, _ in model.named_parameters()]

    def compute(inputs: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        found: Tensor = torch.func.functional_call(model, given, (inputs, targets), {})
        return found

    model.forward, predict = model.loss, model.forward
    value, gradient = net.value_and_gradient(p, X, y)
    found = model.loss(inputs, targets)
    found.backward()
    error = relative(found, value)
    error = max(error, relative(predict(inputs), net.predict(p, X)))
    for name, parameter in model.named_parameters():
        error = max(error, relative(parameter.grad, gradient[name]))
    point = [inputs.requires_grad_(), *model.parameters()]
    failed = ""
    # PyTorch's older vmap, which its check of batches takes, has no einsum.
    forward = {"check_forward_ad": True, "check_batched_forward_grad": False}
    for check, more in ((gradcheck, forward), (gradgradcheck, {"check_fwd_over_rev": True})):
        if not check(compute, point, raise_exception=False, **more):
            failed = check.__name__
            break
    plain = {
        name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()
    }
    theirs = by_hand(text, loss, reduction, layout, plain)
    samples = inputs.detach()
    return Verdict(
        line,
        error,
        failed,
        saved_bytes(lambda: model.loss(samples, targets)),
        saved_bytes(lambda: theirs(samples, targets)),
    )


def relative(found: Any, expected: Any) -> float:
    """max |a - b| over max |b|, at least SCALE."""
    found, expected = found.detach().numpy(), np.asarray(expected)
    assert found.shape == expected.shape
    scale = max(SCALE, float(np.max(np.abs(expected))))
    return float(np.max(np.abs(found - expected))) / scale


def run(count: int, seed: int, shard: tuple[int, int] = (1, 1), log: Path | None = None) -> int:
    """Judge networks number 0 to count - 1 that belong to the shard; how many are wrong."""
    done = _read(log)
    wrong, worst, saved, by_torch = 0, 0.0, 0, 0
    started = time.perf_counter()
    for number in range(shard[0] - 1, count, shard[1]):
        if number in done:
            verdict = Verdict(**done[number])
        else:
            verdict = judge(zlib.crc32(f"{seed}:{number}".encode()))
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([number, vars_of(verdict)]) + "\n")
        worst = max(worst, verdict.error)
        saved, by_torch = saved + verdict.ours, by_torch + verdict.theirs
        if not verdict.ok:
            wrong += 1
            print(f"WRONG {verdict}")
    print(f"worst error {worst:.1e}; saved {saved} bytes, autograd {by_torch}")
    print(f"{wrong} wrong, {time.perf_counter() - started:.0f} s")
    return wrong


def vars_of(verdict: Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__dataclass_fields__}


def _read(log: Path | None) -> dict[int, dict[str, Any]]:
    if log is None or not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
    return dict(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if given.seed is None else given.seed
    first, last = map(int, given.shard.split("/"))
    # The networks are small: threads would only wait for each other.
    torch.set_num_threads(1)
    print(f"seed {seed}, networks {given.count}, shard {given.shard}")
    sys.exit(run(given.count, seed, (first, last), given.log) > 0)


if __name__ == "__main__":
    main()
