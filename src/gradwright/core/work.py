"""How much one call may do: an account of counted work, spent where work is made.

Every public call opens an account; calls inside it share it. Work is counted in units of one or
two microseconds, so a result never depends on how fast a machine is or how busy. What is necessary
and finds the account empty is refused with a `LimitError`; what only makes a result shorter runs by
`within`, gets a share, and is left out where the share is not enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import wraps
from math import prod
from typing import ParamSpec, TypeVar

from gradwright.errors import GradwrightError, LimitError, require_type

#: Units of work that one call may take: less than a second on a machine of today.
ALLOWED = 250_000

#: Entries that an array may have which is made on the way to a result.
MAX_ENTRIES = 10_000_000

#: Bits of a whole number that is calculated with exactly, about 1,200 digits.
MAX_BITS = 4096

#: The share of an account that only necessary work may take.
RESERVE = 0.25

P = ParamSpec("P")
T = TypeVar("T")


class Account:
    """What is left of the work that one call may do; `floor` is where the current share ends."""

    __slots__ = ("allowed", "asked", "floor", "left")

    def __init__(self, asked: str, allowed: int) -> None:
        self.asked = asked
        self.allowed = allowed
        self.left = allowed
        self.floor = 0

    def refusal(self) -> LimitError:
        """The error that says that nothing is left."""
        return LimitError(
            self.asked,
            f"it takes more than {self.allowed} units of work, and one call may take no more",
            "ask for a smaller part of the formula, or allow ten times the work: "
            "with gw.limits(10): ...",
        )


_ACCOUNT: ContextVar[Account | None] = ContextVar("account", default=None)
_TIMES: ContextVar[float] = ContextVar("times", default=1.0)


def spend(units: int) -> None:
    """Take units from the account of the public call that runs, if one does.

    Raises:
        LimitError: the account is empty.
    """
    account = _ACCOUNT.get()
    if account is not None:
        account.left -= units
        if account.left < account.floor:
            # Nothing is left of the current share.
            account.left = account.floor - 1
            raise account.refusal()


def within(share: float, make: Callable[[], T]) -> T | None:
    """What `make` returns, or None where it takes more than a share of the whole account.

    For work that is not necessary: a shorter form, a second way to the same result.
    """
    account = _ACCOUNT.get()
    if account is None:
        return make()
    outer = account.floor
    kept = int(RESERVE * account.allowed)
    floor = max(outer, account.left - int(share * account.allowed), kept)
    if account.left < floor:
        return None
    account.floor = floor
    try:
        return make()
    except LimitError:
        if account.left < outer:
            raise
        return None
    finally:
        account.floor = outer


def apart(account: Account, make: Callable[[], T]) -> T | None:
    """What `make` returns with an account beside that of the call, or None where it is empty.

    For searches whose results the user waits for, and whose ends do not depend on what else the
    call does; together they take no more than their account.
    """
    if account.left < 0:
        return None
    token = _ACCOUNT.set(account)
    try:
        return make()
    except LimitError:
        return None
    finally:
        _ACCOUNT.reset(token)


def require_entries(asked: str, lengths: Sequence[int], given: int = 0) -> None:
    """Refuse an array of so many entries, where `given` come from the user, and count the work.

    Raises:
        LimitError: it would not fit.
    """
    entries, most = prod(lengths), allowed(MAX_ENTRIES) + given
    if entries > most:
        raise LimitError(
            asked,
            f"a part of it has {' × '.join(map(str, lengths))} entries and at most {most} are held",
            "sum over some of its axes first, give shorter values, or allow ten times as many: "
            "with gw.limits(10): ...",
        )
    spend(8 + max(0, entries - given) // 200)


def require_digits(value: Fraction) -> None:
    """Refuse a number whose numerator or denominator is too long to calculate with.

    Raises:
        LimitError: it is.
    """
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if bits > allowed(MAX_BITS):
        raise LimitError(
            "calculating with whole numbers",
            f"a number has {bits} binary digits and at most {allowed(MAX_BITS)} are kept",
            "use a symbol for the number, or allow ten times as many: with gw.limits(10): ...",
        )


def allowed(count: int) -> int:
    """A limit on a count, as raised by `limits`."""
    return int(count * _TIMES.get())


@contextmanager
def limits(times: float) -> Iterator[None]:
    """Allow so many times the length, size and work of everything inside the block.

    >>> with limits(10):
    ...     allowed(20_000)
    200000
    """
    instead = "give a factor from 0, such as 10"
    require_type(
        LimitError, "the limits of a block", times, (int, float), "it is a number", instead
    )
    token = _TIMES.set(times)
    try:
        yield
    finally:
        _TIMES.reset(token)


@contextmanager
def account(asked: str) -> Iterator[Account]:
    """An account for one call, or that of the call around it."""
    held = _ACCOUNT.get()
    if held is not None:
        yield held
        return
    with separate(asked) as opened:
        yield opened


@contextmanager
def separate(asked: str, times: int = 1) -> Iterator[Account]:
    """An account for a part of a call, whatever the call around it has left.

    For parts whose number the user wrote, such as the layers of a network; `times` is how many
    accounts it is worth.
    """
    opened = Account(asked, times * allowed(ALLOWED))
    token = _ACCOUNT.set(opened)
    try:
        yield opened
        # Where a refusal was caught on the way, what was made after it cannot be relied on.
        if opened.left < 0:
            raise opened.refusal()
    except GradwrightError as error:
        if opened.left < 0 and not isinstance(error, LimitError):
            raise opened.refusal() from error
        raise
    finally:
        _ACCOUNT.reset(token)


def bounded(asked: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a public function an account of its own."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*given: P.args, **named: P.kwargs) -> T:
            with account(asked):
                return function(*given, **named)

        return call

    return decorate
