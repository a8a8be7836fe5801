"""gradwright writes the derivatives of a formula or a neural network.

`formula` and `Network` are the two ways in; `gradient`, `jacobian` and `hessian` are shorthands.
Everything is loaded when it is first asked for, so that `import gradwright` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradwright.api.backward_checking import check
    from gradwright.api.equality import equal
    from gradwright.api.equations.check import check_equations
    from gradwright.api.flow import flow
    from gradwright.api.formula import Formula, formula, function, gradient, hessian, jacobian
    from gradwright.api.layers import embedding, layer, parallel, residual
    from gradwright.api.linearization import linearize
    from gradwright.api.network import Network
    from gradwright.api.symbolic import matrix, scalar, tensor, vector
    from gradwright.api.training import train
    from gradwright.core.work import limits
    from gradwright.errors import GradwrightError
    from gradwright.nn.optimizers import optimizer
    from gradwright.nn.schedules import schedule

__version__ = "0.1.0"

__all__ = [
    "Formula",
    "GradwrightError",
    "Network",
    "check",
    "check_equations",
    "embedding",
    "equal",
    "flow",
    "formula",
    "function",
    "gradient",
    "hessian",
    "jacobian",
    "layer",
    "limits",
    "linearize",
    "matrix",
    "optimizer",
    "parallel",
    "residual",
    "scalar",
    "schedule",
    "tensor",
    "train",
    "vector",
]

_HOME = {
    "Formula": "gradwright.api.formula",
    "GradwrightError": "gradwright.errors",
    "Network": "gradwright.api.network",
    "check": "gradwright.api.backward_checking",
    "check_equations": "gradwright.api.equations.check",
    "embedding": "gradwright.api.layers",
    "equal": "gradwright.api.equality",
    "flow": "gradwright.api.flow",
    "formula": "gradwright.api.formula",
    "function": "gradwright.api.formula",
    "gradient": "gradwright.api.formula",
    "hessian": "gradwright.api.formula",
    "jacobian": "gradwright.api.formula",
    "layer": "gradwright.api.layers",
    "limits": "gradwright.core.work",
    "linearize": "gradwright.api.linearization",
    "matrix": "gradwright.api.symbolic",
    "optimizer": "gradwright.nn.optimizers",
    "parallel": "gradwright.api.layers",
    "residual": "gradwright.api.layers",
    "scalar": "gradwright.api.symbolic",
    "schedule": "gradwright.nn.schedules",
    "tensor": "gradwright.api.symbolic",
    "train": "gradwright.api.training",
    "vector": "gradwright.api.symbolic",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'gradwright' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
