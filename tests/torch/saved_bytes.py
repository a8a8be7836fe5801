"""How many bytes a computation saves for its way back, each storage counted once."""

from __future__ import annotations

from collections.abc import Callable

import torch


def saved_bytes(compute: Callable[[], torch.Tensor]) -> int:
    """The bytes of the distinct storages that PyTorch is asked to save while it computes."""
    found: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        # Kept, so that no other storage gets the same address.
        found[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        compute()
    return sum(storage.nbytes() for storage in found.values())
