"""A derivation: the derivative of a formula, printed, explained, run and checked.

What runs and checks is imported when it is used, so that a derivation that is only read is there
sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from gradwright.api.outputs import Choice, Output, require_forward_mode, unknown_target
from gradwright.calculus.modes import Contribution
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, bare_sizes, postorder
from gradwright.core.work import bounded
from gradwright.explain.assumptions import assumptions, kink_arguments, safer_text
from gradwright.explain.cases import CasesOf, cases_of
from gradwright.explain.components import in_components
from gradwright.explain.domains import Domain, domain_of
from gradwright.explain.formula import Step, chain_rule_steps, formula_text
from gradwright.explain.left_sides import parted
from gradwright.explain.levels import require_level
from gradwright.explain.proofs import operations_of, output_lines, outputs_of, proof_section
from gradwright.notation.lowered import Lowering
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.repeated import with_repeated
from gradwright.notation.shapes import Scope
from gradwright.notation.tree import Symbol, Tree, walk
from gradwright.render.latex import latex
from gradwright.render.mathml import mathml
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify.field import evaluate
from gradwright.simplify.readable import Printed, Printer

if TYPE_CHECKING:
    from gradwright.api.cost import CostReport
    from gradwright.api.operator import DerivedMap
    from gradwright.api.running import Program
    from gradwright.api.torch_target import TorchTarget
    from gradwright.program.saving import SavedTensor
    from gradwright.run.linear_map import LinearMap
    from gradwright.verification.report import CheckReport


class Derivation:
    """The derivative of a formula.

    Call it with values: one output gives a float or an array, several give a dict. Results are
    dense; a Jacobian has shape `y.shape + x.shape`.
    """

    def __init__(
        self,
        kind: str,
        text: str,
        tree: Tree,
        scope: Scope,
        graph: Graph,
        lowering: Lowering,
        outputs: tuple[Output, ...],
        contributions: Sequence[Contribution],
        choice: Choice,
        before: Callable[[], Derivation] | None = None,
    ) -> None:
        self.kind = kind
        self.formula = text
        self.scope = scope
        self.tree = tree
        self._graph = graph
        self._lowering = lowering
        self._outputs = outputs
        self._contributions = tuple(contributions)
        self._choice = choice
        self._before = before
        self._lock = Lock()
        self._raiser = Raiser(graph, lowering.said)
        self._printer = Printer(graph, scope, self._raiser)
        self.printed: dict[str, Printed] = {
            output.name: self._printer.printed(
                self._unstacked(output.node),
                as_row=output.as_row,
                rows=None if self._of_tensors(output) else output.rows,
                others=tuple(map(self._unstacked, output.equal)),
            )
            for output in outputs
        }
        trees = [printed.tree for printed in self.printed.values()]
        names = with_repeated(scope.definitions, trees, {*scope.known, *scope.sizes})
        self.scope = replace(scope, definitions=names)

    def _of_tensors(self, output: Output) -> bool:
        """Whether the formula or the variable has more axes than a matrix, so no vec."""
        kinds = [self.scope.symbols[name].kind for name in parted(output.name)]
        return "tensor" in (self.scope.shape.kind, *kinds)

    def _unstacked(self, node: Node) -> Node:
        """The Jacobian of A for that of vec(A), whose rows are stacked as they are printed."""
        value = self._lowering.value
        if value.node.order == 2 and value.rows in (0, 2) and node.order > 2:
            return self._graph.permute(node, (1, 0, *range(2, node.order)))
        return node

    # Reading ------------------------------------------------------------------------------------

    @property
    def form(self) -> str:
        """How the result is written: "matrix", "kronecker" or "index" (the weakest of several)."""
        order = ("matrix", "kronecker", "index")
        return max((p.form for p in self.printed.values()), key=order.index)

    @cached_property
    @bounded("the assumptions of a derivative")
    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted: domains, declared facts, conventions at kinks."""
        twice = self.kind in ("hessian", "hvp", "derivative")
        with self._lock:
            found = assumptions(self._lowering, self.scope, self._raiser, twice=twice)
        return (*found, *dict.fromkeys(o.convention for o in self._outputs if o.convention))

    @cached_property
    @bounded("the domain of a derivative")
    def _domain(self) -> Domain:
        with self._lock:
            return domain_of(self._lowering, self._raiser)

    @bounded("writing a derivative")
    def __str__(self) -> str:
        return self._each(self._statements(unicode_text))

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.formula!r}: {self}>"

    @bounded("writing a derivative")
    def text(self) -> str:
        """The result in the input grammar."""
        return self._each(self._statements(plain_text))

    @bounded("writing a derivative")
    def latex(self) -> str:
        """The result as LaTeX mathematics."""
        return self._each(self._statements(latex))

    @bounded("writing a derivative")
    def mathml(self) -> str:
        """The result as a MathML element."""
        return self._each(mathml)

    def html(self, check: CheckReport | None = None) -> str:
        """The derivation as one self-contained HTML page, with the check if one is given."""
        from gradwright.api.reporting import formula_page

        return formula_page(self, check)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from gradwright.api.reporting import derivation_bundle

        return derivation_bundle(self)

    def _statements(self, show: Callable[[Tree], str]) -> Callable[[Tree], str]:
        """The same with the names of the formula, behind their definitions."""
        return lambda tree: self.scope.definitions.shown(tree, show)

    def _each(self, show: Callable[[Tree], str]) -> str:
        shown = {name: show(p.tree) for name, p in self.printed.items()}
        if len(shown) == 1:
            return str(next(iter(shown.values())))
        return "\n".join(f"{name}: {text}" for name, text in shown.items())

    @cached_property
    @bounded("the steps of a derivation")
    def steps(self) -> tuple[Step, ...]:
        """Each use of the chain rule, verified, in the order of the sweep."""
        with self._lock:
            return tuple(chain_rule_steps(self._contributions, self._printer, self._raiser))

    @cached_property
    @bounded("a derivative by cases")
    def cases(self) -> dict[str, tuple[CasesOf, ...]]:
        """For each variable, the result by cases on both sides of where it jumps."""
        with self._lock:
            return {
                o.name: cases_of(o.node, parted(o.name)[-1], self._printer) for o in self._outputs
            }

    @cached_property
    @bounded("products with a derivative")
    def products(self) -> dict[str, tuple[str, Printed]]:
        """For each result in index form its product with vectors, where that is a matrix."""
        from gradwright.api.contracted import contracted

        if self.kind in ("vjp", "jvp", "hvp"):
            return {}
        with self._lock:
            found = {
                o.name: contracted(
                    self._graph, self.scope, self._lowering, self.kind, o.name, o.node
                )
                for o in self._outputs
                if self.printed[o.name].form == "index"
            }
        return {name: product for name, product in found.items() if product is not None}

    @bounded("explaining a derivation")
    def explain(self, level: str = "full") -> str:
        """The derivation as text.

        "outline" is the result, "full" every use of the chain rule, and "index" adds the formula
        and the result in components, with their sums and cases, and the proofs of the operations.
        """
        require_level(level)
        steps = () if level == "outline" else self.steps
        head = (self.kind, self.tree, self.scope, self.printed, steps, self.assumptions)
        text = formula_text(*head, self.cases, self.products)
        return text if level != "index" else "\n".join([text, *self._in_components()])

    def _in_components(self) -> list[str]:
        value = self._lowering.value.node
        lines = in_components(self.kind, value, self.printed, self._raiser, self.scope)
        lines += proof_section(operations_of(value))
        return [*lines, *(line for record in outputs_of(value) for line in output_lines(record))]

    @bounded("a derivation in the schema")
    def to_dict(self) -> dict[str, Any]:
        """The derivation in the schema gradwright.derivation/1."""
        from gradwright.api.schema import derivation_dict

        return derivation_dict(self)

    # Running ------------------------------------------------------------------------------------

    @cached_property
    def _program(self) -> Program:
        from gradwright.api.running import Program

        return Program(
            self.kind,
            self.formula,
            self.tree,
            self.scope,
            self._graph,
            self._lowering.value,
            self._outputs,
            self._choice,
            self.free_sizes,
            self._domain,
            self.assumptions,
            lambda step: safer_text(step, self._raiser),
        )

    @cached_property
    def free_sizes(self) -> tuple[str, ...]:
        """Sizes that no symbol has an axis of, as in ones(k): values are given for them too.

        The length of an abstract function's value is one where the result needs to know it.
        """
        known = {size for d in self.scope.symbols.values() for size in d.sizes}
        used = {part.name for part in walk(self.tree) if isinstance(part, Symbol)}
        nodes = (self._lowering.value.node, *(output.node for output in self._outputs))
        used |= set().union(*map(bare_sizes, postorder(*nodes)))
        return tuple(sorted((used & self.scope.sizes) - known))

    @property
    def cost(self) -> CostReport:
        """The multiplications of each mode of the chain rule, and which one runs."""
        return self._program.cost

    @bounded("the code of a derivative")
    def source(self, target: str = "numpy", *, forward_mode: bool = True) -> str:
        """A complete module for a target: "numpy", "torch" or "c".

        "torch" is a `torch.autograd.Function` of the formula, with its gradient and second
        derivatives, and in `forward_mode` too; `saved_tensors` says what it keeps; "c" plain C99.

        Raises:
            UnsupportedError: another target, or what has no code for it.
        """
        if target == "torch":
            return self._torch.source(forward_mode)
        if target not in ("numpy", "c"):
            raise unknown_target(target)
        require_forward_mode(target, forward_mode)
        return self._program.c_source if target == "c" else self._program.source

    @property
    def saved_tensors(self) -> tuple[SavedTensor, ...]:
        """What the code for PyTorch saves in the forward pass for the way back, and why.

        Raises:
            UnsupportedError: as `source("torch")`.
        """
        return self._torch.saved

    @cached_property
    def _torch(self) -> TorchTarget:
        from gradwright.api.torch_target import TorchTarget

        wrt = [output.name for output in self._outputs]
        return TorchTarget(self, wrt, self._program.functions)

    @property
    def constraint(self) -> str:
        """How entries that a fact ties were taken to vary: "none" where each varies alone."""
        return next((o.constraint for o in self._outputs if o.constraint != "none"), "none")

    @property
    def has_merged_axes(self) -> bool:
        """Whether rows or columns of the value are several axes each, as those of a vec are."""
        value = self._lowering.value
        tensor = self.scope.shape.kind == "tensor"
        return not tensor and max(value.rows, value.node.order - value.rows) > 1

    def __call__(self, /, *, out: object = None, **values: object) -> Any:
        """The derivative at given values.

        An array `out` of the result's shape and dtype, which shares no memory with the values, is
        filled with the result and returned; after an error it holds nothing of use. Where the
        formula has a symbol of that name, `out` is its value.

        Raises:
            ShapeError, SymbolError, DomainError: values that do not fit the declarations, or at
                which the formula is not defined; an `out` that does not fit.
            UnsupportedError: an `out` for several results.
        """
        if out is not None and ("out" in self.scope.known or "out" in self.scope.sizes):
            return self._program.derivative({**values, "out": out})
        return self._program.derivative(values, out)

    def unverified(self) -> Derivation:
        """The same derivation for values that are not compared with their declared facts."""
        twin = copy(self)
        twin.scope = replace(self.scope, verify_facts=False)
        twin._program = self._program.unverified()
        return twin

    def value_and(self, /, **values: object) -> tuple[Any, Any]:
        """(value of the formula, derivative) in one pass."""
        return self._program.value_and(values)

    def operator(self, /, **values: object) -> LinearMap:
        """The Jacobian or Hessian at given values as a linear map from vec(x) to vec(y).

        Its structure is that of the printed formula, so a Kronecker product is never multiplied
        out. What has no such form is a dense array.

        Raises:
            UnsupportedError: a gradient or a product.
            ShapeError, SymbolError, DomainError: as when the derivation is called.
        """
        return self._map.at(values)

    @cached_property
    def _map(self) -> DerivedMap:
        from gradwright.api.operator import DerivedMap

        head = (self.kind, self.formula, self.scope, self._program, self._lowering.value.node)
        bounded_domain = bool(self._domain.conditions)
        return DerivedMap(*head, self._outputs, tuple(self.printed.values()), bounded_domain)

    # Checking -----------------------------------------------------------------------------------

    @bounded("checking a derivative")
    def check(self, seed: int = 0) -> CheckReport:
        """Compare with an oracle that shares no code with the calculus, at a random point.

        Raises:
            LimitError: the declared sizes are numbers so large that it takes too many evaluations.
        """
        from gradwright.api.checking import check_formula

        return check_formula(self, seed)

    @property
    def constraints(self) -> dict[str, str]:
        """How the entries of each variable were taken to vary."""
        return {output.name: output.constraint for output in self._outputs}

    @cached_property
    def differentiated(self) -> Derivation | None:
        """For a Hessian, the gradient that it is the derivative of."""
        return None if self._before is None else self._before()

    def kink_distance(self) -> Callable[[Mapping[str, Any]], float] | None:
        """How far a point is from the nearest kink; None when the formula has no kink."""
        nodes = kink_arguments(self._graph, self._lowering.value.node)
        if not nodes or self.scope.functions:
            return None

        def distance(point: Mapping[str, Any]) -> float:
            sizes = self._program.lengths(point)
            return min(float(np.min(np.abs(evaluate(n, point, sizes)))) for n in nodes)

        return distance
