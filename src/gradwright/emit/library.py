"""Array libraries that the same expressions are written for: how each spells what a kernel does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from gradwright.emit.support import HELPERS
from gradwright.emit.torch_support import TORCH_HELPERS, in_torch
from gradwright.ops.record import Code, Record, TorchCode


class Library(Struct, frozen=True):
    """The spelling of one library.

    Templates have `{0}` for the operand, `{size}` and `{shape}` for sizes, `{value}` for a filling
    (`{atom}` where a method of it is called) and `{like}` for what `Names.like` says. `helpers` are
    functions that a module carries with it; nothing in a body is called as those of `called`.
    """

    name: str
    code: Callable[[Record], Code]
    helpers: Mapping[str, str]
    axis: str
    permute: str
    copy: str
    diagonal: str
    diagonal_matrix: str
    unit: str
    eye: str
    full: str
    repeat: str
    constant: str
    greater: str
    number: str
    called: tuple[str, ...] = ()


def _numpy_code(record: Record) -> Code:
    return record.numpy


def _torch_code(record: Record) -> Code:
    """The record's own code, or NumPy's where the two libraries spell it alike."""
    if record.torch is not None:
        return record.torch
    return TorchCode(in_torch(record.numpy.expression), record.numpy.helper)


NUMPY = Library(
    name="np",
    code=_numpy_code,
    helpers=HELPERS,
    axis="axis",
    permute="transpose",
    copy="copy",
    diagonal="np.diag({0})",
    diagonal_matrix="np.diag({0})",
    unit="(np.arange({size}) == {place}).astype({like})",
    eye="np.eye({size}, dtype={like})",
    full="np.full({shape}, {value}, dtype={like})",
    repeat="np.full({shape}, {value}, dtype={like})",
    constant="{value}",
    greater="{0} > {1}",
    number="{value}",
)

TORCH = Library(
    name="torch",
    code=_torch_code,
    helpers=TORCH_HELPERS,
    axis="dim",
    permute="permute",
    copy="clone",
    diagonal="torch.diagonal({0})",
    diagonal_matrix="torch.diag_embed({0})",
    unit="(torch.arange({size}, device={like}.device) == {place}).to({like}.dtype)",
    eye="torch.eye({size}, dtype={like}.dtype, device={like}.device)",
    full="torch.full({shape}, {value}, dtype={like}.dtype, device={like}.device)",
    repeat="{atom}.expand({shape})",
    constant="torch.tensor(float({value}), dtype=torch.float64)",
    # A matrix product takes no booleans.
    greater="({0} > {1}).to({like}.dtype)",
    number="torch.full((), {value}, dtype={like}.dtype, device={like}.device)",
    called=("tensors", "plain"),
)
