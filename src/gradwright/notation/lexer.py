"""From text to tokens.

Typed notation and what `str` prints are the same language: `A'` and `Aᵀ`, `x.^2` and `x⊙²`, `a*b`
and `a·b` give the same tokens. Names are Unicode letters in composed form (NFC); subscript digits
are plain digits of the name, so `W₃` is `W3`. A superscript in parentheses is the index of a layer
and belongs to the name, so `W⁽²⁾` and `W⁽ˡ⁻¹⁾` are names; `W₍ₗ₋₁₎` is the name `W[l-1]`.
A letter that Python's own keywords would fold into
another one (ϕ becomes φ there) is refused, so that two spellings never mean two variables.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from string import ascii_uppercase

from msgspec import Struct

from gradwright.core.work import allowed
from gradwright.errors import LimitError, NotationError, Span

#: Longest text, in characters.
MAX_LENGTH = 100_000
#: Most digits in one number, as many as is calculated with, and the largest power of ten it may be
#: scaled by.
MAX_DIGITS = 1_200
MAX_EXPONENT = 300
#: Longest name, in characters.
MAX_NAME = 100

SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_PRIMES = "'’′"
_SUPERSCRIPT_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUBSCRIPT_DIGITS = "₀₁₂₃₄₅₆₇₈₉"
_DIGITS = "0123456789"
#: What begins a sum over indices; Σ alone is a name.
_SUM_SIGNS = ("Σ_", "∑_")
#: What the index of a layer is written with, raised and lowered.
RAISED = dict(zip("⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ʰⁱʲᵏˡⁿʳᴷᴸ", "()0123456789+-hijklnrKL", strict=True))
LOWERED = dict(zip("₍₎₀₁₂₃₄₅₆₇₈₉₊₋ₕᵢⱼₖₗₙᵣ", "()0123456789+-hijklnr", strict=True))
#: Capital letters have no lowered form, and stand among lowered signs as they are.
_LOWERED_INSIDE = {**LOWERED, **{letter: letter for letter in ascii_uppercase}}

#: Characters that stand for an operator or bracket, longest first.
_SIGNS = {
    ".*": ".*",
    "./": "./",
    ".^": ".^",
    "‖₁": "‖₁",
    "‖₂": "‖",
    "+": "+",
    "-": "-",
    "−": "-",
    "*": "*",
    "·": "*",
    "/": "/",
    "^": "^",
    "⊙": ".*",
    "⊘": "./",
    "⊗": "⊗",
    "'": "'",
    "’": "'",
    "′": "'",
    "ᵀ": "'",
    ":": ":",
    "(": "(",
    ")": ")",
    "[": "[",
    "]": "]",
    "‖": "‖",
    ",": ",",
    ";": ";",
    "=": "=",
}
#: What to write for characters that other notations use.
_INSTEAD = {
    "{": "write parentheses ( )",
    "}": "write parentheses ( )",
    "|": "write abs(x), norm2(x) or det(A)",
    "@": "write * for the matrix product",
    "×": "write * for the product",
    "∘": "write .* for the elementwise product",
    "∇": "leave it out: the formula is given, its derivative is asked for",
    "∂": "leave it out, or write an equation such as ∂f/∂x[i] = …",
    "⊤": "write ' for the transpose",
    "√": "write sqrt(x)",
    "∑": "write sum(x), or Σ_i with the index of the sum",
}


class Token(Struct, frozen=True):
    """One token: its kind, its normalised text, where it stands, and a number's value.

    `kind` is "number", "name", "power" (a superscript integer; its value is the exponent),
    "dotted power" (`⊙²`), "inverse transpose" (`⁻ᵀ`), "sum" (`Σ_i,j`, its text the indices),
    "end", or for signs the sign itself.
    """

    kind: str
    text: str
    span: Span
    value: Fraction = Fraction(0)


def tokens(text: str) -> list[Token]:
    """All tokens of a text, the last of kind "end".

    Raises:
        LimitError: the text, a number or a name is too long.
        NotationError: a character that means nothing here.
    """
    return list(scan(text))


def scan(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens from a place on, one by one: a reader who gives up early pays for no more."""
    if not isinstance(text, str):
        raise NotationError(
            "reading the formula",
            f"a {type(text).__name__} is given and a formula is text",
            "write the formula as in x'*A*x",
        )
    most = allowed(MAX_LENGTH)
    if len(text) > most:
        raise LimitError(
            "reading the formula",
            f"it has {len(text)} characters and at most {most} are read",
            "name parts of the formula and use the names",
        )
    place = start
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        token = _token(text, place)
        yield token
        place = token.span.end
    yield Token("end", "", Span(len(text), len(text)))


