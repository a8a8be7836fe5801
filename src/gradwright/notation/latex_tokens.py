r"""From LaTeX to tokens: `\frac`, `{`, `^`, letters one by one, numbers."""

from __future__ import annotations

import re

from msgspec import Struct

from gradwright.core.work import allowed
from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.lexer import MAX_LENGTH

_TOKEN = re.compile(
    r"\\[a-zA-Z]+\*?|\\.|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\s+|.",
    re.DOTALL,
)

#: Greek letters by their commands; ϵ and ϕ stand for the letters that names are written with.
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "varrho": "ρ",
    "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
#: Commands that stand for a sign of the wider language of equations.
SIGNS = {
    "cdot": "·", "times": "*", "ast": "*", "circ": ".*", "odot": ".*", "oslash": "./",
    "otimes": "⊗", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "in": "∈", "partial": "∂",
    "nabla": "∇", "to": "→", "colon": ":", "lbrace": "{", "rbrace": "}", "approx": "≈",
}  # fmt: skip
#: Commands for white space and for how things are set.
NOTHING = {
    "quad", "qquad", ",", ";", ":", "!", " ", "displaystyle", "textstyle", "limits", "nolimits",
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "middle",
    "nonumber", "notag", "mathstrut",
}  # fmt: skip
#: Functions that have a command.
FUNCTIONS = {
    "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan",
    "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "det": "det", "max": "max", "min": "min",
}  # fmt: skip
#: Functions by their names in running letters.
SPELLED = {
    "relu": "relu", "softmax": "softmax", "sigmoid": "sigmoid", "diag": "diag", "tr": "tr",
    "trace": "tr", "sign": "sign", "sgn": "sign", "vec": "vec", "abs": "abs", "tanh": "tanh",
    "logsumexp": "logsumexp", "hardmax": "hardmax", "mean": "mean", "outer": "outer",
    "solve": "solve", "softplus": "softplus", "expm1": "expm1", "log1p": "log1p",
}  # fmt: skip
#: Commands that set their argument in a font.
FONTS = {
    "mathbf", "boldsymbol", "bm", "mathit", "mathrm", "mathsf", "mathcal", "mathscr", "text",
    "textbf", "textit", "textrm", "operatorname", "mathbb", "underline", "mbox",
}  # fmt: skip
ACCENTS = {"hat": "\u0302", "widehat": "\u0302", "tilde": "~", "widetilde": "~", "bar": "-"}
#: Commands whose argument stands as it is: a frame, or a brace with a label.
KEPT = {"underbrace", "overbrace", "boxed", "overline", "phantom"}


class LatexToken(Struct, frozen=True):
    r"""A command with its backslash, a letter, a number, a sign or white space."""

    text: str
    span: Span

    @property
    def command(self) -> str:
        """The name of a command, or an empty text."""
        return self.text[1:] if self.text.startswith("\\") else ""

    @property
    def is_space(self) -> bool:
        """Whether nothing is set for it."""
        return self.text.isspace() or self.text == "&" or self.command in NOTHING


def latex_tokens(text: str) -> list[LatexToken]:
    """All tokens of a text; `$` and comments are left out.

    Raises:
        LimitError: the text is too long.
    """
    most = allowed(MAX_LENGTH)
    if len(text) > most:
        raise LimitError(
            "reading LaTeX",
            f"the text has {len(text)} characters and at most {most} are read",
            "read it in parts",
        )
    return [
        LatexToken(found[0], Span(*found.span()))
        for found in _TOKEN.finditer(text)
        if found[0] != "$"
    ]


def unreadable(text: str, span: Span, clash: str, instead: str) -> NotationError:
    """The error for LaTeX that has no meaning here."""
    return NotationError("reading LaTeX", clash, instead, text=text, span=span)


class TokenReader:
    """The tokens of a text, read one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = latex_tokens(text)
        self.place = 0

    def peek(self) -> LatexToken:
        """The next token; at the end one without text."""
        if self.place < len(self.tokens):
            return self.tokens[self.place]
        return LatexToken("", Span(len(self.text), len(self.text)))

    def next(self) -> LatexToken:
        """The next token, which is then read; at the end nothing is."""
        token = self.peek()
        self.place = min(self.place + 1, len(self.tokens))
        return token

    def skip_space(self) -> None:
        """Leave white space out."""
        while self.peek().is_space:
            self.place += 1

    def error(self, token: LatexToken, clash: str, instead: str) -> NotationError:
        """An error that points at a token."""
        return unreadable(self.text, token.span, clash, instead)

    def raw_group(self) -> str:
        """The text of an argument as it is written."""
        self.skip_space()
        if self.peek().text != "{":
            return self.next().text
        start = self.next()
        depth, text = 1, ""
        while depth:
            token = self.next()
            if token.text == "":
                raise self.error(start, "{ is opened here and never closed", "close it with }")
            depth += (token.text == "{") - (token.text == "}")
            text += token.text if depth else ""
        return text
