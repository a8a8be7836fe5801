"""The parameters of a network: one flat vector, and named views into it."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.errors import DataError, OutputError, SymbolError
from gradwright.nn.layer import Layer

Array = Any


class Parameters(Mapping[str, Array]):
    """W1, b1, W2, b2, ... in one flat vector.

    W_l has shape (fan-in, fan-out), b_l (fan-out,); a layer without bias has no b. The flat
    vector holds them in forward order, each in C order, and `p["W1"]` is a view: writing to it
    writes to `p.flat`.
    """

    def __init__(self, layers: Sequence[Layer], flat: Array) -> None:
        self.layers = tuple(layers)
        expected = sum(layer.size for layer in self.layers)
        if flat.ndim != 1 or flat.size != expected:
            raise DataError(
                "parameters of a network",
                f"the vector has shape {flat.shape} and the layers hold {expected} numbers",
                f"give a vector of {expected} numbers",
            )
        self.flat = flat

    @classmethod
    def zeros(cls, layers: Sequence[Layer], dtype: Any = "float64") -> Parameters:
        """All zero."""
        return cls(layers, np.zeros(sum(layer.size for layer in layers), dtype=dtype))

    @classmethod
    def from_dict(cls, layers: Sequence[Layer], values: Mapping[str, Array]) -> Parameters:
        """From arrays by name.

        Raises:
            DataError: a name or a shape does not fit the layers, or a value is not finite.
        """
        shapes = dict(_shapes(layers))
        if set(values) != set(shapes):
            odd = sorted(set(values) ^ set(shapes))
            raise DataError(
                "parameters of a network",
                f"{len(values)} arrays are given and the layers have {len(shapes)}; "
                f"{', '.join(odd[:4])} is on one side only",
                f"give {', '.join(list(shapes)[:4])}{', …' if len(shapes) > 4 else ''}",
            )
        for name, shape in shapes.items():
            if np.shape(values[name]) != shape:
                raise DataError(
                    f"the parameter {name}",
                    f"it has shape {np.shape(values[name])} and its layer needs {shape}",
                    f"give an array of shape {shape}",
                )
        dtype = np.result_type(*(np.asarray(v).dtype for v in values.values()))
        made = cls.zeros(layers, dtype if dtype.kind == "f" else "float64")
        for name, view in made.items():
            view[...] = values[name]
        if not np.all(np.isfinite(made.flat)):
            raise DataError(
                "parameters of a network",
                "a value is not finite and parameters are finite numbers",
                "remove NaN and infinite values",
            )
        return made

    @cached_property
    def _places(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        places, start = {}, 0
        for name, shape in _shapes(self.layers):
            places[name] = (start, shape)
            start += int(np.prod(shape, dtype=np.int64))
        return places

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
        return self.flat[start : start + int(np.prod(shape, dtype=np.int64))].reshape(shape)

    def __setitem__(self, name: str, value: Array) -> None:
        """Copy values into a parameter."""
        view = self[name]
        if np.shape(value) != view.shape:
            raise DataError(
                f"the parameter {name}",
                f"the value has shape {np.shape(value)} and {name} has {view.shape}",
                f"give an array of shape {view.shape}",
            )
        view[...] = value

    def __iter__(self) -> Iterator[str]:
        """The names in forward order."""
        return iter(self._places)

    def __len__(self) -> int:
        """The number of arrays."""
        return len(self._places)

    def __repr__(self) -> str:
        return f"<Parameters: {len(self)} arrays, {self.flat.size} numbers, {self.flat.dtype}>"

    def items(self) -> ItemsView[str, Array]:
        """Names and views."""
        return {name: self[name] for name in self}.items()

    def names(self) -> list[str]:
        """The names in forward order."""
        return list(self)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        return {name: shape for name, (_, shape) in self._places.items()}

    def copy(self) -> Parameters:
        """Parameters with a vector of their own."""
        return Parameters(self.layers, self.flat.copy())

    def astype(self, dtype: Any) -> Parameters:
        """A copy in another precision."""
        return Parameters(self.layers, self.flat.astype(dtype))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz of plain arrays; the file appears whole or not at all.

        Raises:
            OutputError: the place cannot be written.
        """
        target = Path(path)
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, **dict(self.items()))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise OutputError(
                f"saving parameters to {target}",
                f"the file is to be written and the system says: {error.strerror}",
                "choose a folder that exists and can be written",
            ) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Sequence[Layer]) -> Parameters:
        """Read what `save` wrote, for a network with these layers.

        Raises:
            DataError: the file is missing, damaged, or belongs to another network.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls.from_dict(layers, {name: stored[name] for name in stored.files})
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"parameters from {path}",
                f"an .npz file of arrays is expected and reading it fails: {error}",
                "give a file that Parameters.save wrote",
            ) from error


def _shapes(layers: Sequence[Layer]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, layer in enumerate(layers, start=1):
        yield f"W{number}", (layer.fan_in, layer.fan_out)
        if layer.bias:
            yield f"b{number}", (layer.fan_out,)