def _token(text: str, start: int) -> Token:
    character = text[start]
    if character.isalpha() and character.isascii():
        return _name(text, start)
    following = text[start + 1 : start + 2]
    if character in _DIGITS or (character == "." and following and following in _DIGITS):
        return _number(text, start)
    if character == "⊙" and following and following in _SUPERSCRIPT_DIGITS + "⁻":
        return _superscript(text, start, start + 1, "dotted power")
    if character in _SUPERSCRIPT_DIGITS + "⁻":
        if text.startswith("⁻ᵀ", start):
            return Token("inverse transpose", "⁻ᵀ", Span(start, start + 2))
        return _superscript(text, start, start, "power")
    if text[start : start + 2] in _SUM_SIGNS:
        return _sum_sign(text, start)
    sign = text[start : start + 2]
    if sign not in _SIGNS:
        sign = character
    if sign in _SIGNS:
        return Token(_SIGNS[sign], _SIGNS[sign], Span(start, start + len(sign)))
    if _starts_name(character):
        return _name(text, start)
    raise _unexpected(text, start)


def _unexpected(text: str, start: int) -> NotationError:
    character = text[start]
    if character == ".":
        clash = "a dot stands alone, and it belongs to a number or to .* ./ .^"
        instead = "write .* ./ or .^ for an elementwise operation, * for a product"
    elif character in _SUBSCRIPT_DIGITS:
        clash = f"the subscript {character} follows no name"
        instead = "put the subscript directly after a name, as in x₁"
    else:
        name = unicodedata.name(character, "a control character").lower()
        clash = f"the character {character!r} ({name}) has no meaning in a formula"
        instead = _INSTEAD.get(character, "remove it, or use + - * / ^ ' .* ./ .^ and parentheses")
    span = Span(start, start + 1)
    return NotationError("reading the formula", clash, instead, text=text, span=span)


def _run(text: str, start: int, allowed: str) -> int:
    end = start
    while end < len(text) and text[end] in allowed:
        end += 1
    return end


def _superscript(text: str, start: int, digits: int, kind: str) -> Token:
    first = digits + (text[digits] == "⁻")
    end = _run(text, first, _SUPERSCRIPT_DIGITS)
    span = Span(start, end)
    if end == first:
        raise NotationError(
            "reading a superscript",
            "a superscript minus is followed by no digit",
            "write ⁻¹, or ^(-1)",
            text=text,
            span=span,
        )
    _check_digits(text, span, end - first)
    return Token(kind, text[start:end], span, Fraction(text[digits:end].translate(SUPERSCRIPTS)))


def _sum_sign(text: str, start: int) -> Token:
    """`Σ_i,j`: the sign and the indices that it binds."""
    end = start + 1
    while end < len(text) and text[end] in "_,":
        after = end + 1
        while after < len(text) and text[after].isalnum():
            after += 1
        if after == end + 1 or not _starts_name(text[end + 1]):
            break
        end = after
    span = Span(start, end)
    if end == start + 1:
        fact = f"the sign {text[start : end + 1]} is followed by no index"
        instead = "write Σ_i x[i], or sum[i](x[i])"
        raise NotationError("reading a sum", fact, instead, text=text, span=span)
    _check_name(text, span)
    return Token("sum", canonical_name(text[start + 2 : end]), span)


# Numbers -----------------------------------------------------------------------------------------


def _number(text: str, start: int) -> Token:
    end = _run(text, start, _DIGITS)
    # In `1./x` and `2.*x` the dot belongs to the operator.
    if text[end : end + 1] == "." and text[end : end + 2] not in (".*", "./", ".^"):
        end = _run(text, end + 1, _DIGITS)
    mantissa = text[start:end]
    power = 0
    if text[end : end + 1] in ("e", "E"):
        digits = end + 1 + (text[end + 1 : end + 2] in ("+", "-"))
        after = _run(text, digits, _DIGITS)
        if after > digits:
            span = Span(start, after)
            _check_digits(text, span, after - digits)
            power, end = int(text[end + 1 : after]), after
    span = Span(start, end)
    _check_digits(text, span, len(mantissa))
    if abs(power) > MAX_EXPONENT:
        raise _too_large(text, span, f"the power of ten is {power}")
    value = Fraction(mantissa.rstrip(".")) * Fraction(10) ** power
    # Many digits and an exponent of 300 together can still leave the range of a double.
    if value and not Fraction(10) ** -MAX_EXPONENT <= value <= Fraction(10) ** MAX_EXPONENT:
        raise _too_large(text, span, "the number lies outside")
    return Token("number", text[start:end], span, value)


