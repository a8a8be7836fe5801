"""An emitted C module of a network as functions of NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from operator import is_
from types import MappingProxyType
from typing import Any

import numpy as np

from gradwright.emit.c.routines import routines_source
from gradwright.program.update import RATE, STEPS, Update
from gradwright.run.blas import found
from gradwright.run.compiling import compiled, loaded

Array = Any

#: The name of what random numbers start from.
SEED = "seed"

DEFINITIONS = {"float32": (), "float64": ("DOUBLE_PRECISION",)}


class CompiledNetwork:
    """The functions of one module in one precision; every array is C-contiguous and of it.

    Large products are made by MKL or SciPy's BLAS where one is installed, unless `blas` says that
    there are none; `target` says so. Such a product is shared by `threads`, which live as long as a
    call. Memory for intermediate values is made on first use and kept. An instance is for one
    thread; a pickled one is compiled where it is read, or taken from the store there.
    """

    def __init__(
        self,
        source: str,
        dtype: str,
        widths: Sequence[int],
        parameters: int,
        update: Update,
        trains_apart: bool = False,
        state: int = 0,
        blas: bool = True,
        weighted: bool = False,
        threads: int = 1,
    ) -> None:
        self._made_from = (
            *(source, dtype, tuple(widths), parameters, update),
            *(trains_apart, state, blas, weighted, threads),
        )
        self._threads = threads
        self.inputs, self.outputs = widths[0], widths[-1]
        self.parameters, self.state = parameters, state
        library = self._library(source, dtype)
        self.dtype = np.dtype(dtype)
        self._work, self._most = np.empty(0, self.dtype), -1
        self._held: tuple[tuple[Array, ...], list[int]] = ((), [])
        large = found(dtype) if blas else None
        self.target = "c" if large is None else large.target
        if large is not None:
            # All networks of one source share its library: none takes the routine from another.
            library.use_blas.restype, library.use_blas.argtypes = None, [ctypes.c_void_p]
            library.use_blas(large.address)
        # Where layers train by formulas of their own, what is random follows from seed and step.
        self._trains_apart = trains_apart
        self._weighted = weighted
        self._update = update
        self._numbers = [name for name in update.scalars if name != RATE]
        if trains_apart:
            self._numbers += [SEED, *[STEPS] * (not update.counts_steps)]
        self._declare(library)

    def _library(self, source: str, dtype: str) -> ctypes.CDLL:
        return loaded(compiled(source, DEFINITIONS[dtype], routines_source()))

    def _declare(self, library: ctypes.CDLL) -> None:
        """What the functions of the library take and return."""
        long, double, word = ctypes.c_long, ctypes.c_double, ctypes.c_uint64
        # Arrays are checked before they are given by their address. NumPy's own type for that
        # takes longer to load than a small network to train for a step.
        array = ctypes.c_void_p
        self._length = library.work_length
        self._length.restype, self._length.argtypes = ctypes.c_size_t, [long]
        self._predict = library.predict
        self._predict.restype, self._predict.argtypes = None, [array, array, long, array, array]
        self._value_and_gradient = library.value_and_gradient
        self._value_and_gradient.restype = double
        seed_and_step = [word, word] if self._trains_apart else []
        batch: list[Any] = [array] * (4 if self._weighted else 3)
        self._value_and_gradient.argtypes = [
            *batch,
            *(long, array, long, array),
            *seed_and_step,
        ]
        self._descend = library.descend
        self._descend.restype = long
        # Addresses: the arrays of every call are the same and are checked before the first.
        address, number = ctypes.c_void_p, ctypes.POINTER(double)
        vectors: list[Any] = [address] * (2 if self._update.state else 1)
        samples: list[Any] = [address] * len(batch)
        types: dict[str, Any] = {STEPS: long, SEED: word}
        numbers: list[Any] = [types.get(name, double) for name in self._numbers]
        self._descend.argtypes = [
            *samples,
            *(address, long, long, address),
            *(*vectors, *numbers, long, address, number, number),
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledNetwork, self._made_from

    def predict(self, parameters: Array, X: Array) -> Array:
        """The last activations, samples × outputs."""
        self._require(parameters, X)
        result = np.empty((len(X), self.outputs), self.dtype)
        flat, inputs, outputs, memory = self._addresses(parameters, X, result, self._memory(len(X)))
        self._predict(flat, inputs, len(X), outputs, memory)
        return result

    def value_and_gradient(
        self,
        parameters: Array,
        X: Array,
        Y: Array,
        *weights: Array,
        training: tuple[int, int] = (0, 0),
    ) -> tuple[float, Array]:
        """(loss, flat gradient); `training` is (seed, step) where that matters.

        `weights` are those of the samples, one vector, where the loss has them.
        """
        self._require(parameters, X, Y, *weights)
        gradient = np.empty_like(parameters)
        more = training if self._trains_apart else ()
        *batch, out, memory = self._addresses(
            *(parameters, X, Y, *weights, gradient, self._memory(len(X)))
        )
        value = self._value_and_gradient(*batch, len(X), out, self._threads, memory, *more)
        return float(value), gradient

    def descend(
        self,
        parameters: Array,
        X: Array,
        Y: Array,
        order: Array,
        batch_size: int,
        learning_rate: float | Array,
        gradient: Array,
        state: Array | None = None,
        t: int = 0,
        settings: Mapping[str, float] = MappingProxyType({}),
        total: float = 0.0,
        seed: int = 0,
        weights: Sequence[Array] = (),
    ) -> tuple[int, float, float]:
        """Steps in place over batches of the samples that `order` names.

        `learning_rate` is one for all steps or one for each; `state`, the number `t` of steps
        before these, and `settings` are those of the optimiser, `seed` that of the training.
        `weights` are those of the samples, one vector, where the loss has them. Returns how many
        steps were made, `total` with each loss times its samples, or their weights, added, and the
        last loss; where that is not finite, its step is not made.
        """
        vectors = [gradient]
        if self._update.state:
            assert state is not None
            vectors.append(state)
        batch = (parameters, X, Y, *weights)
        first = self._kept_addresses(batch, vectors)
        given = {**settings, STEPS: t, SEED: seed}
        added, last = ctypes.c_double(total), ctypes.c_double()
        count = -(-len(order) // batch_size)
        rates = np.ascontiguousarray(learning_rate, np.float64)
        if rates.shape != (count,):
            rates = np.full(count, learning_rate, np.float64)
        places = np.ascontiguousarray(order, np.int64)
        steps = self._descend(
            *first[: len(batch)],
            *(_address(places), len(order), batch_size, _address(rates)),
            *first[len(batch) :],
            *(given[name] for name in self._numbers),
            self._threads,
            _address(self._memory(min(batch_size, len(order)))),
            *(ctypes.byref(added), ctypes.byref(last)),
        )
        return int(steps), added.value, last.value

    def _kept_addresses(self, batch: tuple[Array, ...], vectors: Sequence[Array]) -> list[int]:
        """Where the arrays of steps lie: checked once, since every epoch has the same ones."""
        given = (*batch, *vectors)
        held, places = self._held
        if len(held) == len(given) and all(map(is_, held, given)):
            return places
        self._require(*batch)
        self._require(vectors[0], batch[1])
        for row in vectors[1] if len(vectors) > 1 else ():
            if row.shape != (self.parameters,):
                raise AssertionError(f"a state of {row.shape} for a compiled network")
        self._held = given, self._addresses(*given)
        return self._held[1]

    def _require(self, flat: Array, X: Array, Y: Array | None = None, *weights: Array) -> None:
        """Compiled code reads as far as it expects; a mistake of ours must not get there."""
        fits = flat.shape == (self.parameters + self.state,) and X.shape[1:] == (self.inputs,)
        if Y is not None:
            fits &= Y.shape == (len(X), self.outputs)
            fits &= [w.shape for w in weights] == [(len(X),)] * self._weighted
            fits &= all(np.all(w >= 0) and 0 < np.sum(w) < np.inf for w in weights)
        if not fits:
            raise AssertionError(f"arrays of {flat.shape} and {X.shape} for a compiled network")

    def _addresses(self, *arrays: Array) -> list[int]:
        """Where arrays lie that compiled code can take."""
        for array in arrays:
            if array.dtype != self.dtype or not array.flags.c_contiguous:
                raise AssertionError(f"an array of {array.dtype} for a compiled network")
        return [_address(array) for array in arrays]

    def _memory(self, samples: int) -> Array:
        if samples > self._most:
            self._work = np.empty(self._length(samples), self.dtype)
            self._most = samples
        return self._work


def _address(array: Array) -> int:
    """Where an array lies; `array.ctypes` says it too, and takes three times as long."""
    return int(array.__array_interface__["data"][0])
