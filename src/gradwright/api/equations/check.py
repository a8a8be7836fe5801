"""`gw.check_equations`: hand-typed equations, right or wrong."""

from __future__ import annotations

from dataclasses import replace

from gradwright.api.equations.judge import Judge
from gradwright.api.equations.network import NetworkSetting
from gradwright.api.equations.report import EquationCheck, EquationsReport
from gradwright.api.equations.setting import Setting
from gradwright.api.network import Network
from gradwright.errors import UnsupportedError
from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.equation import Written, written_equations
from gradwright.notation.mapped import MappedText


def check_equations(
    text: str, /, network: Network | None = None, **declarations: str | AnyDeclaration
) -> EquationsReport:
    """Check equations, one a line, against what is derived.

    With a network the names are its own: X, W1, b1, Z1, A1, …, Y, L, and derivatives as in
    dL/dW1; small letters with a layer are columns of one sample.

    >>> from gradwright import Network
    >>> net = Network("3 -> 4 relu -> 2 softmax")
    >>> print(check_equations("dL/dW2 = A1 * dL/dZ2", net).equations[0].corrected)
    A1'*dL/dZ2

    Raises:
        NotationError: a line is no equation.
        SymbolError: a name is unknown.
    """
    setting = _setting(network, declarations)
    found: list[EquationCheck] = []
    for written in written_equations(text):
        found += _checked(setting, written)
    return EquationsReport(tuple(found))


def _setting(network: Network | None, declarations: dict[str, str | AnyDeclaration]) -> Setting:
    if network is not None:
        return NetworkSetting(network)
    raise UnsupportedError(
        "checking equations",
        "no network is given, and only equations about a network are checked",
        "give network=Network(...), or --network",
    )


def _checked(setting: Setting, written: Written) -> list[EquationCheck]:
    """Every link of a chain; with a layer index, for every layer."""
    links: list[EquationCheck | None] = [None] * (len(written.sides) - 1)
    for reading in setting.readings(written.sides):
        judge = Judge(setting, reading)
        for place, held in enumerate(links):
            if held is not None and not held.ok:
                continue
            result = judge.link(place)
            if reading.layer is not None and not result.ok:
                letter, layer = reading.layer
                result = replace(result, reason=f"for {letter} = {layer}: {result.reason}")
            if held is None or not result.ok:
                links[place] = result
    made = []
    for place, checked in enumerate(links):
        assert checked is not None
        left, right = map(_as_written, written.sides[place : place + 2])
        made.append(replace(checked, line=written.line, left=left, right=right))
    return made


def _as_written(side: MappedText) -> str:
    span = side.whole()
    return side.original[span.start : span.end]