def _too_large(text: str, span: Span, fact: str) -> LimitError:
    return LimitError(
        "reading a number",
        f"{fact} and numbers lie between 1e-{MAX_EXPONENT} and 1e{MAX_EXPONENT}",
        "scale the quantities, or pass the number as a scalar variable",
        text=text,
        span=span,
    )


def _check_digits(text: str, span: Span, count: int) -> None:
    if count > MAX_DIGITS:
        raise LimitError(
            "reading a number",
            f"it has {count} digits and at most {MAX_DIGITS} are read",
            "round the number, or pass it as a scalar variable",
            text=text,
            span=span,
        )


# Names -------------------------------------------------------------------------------------------


def canonical_name(text: str) -> str:
    """A name as the tree holds it: composed, subscript digits as plain digits."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).translate(SUBSCRIPTS)


def is_name(text: str) -> bool:
    """Whether a text is one name of the notation, in canonical form."""
    base = text[: _index_start(text)]
    return (
        0 < len(base) <= MAX_NAME
        and base[:2] not in _SUM_SIGNS
        and _starts_name(base[0])
        and all(_continues_name(character) for character in base)
        and base == canonical_name(base) == unicodedata.normalize("NFKC", base)
    )


def layer_index(name: str) -> tuple[str, str] | None:
    """A name and the raised index behind it in plain letters, None where there is none.

    >>> layer_index("W⁽ˡ⁺¹⁾")
    ('W', 'l+1')
    """
    start = _index_start(name)
    if start == len(name):
        return None
    return name[:start], "".join(RAISED[character] for character in name[start + 1 : -1])


def _index_start(text: str) -> int:
    """Where the raised index behind a name starts, such as the ⁽²⁾ of W⁽²⁾."""
    opening = text.find("⁽")
    inside = text[opening + 1 : -1]
    raised = opening > 0 and text.endswith("⁾") and inside and not set(inside) - set(RAISED)
    return opening if raised else len(text)


def _index_end(text: str, start: int, letters: Mapping[str, str]) -> int:
    """The end of an index in parentheses that begins at `start`, or `start` where none does."""
    opening, closing = islice(letters, 2)
    if not text.startswith(opening, start):
        return start
    end = start + 1
    while end < len(text) and end - start < MAX_NAME and text[end] in letters:
        end += 1
        if text[end - 1] == closing:
            return end if end > start + 2 else start
    return start


def _starts_name(character: str) -> bool:
    if character.isascii():
        return character.isalpha() or character == "_"
    # ᵀ is a letter to Unicode and a transpose here; ∑ and ∏ are no letters.
    return unicodedata.category(character)[0] == "L" and character != "ᵀ"


def _continues_name(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    return (
        _starts_name(character)
        or character in _SUBSCRIPT_DIGITS
        or unicodedata.category(character) in ("Mn", "Mc", "Nd")
    )


def _name(text: str, start: int) -> Token:
    end = start + 1
    while end < len(text) and _continues_name(text[end]):
        end += 1
    index = _index_end(text, end, RAISED)
    lowered = _index_end(text, end, _LOWERED_INSIDE)
    span = Span(start, end)
    _check_name(text, span)
    written = text[start:end]
    name = canonical_name(written)
    folded = name if name.isascii() else unicodedata.normalize("NFKC", name)
    if name != folded:
        raise NotationError(
            f"the name {written}",
            f"Python reads the keyword {written} as {folded}, so the two would be mixed up",
            f"write {folded}" if is_name(folded) else "use plain letters",
            text=text,
            span=span,
        )
    if lowered > end:
        inside = "".join(_LOWERED_INSIDE[character] for character in text[end + 1 : lowered - 1])
        return Token("name", f"{name}[{inside}]", Span(start, lowered))
    if index > end:
        return Token("name", name + text[end:index], Span(start, index))
    # The derivative of an abstract function: phi'(x). Elsewhere a prime transposes.
    primes = _run(text, end, _PRIMES)
    if primes > end and text[primes : primes + 1] == "(":
        return Token("name", name + "'" * (primes - end), Span(start, primes))
    return Token("name", name, span)


def _check_name(text: str, span: Span) -> None:
    if span.end - span.start > MAX_NAME:
        raise LimitError(
            "reading a name",
            f"it has {span.end - span.start} characters and names have at most {MAX_NAME}",
            "choose a shorter name",
            text=text,
            span=span,
        )
