"""Gradient flow against LAPACK and mpmath: `python -m tests.suites.spectra`.

Twenty sigmoid layers of width 64: every layer's norms and singular values against LAPACK, the
chain's spectrum against mpmath. A thousand layers of width 8 against mpmath in 1,000 digits. A
thousand orthogonal layers, whose spectrum is known, where the explicit product underflows.
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np

import gradwright as gw
from gradwright.gradientflow.spectrum import log_singular_values
from tests.gradientflow import exact

#: The largest difference that is accepted.
TOLERANCE = 1e-8


def sigmoid_layers(seed: int) -> dict[str, float]:
    """Largest differences for twenty sigmoid layers of width 64."""
    net = gw.Network("64 -> 20 * 64 sigmoid", loss="squared_error")
    p = net.init(seed=seed)
    report = gw.flow(net, p, seed=seed)
    a = np.random.default_rng(seed).standard_normal((16, 64))[0]
    worst = 0.0
    for layer in report.layers:
        w = p[f"W{layer.number}"].T
        slope = 1 / (1 + np.exp(-(w @ a + p[f"b{layer.number}"])))
        a, slope = slope, slope * (1 - slope)
        expected = np.linalg.svd(slope[:, None] * w, compute_uv=False)
        worst = max(worst, float(np.max(np.abs(layer.singular_values - expected))))
        worst = max(worst, abs(layer.product - np.max(slope) * np.linalg.norm(w, 2)))
        worst = max(worst, abs(layer.bound - np.linalg.norm(w, 2) / 4))
    jacobians = [layer.stage.jacobian(layer.sample) for layer in report.layers]
    spectrum = exact.log_singular_values(jacobians, 120) / np.log(10)
    chain = float(np.max(np.abs(report.chains[0].log_singular_values - spectrum)))
    return {"20 sigmoid layers, each": worst, "20 sigmoid layers, chain (log10)": chain}


def deep_layers(seed: int, depth: int) -> dict[str, float]:
    """Largest differences for many layers of width 8, and for orthogonal ones."""
    generator = np.random.default_rng(seed)
    factors = [generator.normal(size=(8, 8)) / np.sqrt(8) for _ in range(depth)]
    found = log_singular_values(factors) / np.log(10)
    spectrum = exact.log_singular_values(factors, 2 * depth + 60) / np.log(10)
    turns = [0.5 * np.linalg.qr(generator.normal(size=(64, 64)))[0] for _ in range(depth)]
    halves = log_singular_values(turns) / np.log(10) - depth * np.log10(0.5)
    return {
        f"{depth} layers of width 8 (log10)": float(np.max(np.abs(found - spectrum))),
        f"{depth} orthogonal layers times 1/2 (log10)": float(np.max(np.abs(halves))),
    }


def main() -> int:
    """Print the differences; 1 when one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--depth", type=int, default=1000)
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    print(f"seed {seed}")
    started = time.perf_counter()
    found = sigmoid_layers(seed) | deep_layers(seed, given.depth)
    for name, difference in found.items():
        print(f"  {name}: {difference:.1e}")
    print(f"  {time.perf_counter() - started:.0f} s")
    return 1 if max(found.values()) > TOLERANCE else 0


if __name__ == "__main__":
    raise SystemExit(main())
