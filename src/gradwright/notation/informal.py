"""What people write in equations beyond the grammar, as text of the grammar.

`∘`, `×` and `⊤`, brackets of other kinds, cases `{1, x > 0; 0, x <= 0}`, indicators `[x > 0]`,
and the operator `d/dx`. Cases and indicators become `step`, with its value at 0 as they say.
"""

from __future__ import annotations

import re

from msgspec import Struct

from gradwright.errors import LimitError, NotationError
from gradwright.notation.informal_indices import agreement
from gradwright.notation.mapped import MappedText

_SIGNS = {"∘": ".*", "⊤": "'", "×": "*", "∗": "*", "•": "*", "∙": "*", "⋅": "*", "√": "sqrt"}
_SIGN = re.compile("[" + "".join(_SIGNS) + "]")
_TRANSPOSED = re.compile(r"\^\s*(?:T(?!\w)|\{T\}|\(T\))")
#: Deepest nesting of brackets.
MAX_NESTING = 100
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_COMPARISON = re.compile(r"<=|>=|≤|≥|<|>")
_OTHERWISE = re.compile(r"otherwise|else|sonst|if not")
_OPERATOR = re.compile(
    r"(?<![^\W\d_])(?:∂|d)\s*/\s*(?:∂|d)\s*(?P<by>[^\W\d_]\w*)(?P<entry>\[[^\[\]]*\])?\s*"
)
#: Factors that touch, as in (A + B)x, Aᵀx and 2x.
_TOUCHING = re.compile(
    r"[)\]](?=[\w(])|(?<=\))'(?=\()|(?<=[\w)])ᵀ(?=[\w(])|(?<=[\w)])'(?=\w)"
    r"|(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![eE][-+0-9])(?=[^\W\d_])"
)
_NAME = re.compile(r"[^\W\d_]\w*")


def formal(text: MappedText) -> MappedText:
    """The text of the grammar that a text of this wider language stands for.

    Raises:
        NotationError: a bracket without its partner, or cases that are none.
    """
    _check_depth(text)
    text = text.replaced(_SIGN, lambda found: _SIGNS[found[0]])
    text = text.replaced(_TRANSPOSED, lambda found: "'")
    return _without_operators(_without_brackets(text)).replaced(_TOUCHING, _apart)


def _check_depth(text: MappedText) -> None:
    depth = deepest = 0
    for character in text.text:
        depth += (character in _PAIRS) - (character in _PAIRS.values())
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise LimitError(
            "reading an equation",
            f"it nests {deepest} brackets and at most {MAX_NESTING} are read",
            "name an inner part and use the name",
        )


def _apart(found: re.Match[str]) -> str | None:
    """A space between factors that touch; the indices of a sum are none."""
    binds = re.search(r"(?<![^\W_])(?:sum|array)\[[^\[\]]*\]$", found.string[: found.end()])
    return None if binds else found[0] + " "


def closing(text: MappedText, start: int) -> int:
    """The place of the bracket that closes the one at `start`.

    Raises:
        NotationError: there is none.
    """
    expected: list[str] = []
    for place in range(start, len(text.text)):
        character = text.text[place]
        if character in _PAIRS:
            expected.append(_PAIRS[character])
        elif character in _PAIRS.values():
            if not expected or character != expected.pop():
                break
            if not expected:
                return place
    raise NotationError(
        "reading an equation",
        f"{text.text[start]} is opened here and never closed",
        f"close it with {_PAIRS[text.text[start]]}",
        text=text.original,
        span=text.span(start, start + 1),
    )


def split(text: MappedText, signs: str) -> list[MappedText]:
    """The parts between some signs that stand outside brackets."""
    parts: list[MappedText] = []
    depth = start = 0
    for place, character in enumerate(text.text):
        depth += (character in _PAIRS) - (character in _PAIRS.values())
        if depth == 0 and character in signs:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


# Brackets ----------------------------------------------------------------------------------------


