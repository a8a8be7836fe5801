"""The activations of a network in an equation: φ(z2), g'(z2), A3."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.api.equations.derivatives import elementwise_derivative
from gradwright.nn.activations import activation_text
from gradwright.nn.kinds import Kind
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Call, Entry, Symbol, Tree, walk

#: Names for an activation that is not said.
ACTIVATION_NAMES = ("g", "f", "φ", "phi", "varphi", "h", "act", "𝒜")


class Slopes:
    """Activations by a letter, and their derivatives φ'(Zk) as names of their own.

    A slope that an equation writes with its letter keeps it in corrections.
    """

    def __init__(self, kinds: Sequence[Kind], letter: str = "") -> None:
        self.kinds = kinds
        self.known = {*ACTIVATION_NAMES, letter}
        self.letters = [letter] if letter and letter != "A" else []

    def names(self) -> dict[str, str]:
        """Every slope that has a name, and the quantity whose shape it has."""
        return {
            f"{letter}'({z}{number})": f"{z}{number}"
            for letter in self.letters
            for number in range(1, len(self.kinds) + 1)
            for z in "zZ"
        }

    def _is_elementwise(self, number: int) -> bool:
        return self.kinds[number - 1].activation != "softmax"

    def factors(self, *, single: bool) -> tuple[Tree, ...]:
        """The slopes, written out where no letter is in use."""
        if self.letters:
            return ()
        letter = "z" if single else "Z"
        return tuple(
            elementwise_derivative(self._head(number), Symbol(f"{letter}{number}"))
            for number in range(1, len(self.kinds) + 1)
            if self._is_elementwise(number) and self.kinds[number - 1].activation != "identity"
        )

    def with_activations(self, node: Tree) -> Tree:
        """A call of φ as the activation, a call of φ' as a slope.

        The φ' of a layer whose activation does not act entry by entry is ∂a_i/∂z_i.
        """
        if not isinstance(node, Call) or len(node.arguments) != 1:
            return node
        base = node.function.rstrip("'")
        letter = base.rstrip("0123456789")
        primes = len(node.function) - len(base)
        if letter not in self.known or primes > 1:
            return node
        (argument,) = node.arguments
        number = self._layer(base[len(letter) :], argument)
        if not primes:
            made = parse(self._head(number))
            return rebuilt(made, lambda part: argument if part == Symbol("t") else part)
        bare = argument.base if isinstance(argument, Entry) else argument
        if isinstance(bare, Symbol) and bare.name in (f"z{number}", f"Z{number}"):
            if letter not in self.letters:
                self.letters.append(letter)
            slope = Symbol(f"{letter}'({bare.name})", node.span)
            return Entry(slope, argument.indices) if isinstance(argument, Entry) else slope
        return elementwise_derivative(self._head(number), argument)

    def _layer(self, digits: str, argument: Tree) -> int:
        """The layer that a letter says, or else that of what it is applied to."""
        inside = [part.name for part in walk(argument) if isinstance(part, Symbol)]
        for name in ([digits] if digits else []) + inside:
            number = name.lstrip("zZWδ")
            if number.isdigit() and 1 <= int(number) <= len(self.kinds):
                return int(number)
        return 1

    def _head(self, number: int) -> str:
        kind = self.kinds[number - 1]
        return activation_text(kind.activation, kind.options, argument="t")

    def written_out(self, name: str) -> Tree:
        """The formula of a slope that has a name."""
        argument = name.partition("(")[2].removesuffix(")")
        return elementwise_derivative(self._head(int(argument[1:])), Symbol(argument))
