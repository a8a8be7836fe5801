r"""From LaTeX to the language of equations: `\frac{\partial L}{\partial W_3}` is `∂L/∂W3`.

What is read is what notes and this project's own printing hold: derivatives, fractions, sums with
bounds, cases, layers `W^{(l)}` and `W^{[2]}`, entries `a_{ij}`, accents, norms, braces with labels
(the label is dropped). The result is text for `informal.formal`, which goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.latex_environments import EnvironmentReader
from gradwright.notation.latex_scripts import Parts, accented, joined, juxtaposed, scripted
from gradwright.notation.latex_tokens import (
    ACCENTS,
    FONTS,
    FUNCTIONS,
    GREEK,
    KEPT,
    NOTHING,
    SIGNS,
    SPELLED,
    LatexToken,
)
from gradwright.notation.mapped import MappedText

#: Deepest nesting of groups.
MAX_NESTING = 100
_COMMAND = re.compile(r"\\[a-zA-Z{|,;!\\]")
#: Bold letters with sizes as subscripts.
_CONSTANTS = {"1": "ones", "0": "zeros", "I": "eye", "K": "commutation"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_DOTS = {"dots", "cdots", "ldots", "vdots", "ddots"}


def is_latex(text: str) -> bool:
    r"""Whether a text holds a command such as \frac."""
    return _COMMAND.search(text) is not None


def read_latex(text: str) -> MappedText:
    r"""LaTeX as text of the language of equations.

    >>> read_latex(r"\frac{\partial L}{\partial W_3} = A_2^T \cdot Z^{(l)}").text
    "∂L/∂W3=A2'·Z^(l)"

    Raises:
        NotationError: a command without meaning here, or a brace without its partner.
        LimitError: too long, or nested too deep.
    """
    reader = _Reader(text)
    parts = reader.sequence(())
    made = "".join(part for part, _ in parts)
    spans = tuple(span for part, span in parts for _ in part)
    return MappedText(made, spans, text).strip()


class _Reader(EnvironmentReader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def deeper(self, token: LatexToken) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise LimitError(
                "reading LaTeX",
                f"it nests deeper than {MAX_NESTING} groups",
                "name an inner part and use the name",
                text=self.text,
                span=token.span,
            )

    # Sequences --------------------------------------------------------------------------------

    def sequence(self, ends: Sequence[str]) -> Parts:
        """Everything up to one of the `ends`, which is left to be read; "" is the end."""
        parts: Parts = []
        spaced = False
        while self.peek().text not in ("", *ends):
            if self.peek().is_space:
                spaced |= self.next().command not in ("left", "right")
                continue
            token = self.peek()
            atom = self.scripted()
            if not atom:
                continue
            if parts and juxtaposed(parts[-1][0], atom[0][0], spaced):
                parts.append((" ", token.span))
            parts += atom
            spaced = False
        if self.peek().text == "" and ends:
            raise self.error(
                self.peek(), f"{ends[0]} is missing at the end", f"close the group with {ends[0]}"
            )
        return parts

    def group(self) -> Parts:
        """The argument of a command: a group in braces, or one token."""
        self.skip_space()
        if self.peek().text != "{":
            return self.atom()
        opener = self.next()
        self.deeper(opener)
        parts = self.sequence(("}",))
        self.next()
        self.depth -= 1
        return parts

    def scripted(self) -> Parts:
        """An atom with its subscripts, superscripts and primes."""
        first = self.peek()
        atom = self.atom()
        below: Parts = []
        above: list[Parts] = []
        primes = 0
        while True:
            start = self.place
            self.skip_space()
            sign = self.peek().text
            if sign == "_" and not below:
                self.next()
                below = self.group()
            elif sign == "^":
                self.next()
                above.append(self.group())
            elif sign in ("'", "’", "′"):
                self.next()
                primes += 1
            else:
                self.place = start
                break
        span = Span(first.span.start, self.tokens[self.place - 1].span.end)
        return scripted(atom, below, above, primes, span, self.text)

    # Atoms ------------------------------------------------------------------------------------

    def atom(self) -> Parts:
        """A letter, a number, a sign, a bracket with what is in it, or a command."""
        token = self.next()
        if not token.text:
            raise self.error(token, "the text ends where something is expected", "write it")
        if token.command:
            return self.command(token)
        if token.text in ("(", "["):
            return self.bracketed(token, token.text)
        if token.text == "{":
            self.place -= 1
            return self.group()
        if token.text == "|":
            inner = self.sequence(("|",))
            self.next()
            return [("abs(", token.span), *inner, (")", token.span)]
        if token.text == "}":
            raise self.error(token, "} closes nothing", "remove it, or open a { before")
        return [(token.text, token.span)]

    def bracketed(self, token: LatexToken, opener: str) -> Parts:
        """`( … )` or `[ … ]`, whichever way its brackets are made large."""
        self.deeper(token)
        if opener not in _CLOSING:
            clash = f"{opener or 'the end'} stands where a bracket opens"
            raise self.error(token, clash, r"write ( or [ after \left")
        closer = _CLOSING[opener]
        parts = self.sequence((closer, r"\}", r"\rbrace") if closer == "}" else (closer,))
        end = self.next()
        self.depth -= 1
        return [(opener, token.span), *parts, (closer, end.span)]

    def command(self, token: LatexToken) -> Parts:
        """What a command stands for."""
        name = token.command
        if name in GREEK:
            return [(GREEK[name], token.span)]
        if name in SIGNS:
            return [(SIGNS[name], token.span)]
        if name in FUNCTIONS:
            return self.function(token, FUNCTIONS[name])
        if name in FONTS:
            return self.font(token, name)
        if name in ("frac", "tfrac", "dfrac"):
            return self.fraction(token)
        if name == "sum":
            return self.total(token)
        if name == "substack":
            return [(joined(self.group()).replace("\n", " "), token.span)]
        if name == "sqrt":
            return [("sqrt(", token.span), *self.group(), (")", token.span)]
        if name == "begin":
            return self.environment(token)
        if name == "llbracket":
            inner = self.sequence((r"\rrbracket",))
            self.next()
            return [("[", token.span), *inner, ("]", token.span)]
        if name in ACCENTS:
            return [(accented(joined(self.group()), ACCENTS[name]), token.span)]
        if name in KEPT:
            return self.kept(token, name)
        if name in ("|", "Vert", "lVert", "rVert", "lvert", "rvert", "vert"):
            return self.norm(token, "|" if "v" in name else "‖")
        if name in ("{", "lbrace"):
            return self.bracketed(token, "{")
        if name in ("top", "prime", "intercal"):
            return [("'", token.span)]
        if name == "\\":
            return [("\n", token.span)]
        if name in NOTHING:
            return []
        raise self.unknown(token)

    # Commands ---------------------------------------------------------------------------------

    def function(self, token: LatexToken, name: str) -> Parts:
        r"""`\log y`, `\max(a, b)`, `\tanh^2 x`: the argument is a bracket, or one factor."""
        exponent: Parts = []
        self.skip_space()
        if self.peek().text == "^":
            self.next()
            exponent = self.group()
        while self.peek().text == "'":
            self.next()
            name += "'"
        self.skip_space()
        opener = self.peek().text
        if opener in ("", "=", ",", ")", "}"):
            return [(name, token.span)]
        if opener in ("(", "["):
            self.next()
            inner = self.bracketed(token, opener)[1:-1]
        else:
            inner = self.factor()
        call = [(f"{name}(", token.span), *inner, (")", token.span)]
        if not exponent:
            return call
        return [("(", token.span), *call, (")^(", token.span), *exponent, (")", token.span)]

    def factor(self) -> Parts:
        """One factor: an atom with its scripts, and brackets that touch it."""
        parts = self.scripted()
        if self.peek().text in ("(", r"\left") and parts and parts[-1][0][-1:].isalpha():
            self.skip_space()
            opener = self.next()
            parts += self.bracketed(opener, opener.text)
        return parts

    def font(self, token: LatexToken, name: str) -> Parts:
        """Letters in a font: a name, a function, ones and identities, or words."""
        start = self.place
        content = self.raw_group()
        word = content.strip().replace(r"\_", "_")
        if word.lower() in SPELLED and name != "mathit":
            return self.function(token, SPELLED[word.lower()])
        if name == "mathbf" and word in _CONSTANTS and self.peek().text == "_":
            return self.constant(token, _CONSTANTS[word])
        if word == "array" and self.peek().text == "_":
            return self.array(token)
        if name in ("text", "textrm", "mathrm", "mbox", "textit") and " " in word:
            return []
        if word in ("if", "otherwise", "else", "for", "when") and name.startswith(("text", "m")):
            return [(f"{word} ", token.span)]
        if name == "mathbb":
            return [({"R": "ℝ", "1": "1"}.get(word, word), token.span)]
        if name in ("mathcal", "mathscr") and word == "A":
            return [("act", token.span)]
        if re.fullmatch(r"[A-Za-z]\w*|[^\W\d_]\w*", word):
            return [(word, token.span)]
        if name in ("mathit", "textit"):
            letters = re.sub(r"\{?\\([a-zA-Z]+)\}?", lambda m: GREEK.get(m[1], m[1]), word)
            return [(letters, token.span)]
        self.place = start
        return self.group()

    def constant(self, token: LatexToken, name: str) -> Parts:
        """`ones(m, n)`, `eye(n)` and the like from their subscripts."""
        self.next()
        sizes = joined(self.group()).replace("*", ",").replace(" ", "")
        return [(f"{name}({sizes.replace(',', ', ')})", token.span)]

    def array(self, token: LatexToken) -> Parts:
        r"""`\operatorname{array}_{i,j}(…)`."""
        self.next()
        indices = re.sub(r"[{}_\s]", "", joined(self.group()))
        self.skip_space()
        if self.peek().text != "(":
            raise self.error(token, "an array has its entries in ( )", r"write array_{i,j}(A_{ij})")
        _, *inner = self.bracketed(token, self.next().text)
        return [(f"array[{indices}](", token.span), *inner]

    def fraction(self, token: LatexToken) -> Parts:
        """A derivative, or a quotient."""
        above, below = self.group(), self.group()
        top, bottom = joined(above), joined(below)
        found = re.fullmatch(r"(?P<sign>[∂d])\s*(?P<what>.*)", top, re.DOTALL)
        under = re.fullmatch(r"[∂d]\s*(?P<by>\S.*)", bottom, re.DOTALL)
        span = Span(token.span.start, self.tokens[self.place - 1].span.end)
        if found is None or under is None:
            return [("((", span), *above, (")/(", span), *below, ("))", span)]
        if found["what"].startswith("^"):
            raise self.error(token, "a second derivative is written", "write a derivative of one")
        sign, what, by = found["sign"], found["what"], under["by"]
        if not what:
            return [(f"{sign}/{sign}{by} ", span)]
        if re.fullmatch(r"[^\W\d_]\w*(?:\^\([^()]*\))?(?:\[[^\[\]]*\])?", what):
            return [(f"{sign}{what}/{sign}{by}", span)]
        return [(f"{sign}/{sign}{by} ({what})", span)]

    def total(self, token: LatexToken) -> Parts:
        """A sum with its indices; its bounds are those of the axis."""
        below = ""
        while True:
            self.skip_space()
            sign = self.peek().text
            if sign not in ("_", "^"):
                break
            self.next()
            inner = joined(self.group())
            below = inner if sign == "_" else below
        indices = re.match(r"\s*([a-z](?:\s*,\s*[a-z](?=\s*(?:,|$)))*)", below)
        if indices is None:
            raise self.error(token, "the sum names no index", r"write \sum_{i}")
        text = f"Σ_{re.sub(chr(32), '', indices[1])} "
        left_out = re.search(r"([a-z])\s*≠\s*([a-z])", below)
        if left_out is not None:
            text += f"(1 - δ[{left_out[1]},{left_out[2]}])*"
        return [(text, token.span)]

    def kept(self, token: LatexToken, name: str) -> Parts:
        """What a brace or a frame holds, without its label."""
        inner = self.group()
        label = {"underbrace": "_", "overbrace": "^"}.get(name)
        self.skip_space()
        if label is not None and self.peek().text == label:
            self.next()
            self.raw_group()
        if name == "phantom":
            return []
        alone = len(inner) == 1 or "=" in joined(inner)
        return inner if alone else [("(", token.span), *inner, (")", token.span)]

    def norm(self, token: LatexToken, sign: str) -> Parts:
        """`‖x‖`, `‖x‖₁` and `|x|`."""
        ends = ("|", r"\rvert", r"\vert") if sign == "|" else (r"\|", r"\Vert", r"\rVert")
        inner = self.sequence(ends)
        self.next()
        if sign == "|":
            return [("abs(", token.span), *inner, (")", token.span)]
        start = self.place
        self.skip_space()
        if self.peek().text == "_":
            self.next()
            if joined(self.group()).strip() == "1":
                return [("norm1(", token.span), *inner, (")", token.span)]
            return [("norm2(", token.span), *inner, (")", token.span)]
        self.place = start
        return [("norm2(", token.span), *inner, (")", token.span)]

    def unknown(self, token: LatexToken) -> NotationError:
        """A command that has no meaning here."""
        if token.command in _DOTS:
            clash = f"{token.text} leaves something out, and what cannot be known"
            return self.error(token, clash, "write all terms, or a sum")
        clash = f"the command {token.text} has no meaning here"
        return self.error(token, clash, r"use \frac, \sum, \log and the like, or plain notation")
