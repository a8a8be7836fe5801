"""The functions of the notation and the shapes of their results: the one table to extend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from gradwright.errors import ShapeError, SymbolError
from gradwright.notation.declarations import MAX_SIZE
from gradwright.notation.size_text import as_size
from gradwright.notation.tree import Call, literal
from gradwright.notation.unify import SCALAR, Atom, Equations, Form

Rule = Callable[[Equations, Call, list[Form]], Form]

#: Functions whose arguments are sizes.
CONSTANTS = ("ones", "zeros", "eye", "commutation")


class FunctionShape(Struct, frozen=True):
    """How a function is called and what shape its result has.

    From `least` to `most` arguments; `options` are named numbers, and those beyond the first
    argument may be given by place in the same order.
    """

    shape: Rule
    usage: str
    least: int = 1
    most: int = 1
    options: tuple[str, ...] = ()


def _same(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    for argument in tree.arguments[1:]:
        if literal(argument) is None:
            raise equations.error(
                ShapeError,
                argument,
                f"{equations.called(argument)} is given where {tree.function} takes a number",
                f"write {FUNCTIONS[tree.function].usage}",
            )
    return forms[0]


def _pair(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    if len(forms) == 1:
        return _extreme(equations, tree, forms)
    if tree.options:
        clash = f"{tree.function} of two arguments acts on each entry, and an axis is given"
        raise equations.error(ShapeError, tree, clash, f"write {tree.function}(A, axis=0)")
    one, other = tree.arguments
    return equations.broadcast(tree, one, other, *forms)


def _scalar(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    return SCALAR


def _axis(equations: Equations, tree: Call, form: Form) -> int | None:
    """The axis that is named: 0 runs over the rows, 1 over the columns; None without one."""
    axis = dict(tree.options).get("axis")
    held = [k for k, side in enumerate((form.rows, form.columns)) if side]
    if axis is None or axis in held:
        return None if axis is None else int(axis)
    instead = "write axis=0 to go over the rows, axis=1 over the columns"
    if len(held) < 2:
        instead = f"leave axis out{f', or write axis={held[0]}' if held else ''}"
    raise equations.error(
        ShapeError,
        tree,
        f"axis={axis} is asked for and {equations.said(tree.arguments[0], form)}",
        instead,
    )


def _without(form: Form, axis: int | None) -> Form:
    """A form after one axis, or all of it, is summed away."""
    return {None: SCALAR, 0: Form((), form.columns), 1: Form(form.rows)}[axis]


def _total(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    axis = _axis(equations, tree, forms[0])
    form = forms[0] if axis is None else equations.single(tree, tree.arguments[0], forms[0])
    return _without(form, axis)


def _square(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    return equations.square(tree, tree.arguments[0], forms[0])


def _square_to_scalar(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    _square(equations, tree, forms)
    return SCALAR


def _trace(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    equations.square(tree, tree.arguments[0], forms[0], single=False)
    return SCALAR


def _no_scalar(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    (argument,) = tree.arguments
    if forms[0] == SCALAR:
        raise equations.error(
            ShapeError,
            tree,
            f"{tree.function} acts on vectors and matrices, and "
            f"{equations.said(argument, forms[0])}",
            "give a vector or a matrix",
        )
    return forms[0]


def _softmax(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _no_scalar(equations, tree, forms)
    _axis(equations, tree, form)
    return equations.single(tree, tree.arguments[0], form)


def _logsumexp(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _softmax(equations, tree, forms)
    # Along each row unless said otherwise, as softmax is.
    axis = _axis(equations, tree, form)
    return _without(form, 1 if form.kind == "matrix" and axis is None else axis)


def _normalised(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    _eps(equations, tree)
    return _softmax(equations, tree, forms)


def _length(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    _eps(equations, tree)
    form = _softmax(equations, tree, forms)
    axis = _axis(equations, tree, form)
    if form.kind == "matrix" and axis is None:
        clash = f"{tree.function} is of one axis and {equations.said(tree.arguments[0], form)}"
        raise equations.error(ShapeError, tree, clash, "write axis=0 for columns, axis=1 for rows")
    return _without(form, axis)


def _eps(equations: Equations, tree: Call) -> None:
    eps = dict(tree.options).get("eps")
    if eps is not None and eps < 0:
        clash = f"eps is {eps} and stands under a root beside a sum of squares"
        raise equations.error(ShapeError, tree, clash, "give eps=0 or more")


def _batchnorm(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _normalised(equations, tree, forms)
    if form.kind != "matrix":
        clash = f"batchnorm takes samples as rows, and {equations.said(tree.arguments[0], form)}"
        raise equations.error(ShapeError, tree, clash, "write layernorm for one vector")
    return form


def _side(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    """The number of rows or columns, which is a product of sizes only for Kronecker products."""
    form = equations.single(tree, tree.arguments[0], forms[0])
    if not getattr(form, tree.function):
        clash = equations.said(tree.arguments[0], form)
        instead = "give a matrix, or write the name of the size"
        asked = f"{tree.function} is asked for and {clash}"
        raise equations.error(ShapeError, tree, asked, instead)
    return SCALAR


def _extreme(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _no_scalar(equations, tree, forms)
    axis = _axis(equations, tree, form)
    if form.kind == "matrix" and axis is None:
        name = tree.function
        clash = f"{name} of a matrix goes along an axis, and none is named"
        instead = f"write {name}(A, axis=1) for each row, {name}({name}(A, axis=1)) for all"
        raise equations.error(ShapeError, tree, clash, instead)
    return _without(equations.single(tree, tree.arguments[0], form), axis)


def _diag(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _no_scalar(equations, tree, forms)
    if form.kind == "matrix":
        equations.square(tree, tree.arguments[0], form, single=False)
        return Form(form.rows)
    entries = form.rows or form.columns
    return Form(entries, entries)


def _vec(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    form = _no_scalar(equations, tree, forms)
    # Column-major: the row index runs fastest, so the columns come first.
    return Form((*form.columns, *form.rows))


def _kron(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    one, other = forms
    return Form((*one.rows, *other.rows), (*one.columns, *other.columns))


def _outer(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    for argument, form in zip(tree.arguments, forms, strict=True):
        if form.kind not in ("column", "row"):
            raise equations.error(
                ShapeError,
                argument,
                f"outer takes two vectors and {equations.said(argument, form)}",
                "write kron(A, B) for matrices, and * for a scalar",
            )
        equations.single(tree, argument, form)
    one, other = forms
    return Form(one.rows or one.columns, other.rows or other.columns)


def _solve(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    matrix, right = tree.arguments
    square, form = _square(equations, tree, forms), equations.single(tree, right, forms[1])
    if form.kind not in ("column", "matrix"):
        raise equations.error(
            ShapeError,
            tree,
            f"solve(A, b) is inv(A)*b, and {equations.said(right, form)}",
            "give a column or a matrix, or write inv(A) times a scalar",
        )
    equations.unify(tree, (matrix, "columns", square.columns), (right, "rows", form.rows))
    return form


def _ones(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    sizes = _sizes(equations, tree)
    return Form(sizes[:1], sizes[1:])


def _eye(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    sizes = _sizes(equations, tree)
    return Form(sizes, sizes)


def _commutation(equations: Equations, tree: Call, forms: list[Form]) -> Form:
    rows, columns = _sizes(equations, tree)
    return Form((rows, columns), (columns, rows))


def _sizes(equations: Equations, tree: Call) -> tuple[Atom, ...]:
    sizes: list[Atom] = []
    for argument in tree.arguments:
        size = as_size(argument)
        if size is None or size == 0:
            raise equations.error(
                ShapeError,
                argument,
                f"{tree.function} takes sizes, and {equations.called(argument)} is neither a "
                f"name nor a whole number from 1 to {MAX_SIZE}",
                f"write {tree.function}(n)",
            )
        sizes.append(size)
    return tuple(sizes)


_ELEMENTWISE = (
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "abs",
    "sign",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "softplus",
    "relu",
    "rsqrt",
    "silu",
    "gelu",
    "gelu_tanh",
    "mish",
    "elu",
    "selu",
    "hard_tanh",
    "softsign",
    "normcdf",
    "normpdf",
    "erf",
)

#: Functions that act on each entry by itself.
EACH_ENTRY = (*_ELEMENTWISE, "leaky_relu", "huber", "step", "max", "min")

FUNCTIONS: Mapping[str, FunctionShape] = {
    **{name: FunctionShape(_same, f"{name}(x)") for name in _ELEMENTWISE},
    "leaky_relu": FunctionShape(
        _same, "leaky_relu(x, slope=0.1, kink=0.1)", most=3, options=("slope", "kink")
    ),
    "elu": FunctionShape(_same, "elu(x, alpha=1)", options=("alpha",)),
    "huber": FunctionShape(_same, "huber(x, delta=1)", options=("delta",)),
    "step": FunctionShape(_same, "step(x, kink=0)", options=("kink",)),
    "max": FunctionShape(_pair, "max(x, y), max(x) or max(A, axis=0)", 1, 2, ("axis",)),
    "min": FunctionShape(_pair, "min(x, y), min(x) or min(A, axis=0)", 1, 2, ("axis",)),
    "hardmax": FunctionShape(_softmax, "hardmax(x) or hardmax(A, axis=0)", options=("axis",)),
    "softmax": FunctionShape(_softmax, "softmax(x) or softmax(A, axis=0)", options=("axis",)),
    "logsumexp": FunctionShape(
        _logsumexp, "logsumexp(x) or logsumexp(A, axis=0)", options=("axis",)
    ),
    "layernorm": FunctionShape(
        _normalised, "layernorm(x, eps=0.00001) or layernorm(A, axis=0)", options=("axis", "eps")
    ),
    "rmsnorm": FunctionShape(
        _normalised, "rmsnorm(x, eps=0.000001) or rmsnorm(A, axis=0)", options=("axis", "eps")
    ),
    "batchnorm": FunctionShape(_batchnorm, "batchnorm(X, eps=0.00001)", options=("eps",)),
    "std": FunctionShape(_length, "std(x, eps=0) or std(A, axis=0)", options=("axis", "eps")),
    "rms": FunctionShape(_length, "rms(x, eps=0) or rms(A, axis=0)", options=("axis", "eps")),
    "sum": FunctionShape(_total, "sum(x) or sum(A, axis=0)", options=("axis",)),
    "mean": FunctionShape(_total, "mean(x) or mean(A, axis=0)", options=("axis",)),
    "norm1": FunctionShape(_scalar, "norm1(x)"),
    "norm2": FunctionShape(_scalar, "norm2(x)"),
    "columns": FunctionShape(_side, "columns(A)"),
    "rows": FunctionShape(_side, "rows(A)"),
    "tr": FunctionShape(_trace, "tr(A)"),
    "det": FunctionShape(_square_to_scalar, "det(A)"),
    "logdet": FunctionShape(_square_to_scalar, "logdet(A)"),
    "inv": FunctionShape(_square, "inv(A)"),
    "solve": FunctionShape(_solve, "solve(A, b)", 2, 2),
    "outer": FunctionShape(_outer, "outer(x, y)", 2, 2),
    "diag": FunctionShape(_diag, "diag(x)"),
    "vec": FunctionShape(_vec, "vec(A)"),
    "kron": FunctionShape(_kron, "kron(A, B)", 2, 2),
    "ones": FunctionShape(_ones, "ones(n) or ones(m, n)", 1, 2),
    "zeros": FunctionShape(_ones, "zeros(n) or zeros(m, n)", 1, 2),
    "eye": FunctionShape(_eye, "eye(n)"),
    # K with K vec(A) = vec(A') for A of m rows and n columns (Magnus and Neudecker, 1979).
    "commutation": FunctionShape(_commutation, "commutation(m, n)", 2, 2),
}


def checked(equations: Equations, tree: Call) -> FunctionShape:
    """The function of a call, whose arguments are as many as it takes and whose options it has.

    Raises:
        ShapeError: too few or too many arguments.
        SymbolError: an option that the function does not have, or that is given twice.
    """
    found = FUNCTIONS[tree.function]
    name, count = tree.function, len(tree.arguments)
    if not found.least <= count <= found.most:
        wanted = f"{found.least}" + (f" to {found.most}" if found.most > found.least else "")
        clash = f"{name} takes {wanted} arguments and {count} are given"
        raise equations.error(ShapeError, tree, clash, f"write {found.usage}")
    given = found.options[: count - 1] if found.options and "axis" not in found.options else ()
    for option, _ in tree.options:
        if option not in found.options:
            allowed = ", ".join(found.options) or "none"
            clash = f"{option} is no option of {name}; its options are: {allowed}"
            raise equations.error(SymbolError, tree, clash, f"write {found.usage}")
        if option in given:
            clash = f"{option} is given by place and by name"
            raise equations.error(SymbolError, tree, clash, "give it once")
    return found
