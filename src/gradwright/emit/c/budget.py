"""What a standalone module takes of memory."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict


class Budget(Struct, frozen=True):
    """The bytes of a module: what stands in memory, and what is constant."""

    parameters: int
    working: int
    constants: int

    @property
    def ram(self) -> int:
        """All static memory, .data and .bss."""
        return self.parameters + self.working

    @property
    def flash(self) -> int:
        """What stands in flash beside the code: constants, and what parameters start with."""
        return self.constants + self.parameters

    def lines(self) -> list[str]:
        """As a table."""
        return [
            f"RAM      {self.ram:>10,} bytes, exactly: {self.parameters:,} for parameters that "
            f"train, {self.working:,} for all else",
            f"flash    {self.flash:>10,} bytes beside the code, exactly: {self.constants:,} for "
            f"constants, {self.parameters:,} for the start of what trains",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "ram": self.ram, "flash": self.flash}
