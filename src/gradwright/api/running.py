"""A derivation as a program: built once, emitted as source, run on checked values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from msgspec.structs import replace

from gradwright.api.cost import CostReport
from gradwright.api.outputs import Choice, Module, Output, plain
from gradwright.api.planning import Planner
from gradwright.api.values import Binding, require_fitting
from gradwright.core.graph import Graph
from gradwright.core.nodes import Variable
from gradwright.core.sizes import Lengths
from gradwright.core.work import bounded
from gradwright.emit.body import mostly_zero
from gradwright.emit.numpy import formula_module
from gradwright.errors import DomainError, GradwrightError, LimitError, UnsupportedError
from gradwright.explain.domains import Domain
from gradwright.notation.function_values import applied, function_of
from gradwright.notation.lowered import Lowered
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope
from gradwright.notation.tree import Tree
from gradwright.program.factors import applies, factor_note
from gradwright.program.ir import Function
from gradwright.program.telling import Part, telling_parts
from gradwright.run.load import load
from gradwright.simplify.rewrite import Step

#: Rules that say which routine computes something, and the operation that it is: shared factors,
#: and a function that has no use for it, do without.
ROUTINES = {"log det": "log_of_det", "Cholesky": "cholesky_logdet", "solve": "solve"}

#: What code ends in, as errors of ours: which facts clash, and what to write instead.
FAULTS: Mapping[type[Exception], tuple[type[GradwrightError], str, str]] = {
    MemoryError: (
        LimitError,
        "an array on the way to it does not fit into memory ({})",
        "give shorter values, or ask for a product such as vjp or hvp",
    ),
    np.linalg.LinAlgError: (
        DomainError,
        "a matrix is singular or not positive definite at these values, and the code inverts or "
        "factorises it ({})",
        "give values at which the formula is defined",
    ),
    # Sizes and the numbers of a formula are Python's, which has no infinity for this.
    ZeroDivisionError: (
        DomainError,
        "a number or a size that is divided by is 0 at these values",
        "give values of other sizes, or another number",
    ),
    OverflowError: (
        LimitError,
        "a number in the formula is beyond the largest that a float has ({})",
        "write a smaller number, or a symbol for it",
    ),
}


class Program:
    """The code of a derivation, and its values.

    `tree` is the formula as written, `domain` where it is defined and `assumptions` what else its
    derivative relies on; `safer` says of a rewrite what is computed in which way, if that is worth
    it.
    """

    def __init__(
        self,
        kind: str,
        formula: str,
        tree: Tree,
        scope: Scope,
        graph: Graph,
        value: Lowered,
        outputs: tuple[Output, ...],
        choice: Choice,
        sizes: tuple[str, ...],
        domain: Domain,
        assumptions: Sequence[str],
        safer: Callable[[Step], str],
    ) -> None:
        self.kind = kind
        self.asked = f"the {kind} of {formula}"
        self._tree = tree
        self._scope = scope
        self._graph = graph
        self._value = value
        self._outputs = outputs
        self._choice = choice
        self._sizes = sizes
        self._bind = Binding(scope, sizes, self.asked)
        self._domain = domain
        self._assumptions = assumptions
        self._safer = safer
        self._lock = Lock()

    def unverified(self) -> Program:
        """The same for values that are not compared with the facts declared of them."""
        # Made before the copy is, so that both share it.
        assert self._modules
        twin = copy(self)
        twin._scope = replace(self._scope, verify_facts=False)
        twin._bind = Binding(twin._scope, self._sizes, self.asked)
        return twin

    @cached_property
    def _inputs(self) -> list[Variable]:
        symbols = sorted(self._scope.symbols.items())
        inputs = [self._graph.variable(name, d.sizes, d.facts) for name, d in symbols]
        return inputs + [self._graph.variable(size) for size in self._sizes]

    @cached_property
    def _planner(self) -> Planner:
        return Planner(
            self._graph,
            self._inputs,
            self._value.node,
            [o.name for o in self._outputs],
            [o.safer or o.node for o in self._outputs],
            [o.node for o in self._outputs],
            self._choice,
            self._scope.sizes,
        )

    @cached_property
    @bounded("the cost of a derivative")
    def cost(self) -> CostReport:
        """What each mode of the chain rule costs, and which one runs."""
        with self._lock:
            return self._planner.report(self.asked)

    @cached_property
    @bounded("the code of a derivative")
    def functions(self) -> tuple[Function, Function]:
        """What is shown, and what also returns the formula's value."""
        with self._lock:
            planner = self._planner
            plan = planner.chosen
            rows, merged = self._merged()
            shown = planner.function(self.kind, plan, merged)
            both = planner.with_value(f"value_and_{self.kind}", plan, [rows, *merged])
            return shown, both

    @cached_property
    def _modules(self) -> tuple[Module, Module]:
        """The functions as modules."""
        shown, both = self.functions
        return self._module(shown), self._module(both)

    def _notes(self, made: Function) -> list[str]:
        """Where the code computes something in a safer way than it is written."""
        steps = [
            step
            for step in self._planner.steps
            if step.rule.name not in ROUTINES or applies(made, ROUTINES[step.rule.name])
        ]
        notes = [*map(self._safer, steps), factor_note(made)]
        return list(dict.fromkeys(note for note in notes if note))

    def _module(self, made: Function) -> Module:
        written = mostly_zero(made) if len(self._outputs) == 1 else None
        title = f"The {self.kind} of a formula."
        notes = [*self._assumptions, *self._notes(made)]
        source = formula_module(made, title, notes, written)
        return Module(source, made.callables, written is not None, telling_parts(made))

    def _merged(self) -> tuple[list[int], list[list[int]]]:
        """How axes of the value, and of each result, are put together.

        The rows and the columns of a vec or a Kronecker product are several axes each.
        """
        value = self._value
        sides = [n for n in (value.rows, value.node.order - value.rows) if n]
        if max(sides, default=1) == 1 or self._scope.shape.kind == "tensor":
            return [], [[] for _ in self._outputs]
        if self.kind == "vjp":
            return sides, [[] for _ in self._outputs]
        return sides, [[*sides, *[1] * (o.node.order - sum(sides))] for o in self._outputs]

    @property
    def source(self) -> str:
        """The NumPy module that is shown."""
        return self._modules[0].source

    @cached_property
    def c_source(self) -> str:
        """The same as a module of C."""
        from gradwright.emit.c.formula import formula_source

        function, _ = self.functions
        keys = [o.key if isinstance(o.key, str) else "_".join(o.key) for o in self._outputs]
        names = [f"{function.name}_{key}" for key in keys] if len(keys) > 1 else ["result"]
        notes = [*self._assumptions, *self._notes(function)]
        return formula_source(function, names, self._sizes, f"T{self.asked[1:]}.", notes)

    def derivative(self, values: Mapping[str, object], out: Any = None) -> Any:
        """The derivative at given values: a plain value, or a dict of them.

        It is written into `out` where an array is given.
        """
        if self._domain.conditions:
            # Only the value tells: the derivative 1/x of log(x) is a number for x < 0 too.
            return self.value_and(values, out)[1]
        return self._named(self._run(self._modules[0], self.kind, values, out))

    def value_and(self, values: Mapping[str, object], out: Any = None) -> tuple[Any, Any]:
        """(value of the formula, derivative) in one pass."""
        value, *results = self._run(self._modules[1], f"value_and_{self.kind}", values, out)
        written = self._written(values) if self._domain.merged else value
        if self._domain.conditions and not np.all(np.isfinite(written)):
            raise DomainError(
                self.asked,
                f"the formula is not finite at these values, and it is defined for "
                f"{'; '.join(self._domain.conditions)}",
                "give values at which the formula is defined",
            )
        return plain(value), self._named(results)

    def _written(self, values: Mapping[str, object]) -> Any:
        """The value of the text as it stands, by the notation's own evaluator."""
        with np.errstate(all="ignore"):
            return evaluate(self._tree, self._bind(values), self._scope)

    def bound(self, values: Mapping[str, object]) -> dict[str, Any]:
        """The values as checked arrays, by name."""
        return self._bind(values)

    def lengths(self, point: Mapping[str, Any]) -> dict[str, int]:
        """The lengths that values give to named sizes."""
        sizes = {
            size: length
            for name, declared in self._scope.symbols.items()
            for size, length in zip(declared.sizes, np.shape(point[name]), strict=True)
            if isinstance(size, str)
        }
        return Lengths(sizes | {size: int(point[size]) for size in self._sizes})

    def _arguments(self, module: Module, known: Mapping[str, Any]) -> list[Any]:
        """Checked values in the order of the emitted function's parameters."""
        listed = [known[name] for name in (*sorted(self._scope.symbols), *self._sizes)]
        for name, count in module.callables:
            base = function_of(name, count, self._scope.functions)
            listed.append(applied(name, self._scope.functions[base], known[base]))
        return listed

    def _named(self, results: Sequence[Any]) -> Any:
        if len(self._outputs) == 1:
            return plain(results[0])
        return {o.key: plain(r) for o, r in zip(self._outputs, results, strict=True)}

    def _result_shape(self, point: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of the one result at given values."""
        if len(self._outputs) > 1:
            raise UnsupportedError(
                f"{self.asked} written into an array",
                f"it has {len(self._outputs)} results and one array is given",
                "ask for the derivative by one variable, or leave out=... away",
            )
        known = self.lengths(point)
        (output,), (merged,) = self._outputs, self._merged()[1]
        lengths = [Lengths(known).length(a) for a in output.node.axes]
        ends = list(accumulate(merged or [1] * len(lengths)))
        return tuple(prod(lengths[a:b]) for a, b in pairwise([0, *ends]))

    def _run(
        self, module: Module, function: str, values: Mapping[str, object], out: Any
    ) -> Sequence[Any]:
        known = self.bound(values)
        arguments = self._arguments(module, known)
        if out is not None:
            require_fitting(out, self._result_shape(known), arguments, self.asked)
        into = [out] if module.takes_out else []
        try:
            with np.errstate(all="ignore"):
                found = getattr(load(module.source), function)(*arguments, *into)
            listed = found if isinstance(found, tuple) else (found,)
            # Python's whole numbers have no largest one.
            results = [float(r) if isinstance(r, int) else r for r in listed]
        except tuple(FAULTS) as error:
            raise _refusal(self.asked, error) from error
        except ValueError as error:
            if all(np.size(value) for value in arguments):
                raise
            raise DomainError(
                self.asked,
                f"an axis of the values has no entries, and a largest one is taken ({error})",
                "give values with entries",
            ) from error
        except TypeError as error:
            _require_precision(arguments, self.asked, error)
            raise
        if any(map(_has_nan, results, module.told_by)) and not any(
            np.any(np.isnan(a)) for a in arguments if not callable(a)
        ):
            raise DomainError(
                self.asked,
                "the result is not a number at these values, and the formula assumes: "
                + ("; ".join(self._assumptions) or "nothing"),
                "give values at which the formula is defined and does not overflow",
            )
        if out is not None and not module.takes_out:
            np.copyto(out, results[-1])
            return [*results[:-1], out]
        return results


def _refusal(asked: str, fault: Exception) -> GradwrightError:
    """An error of ours in place of one of Python's or NumPy's."""
    made, clash, instead = next(FAULTS[kind] for kind in FAULTS if isinstance(fault, kind))
    return made(asked, clash.format(fault), instead)


def _require_precision(arguments: Sequence[Any], asked: str, fault: TypeError) -> None:
    """Fail where arrays are of a precision that NumPy's linear algebra does not have."""
    kinds = {a.dtype.name for a in arguments if isinstance(a, np.ndarray)}
    lacking = sorted(kinds - {"float32", "float64", "int64"})
    if lacking:
        raise UnsupportedError(
            asked,
            f"values have {lacking[0]}, and the code has a routine for float32 and float64 alone "
            f"({fault})",
            "give values of float64",
        ) from fault


def _has_nan(result: Any, told_by: Part | None = None) -> bool:
    """Whether an entry is not a number; the smallest then is none, and needs no array to find."""
    if told_by is not None and np.all(np.isfinite(told_by.of(result))):
        return False
    is_float = np.asarray(result).dtype.kind == "f"
    return is_float and bool(np.isnan(np.min(result, initial=np.inf)))
