"""From nodes to a program: contraction order, kernels, shared work."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from fractions import Fraction

from msgspec.structs import replace

from gradwright.core.nodes import (
    Add,
    Labels,
    Node,
    OneHot,
    Operation,
    Power,
    Product,
    Select,
    Size,
    SizeOf,
    Unit,
    Variable,
)
from gradwright.core.nodes import Function as FunctionNode
from gradwright.program.bracketing import Bracketing
from gradwright.program.contraction import aligned, contract, smaller_than_product
from gradwright.program.factors import factored, from_factor
from gradwright.program.ir import (
    Apply,
    Function,
    Indicator,
    Kernel,
    Length,
    Map,
    MatMul,
    OneHotRows,
    Operand,
    Ref,
    SoftmaxLogSumExp,
    Spread,
    Statement,
    UnitVector,
    is_temporary,
    operand_axes,
    temporary,
)
from gradwright.program.selecting import Chooser, choose, put_back
from gradwright.program.structure import (
    CHOOSING,
    is_constant,
    is_mask,
    is_under,
    needed,
    pairs,
    turned_sum,
    used_once,
)
from gradwright.program.sums import sum_of_terms
from gradwright.program.verify import verify

HALF = Fraction(1, 2)


#: Kernels whose two operands may change places.
COMMUTATIVE = (Map("add"), Map("multiply"))


class Builder:
    """Collects the statements of one function; equal statements are written once."""

    def __init__(
        self,
        name: str,
        inputs: Sequence[Variable],
        hints: Mapping[str, int],
        bracketing: Bracketing = Bracketing.CHEAPEST,
        given: Container[Node] = frozenset(),
    ) -> None:
        self.name = name
        self.hints = hints
        self.bracketing = bracketing
        self.given = given
        self.statements: list[Statement] = []
        self.axes: dict[str, tuple[Size, ...]] = {}
        self.values: dict[Node, Operand] = {}
        self.once: frozenset[Node] = frozenset()
        self.inputs = [self._input(variable) for variable in inputs]
        self._paired: dict[Node, tuple[Node, Node]] = {}
        self._factored: dict[Node, Node] = {}
        self._comparisons: set[Operand] = set()
        self._made: dict[tuple[Kernel, tuple[Operand, ...], tuple[Size, ...]], Ref] = {}

    def _input(self, variable: Variable) -> str:
        self.axes[variable.name] = variable.axes
        self.values[variable] = Ref(variable.name)
        return variable.name

    def emit(
        self, kernel: Kernel, operands: Iterable[Operand], axes: Sequence[Size], name: str = ""
    ) -> Ref:
        """Append a statement with one target, or return the target of an equal one."""
        listed = tuple(operands)
        # The axes belong to it: an identity's size stands nowhere else.
        place = (kernel, self._in_order(kernel, listed), tuple(axes))
        if place in self._made and not name:
            return self._made[place]
        target = name or self._temporary()
        self.axes[target] = tuple(axes)
        self.statements.append(Statement((target,), kernel, listed))
        self._made[place] = Ref(target)
        return Ref(target)

    def _in_order(self, kernel: Kernel, operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
        """Operands in an order of their own where the order does not matter."""
        dot = kernel == MatMul() and all(len(self.shape(operand)) == 1 for operand in operands)
        return tuple(sorted(operands, key=repr)) if dot or kernel in COMMUTATIVE else operands

    def _temporary(self) -> str:
        number = len(self.statements)
        while temporary(number) in self.axes:
            number += 1
        return temporary(number)

    def shape(self, operand: Operand) -> tuple[Size, ...]:
        """The axes of an operand, 1 where it is repeated."""
        return operand_axes(operand, self.axes)

    def share(self, roots: Iterable[Node]) -> None:
        """Find what is used once, and what is made together.

        That is softmax and log-sum-exp of one argument, with one exp, and what is made of a
        positive definite matrix, with one factor.
        """
        roots = list(roots)
        self._paired |= pairs(roots)
        self._factored |= factored(roots)
        self.once = used_once(roots)

    def value(self, node: Node) -> Operand:
        """The operand that holds a node's value, computing what is missing."""
        for part in needed(node, self.values):
            if part not in self.values:
                self.values[part] = self._compute(part)
        return self.values[node]

    def define(self, variable: Variable, node: Node) -> None:
        """Compute a node under the name of a variable, which stands for it from then on."""
        operand = self.value(node)
        last = self.statements[-1].targets if self.statements else ()
        named = Ref(variable.name)
        if isinstance(operand, Ref) and operand.name in last and is_temporary(operand.name):
            self._rename(operand.name, variable.name)
        else:
            self.emit(Map("add"), (operand, Fraction(0)), node.axes, variable.name)
        self.values[node] = self.values[variable] = named

    def hold(self, nodes: Mapping[Variable, Node]) -> None:
        """Compute nodes, for which variables stand that have no name in the code."""
        for variable, node in nodes.items():
            self.values[variable] = self.value(node)

    def _rename(self, old: str, new: str) -> None:
        """Give the last statement's target a name; nothing has used it yet."""
        last = self.statements[-1]
        targets = tuple(new if target == old else target for target in last.targets)
        self.statements[-1] = Statement(targets, last.kernel, last.operands)
        self.axes[new] = self.axes.pop(old)
        self._made = {k: Ref(new) if v.name == old else v for k, v in self._made.items()}
        self.values = {k: Ref(new) if v == Ref(old) else v for k, v in self.values.items()}

    def function(self, outputs: Sequence[Operand]) -> Function:
        """The finished function, verified."""
        made = Function(
            self.name, tuple(self.inputs), tuple(self.statements), tuple(outputs), self.axes
        )
        return verify(made)

    # One node -----------------------------------------------------------------------------------

    def _compute(self, node: Node) -> Operand:
        match node:
            case SizeOf(size=size):
                return Length(size)
            case Unit(place=place):
                return self.emit(UnitVector(place), (), node.axes)
            case Select(start=start, steps=steps):
                return self.emit(Indicator(start, steps), (), node.axes)
            case OneHot(indices=indices):
                return self.emit(OneHotRows(), (self.value(indices),), node.axes)
            case Product():
                return self.product(node)
            case Add():
                return sum_of_terms(self, node)
            case Power(base=base, exponent=exponent):
                return self._power(self.values[base], exponent, node.axes)
            case FunctionNode(operation=name, arguments=parts, options=options):
                operands = [self._argument(part, parts) for part in parts]
                return self.emit(Apply(name, options), operands, node.axes)
            case Operation(operation=name, arguments=parts, options=options):
                if node in self._paired:
                    return self._pair(node)
                if node in self._factored:
                    return from_factor(self, node, self._factored[node])
                operands = [self.value(part) for part in parts]
                return self.emit(Apply(name, options), operands, node.axes)
            case _:
                raise AssertionError(f"{node} is not an input of {self.name}")

    def _argument(self, part: Node, parts: Sequence[Node]) -> Operand:
        """A constant argument beside another that is none repeats by itself."""
        if is_constant(part) and not all(map(is_constant, parts)):
            assert isinstance(part, Product)
            return part.coefficient
        return self.value(part)

    def _pair(self, node: Node) -> Operand:
        softmax, logsumexp = self._paired[node]
        assert isinstance(softmax, Operation)
        argument = self.values[softmax.arguments[0]]
        names = []
        for part in (softmax, logsumexp):
            names.append(self._temporary())
            self.axes[names[-1]] = part.axes
            self.values[part] = Ref(names[-1])
        self.statements.append(Statement(tuple(names), SoftmaxLogSumExp(), (argument,)))
        return self.values[node]

    def _power(self, base: Operand, exponent: Fraction, axes: Sequence[Size]) -> Operand:
        if exponent == 2:
            return self.emit(Map("square"), (base,), axes)
        if exponent == HALF:
            return self.emit(Map("sqrt"), (base,), axes)
        if exponent < 0:
            root = base if exponent == -1 else self._power(base, -exponent, axes)
            return self.emit(Map("divide"), (Fraction(1), root), axes)
        return self.emit(Map("power"), (base, exponent), axes)

    # Products -----------------------------------------------------------------------------------

    def product(self, node: Product) -> Operand:
        """The value of a product, which need not be a node of the graph."""
        order = Bracketing.CHEAPEST if node in self.given else self.bracketing
        node = self._turned(node)
        distinct = tuple(dict.fromkeys(node.out))
        sizes = dict(zip(node.out, node.axes, strict=True))
        tensors: list[tuple[Operand, Labels]] = []
        over: list[Operand] = []
        under: list[tuple[Operand, Labels]] = []
        choosers: list[Chooser] = []
        beside = [labels for factor, labels in node.factors if _is_float(factor)]
        for factor, labels in node.factors:
            sizes |= dict(zip(labels, factor.axes, strict=True))
            if isinstance(factor, CHOOSING):
                choosers.append((factor, labels))
            elif (
                is_under(factor)
                and set(labels) <= set(distinct)
                and len(set(labels)) == len(labels)
            ):
                assert isinstance(factor, Power)
                root = self.value(factor.base)
                if factor.exponent != -1:
                    root = self._power(root, -factor.exponent, factor.base.axes)
                under.append((root, labels))
            elif labels:
                mask = any(set(labels) <= set(ls) for ls in beside)
                tensors.append((self._factor(factor, mask), labels))
            else:
                over.append(self.value(factor))
        chosen = choose(self, tensors, choosers, distinct, bool(over))
        over += [operand for operand, labels in chosen.tensors if not labels]
        tensors = [tensor for tensor in chosen.tensors if tensor[1]]
        tensors += [(self.value(rest), labels) for rest, labels in chosen.rest]
        small = smaller_than_product(self, tensors, chosen.out, sizes)
        if small is not None:
            least, labels = tensors[small]
            for part in over:
                least = self.emit(Map("multiply"), (part, least), self.shape(least))
            tensors[small] = (self.scaled(least, node.coefficient), labels)
            node, over = replace(node, coefficient=Fraction(1)), []
        held, operand = contract(self, tensors, chosen.out, sizes, order)
        if chosen.put and operand is None:
            operand = self.scaled(self._multiplied(over), node.coefficient)
            node, over = replace(node, coefficient=Fraction(1)), []
        if chosen.put and operand is not None:
            held, operand = put_back(self, held, operand, chosen.put, sizes, distinct)
        return self._finished(node, distinct, held, operand, over, under, sizes)

    def _multiplied(self, numbers: Sequence[Operand]) -> Operand:
        """The product of numbers that are computed, at least one."""
        value, *others = numbers
        for part in others:
            value = self.emit(Map("multiply"), (part, value), ())
        return value

    def _turned(self, node: Product) -> Product:
        """−c (a − b) x as c (b − a) x, and c (a + b) as c a + c b where that takes less."""
        part, by = turned_sum(node)
        if part is None or part in self.values or (by != -1 and part not in self.once):
            return node
        other = replace(part, terms=tuple((by * c, term) for c, term in part.terms))
        self.values[other] = sum_of_terms(self, other)
        factors = list(node.factors)
        place = next(k for k, (factor, _) in enumerate(factors) if factor is part)
        factors[place] = (other, factors[place][1])
        return replace(node, coefficient=node.coefficient / by, factors=tuple(factors))

    def _factor(self, factor: Node, mask: bool) -> Operand:
        """A factor's value; a step that multiplies a float with its axes is a comparison."""
        if mask and is_mask(factor):
            assert isinstance(factor, FunctionNode)
            argument = self.value(factor.arguments[0])
            compared = self.emit(Map("greater"), (argument, Fraction(0)), factor.axes)
            self._comparisons.add(compared)
            return compared
        return self.value(factor)

    def _finished(
        self,
        node: Product,
        distinct: Labels,
        held: Labels,
        operand: Operand | None,
        over: list[Operand],
        under: list[tuple[Operand, Labels]],
        sizes: dict[int, Size],
    ) -> Operand:
        """Scalars, denominators, then repetition and diagonals."""
        axes = tuple(sizes[x] for x in held)
        value: Operand = Fraction(1) if operand is None else operand
        scale = node.coefficient
        if operand is None and not over:
            value, scale = scale, Fraction(1)
        plain = [part for part, labels in under if not labels]
        for part in over:
            value = part if value == 1 else self.emit(Map("multiply"), (part, value), axes)
        if abs(scale) != 1 and scale.numerator in (1, -1) and not plain and not over:
            value = self.emit(Map("divide"), (value, Fraction(scale.denominator)), axes)
            scale = Fraction(scale.numerator)
        for part, labels in under:
            wide = tuple(x for x in distinct if x in held or x in labels)
            turned = aligned(part, labels, wide) if labels else part
            held_axes = tuple(sizes[x] for x in wide)
            left = value if isinstance(value, Fraction) else aligned(value, held, wide)
            value = self.emit(Map("divide"), (left, turned), held_axes)
            held, axes = wide, held_axes
        value = self.scaled(value, scale)
        if held == node.out:
            return value
        if isinstance(value, Fraction) and not node.out:
            return value
        return self.emit(Spread(node.out, held), (value,), node.axes)

    def scaled(self, value: Operand, scale: Fraction) -> Operand:
        """A value times a number."""
        if scale == 1:
            return value
        if isinstance(value, Fraction):
            return value * scale
        # NumPy has no negative of what is true or false.
        if scale == -1 and value not in self._comparisons:
            return self.emit(Map("negative"), (value,), self.shape(value))
        return self.emit(Map("multiply"), (scale, value), self.shape(value))


def build_function(
    name: str,
    inputs: Sequence[Variable],
    outputs: Sequence[tuple[str, Node]],
    hints: Mapping[str, int] | None = None,
    merged: Sequence[Sequence[int]] = (),
    bracketing: Bracketing = Bracketing.CHEAPEST,
    given: Container[Node] = frozenset(),
    held: Mapping[Variable, Node] | None = None,
) -> Function:
    """A function that computes the output nodes from the inputs.

    A size that no input has an axis of must be among the inputs, as a scalar of that name.
    `merged` gives for each output how many axes in a row become one, or nothing. The factors of
    products are multiplied in the order `bracketing`; those of the nodes in `given`, which are no
    products of the chain rule, in the cheapest. Outputs may read the variables of `held`.
    """
    builder = Builder(name, inputs, hints or {}, bracketing, given)
    held = held or {}
    builder.share([*held.values(), *(node for _, node in outputs)])
    builder.hold(held)
    function = builder.function([builder.value(node) for _, node in outputs])
    return replace(function, merged=tuple(map(tuple, merged)))


def _is_float(factor: Node) -> bool:
    """Whether a factor multiplies as an array of floating numbers."""
    return not (is_mask(factor) or is_under(factor) or isinstance(factor, CHOOSING))
