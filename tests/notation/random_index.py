"""Random formulas in index notation as text, each with its value computed directly by NumPy.

Every letter of an index has an axis of its own in all values here, of length 1 where the letter
does not occur, so products spread by themselves and nothing here reads a formula. Sizes are
m, n, k = 3, 4, 2: all different.
"""

from __future__ import annotations

import numpy as np

from tests.notation.random_text import BOUNDED, DECLARED, SIZES, values

__all__ = ["DECLARED", "LETTERS", "SIZES", "Writer", "values"]

#: The letters of the indices, and the size that each counts to.
LETTERS = {"i": "m", "p": "m", "j": "n", "q": "n", "l": "k", "r": "k"}
PLACE = {letter: place for place, letter in enumerate(LETTERS)}


class Writer:
    """Writes expressions whose free letters are among those allowed."""

    def __init__(self, generator, given):
        self.generator = generator
        self.given = given

    def pick(self, *options):
        return options[self.generator.integers(len(options))]

    def equation(self, depth):
        """(text, value) of a whole formula: a scalar, or with a left side."""
        letters = tuple(self.generator.permutation(list(LETTERS))[: self.generator.integers(4)])
        text, value = self.write(letters, depth)
        missing = [x for x in letters if value.shape[PLACE[x]] == 1]
        for letter in missing:
            text, value = self.times((text, value), self.leaf((letter,), letter))
        if not letters:
            return self.pick(f"f = {text}", text), value.reshape(())
        shown = f"T[{','.join(letters)}] = {text}"
        order = [PLACE[x] for x in letters]
        rest = [axis for axis in range(len(LETTERS)) if axis not in order]
        return shown, value.transpose(*order, *rest).reshape([SIZES[LETTERS[x]] for x in letters])

    def write(self, letters, depth):
        """An expression, an atom or in parentheses; of `letters` some may be left out."""
        if depth <= 0:
            return self.leaf(letters)
        kinds = (
            *("+", "-", "*", "space", "/", "power", "call", "max", "neg", "sum", "sigma", "array"),
            "leaf",
        )
        kind = self.pick(*kinds)
        if kind == "leaf":
            return self.leaf(letters)
        if kind in ("sum", "sigma"):
            return self.total(letters, depth, kind)
        if kind == "array":
            return self.array(letters, depth)
        one, first = self.write(letters, depth - 1)
        if kind in ("+", "-", "*", "space", "/", "max"):
            other, second = self.write(letters, depth - 1)
            match kind:
                case "+":
                    return f"({one} + {other})", first + second
                case "-":
                    return f"({one} - {other})", first - second
                case "*" | "space":
                    return self.times((one, first), (other, second), kind)
                case "/":
                    return f"({one}/(2 + sin({other})))", first / (2 + np.sin(second))
            return f"max({one}, {other})", np.maximum(first, second)
        if kind == "power":
            return f"({one})^2", first**2
        if kind == "neg":
            return f"(-{one})", -first
        name = self.pick(*BOUNDED)
        return f"{name}({one})", BOUNDED[name](first)

    def times(self, one, other, kind="*"):
        sign = " * " if kind == "*" else " "
        return f"({one[0]}{sign}({other[0]}))", one[1] * other[1]

    def total(self, letters, depth, kind):
        """A sum over letters that are not in use around it."""
        unused = [x for x in LETTERS if x not in letters]
        if not unused:
            return self.leaf(letters)
        bound = tuple(self.generator.permutation(unused)[: 1 + self.generator.integers(2)])
        body, value = self.write((*letters, *bound), depth - 1)
        for letter in bound:
            if value.shape[PLACE[letter]] == 1:
                body, value = self.times((body, value), self.leaf((letter,), letter))
        summed = np.sum(value, axis=tuple(PLACE[x] for x in bound), keepdims=True)
        if kind == "sum":
            return f"sum[{','.join(bound)}]({body})", summed
        return f"(Σ_{','.join(bound)} {body})", summed

    def array(self, letters, depth):
        """Entries of an array of expressions, or of its softmax; its letters are its own."""
        if not letters:
            return self.leaf(letters)
        outer = tuple(self.pick(*letters) for _ in range(1 + self.generator.integers(3)))
        own = []
        for letter in outer:
            alike = [x for x in LETTERS if LETTERS[x] == LETTERS[letter] and x not in own]
            if not alike:
                return self.leaf(letters)
            own.append(self.pick(*alike))
        body, value = self.write(tuple(own), depth - 1)
        for letter in own:
            if value.shape[PLACE[letter]] == 1:
                body, value = self.times((body, value), self.leaf((letter,), letter))
        rest = [axis for axis in range(len(LETTERS)) if axis not in [PLACE[x] for x in own]]
        turned = value.transpose(*(PLACE[x] for x in own), *rest)
        entries = turned.reshape([SIZES[LETTERS[x]] for x in own])
        text = f"array[{','.join(own)}]({body})"
        if self.generator.random() < 0.4:
            weights = np.exp(entries - entries.max(axis=-1, keepdims=True))
            entries, text = weights / weights.sum(axis=-1, keepdims=True), f"softmax({text})"
        return f"{text}[{','.join(outer)}]", self.spread(entries, outer)

    # Leaves -----------------------------------------------------------------------------------

    def leaf(self, letters, wanted=None):
        """A number, a scalar, an entry of a symbol or of a compound; with the letter wanted."""
        if wanted is None and (not letters or self.generator.random() < 0.15):
            text, value = self.pick(("2", 2.0), ("0.5", 0.5), ("n", 4.0), ("a", self.given["a"]))
            return text, np.full([1] * len(LETTERS), float(value))
        letter = wanted or self.pick(*letters)
        other = self.pick(*letters)
        size, other_size = LETTERS[letter], LETTERS[other]
        found = [(name, text.split()[1:]) for name, text in DECLARED.items() if text.split()[1:]]
        fitting = [name for name, sizes in found if sizes == [size]]
        matrices = [name for name, sizes in found if sizes == [size, other_size]]
        turned = [name for name, sizes in found if sizes == [other_size, size]]
        choices = [f"{name}[{letter}]" for name in fitting]
        values_of = [self.given[name] for name in fitting]
        axes = [(letter,)] * len(fitting)
        for name in matrices:
            choices.append(f"{name}[{letter},{other}]")
            values_of.append(self.given[name])
            axes.append((letter, other))
        for name in turned:
            choices.append(f"{name}'[{letter},{other}]")
            values_of.append(self.given[name].T)
            axes.append((letter, other))
        if size == other_size:
            sign = self.pick("δ", "delta")
            choices.append(f"({sign}[{letter},{other}]*ones({size})[{other}])")
            values_of.append(np.eye(SIZES[size]))
            axes.append((letter, other))
        choices.append(f"(δ[2,{letter}] ones({size})[{letter}])")
        values_of.append(np.eye(SIZES[size])[1])
        axes.append((letter,))
        for text, value in self.compounds(size):
            choices.append(f"{text}[{letter}]")
            values_of.append(value)
            axes.append((letter,))
        place = self.generator.integers(len(choices))
        return choices[place], self.spread(values_of[place], axes[place])

    def compounds(self, size):
        """Columns of a size that are no symbols, and a column of a matrix."""
        given = self.given
        match size:
            case "m":
                yield "(A*x)", given["A"] @ given["x"]
                yield "exp(u)", np.exp(given["u"])
            case "n":
                weights = np.exp(given["y"])
                yield "softmax(y)", weights / np.sum(weights)
                yield "(u'*A)", given["u"] @ given["A"]
            case "k":
                yield "(B'*x + v)", given["B"].T @ given["x"] + given["v"]

    def spread(self, value, letters):
        """A value with an axis for every letter there is; a letter twice is a diagonal."""
        distinct = tuple(dict.fromkeys(letters))
        places = [PLACE[x] for x in letters]
        array = np.einsum(value, places, sorted(PLACE[x] for x in distinct))
        shape = [1] * len(LETTERS)
        for letter in distinct:
            shape[PLACE[letter]] = SIZES[LETTERS[letter]]
        return array.reshape(shape)
