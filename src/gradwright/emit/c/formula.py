"""The C target for formulas: one function in plain C99, with all that it calls.

Arrays lie row by row, sizes and numbers are given by value, and the caller gives the memory: for
the results, and where the function needs some for values on the way, an array `scratch`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.core.sizes import names_in
from gradwright.emit.c.calls import needs_room
from gradwright.emit.c.dialect import INDICES, Dialect
from gradwright.emit.c.function import FunctionPrinter
from gradwright.emit.c.fusion import Loops
from gradwright.emit.c.memory import length
from gradwright.emit.c.network import comment
from gradwright.emit.c.support import LIBRARY, defined_names, needed_parts, support_texts
from gradwright.emit.c.taken_names import FAMILIES, KEYWORDS, MACROS
from gradwright.emit.numpy import shape_note
from gradwright.errors import UnsupportedError
from gradwright.program.ir import (
    Function,
    Operand,
    Permute,
    Ref,
    Statement,
    is_temporary,
    operand_axes,
    temporary,
)
from gradwright.program.renamed import renamed

#: The support files, in their order; what stands in an earlier one holds.
SUPPORT = ("library.h", "scalar.h", "elementary.h", "functions.h", "rows.h", "linear.h")

#: What else a name in the module may not be: what the C library and the code call so.
TAKEN = (
    MACROS
    | KEYWORDS
    | {"real", "scratch", "memcpy", "memset", "main"}
    | {*("size_t", "int32_t", "int64_t", "uint32_t", "uint64_t")}
)

#: What variables of loops may be called.
LOOPS = (*"ijklpqrsuvwabcdefgh", *(f"loop{place}" for place in range(len(INDICES))))

#: What values on the way are called, and single entries and sums of them.
ON_THE_WAY = re.compile(r"t\d+(_ij|_sum|_value)?\Z")

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")

MODULE = """\
/* {title}
{notes}
   Arrays lie row by row. {names}{scratch} */

