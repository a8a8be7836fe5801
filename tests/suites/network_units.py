"""The C modules of many networks in one compilation unit.

What all modules have stands once, and so does a function that several networks share, such as a
layer kind; what belongs to one network alone gets a prefix.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from gradwright.emit.c.routines import SUPPORT, routines_source
from gradwright.nn.network import NetworkModel
from gradwright.nn.optimizers import Optimizer
from gradwright.nn.parameters import length
from gradwright.run.compiled_network import DEFINITIONS, CompiledNetwork
from gradwright.run.compiling import compiled

#: A function of a module with the comment before it, and the names that a module gives to numbers.
FUNCTION = re.compile(
    r"(?:/\*(?:(?!\*/).)*\*/\n)?^[a-z][\w ]*?[ *](\w+)\((?:(?!\n\n|;\n).)*?\)\n\{\n.*?^\}\n",
    re.MULTILINE | re.DOTALL,
)
NUMBERS = re.compile(r"^enum \{ (.*) \};\n", re.MULTILINE)


class Unit:
    """The C modules of networks, each with steps of its optimiser, compiled together."""

    def __init__(self, members: Sequence[tuple[NetworkModel, Optimizer]]) -> None:
        self._members = members
        named = [*SUPPORT, "masks.h", "codes.h"]
        texts = [(files("gradwright.emit.c") / name).read_text("utf-8") for name in named]
        self._parts = {"": self._head(texts)}
        self._names = [self._add(place, texts) for place in range(len(members))]

    def source(self) -> str:
        """The whole unit."""
        return "\n".join(self._parts.values())

    def compiled(self, place: int, dtype: str) -> CompiledNetwork:
        """One network of the unit, for "float32" or "float64"."""
        model, rule = self._members[place]
        made = compiled(self.source(), DEFINITIONS[dtype], routines_source())
        library = ctypes.CDLL(str(made))
        parameters = model.module.PARAMETERS
        state = length(model.layers) - parameters
        of_steps = rule.update, model.trains_apart
        return _InUnit(
            _Renamed(library, self._names[place]),
            *("", dtype, model.widths, parameters, *of_steps, state),
            weighted=model.is_weighted,
        )

    def _own_source(self, place: int) -> str:
        model, rule = self._members[place]
        return model.with_steps("c", rule)

    def _head(self, texts: Sequence[str]) -> str:
        source = self._own_source(0)
        (large,) = re.findall(r"^#define LARGE .*\n", source, re.MULTILINE)
        return "\n".join([texts[0], large, *texts[1:]])

    def _add(self, place: int, texts: Sequence[str]) -> Mapping[str, str]:
        """Put the functions of a network into the unit; what its names have become."""
        rest = self._own_source(place)
        for text in texts:
            rest = rest.replace(text, "")
        numbers = "".join(found[0] for found in NUMBERS.finditer(rest))
        functions = {found[1]: found[0] for found in FUNCTION.finditer(rest)}
        counted = re.findall(r"(\w+) =", numbers)
        own = re.compile(rf"\b({'|'.join([*functions, *counted])})\b")
        names = {name: f"n{place}_{name}" for name in counted}
        self._parts[f"numbers {place}"] = own.sub(lambda found: names[found[1]], numbers)
        for name, text in functions.items():
            used = set(own.findall(text)) - {name}
            digest = sha256(re.sub(rf"\b{name}\b", "", text).encode()).hexdigest()[:16]
            # What uses nothing of its network is the same in every network that has this text.
            names[name] = f"n{place}_{name}" if used else f"shared_{digest}"
            self._parts.setdefault(
                names[name], own.sub(lambda found: names.get(found[1], found[1]), text)
            )
        return names


class _Renamed:
    """A library whose functions have other names."""

    def __init__(self, library: ctypes.CDLL, names: Mapping[str, str]) -> None:
        self._library, self._names = library, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, self._names.get(name, name))


class _InUnit(CompiledNetwork):
    """A network whose library is there already."""

    def __init__(self, library: _Renamed, *given: Any, **named: Any) -> None:
        self._renamed = library
        super().__init__(*given, **named)

    def _library(self, source: str, dtype: str) -> Any:
        return self._renamed
