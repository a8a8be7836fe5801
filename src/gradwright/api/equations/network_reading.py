"""Equations about a network as trees over its quantities, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gradwright.api.equations.derivatives import OPERATOR, by_name, with_primes
from gradwright.api.equations.layers import layer_letters, layered, with_layers
from gradwright.api.equations.network_formulas import Quantity
from gradwright.api.equations.network_names import STEP_SIZE, STEP_SIZES, NetworkNames
from gradwright.api.equations.network_slopes import Slopes
from gradwright.api.equations.setting import Reading
from gradwright.errors import GradwrightError, SymbolError
from gradwright.explain.conventions import Convention
from gradwright.nn.network import NetworkModel
from gradwright.notation.equation import Written
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.informal import formal
from gradwright.notation.informal_indices import with_entries
from gradwright.notation.mapped import MappedText
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Call, Symbol, Tree, walk

_SAMPLE = re.compile(r"(?<![^\W_])(?P<name>[xyŷXY])\^\(\s*i\s*\)")
_NEW_NAME = re.compile(r"[^\W\d_]{2,}")


class NetworkReader:
    """Reads equations in the names of a network, or in the letters of a notation."""

    def __init__(
        self, model: NetworkModel, batch: dict[str, Quantity], convention: Convention
    ) -> None:
        self.depth = len(model.layers)
        self.convention = convention
        self.names = NetworkNames(batch, self.depth, convention)
        self.slopes = Slopes(model.kinds, convention.letters["φ"] if convention.name else "")
        self.defined: dict[str, Tree] = {}

    def define(self, written: Written) -> bool:
        """Take an equation as the definition of a new name, if it is one."""
        name = written.sides[0].text
        if written.relations[:1] != ("=",):
            return False
        if not _NEW_NAME.fullmatch(name) or self.names.canonical(name, single=False):
            return False
        if name in self.defined or name.startswith(("d", "δ", "J_", OPERATOR)):
            return False
        try:
            (reading,) = self.readings(written.sides[1:])
        except (GradwrightError, ValueError):
            return False
        self.defined[name] = without_spans(reading.sides[0])
        return True

    def readings(self, sides: tuple[MappedText, ...]) -> Iterator[Reading]:
        """The equation for every layer that it can be about."""
        stems = self.names.stems
        sides = tuple(self._of_one_sample(side) for side in sides)
        letters = set().union(*(layer_letters(side, stems) for side in sides))
        if len(letters) > 1:
            shown = " and ".join(sorted(letters))
            raise SymbolError(
                "the layers of an equation",
                f"{shown} both stand for a layer and one index can",
                "write one of them as a number",
                text=sides[0].original,
            )
        letter = letters.pop() if letters else None
        count = 0
        for layer in range(self.depth + 1) if letter else [0]:
            entries = [with_entries(side, self.names.known) for side in sides]
            plain = [with_layers(side, letter, layer, self.depth, stems) for side in entries]
            texts = tuple(text for text in plain if text is not None)
            if len(texts) < len(sides):
                continue
            told = None if letter is None else (letter, layer)
            reading = self._reading(texts, told, " = ".join(side.text for side in sides))
            if reading is None:
                continue
            count += 1
            yield reading
        if not count:
            raise SymbolError(
                "the layers of an equation",
                f"there is none of the layers 0 to {self.depth} for which all its names exist",
                "write layers from 1 to the last",
                text=sides[0].original,
            )

    def _of_one_sample(self, text: MappedText) -> MappedText:
        """y^(i) is the y of a sample i, where y has no layers."""
        stems = self.names.stems
        return text.replaced(
            _SAMPLE, lambda found: None if found["name"] in stems else found["name"]
        )

    def _reading(
        self, texts: tuple[MappedText, ...], layer: tuple[str, int] | None, like: str
    ) -> Reading | None:
        """The equation of one layer; None if a name does not exist there."""
        single = self.names.is_single(" ".join(text.text for text in texts))
        trees, plain = [], []
        for text in texts:
            formally = formal(self.names.with_derivatives(text, single=single))
            with formally.errors_at_the_original():
                tree = parse(formally.text)
                named = self._named(tree, formally, single=single, may_fail=layer is not None)
            if named is None:
                return None
            trees.append(with_primes(named))
            plain.append(formally.text)
        return Reading(tuple(trees), tuple(plain), like, single, layer)

    def _named(self, tree: Tree, text: MappedText, *, single: bool, may_fail: bool) -> Tree | None:
        """A tree in the names of this network; None if a name does not exist and may fail to."""
        sizes = {id(a) for part in walk(tree) for a in _sizes(part)}
        names: dict[str, str] = {}
        for part in walk(tree):
            if not isinstance(part, Symbol) or id(part) in sizes or part.name == "n":
                continue
            found = self.names.canonical(part.name, single=single)
            if part.name in self.defined:
                continue
            if part.name in STEP_SIZES:
                names[part.name] = STEP_SIZE
            elif found is not None and self.names.known(found):
                names[part.name] = found
            elif may_fail:
                return None
            else:
                raise self._unknown(part, text, single)
        return rebuilt(tree, lambda node: self._changed(node, names, single))

    def _unknown(self, part: Symbol, text: MappedText, single: bool) -> SymbolError:
        chosen = [*self.names.batch, *(self.names.singles if single else ())]
        known = ", ".join(name for name in chosen if not name.startswith("δ"))
        shown = _quotient(part.name, "d")
        return SymbolError(
            f"the name {shown}",
            f"{shown} is no name of this network, whose names are {known} and dL/d…",
            "use one of those",
            text=text.text,
            span=part.span,
        )

    def _changed(self, node: Tree, names: Mapping[str, str], single: bool) -> Tree:
        if isinstance(node, Symbol):
            if node.name in self.defined and node.name not in names:
                return self.defined[node.name]
            return Symbol(names.get(node.name, node.name), node.span)
        by = by_name(node)
        if by is not None and isinstance(node, Call):
            found = self.names.canonical(by, single=single) or by
            return Call(f"{OPERATOR}{found}", node.arguments, (), node.span)
        if isinstance(node, Call) and self.names.canonical(node.function, single=single) == "L":
            return Symbol("L", node.span)
        return self.slopes.with_activations(node)

    # Spelling ---------------------------------------------------------------------------------

    def spelled(self, text: str, reading: Reading) -> str:
        """A text with names and derivatives as the equation writes them."""
        return _NAMES.sub(lambda found: self._spelled(found[0], reading), text)

    def _spelled(self, name: str, reading: Reading) -> str:
        like = reading.like
        sign = "∂" if "∂" in like else "d"
        if name.startswith("J_") and name.count("_") == 2:
            top, bottom = (self._letter(part, reading) for part in name.split("_")[1:])
            return f"{sign}{top}/{sign}{bottom}"
        if name.startswith(OPERATOR):
            return f"{sign}/{sign}{self._letter(name.removeprefix(OPERATOR), reading)} "
        if not name.startswith("δ"):
            return self._letter(name, reading)
        deltas = layered(self.names.stems).findall(like)
        if name[1:2] in "zZ" and re.search(r"δ(?!\s*[a-zA-Z])", like) and deltas:
            return "δ" + self._index(name.lstrip("δzZ"), reading)
        if self.convention.one_sample and "∂" not in like and name[1:2] in ("z", "a"):
            letter = self.convention.letters[f"δ{name[1].upper()}"]
            return letter + self._index(name[2:], reading)
        if "δ" in like and "∂" not in like:
            return name
        loss = self._letter("L", reading)
        return f"{sign}{loss}/{sign}{self._letter(name[1:], reading)}"

    def _letter(self, name: str, reading: Reading) -> str:
        """A name without derivatives in the letters of the notation."""
        found = re.fullmatch(r"(\D+)([0-9]*)", name)
        if found is None or not (self.names.known(name) or name == "L"):
            return name
        letter, number = found[1], found[2]
        hat = {"a": "ŷ", "A": "Ŷ"}.get(letter, "")
        if hat and number == str(self.depth):
            for chosen in (hat, "ŷ"):
                if chosen in reading.like:
                    return chosen
        return self.names.written(letter) + self._index(number, reading)

    def _index(self, number: str, reading: Reading) -> str:
        """A layer as a number, or by its distance from the layer index."""
        if not number:
            return ""
        if reading.layer is not None:
            letter, layer = reading.layer
            apart = int(number) - layer
            if abs(apart) <= 1:
                return f"^({letter}{f'{apart:+d}' if apart else ''})"
        return f"^({number})" if self.convention.raised else number


_NAMES = re.compile(r"(?<![^\W_])(?:J_\w+|D_\w+|δ?[A-Za-z][0-9]*(?![\w(])(?!'+\())")


def _quotient(name: str, sign: str) -> str:
    """A canonical name as people write it."""
    if name.startswith("J_") and name.count("_") == 2:
        _, top, bottom = name.split("_")
        return f"{sign}{top}/{sign}{bottom}"
    return f"{sign}L/{sign}{name[1:]}" if name.startswith("δ") else name


def _sizes(tree: Tree) -> tuple[Tree, ...]:
    return tree.arguments if isinstance(tree, Call) and tree.function in CONSTANTS else ()