def _without_brackets(text: MappedText) -> MappedText:
    """Cases, indicators and groups in other brackets; entries `A[i,j]` stay."""
    parts: list[MappedText | str] = []
    place = 0
    for start, character in enumerate(text.text):
        if start < place or character not in _PAIRS:
            continue
        end = closing(text, start)
        inner = _without_brackets(text[start + 1 : end])
        touches = start > 0 and (text.text[start - 1].isalnum() or text.text[start - 1] in "_]'")
        before = text[place:start]
        compared = _COMPARISON.search(inner.text) is not None
        if character == "{":
            shown: list[MappedText | str] = ["(", _cases(text[start : end + 1], inner), ")"]
        elif compared and not (character == "(" and touches):
            shown = [_step(inner).joined([_step(inner)])]
            if before.text[-1:] in ("1", "𝟙") and not before.text[-2:-1].isalnum():
                before = before[: len(before.text) - 1]
        elif character == "[" and (touches or _is_entry(text, start, inner) or _is_block(inner)):
            shown = ["[", inner, "]"]
        else:
            shown = ["(", inner, ")"]
        parts += [before, *shown]
        place = end + 1
    return text.joined([*parts, text[place:]])


def _is_entry(text: MappedText, start: int, inner: MappedText) -> bool:
    """Whether brackets behind a group hold indices or ranges, as in (A*x)[k] or eye(n)[2:n]."""
    before = text.text[start - 1 : start]
    held = re.fullmatch(r"[a-z](,[a-z])*", inner.text) is not None or ":" in inner.text
    return before in (")", "]") and held


def _is_block(inner: MappedText) -> bool:
    """Whether brackets hold the parts of a block matrix."""
    return len(split(inner, ",;")) > 1


class _Comparison(Struct, frozen=True):
    """`left > right`, or with `at` = 1 `left >= right`."""

    left: MappedText
    right: MappedText
    at: int

    def step(self) -> MappedText:
        """1 where the condition holds, else 0."""
        inner: list[MappedText | str] = [self.left]
        if self.right.text != "0":
            inner = [self.left, " - (", self.right, ")"]
        if self.left.text == "0":
            inner = ["-(", self.right, ")"]
        return self.left.joined(["step(", *inner, ", kink=1)" if self.at else ")"])

    def complements(self, other: _Condition) -> bool:
        """Whether exactly one of the two holds, everywhere."""
        return (
            isinstance(other, _Comparison)
            and self.left.text == other.right.text
            and self.right.text == other.left.text
            and self.at != other.at
        )


class _Agreement(Struct, frozen=True):
    """`r = i` or `r ≠ i`, as 1 or 0."""

    value: MappedText

    def step(self) -> MappedText:
        """1 where the condition holds, else 0."""
        return self.value

    def complements(self, other: _Condition) -> bool:
        """Whether exactly one of the two holds, everywhere."""
        one = self.value.text
        return isinstance(other, _Agreement) and f"(1 - {one})" == other.value.text


_Condition = _Comparison | _Agreement


def _condition(text: MappedText) -> _Condition:
    agree = agreement(text.text)
    if agree is not None:
        return _Agreement(text.joined([agree]))
    found = list(_COMPARISON.finditer(text.text))
    if len(found) != 1:
        raise NotationError(
            "reading a condition",
            f"{text.text} has {len(found)} comparisons and a condition has one",
            "write it like x > 0",
            text=text.original,
            span=text.whole(),
        )
    sign = found[0][0]
    one, other = text[: found[0].start()].strip(), text[found[0].end() :].strip()
    at = int(sign in ("<=", ">=", "≤", "≥"))
    return _Comparison(other, one, at) if sign in ("<", "<=", "≤") else _Comparison(one, other, at)


def _step(text: MappedText) -> MappedText:
    return _condition(text).step()


