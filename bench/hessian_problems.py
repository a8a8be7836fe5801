"""The Hessians that `bench.hessian` times: a formula here, the same function in JAX and PyTorch.

The problems are those of S. Laue, M. Mitterreiter and J. Giesen, "Computing higher order
derivatives of matrix and tensor expressions", NeurIPS 2018 (logistic regression with m = 2 n,
matrix factorisation with k = 5), and a network with one hidden layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Of `jax.numpy`-like modules: (module, values) -> the function's value.
Written = Callable[[Any, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """A scalar formula, the variable, values, and the function as its peers are given it.

    `core` says that the structured result, `d.operator`, is timed on its own too; `rounds` how
    often the slowest tool is run.
    """

    name: str
    formula: str
    wrt: str
    declarations: dict[str, str]
    values: dict[str, np.ndarray]
    jax: Written
    torch: Written
    rounds: int
    core: bool = False


def problems(rng: np.random.Generator) -> list[Problem]:
    """All problems, with values in float64."""
    return [
        logistic(rng, 300, rounds=15),
        logistic(rng, 1000, rounds=5),
        factorisation(rng, 200, 5, rounds=5),
        network(rng, "squared loss"),
        network(rng, "cross-entropy"),
    ]


def logistic(rng: np.random.Generator, n: int, rounds: int) -> Problem:
    """Σ log(1 + exp(−y∘Xw)) in w, X with 2 n rows."""
    m = 2 * n
    return Problem(
        name=f"logistic regression, n = {n}",
        formula="sum(log(ones(m) + exp(-(y .* (X*w)))))",
        wrt="w",
        declarations={"X": "matrix m n", "w": "vector n", "y": "vector m signs"},
        values={
            "X": rng.standard_normal((m, n)),
            "w": rng.standard_normal(n) / np.sqrt(n),
            "y": rng.choice([-1.0, 1.0], m),
        },
        jax=lambda jnp, v: jnp.sum(jnp.log(1 + jnp.exp(-v["y"] * (v["X"] @ v["w"])))),
        torch=lambda torch, v: torch.sum(torch.log(1 + torch.exp(-v["y"] * (v["X"] @ v["w"])))),
        rounds=rounds,
    )


def factorisation(rng: np.random.Generator, n: int, k: int, rounds: int) -> Problem:
    """‖T − UVᵀ‖² in U; the Hessian is 2 VᵀV ⊗ I."""
    return Problem(
        name=f"matrix factorisation, n = {n}, k = {k}",
        formula="norm2(T - U*V')^2",
        wrt="U",
        declarations={"T": "matrix n n", "U": "matrix n k", "V": "matrix n k"},
        values={
            "T": rng.standard_normal((n, n)),
            "U": rng.standard_normal((n, k)),
            "V": rng.standard_normal((n, k)),
        },
        jax=lambda jnp, v: jnp.sum((v["T"] - v["U"] @ v["V"].T) ** 2),
        torch=lambda torch, v: torch.sum((v["T"] - v["U"] @ v["V"].T) ** 2),
        rounds=rounds,
        core=True,
    )


def network(rng: np.random.Generator, loss: str) -> Problem:
    """20-20-10 with tanh, 50 samples, in the first layer's weights."""
    values = {
        "X": rng.standard_normal((50, 20)),
        "V": rng.standard_normal((20, 20)) / np.sqrt(20),
        "W": rng.standard_normal((20, 10)) / np.sqrt(20),
        "Y": np.eye(10)[rng.integers(0, 10, 50)],
    }
    formulas: dict[str, tuple[str, Written, Written]] = {
        "squared loss": ("sum((tanh(X*V)*W - Y).^2)", _squared, _squared),
        "cross-entropy": ("-sum(Y .* log(softmax(tanh(X*V)*W)))", _jax_entropy, _torch_entropy),
    }
    formula, jax, torch = formulas[loss]
    return Problem(
        name=f"20-20-10 tanh, 50 samples, {loss}",
        formula=formula,
        wrt="V",
        declarations={
            "X": "matrix s n",
            "V": "matrix n h",
            "W": "matrix h c",
            "Y": "matrix s c onehot",
        },
        values=values,
        jax=jax,
        torch=torch,
        rounds=31,
    )


def _outputs(module: Any, v: dict[str, Any]) -> Any:
    return module.tanh(v["X"] @ v["V"]) @ v["W"]


def _squared(module: Any, v: dict[str, Any]) -> Any:
    return module.sum((_outputs(module, v) - v["Y"]) ** 2)


def _jax_entropy(jnp: Any, v: dict[str, Any]) -> Any:
    from jax.nn import log_softmax

    return -jnp.sum(v["Y"] * log_softmax(_outputs(jnp, v), axis=1))


def _torch_entropy(torch: Any, v: dict[str, Any]) -> Any:
    return -torch.sum(v["Y"] * torch.log_softmax(_outputs(torch, v), dim=1))
