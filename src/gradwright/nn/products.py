"""Products with second derivatives of a layer kind, derived once.

The last layer is cut in two at the value S that the loss is a function of: S = Z where the loss
belongs to the activation (softmax with cross-entropy, sigmoid with binary cross-entropy), S = A
otherwise. Before the cut every kind has the same four parts, as lists of named definitions:

    values      Z, A                  of X and the parameters
    tangents    Z_dot, A_dot          their derivatives along X_dot, W_dot, b_dot
    adjoints    δZ, δW, δb, δX        of δA (or δZ, at the cut)
    second      δZ_dot, δW_dot, ...   the tangents of the adjoints

and behind the cut the head has `outer` (A where S = Z), `cotangent` (δS, the derivative of the
loss) and `curvature` (δS_dot = H S_dot with H the Hessian of the loss in S). With J the Jacobian of
S by all parameters, the Gauss-Newton matrix is Jᵀ H J (Schraudolph, Fast curvature matrix-vector
products, Neural Computation 14, 2002; Martens, arXiv 1412.1193, 2014, for the choice of S).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gradwright.calculus.pullback import adjoint_name, pullback
from gradwright.calculus.pushforward import pushforward, tangent_name, tangent_of
from gradwright.calculus.stage import Definition, Stage
from gradwright.core.nodes import Function as FunctionNode
from gradwright.core.nodes import Node, Product, Variable, postorder, variables
from gradwright.emit.products import Run, products_module, square_name
from gradwright.errors import NetworkError
from gradwright.nn.batch_text import BATCH
from gradwright.nn.derive import DerivedKind, folded
from gradwright.nn.kinds import Kind
from gradwright.nn.letters import letters_of, names_of, open_scope
from gradwright.nn.losses import known_loss
from gradwright.notation.declarations import AnyDeclaration, Declaration
from gradwright.notation.raising.raiser import Raiser
from gradwright.program.ir import Function
from gradwright.program.products import Part, build_parts
from gradwright.render.plain import plain_text
from gradwright.simplify.readable import Printer, simplified, with_zero
from gradwright.simplify.rewrite import substitute

Definitions = tuple[Definition, ...]


class KindProducts(Struct, frozen=True):
    """What the products of one kind run.

    `cut` is the name of its last value, A or S; `texts` has the formula of each name, where it can
    be written in matrices.
    """

    kind: Kind
    stage: Stage
    cut: str
    values: Definitions
    tangents: Definitions
    adjoints: Definitions
    second: Definitions
    outer: Definitions = ()
    cotangent: Definitions = ()
    curvature: Definitions = ()
    texts: Mapping[str, str] = {}


def derive_products(derived: DerivedKind) -> KindProducts:
    """Derive the products of a kind whose first derivatives are known."""
    made = _Maker(derived)
    values, outer = made.values, made.outer
    last = values[-1].variable
    moved = [made.variable(name) for name in ("X", *made.kind.parameters)]
    tangents = made.along(values, moved, [last])
    given = {last: made.variable(adjoint_name(last.name))}
    wanted = [made.variable(name) for name in (*made.kind.parameters, "X")]
    if made.kind.loss is None:
        adjoints = derived.stage.backward.definitions
    else:
        adjoints = made.back(values, wanted, given)
    reached = [*moved, *(d.variable for d in values), given[last]]
    results = [d.variable for d in adjoints]
    second = made.along(adjoints, reached, results)
    cotangent: Definitions = ()
    behind: Definitions = ()
    if made.kind.loss is not None:
        cotangent = made.cotangent(last)
        behind = made.along([*outer, *cotangent], [last], [cotangent[0].variable])
    return KindProducts(
        made.kind,
        made.stage,
        last.name,
        values,
        tangents,
        adjoints,
        second,
        outer,
        cotangent,
        behind,
        made.texts,
    )


def products_source(
    runs: Sequence[tuple[KindProducts, int]],
    shapes: Sequence[Mapping[str, tuple[int, ...]]],
    states: Sequence[Mapping[str, tuple[int, ...]]],
    text: str,
    note: str,
    row_samples: bool,
) -> str:
    """The emitted module of a network whose consecutive layers of one kind are counted.

    `shapes` are those of the parameters of each layer, `states` those of its state.
    """
    made: dict[tuple[Kind, bool], dict[str, Function]] = {}
    emitted = []
    place = 0
    for kind, count in runs:
        # The inputs of the network do not move, which spares its first layer products with zeros.
        for first, last in [(place, place + count)] if place else [(0, 1), (1, count)]:
            key = (kind.kind, first == 0)
            if first < last:
                made[key] = made.get(key) or _functions(kind, first == 0)
                emitted.append(Run(made[key], first, last, kind.cut, kind.texts))
        place += count
    weights = runs[-1][0].kind.weights
    return products_module(emitted, shapes, text, note, row_samples, weights, states)


def _functions(kind: KindProducts, first: bool) -> dict[str, Function]:
    """The functions of a kind by part; for the `first` layer X_dot is 0."""
    parameters = kind.kind.parameters
    by_input, gradients = adjoint_name("X"), [adjoint_name(name) for name in parameters]
    dotted = [tangent_name(name) for name in gradients]
    cut = adjoint_name(kind.cut)
    parts = [Part("values", kind.values, [kind.cut])]
    if kind.cotangent:
        parts += [Part("outer", kind.outer, []), Part("cotangent", kind.cotangent, [cut])]
    parts += [
        Part("tangents", _moving(kind, kind.tangents, first), [tangent_name(kind.cut)]),
        Part("adjoints", [d for d in kind.adjoints if d.variable.name != by_input], gradients),
        Part("input", [d for d in kind.adjoints if d.variable.name == by_input], [by_input]),
    ]
    if kind.curvature:
        parts.append(Part("curvature", kind.curvature, [tangent_name(cut)]))
    squared = _squared(kind, gradients)
    if squared is not None:
        parts.append(Part("squares", squared, [d.variable.name for d in squared]))
    by_input_dot = tangent_name(by_input)
    second = _moving(kind, kind.second, first)
    rest = [d for d in second if d.variable.name != by_input_dot]
    last = [d for d in second if d.variable.name == by_input_dot]
    parts += [Part("second", rest, dotted), Part("second_input", last, [by_input_dot])]
    if first:
        # Nobody asks for derivatives by the inputs of the network.
        parts = [part for part in parts if not part.name.endswith("input")]
    inputs = kind.stage.forward.inputs
    name = f"first_{kind.kind.name}" if first else kind.kind.name
    return build_parts(name, kind.stage.graph, parts, inputs)


def _moving(
    kind: KindProducts, definitions: Sequence[Definition], first: bool
) -> Sequence[Definition]:
    """Tangents as they are where the input moves, and with 0 for X_dot where it does not."""
    if not first:
        return definitions
    graph = kind.stage.graph
    X = next(v for v in kind.stage.forward.inputs if v.name == "X")
    still: dict[Node, Node] = {tangent_of(graph, X): graph.number(0, X.axes)}
    return [Definition(d.variable, substitute(graph, d.node, still)) for d in definitions]


def _squared(kind: KindProducts, gradients: Sequence[str]) -> list[Definition] | None:
    """Sums of squares of what the samples add to the gradients, where each is one contraction.

    δW[i,j] = Σ_n X[n,i] δZ[n,j] gives Σ_n X[n,i]² δZ[n,j]²: no gradient of a sample is formed.
    """
    graph = kind.stage.graph
    found = []
    for definition in kind.adjoints:
        if definition.variable.name not in gradients:
            continue
        node = definition.node
        if not isinstance(node, Product):
            return None
        labelled = {x: size for f, ls in node.factors for x, size in zip(ls, f.axes, strict=True)}
        if [labelled[label] for label in node.summed] != [BATCH]:
            return None
        factors = [(graph.power(factor, 2), labels) for factor, labels in node.factors]
        sizes = dict(zip(node.out, node.axes, strict=True))
        square = graph.product(factors, node.out, coefficient=node.coefficient**2, sizes=sizes)
        name = square_name(definition.variable.name)
        found.append(Definition(graph.variable(name, node.axes), square))
    return found


class _Maker:
    """The graph of a derived kind, with letters for tangents."""

    def __init__(self, derived: DerivedKind) -> None:
        self.kind = derived.kind
        self.stage = derived.stage
        self.graph = derived.stage.graph
        self.letters = letters_of(self.kind)
        names: dict[str, AnyDeclaration] = names_of(self.kind)
        for name, declared in self.letters.items():
            dotted = tangent_name(name)
            if dotted in names:
                raise NetworkError(
                    f"products for the layer {self.kind.described}",
                    f"it has the parameters {name} and {dotted}, and {dotted} is what the "
                    f"derivative of {name} along a direction is called",
                    "rename one of the two",
                )
            names[dotted] = Declaration(dotted, declared.kind, declared.sizes)
        self.printer = Printer(self.graph, open_scope(names), Raiser(self.graph, {}))
        self.texts = dict(line.split(" = ", 1) for line in derived.formulas())
        self.forward = [d for d in self.stage.forward.definitions if d.variable.order]
        place = 1 + [d.variable.name for d in self.forward].index(_cut(self.kind, self.letters))
        self.values = tuple(self.forward[:place])
        self.outer = tuple(self.forward[place:])

    def variable(self, name: str) -> Variable:
        declared = self.letters[name]
        return self.graph.variable(name, declared.sizes, declared.facts)

    def along(
        self, definitions: Sequence[Definition], moved: Sequence[Variable], kept: Sequence[Variable]
    ) -> Definitions:
        """The tangents of definitions; those of `kept` are there where they are zero too."""
        found = pushforward(self.graph, definitions, moved, self.written)
        there = {d.variable for d in found}
        for variable in kept:
            tangent = tangent_of(self.graph, variable)
            if tangent not in there:
                found.append(Definition(tangent, self.graph.number(0, variable.axes)))
        return tuple(found)

    def back(
        self,
        definitions: Sequence[Definition],
        wanted: Sequence[Variable],
        given: dict[Variable, Variable],
    ) -> Definitions:
        """The pullback through definitions."""
        found = pullback(self.graph, definitions, wanted, given=given)
        return tuple(self.written(a.variable, a.node) for a in found)

    def cotangent(self, of: Variable) -> Definitions:
        """The derivative of the loss by a value; with its cancellations, where they were found."""
        name = adjoint_name(of.name)
        known = [d for d in self.stage.backward.definitions if d.variable.name == name]
        adjoints = {d.variable for d in self.stage.backward.definitions}
        if known and not variables(known[0].node) & adjoints:
            return (self.define(known[0].variable, known[0].node),)
        loss = self.stage.forward.definitions[-1]
        opened: dict[Node, Node] = {}
        for d in self.back([*self.outer, loss], [of], {}):
            # As one formula: what stands between is of no use to others.
            opened[d.variable] = substitute(self.graph, d.node, opened)
            found = d.variable
        return (self.define(found, opened[found]),)

    def written(self, variable: Variable, node: Node) -> Definition:
        """A definition in the names of the kind, as it is printed: what is printed is what runs."""
        return self.define(variable, folded(self.graph, self.forward, node))

    def define(self, variable: Variable, node: Node) -> Definition:
        """A definition as it is printed."""
        printed = self.printer.printed(node)
        if printed.form != "matrix":
            return Definition(variable, simplified(self.graph, node))
        self.texts[variable.name] = plain_text(printed.tree)
        read = self.printer.read(self.texts[variable.name]).node
        norm = any(isinstance(p, FunctionNode) and p.operation == "rsqrt" for p in postorder(node))
        return Definition(variable, with_zero(self.graph, read) if norm else read)


def _cut(kind: Kind, letters: dict[str, Declaration]) -> str:
    """S: the value that the loss is a function of."""
    if kind.loss is None or kind.loss_formula is not None:
        return "A"
    return "Z" if known_loss(kind.loss).activation and "Z" in letters else "A"