def _cases(whole: MappedText, inner: MappedText) -> MappedText:
    """`{a, x > 0; b, x <= 0}` as a sum; undefined where no case holds."""
    values: list[MappedText] = []
    conditions: list[_Condition | None] = []
    for case in split(inner, ";"):
        parts = split(case, ",")
        if len(parts) != 2:
            raise NotationError(
                "reading cases",
                f"{case.text!r} is no case: a case is a value, a comma and a condition",
                "write them like {1, x > 0; 0, x <= 0}",
                text=whole.original,
                span=whole.whole(),
            )
        value, condition = parts
        values.append(value)
        told = condition[2:].strip() if condition.text.startswith("if ") else condition
        otherwise = _OTHERWISE.fullmatch(told.text) is not None
        conditions.append(None if otherwise else _condition(told))
    return _as_sum(whole, values, conditions)


def _as_sum(
    whole: MappedText, values: list[MappedText], conditions: list[_Condition | None]
) -> MappedText:
    known = [c for c in conditions if c is not None]
    if len(conditions) == 2 and conditions[0] is not None:
        first, last = conditions[0], conditions[1]
        if last is None or first.complements(last):
            step = first.step()
            if [value.text for value in values] == ["1", "0"]:
                return step
            return whole.joined(
                ["(", values[0], ").*", step, " + (", values[1], ").*(1 - ", step, ")"]
            )
    steps: list[MappedText] = []
    covered: list[MappedText | str] = []
    for condition in known:
        steps.append(condition.step())
        covered += [" + ", steps[-1]] if covered else [steps[-1]]
    remaining = whole.joined(["(1 - (", *covered, "))"])
    terms: list[MappedText | str] = []
    following = iter(steps)
    for value, told in zip(values, conditions, strict=True):
        part = remaining if told is None else next(following)
        terms += [" + (" if terms else "(", value, ").*", part]
    if len(known) < len(conditions):
        return whole.joined(terms)
    return whole.joined(["(", *terms, ")./(", *covered, ")"])


# d/dx --------------------------------------------------------------------------------------------


def _without_operators(text: MappedText) -> MappedText:
    """`d/dx f` as the call `D_x(f)`."""
    found = _OPERATOR.search(text.text)
    if found is None:
        return text
    start = found.end()
    end = _operand(text, start)
    if end == start:
        raise NotationError(
            f"the derivative {found[0].strip()}",
            "no formula follows it",
            f"write {found[0].strip()} (x'*A*x)",
            text=text.original,
            span=text.span(*found.span()),
        )
    inner = _without_operators(text[start:end])
    before, after = text[: found.start()], _without_operators(text[end:])
    taken = text.joined([f"D_{found['by']}(", inner, ")", found["entry"] or ""])
    return text.joined([before, taken, after])


def _operand(text: MappedText, start: int) -> int:
    """The end of what d/dx acts on: a factor with its powers, and what it is divided by."""
    if text.text[start : start + 1] in ("Σ", "∑"):
        return _term(text, start)
    end = _atom(text, start)
    while end > start:
        after = re.compile(r"['ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹]+|\s*\.?[\^/]\s*-?").match(text.text, end)
        if after is None:
            break
        joins = after[0].strip()[-1] in "^/-"
        end = _atom(text, after.end()) if joins else after.end()
    return end


def _atom(text: MappedText, start: int) -> int:
    """The end of a number, a name, a call or a group."""
    found = re.compile(r"[0-9.]+|‖[^‖]*‖[₁₂]?|[^\W\d_]\w*'*").match(text.text, start)
    end = start if found is None else found.end()
    while text.text[end : end + 1] in ("(", "["):
        end = closing(text, end) + 1
    return end


def _term(text: MappedText, start: int) -> int:
    """The end of the product that begins at `start`."""
    depth = 0
    for place in range(start, len(text.text)):
        character = text.text[place]
        depth += (character in _PAIRS) - (character in _PAIRS.values())
        ends = depth < 0 or (depth == 0 and character in "+-−,;")
        if ends and text.text[start:place].rstrip()[-1:] not in ("*", "^", "/"):
            return place
    return len(text.text)
