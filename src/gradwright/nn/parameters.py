"""The parameters of a network: one flat vector, and named views into it."""

from __future__ import annotations

import math
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.errors import DataError, OutputError, SymbolError
from gradwright.nn.layer import Layer

Array = Any

DTYPES = (np.dtype("float32"), np.dtype("float64"))


def count(layers: Sequence[Layer]) -> int:
    """The number of parameters of all layers."""
    return sum(layer.size for layer in layers)


class Parameters(Mapping[str, Array]):
    """W1, b1, W2, b2, ... in one flat vector.

    W_l has shape (fan-in, fan-out), b_l (fan-out,); a layer without bias has no b. The flat
    vector holds them in forward order, each in C order, and `p["W1"]` is a view: writing to it
    writes to `p.flat`.
    """

    def __init__(self, layers: Sequence[Layer], flat: Array) -> None:
        self.layers = tuple(layers)
        expected = count(self.layers)
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
        """All zero."""
        return cls(layers, np.zeros(count(layers), dtype=require_dtype(dtype)))

    @classmethod
    def from_dict(cls, layers: Sequence[Layer], values: Mapping[str, Array]) -> Parameters:
        """From arrays by name: float32 where all are, float64 otherwise.

        Raises:
            DataError: a name or a shape does not fit the layers, or a value is not finite.
        """
        shapes = dict(_shapes(layers))
        _require_names(list(values), list(shapes))
        arrays = {name: np.asarray(values[name]) for name in shapes}
        for name, shape in shapes.items():
            _require_shape(name, arrays[name], shape)
            if arrays[name].dtype.kind not in "biuf":
                raise DataError(
                    f"the parameter {name}",
                    f"it has dtype {arrays[name].dtype} and parameters are real numbers",
                    "give arrays of float32 or float64",
                )
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
        """Copy values into a parameter."""
        view = self[name]
        _require_shape(name, value, view.shape)
        view[...] = value

    def __iter__(self) -> Iterator[str]:
        """The names in forward order."""
        return iter(self._places)

    def __len__(self) -> int:
        """The number of arrays."""
        return len(self._places)

    def __repr__(self) -> str:
        return f"<Parameters: {len(self)} arrays, {self.flat.size} numbers, {self.flat.dtype}>"

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
        return Parameters(self.layers, self.flat.astype(require_dtype(dtype)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz of plain arrays; the file appears whole or not at all.

        Raises:
            OutputError: the place cannot be written.
        """
        target = Path(path)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with open(beside, "xb") as file:
                np.savez(file, **dict(self.items()))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        except OSError as error:
            raise OutputError(
                f"saving parameters to {target}",
                f"the file is to be written and the system says: {error.strerror or error}",
                "choose a folder that exists and can be written",
            ) from error
        finally:
            # After the move nothing is left under this name.
            with suppress(OSError):
                beside.unlink()

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Sequence[Layer]) -> Parameters:
        """Read what `save` wrote, for a network with these layers.

        Raises:
            DataError: the file is missing, damaged, or belongs to another network.
        """
        names = [name for name, _ in _shapes(layers)]
        try:
            if not zipfile.is_zipfile(path):
                raise DataError(
                    f"parameters from {path}",
                    "an .npz file of arrays is expected and this is no .npz file",
                    "give a file that Parameters.save wrote",
                )
            with np.load(path, allow_pickle=False) as stored:
                _require_names(stored.files, names)
                values = {name: stored[name] for name in names}
        except _UNREADABLE as error:
            raise DataError(
                f"parameters from {path}",
                f"an .npz file of arrays is expected and reading it fails: {error}",
                "give a file that Parameters.save wrote",
            ) from error
        found = {str(array.dtype) for array in values.values()}
        if len(found) != 1 or not found <= {dtype.name for dtype in DTYPES}:
            raise DataError(
                f"parameters from {path}",
                f"the arrays have dtype {', '.join(sorted(found))} and all must be float32 or "
                "all float64",
                "give a file that Parameters.save wrote",
            )
        return cls.from_dict(layers, values)


#: What reading a damaged archive can raise; a huge shape in a forged header is a MemoryError.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


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


def _require_shape(name: str, value: Array, shape: tuple[int, ...]) -> None:
    if np.shape(value) != shape:
        raise DataError(
            f"the parameter {name}",
            f"the value has shape {np.shape(value)} and {name} has shape {shape}",
            f"give an array of shape {shape}",
        )


def _shapes(layers: Sequence[Layer]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number, layer in enumerate(layers, start=1):
        yield f"W{number}", (layer.fan_in, layer.fan_out)
        if layer.bias:
            yield f"b{number}", (layer.fan_out,)
