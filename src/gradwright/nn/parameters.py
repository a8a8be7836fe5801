"""The parameters of a network: one flat vector, and named views into it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from msgspec.structs import replace

from gradwright.core.arrays import plain_array
from gradwright.errors import DataError, LimitError, SymbolError, UnsupportedError
from gradwright.nn.layer import Layer
from gradwright.nn.layouts import LAYOUTS, known_layout
from gradwright.nn.text import LayerGroup

Array = Any

#: The entry of a file that names the layout; without it the layout is rows.
LAYOUT = "layout"

#: So many terms of a sum over the layers are shown in full.
SHOWN = 4

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

DTYPES = (np.dtype("float32"), np.dtype("float64"))


def count(layers: Sequence[Layer]) -> int:
    """The number of parameters of all layers."""
    return sum(layer.size for layer in layers)


def length(layers: Sequence[Layer]) -> int:
    """The length of the flat vector: parameters, and behind them the state of layers."""
    return count(layers) + sum(layer.state_size for layer in layers)


def parameter_count(layers: Sequence[Layer], units: str = "n") -> str:
    """The number of parameters as it comes about, one product for each weight matrix.

    d is the number of inputs and n_l, or another letter for `units`, that of the units of layer l.
    Equal layers in a row are counted together; of more than `SHOWN` layers the middle is left out.

    >>> parameter_count([Layer(3, 10), Layer(10, 6)])
    'd·n₁ + n₁ + n₁·n₂ + n₂ = 3·10 + 10 + 10·6 + 6 = 106'
    """
    numbers = []
    for layer, equal in groupby(layers, key=lambda layer: tuple(s for _, s in layer.parameters)):
        times = len(list(equal))
        whole = " + ".join("·".join(map(str, shape)) for shape in layer)
        numbers.append(whole if times == 1 else f"{times}·({whole})" if whole else "")
    parts = [_shortened(numbers), str(count(layers))]
    if all(layer.formula is None for layer in layers):
        names = [
            "d",
            *(f"{units}{str(k).translate(SUBSCRIPTS)}" for k in range(1, len(layers) + 1)),
        ]
        ends = zip(layers, pairwise(names), strict=True)
        parts.insert(0, _shortened([_dense(*names, layer.bias) for layer, names in ends]))
    return " = ".join(dict.fromkeys(part for part in parts if part))


def symbolic_parameter_count(groups: Sequence[LayerGroup]) -> str:
    """The same for layers whose sizes or number are names: d·H + H + (L - 1)·(H·H + H)."""
    terms = []
    for group in groups:
        p, q, times = str(group.fan_in), str(group.fan_out), group.count
        if group.layer is not None:
            # Layers that have a name have one size, that of their input.
            letters = group.layer.formula.parameters
            whole = " + ".join("·".join([p] * len(letter.sizes)) for letter in letters)
            if whole:
                terms.append(whole if times == 1 else f"{times}·({whole})")
            continue
        if p != q:
            terms.append(_dense(p, q, group.bias))
            times = times - 1 if isinstance(times, int) else f"({times} − 1)"
        if times:
            whole = _dense(q, q, group.bias)
            terms.append(whole if times == 1 else f"{times}·({whole})")
    return " + ".join(terms)


def _dense(inputs: str, outputs: str, bias: bool) -> str:
    return f"{inputs}·{outputs} + {outputs}" if bias else f"{inputs}·{outputs}"


def _shortened(terms: Sequence[str]) -> str:
    kept = [term for term in terms if term]
    return " + ".join(kept if len(kept) <= SHOWN else [*kept[:2], "…", kept[-1]])


class Parameters(Mapping[str, Array]):
    """W1, b1, W2, b2, ... in one flat vector.

    W_l has shape (fan-in, fan-out), in the columns layout (fan-out, fan-in), and b_l (fan-out,); a
    layer without bias has no b. A layer by formula has the parameters of its formula, with its
    number behind each letter. The flat vector holds them in forward order, each in C order, and
    behind all of them the state of layers that have one, such as running means. `p["W1"]` is a
    view: writing to it writes to `p.flat`.
    """

    def __init__(self, layers: Sequence[Layer], flat: Array) -> None:
        self.layers = tuple(layers)
        expected = length(self.layers)
        if flat.ndim != 1 or flat.size != expected:
            raise DataError(
                "parameters of a network",
                f"the vector has shape {flat.shape} and the layers hold {expected} numbers",
                f"give a vector of {expected} numbers",
            )
        require_dtype(flat.dtype)
        self.flat = flat

    @classmethod
    def zeros(cls, layers: Sequence[Layer], dtype: Any = "float64") -> Parameters:
        """All zero.

        Raises:
            DataError: a dtype other than float32 and float64.
            LimitError: more parameters than memory holds.
        """
        dtype = require_dtype(dtype)
        size = length(layers)
        try:
            return cls(layers, np.zeros(size, dtype=dtype))
        except (MemoryError, ValueError) as error:
            raise LimitError(
                "parameters of a network",
                f"the layers hold {size} numbers of {dtype} and the memory does not: {error}",
                "make the layers narrower, or use fewer",
            ) from error

    @classmethod
    def from_dict(cls, layers: Sequence[Layer], values: Mapping[str, Array]) -> Parameters:
        """From arrays by name: float32 where all are, float64 otherwise.

        Raises:
            DataError: a name or a shape does not fit the layers, or a value is not finite.
        """
        shapes = dict(_shapes(layers))
        _require_names(list(values), list(shapes))
        arrays = {name: _fitting(name, values[name], shape) for name, shape in shapes.items()}
        single = all(array.dtype == np.float32 for array in arrays.values())
        made = cls.zeros(layers, "float32" if single else "float64")
        for name, view in made.items():
            view[...] = arrays[name]
            if not np.all(np.isfinite(view)):
                raise DataError(
                    f"the parameter {name}",
                    f"{name} holds {view[~np.isfinite(view)][0]} and parameters are finite",
                    "remove NaN and infinite values",
                )
        return made

    @cached_property
    def _places(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        places, start = {}, 0
        for name, shape in _shapes(self.layers):
            places[name] = (start, shape)
            start += math.prod(shape)
        return places

    def __contains__(self, name: object) -> bool:
        """Whether there is a parameter of that name."""
        return name in self._places

    def get(self, name: str, default: Any = None) -> Any:
        """The view of one parameter, or `default` where there is none."""
        if name not in self:
            return default
        return self[name]

    def __getitem__(self, name: str) -> Array:
        """The view of one parameter."""
        if name not in self._places:
            raise SymbolError(
                f"the parameter {name}",
                f"{name} is asked for and the parameters are {', '.join(list(self)[:6])}"
                + (", …" if len(self) > 6 else ""),
                "use one of those names",
            )
        start, shape = self._places[name]
        return self.flat[start : start + math.prod(shape)].reshape(shape)

    def __setitem__(self, name: str, value: Array) -> None:
        """Copy values into a parameter.

        Raises:
            DataError: another shape, or values that are not real numbers.
        """
        view = self[name]
        view[...] = _fitting(name, value, view.shape)

    def __iter__(self) -> Iterator[str]:
        """The names in forward order."""
        return iter(self._places)

    def __len__(self) -> int:
        """The number of arrays."""
        return len(self._places)

    def __repr__(self) -> str:
        return f"<Parameters: {len(self)} arrays, {self.flat.size} numbers, {self.flat.dtype}>"

    @property
    def trainable(self) -> Array:
        """`flat` without the state of layers behind it, what training moves: a view.

        Linear maps such as `net.hessian(...)` have a row for each of these numbers.
        """
        return self.flat[: count(self.layers)]

    def names(self) -> list[str]:
        """The names in forward order, those of the state of a layer behind its parameters.

        >>> Parameters.zeros([Layer(3, 4), Layer(4, 2)]).names()
        ['W1', 'b1', 'W2', 'b2']
        """
        return list(self)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter by its name.

        >>> Parameters.zeros([Layer(3, 4)]).shapes()
        {'W1': (3, 4), 'b1': (4,)}
        """
        return {name: shape for name, (_, shape) in self._places.items()}

    def weight(self, number: int) -> Array:
        """The weights of a layer, counted from 1, as fan-in × fan-out in every layout; a view."""
        return LAYOUTS[self.layers[number - 1].layout].weight(self[f"W{number}"])

    def of_layer(self, number: int) -> dict[str, Array]:
        """The parameters of a layer, counted from 1, by letter; views."""
        layer = self.layers[number - 1]
        letters = [letter for letter, _ in (*layer.parameters, *layer.state)]
        return {letter: self[f"{letter}{number}"] for letter in letters}

    def relayout(self, layout: str) -> Parameters:
        """The same parameters as a network of another layout holds them; a copy.

        Raises:
            NetworkError: an unknown layout.
            UnsupportedError: parameters of layers by formula.
        """
        known_layout(layout)
        layers = [replace(layer, layout=layout) for layer in self.layers]
        made = Parameters.zeros(layers, self.flat.dtype)
        if any(layer.formula is not None for layer in layers):
            raise UnsupportedError(
                f"parameters in the layout {layout}",
                "they belong to layers by formula, which exist in the layout rows only",
                "write another formula, with the transpose of its weights",
            )
        for number, layer in enumerate(layers, start=1):
            made.weight(number)[...] = self.weight(number)
            if layer.bias:
                made[f"b{number}"] = self[f"b{number}"]
        return made

    def copy(self) -> Parameters:
        """Parameters with a vector of their own."""
        return Parameters(self.layers, self.flat.copy())

    def __eq__(self, other: object) -> bool:
        """Whether the other has the same layers and the same numbers."""
        if not isinstance(other, Parameters):
            return NotImplemented
        return self.layers == other.layers and bool(np.array_equal(self.flat, other.flat))

    __hash__ = None  # type: ignore[assignment]

    def astype(self, dtype: Any) -> Parameters:
        """A copy in another precision."""
        return Parameters(self.layers, self.flat.astype(require_dtype(dtype)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz of plain arrays; the file appears whole or not at all.

        Raises:
            OutputError: the place cannot be written.
        """
        from gradwright.nn import archive

        arrays = dict(self)
        if self.layers[0].layout != "rows":
            # Square weights would fit either way.
            arrays[LAYOUT] = np.array(self.layers[0].layout)
        archive.write(path, arrays, "saving parameters to")

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Sequence[Layer]) -> Parameters:
        """Read what `save` wrote, for a network with these layers.

        Raises:
            DataError: the file is missing, damaged, or belongs to another network.
        """
        from gradwright.nn import archive

        asked, instead = (
            "parameters from",
            "give a file that save() of parameters of this network wrote",
        )
        values = archive.read(path, asked, instead)
        stored = str(values.pop(LAYOUT, "rows"))
        if layers and stored != layers[0].layout:
            raise DataError(
                f"{asked} {path}",
                f"they have the layout {stored[:20]} and the network has {layers[0].layout}",
                f"load them for a network of the layout {stored[:20]}, and use relayout()",
            )
        found = {str(array.dtype) for array in values.values()}
        if len(found) != 1 or not found <= {dtype.name for dtype in DTYPES}:
            raise DataError(
                f"{asked} {path}",
                f"the arrays have dtype {', '.join(sorted(found))} and all must be float32 or "
                "all float64",
                instead,
            )
        try:
            return cls.from_dict(layers, values)
        except DataError as error:
            # It speaks of arrays that the user has not given, but the file has.
            raise DataError(f"{asked} {path}", error.clash, instead) from error


def require_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype, if parameters may have it.

    Raises:
        DataError: it is neither float32 nor float64.
    """
    for allowed in DTYPES:
        if dtype == allowed:
            return allowed
    raise DataError(
        f"parameters of dtype {dtype}",
        f"{dtype} is asked for and parameters are float32 or float64",
        'use dtype="float32" or dtype="float64"',
    )


def _require_names(given: Sequence[str], wanted: Sequence[str]) -> None:
    known, present = set(wanted), set(given)
    missing = [name for name in wanted if name not in present]
    unknown = [name for name in given if name not in known]
    if missing or unknown:
        clash = [f"{', '.join(missing[:4])} missing"] if missing else []
        clash += [f"{', '.join(unknown[:4])} unknown"] if unknown else []
        raise DataError(
            "parameters of a network",
            f"{len(given)} arrays are given and the layers have {len(wanted)}: "
            + " and ".join(clash),
            f"give {', '.join(wanted[:4])}{', …' if len(wanted) > 4 else ''}",
        )


def _fitting(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """The value as an array, if it has this shape and holds real numbers."""
    array = plain_array(value, name, f"the parameter {name}", DataError)
    if array.shape != shape:
        raise DataError(
            f"the parameter {name}",
            f"the value has shape {array.shape} and {name} has shape {shape}",
            f"give an array of shape {shape}",
        )
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"the parameter {name}",
            f"{name} has dtype {array.dtype} and parameters are real numbers",
            "give arrays of float32 or float64",
        )
    return array


def parameter_shapes(layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter, without the state of layers."""
    return {
        f"{letter}{number}": shape
        for number, layer in enumerate(layers, start=1)
        for letter, shape in layer.parameters
    }


def _shapes(layers: Sequence[Layer]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from parameter_shapes(layers).items()
    for number, layer in enumerate(layers, start=1):
        for letter, shape in layer.state:
            yield f"{letter}{number}", shape