{includes}
typedef double real;
{support}
{functions}
"""


def formula_source(
    function: Function,
    results: Sequence[str],
    sizes: Sequence[str],
    title: str,
    notes: Sequence[str],
) -> str:
    """A module of C with one function.

    Args:
        function: what is computed.
        results: what the results are called, in the order of the function's outputs.
        sizes: sizes that are inputs of their own.
        title: what it is, as documentation.
        notes: what else is to be said of it.

    Raises:
        UnsupportedError: something has no code in C.
    """
    if function.callables:
        name = function.callables[0][0]
        raise UnsupportedError(
            "the target c",
            f"the formula has the function {name}, and a module of C calls none of the user's",
            'define it by a formula, or use source("numpy")',
        )
    inputs = tuple(name for name in function.inputs if name not in sizes)
    # No symbol of the user's is called so.
    marked = {f"={name}": name for name in results}
    given = _with_results(replace(function, inputs=inputs), list(marked))
    support = support_texts(SUPPORT, double=True)
    own = [f"{name}{end}" for name in results for end in ("_ij", "_sum", "_value")]
    own += [function.name, f"{function.name}_scratch"]
    names = _Names([*defined_names("\n".join(support)), *own])
    known = sorted(names_in(size for axes in given.axes.values() for size in axes) | {*sizes})
    called = {size: names.give(size, "size") for size in known}
    values = {name: names.give(name, "value") for name in inputs}
    values |= {x: names.give(marked[x], "result") for x in marked if x in given.axes}
    dialect = Dialect(vectors=False, indices=names.free(LOOPS, len(INDICES)))
    numbers = iter(range(1, len(given.axes) + 1))
    values |= {x: f"%{next(numbers)}" for x in given.axes if x not in values}
    plain = _with_room(renamed(given, values.__getitem__, called.__getitem__))
    outputs = [o.name for o in plain.outputs if isinstance(o, Ref)]
    alone = len(outputs) == 1 and not plain.axes[outputs[0]]
    listed = [called[size] for size in known]
    made = FunctionPrinter(plain, [] if alone else outputs, dialect=dialect, sizes=listed)
    _require_few_loops(made)
    return _module(made, title, notes, support)


def _module(
    printer: FunctionPrinter, title: str, notes: Sequence[str], support: Sequence[str]
) -> str:
    function, made = printer.function, printer.printed()
    functions = made.text
    scratch = ""
    if made.scratch:
        scratch = f"\n   scratch has {function.name}_scratch numbers."
        functions = f"{_scratch_size(function.name, printer.sizes, made.scratch)}\n\n{functions}"
    code = needed_parts(support, functions)
    whole = f"{code}\n{functions}"
    by = " and ".join(sorted(function.index_inputs))
    chosen = f"\n   {by} choose places, from 0 on, and are not checked." if by else ""
    included = [f"#include <{x}>" for x, sign in LIBRARY.items() if re.search(sign, whole)]
    outputs = [o.name for o in function.outputs if isinstance(o, Ref)]
    shapes = [f"{name}: {shape_note(function.axes[name])}" for name in (*function.inputs, *outputs)]
    return MODULE.format(
        title=comment(title),
        notes="".join(f"   {comment(note)}\n" for note in notes),
        names=f"{'; '.join(shapes)}.",
        scratch=f"{chosen}{scratch}",
        includes="".join(f"{line}\n" for line in included),
        support=code,
        functions=functions,
    )


def _scratch_size(name: str, sizes: Sequence[str], arrays: Sequence[tuple[Size, ...]]) -> str:
    total = " + ".join(length(axes) for axes in arrays)
    parameters = ", ".join(f"long {size}" for size in sizes) or "void"
    unused = [size for size in sizes if not re.search(rf"\b{size}\b", total)]
    ignored = "".join(f"    (void){size};\n" for size in unused)
    return (
        f"/* How many numbers scratch has. */\nlong {name}_scratch({parameters})\n"
        f"{{\n{ignored}    return {total};\n}}"
    )


class _Names:
    """Gives out identifiers of C that differ from each other and from what the module defines."""

    def __init__(self, used: Iterable[str]) -> None:
        self._used = {*TAKEN, *used}

    def give(self, name: str, otherwise: str) -> str:
        """The name itself where C takes it, letters by their names, else `otherwise`; and a `_`."""
        spelled = "".join(c if c.isascii() else unicodedata.name(c).split()[-1] for c in name)
        spelled = name if spelled == name else spelled.lower()
        chosen = spelled if IDENTIFIER.match(spelled) else otherwise
        if FAMILIES.match(chosen):
            chosen = f"{otherwise}_{chosen}"
        while chosen in self._used or ON_THE_WAY.match(chosen):
            chosen += "_"
        self._used.add(chosen)
        return chosen

    def free(self, names: Iterable[str], count: int) -> tuple[str, ...]:
        """The first of some names that nothing is called by."""
        chosen = tuple(islice((name for name in names if name not in self._used), count))
        self._used.update(chosen)
        return chosen


def _require_few_loops(printer: FunctionPrinter) -> None:
    most = max((len(part.axes) for part in printer.parts if isinstance(part, Loops)), default=0)
    most = max([most, *map(len, printer.function.axes.values())])
    if most > len(INDICES):
        raise UnsupportedError(
            "the target c",
            f"{most} loops would stand in each other and there are at most {len(INDICES)}",
            'use source("numpy")',
        )


# Results -----------------------------------------------------------------------------------------


def _with_results(function: Function, names: Sequence[str]) -> Function:
    """The function whose outputs are values of their own, with these names."""
    statements, axes = list(function.statements), dict(function.axes)
    taken: dict[str, str] = {}
    for operand, name in zip(function.outputs, names, strict=True):
        fresh = _fresh(operand)
        if fresh and fresh not in taken:
            taken[fresh] = name
            continue
        order = _order(operand, axes)
        statements.append(Statement((name,), Permute(order), (_bare(operand),)))
        axes[name] = operand_axes(operand, axes)

    def value(name: str) -> str:
        return taken.get(name, name)

    made = renamed(
        replace(function, statements=tuple(statements), axes=axes), value, lambda size: size
    )
    return replace(made, outputs=tuple(map(Ref, names)))


def _fresh(operand: Operand) -> str:
    """The name of a value that was made for an output, as it is; "" for anything else."""
    plain = isinstance(operand, Ref) and operand.alignment is None
    return operand.name if isinstance(operand, Ref) and plain and is_temporary(operand.name) else ""


def _order(operand: Operand, axes: dict[str, tuple[Size, ...]]) -> tuple[int, ...]:
    if not isinstance(operand, Ref):
        return ()
    if operand.alignment is None:
        return tuple(range(len(axes[operand.name])))
    return tuple(axis for axis in operand.alignment if axis is not None)


def _bare(operand: Operand) -> Operand:
    return Ref(operand.name) if isinstance(operand, Ref) else operand


def _with_room(function: Function) -> Function:
    """The function in which routines that need memory of their own have it as a second result."""
    axes = dict(function.axes)
    statements = []
    for statement in function.statements:
        if needs_room(statement):
            room = temporary(len(axes) + 1)
            (matrix, *_) = statement.operands
            assert isinstance(matrix, Ref)
            axes[room] = axes[matrix.name]
            statement = replace(statement, targets=(*statement.targets, room))
        statements.append(statement)
    return replace(function, statements=tuple(statements), axes=axes)
