"""`gw.check_equations`: hand-typed equations, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from gradwright.api.equations.judge import Judge, searches
from gradwright.api.equations.network import NetworkSetting
from gradwright.api.equations.report import EquationCheck, EquationsReport
from gradwright.api.equations.setting import Setting
from gradwright.api.equations.statements import assignment, membership
from gradwright.api.equations.symbols import SymbolSetting
from gradwright.api.formula import declared_symbols
from gradwright.api.network import Network
from gradwright.core.work import Account, bounded
from gradwright.errors import NetworkError, SymbolError
from gradwright.explain.conventions import known_notation
from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.equation import Written, written_equations
from gradwright.notation.mapped import MappedText


@bounded("checking equations")
def check_equations(
    text: str,
    /,
    network: Network | None = None,
    *,
    notation: str | None = None,
    **declarations: str | AnyDeclaration,
) -> EquationsReport:
    """Check equations, one a line, against what is derived.

    With a network the names are its own: X, W1, b1, Z1, A1, …, Y, L, and derivatives as in
    dL/dW1; small letters with a layer are columns of one sample. `notation` "000" to "004" has the
    letters and the layout of one of the lecture notes. Otherwise the names are symbols,
    declared as for `formula`; `f = x'*A*x` defines f for the lines after it, and d/dx (…) and
    df/dx are derivatives.

    >>> from gradwright import Network
    >>> net = Network("3 -> 4 relu -> 2 softmax")
    >>> print(check_equations("dL/dW2 = A1 * dL/dZ2", net).equations[0].corrected)
    A1'*dL/dZ2

    >>> print(check_equations("d/dx (x'*A*x) = 2*A*x", A="matrix n n", x="vector n").equations[0])
    line 1: right  d/dx (x'*A*x) = 2*A*x
      holds if A is symmetric, and not always

    Raises:
        NotationError: a line is no equation.
        SymbolError: a name is unknown, or what is given does not go together.
        NetworkError: an unknown notation, or a network that is none.
    """
    setting = _setting(network, notation, declarations)
    found: list[EquationCheck] = []
    work = searches()
    for written in written_equations(text):
        if setting.define(written):
            sides, relations = written.sides[1:], written.relations[1:]
            written = replace(written, sides=sides, relations=relations)
        found += _checked(setting, written, work)
    return EquationsReport(tuple(found))


def _setting(
    network: Network | None,
    notation: str | None,
    declarations: Mapping[str, str | AnyDeclaration],
) -> Setting:
    if network is not None and not isinstance(network, Network):
        raise NetworkError(
            "checking equations",
            f"a {type(network).__name__} is given as the network they are about",
            'make one, as in gw.Network("3 -> 4 relu -> 2 softmax")',
        )
    if network is None and notation is None:
        return SymbolSetting(declared_symbols(declarations))
    if network is None or declarations:
        name = next(iter(declarations), f"notation {notation}")
        raise SymbolError(
            "checking equations",
            f"{name} is given, and a network has names of its own and its own notations"
            if network is not None
            else f"the notation {notation} is named, and no network is given",
            "give declarations, or a network with or without a notation",
        )
    convention = known_notation(notation or "")
    return NetworkSetting(
        network if not convention.name else network.relayout(convention.layout), convention
    )


def _checked(setting: Setting, written: Written, work: Account) -> list[EquationCheck]:
    """Every link of a chain; a definition alone has none. With a layer index, for every layer."""
    links: list[EquationCheck | None] = [None] * (len(written.sides) - 1)
    if not links:
        return []
    statement = {"∈": membership, ":=": assignment}.get(written.relations[0])
    if statement is not None:
        left, right = written.sides[:2]
        result = statement(setting, left, right)
        return [_placed(result, written, 0)]
    for reading in setting.readings(written.sides):
        judge = Judge(setting, reading, work)
        for place, held in enumerate(links):
            if held is not None and not held.ok:
                continue
            result = judge.link(place, written.relations[place])
            if reading.layer is not None and not result.ok:
                letter, layer = reading.layer
                result = replace(result, reason=f"for {letter} = {layer}: {result.reason}")
            if held is None or not result.ok:
                links[place] = result
    return [_placed(held, written, place) for place, held in enumerate(links) if held is not None]


def _placed(result: EquationCheck, written: Written, place: int) -> EquationCheck:
    """A result with its place in the text, and the sides as they are written."""
    left, right = map(_as_written, written.sides[place : place + 2])
    return replace(result, line=written.line, left=left, right=right)


def _as_written(side: MappedText) -> str:
    span = side.whole()
    return side.original[span.start : span.end]
