"""Random nodes, built and emitted, against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.emit.numpy import formula_module
from gradwright.program.build import build_function
from gradwright.run.load import load
from tests.program.interpreter import evaluate
from tests.program.random_nodes import SIZES, VARIABLES, Maker

#: First-order bounds on single roundings; second order and libm's last digit take a few of them.
SAFETY = 8
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24}


def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A value for each variable, exact in float32 and away from 0."""
    values = {}
    for name, axes in VARIABLES.items():
        shape = tuple(SIZES[str(size)] for size in axes)
        sign = rng.choice([-1.0, 1.0], size=shape)
        values[name] = (sign * rng.uniform(0.25, 1.0, shape)).astype(np.float32)
    values["S"] = values["S"] + values["S"].T
    return values


@pytest.mark.parametrize("case", range(60))
def test_emitted_programs_compute_what_their_nodes_mean(
    case: int, rng: np.random.Generator
) -> None:
    maker = Maker(rng)
    roots = maker.roots(steps=int(rng.integers(1, 14)), count=int(rng.integers(1, 4)))
    outputs = [(f"out{k}", root) for k, root in enumerate(roots)]
    function = build_function("compute", maker.inputs, outputs, SIZES)
    source = formula_module(function, "A random program.", ())
    assert max(map(len, source.splitlines())) <= 100, source
    compute = load(source).compute
    point = draw(rng)
    for dtype, unit in UNITS.items():
        given = [point[name].astype(dtype) for name in VARIABLES]
        results = compute(*given)
        listed = results if len(roots) > 1 else [results]
        wanted = evaluate(roots, point, SIZES, unit)
        for root, result, (value, bound) in zip(roots, listed, wanted, strict=True):
            assert np.shape(result) == value.shape, source
            if not isinstance(result, (int, float)):
                assert result.dtype == dtype, (root, source)
            wrong = np.abs(np.asarray(result, dtype=float) - value) > SAFETY * bound
            assert not np.any(wrong), (result, value, bound, source)
