"""Static memory of a standalone module: one struct of arrays that have a name each."""

from __future__ import annotations

from msgspec import Struct

from gradwright.emit.c.blocks import Room


class StaticMemory(Struct):
    """The members of the struct `ram`, in the order in which they are asked for.

    All members are as wide as a number, so that none needs padding and the size of the struct is
    the sum of its parts on every machine. Where it `counts`, steps are among them.
    """

    batch_size: int
    members: dict[str, tuple[Room, str]] = {}
    counts: bool = False

    def member(self, name: str, room: Room, said: str = "") -> str:
        """An array of at least this room, as it is written in code; `said` is what it holds."""
        held, before = self.members.get(name, (Room(), said))
        most = Room(max(held.per_sample, room.per_sample), max(held.fixed, room.fixed))
        self.members[name] = most, before
        return f"ram.{name}"

    def entries(self, name: str) -> int:
        """How many numbers an array holds."""
        room, _ = self.members[name]
        return room.per_sample * self.batch_size + room.fixed

    @property
    def numbers(self) -> int:
        """How many numbers all arrays hold."""
        return sum(map(self.entries, self.members)) + self.counts

    def lines(self, double: bool) -> list[str]:
        """The declarations of the members."""
        lines = []
        for name, (room, said) in self.members.items():
            parts = [f"BATCH * {room.per_sample}"] if room.per_sample else []
            parts += [str(room.fixed)] if room.fixed else []
            comment = f" /* {said} */" if said else ""
            lines.append(f"real {name}[{' + '.join(parts)}];{comment}")
        if self.counts:
            word = "uint64_t" if double else "uint32_t"
            lines.append(f"{word} steps; /* how many were made */")
        return lines
