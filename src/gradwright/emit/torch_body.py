"""A function's body in PyTorch, where each result may be left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gradwright.core.nodes import Size
from gradwright.emit.body import FormulaBody, helpers_of
from gradwright.emit.library import TORCH
from gradwright.emit.operands import Text
from gradwright.program.ir import Function, Ref


class TorchBody(FormulaBody):
    """Writes statements; `sizes` are those that are parameters, as numbers."""

    def __init__(
        self, function: Function, names: Mapping[str, str], sizes: Collection[str] = ()
    ) -> None:
        self._explicit = frozenset(sizes) & frozenset(function.inputs)
        self.used_sizes: set[str] = set()
        super().__init__(function, TORCH, names)
        self._serves = self._users()
        self._served: list[frozenset[int]] = []

    def size(self, size: Size) -> str:
        """The name of a size."""
        if size not in self._explicit:
            return super().size(size)
        assert isinstance(size, str)
        self.used_sizes.add(size)
        return self.names[size]

    def _users(self) -> dict[str, frozenset[int]]:
        """The numbers of the outputs that each value is needed for."""
        found: dict[str, set[int]] = {name: set() for name in self.function.axes}
        for number, output in enumerate(self.function.outputs):
            if isinstance(output, Ref):
                found[output.name].add(number)
        for statement in reversed(self.function.statements):
            needed = set().union(*(found[target] for target in statement.targets))
            for operand in statement.operands:
                if isinstance(operand, Ref):
                    found[operand.name] |= needed
        return {name: frozenset(numbers) for name, numbers in found.items()}

    def _assign(self, targets: Sequence[str], text: Text) -> None:
        super()._assign(targets, text)
        self._served.append(frozenset().union(*(self._serves[target] for target in targets)))

    def guarded(self, targets: Sequence[str], flags: Sequence[str]) -> list[str]:
        """The body, with each result computed where its flag is true and None elsewhere."""
        for statement in self.function.statements:
            self.helpers |= helpers_of(statement, self.library)
            self._write(statement)
        blocks: list[str] = []
        for number, (target, flag) in enumerate(zip(targets, flags, strict=True)):
            result = self._settled(number, target)
            own = [line for line, serves in self._lines() if serves == {number}]
            blocks += [f"if {flag}:", *(f"    {line}" for line in own), f"    {target} = {result}"]
        shared = [line for line, serves in self._lines() if len(serves) > 1]
        nothing = f"{' = '.join(targets)} = None"
        return [*self._prologue(), *shared, nothing, *blocks, f"return {', '.join(targets)}"]

    def _settled(self, number: int, target: str) -> str:
        """The text of a result, short enough for its line."""
        output = self.function.outputs[number]
        names = [output.name] if isinstance(output, Ref) else []
        self._shorten(names, lambda: f"    {target} = {self._result(output, ())}")
        return self._result(output, ())

    def _lines(self) -> list[tuple[str, frozenset[int]]]:
        return list(zip(self._written, self._served, strict=True))
