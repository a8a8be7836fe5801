"""A general layer l of L with any activation φ: its Jacobian, the recursion and the product.

All is derived by the calculus from z = W x + b and a = φ(z) with φ abstract, and then written with
the index of the layer.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Size
from gradwright.explain.conventions import Convention, shifted
from gradwright.explain.lines import Form, Line, renamed
from gradwright.explain.network import Entry, Section
from gradwright.explain.rows import as_row, matrix_product, with_rows
from gradwright.nn.layouts import LAYOUTS, Layout
from gradwright.notation.declarations import declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Binary, Call, Symbol, Tree, children, with_children
from gradwright.simplify.readable import Printer
from gradwright.simplify.rewrite import substitute

ELLIPSIS = Symbol("⋯")


class GeneralLayer:
    """Layer l and the one behind it, derived once, in the letters X W b Z and V c of the next."""

    def __init__(self, layout: Layout, bias: bool) -> None:
        self.graph = Graph()
        self.bias = bias
        rows, columns = layout.weights.split()[1:]
        behind = {"p": "q", "q": "r"}
        declared = {
            "X": "vector p",
            "W": layout.weights,
            "b": "vector q",
            "Z": "vector q",
            "A": "vector q",
            "V": f"matrix {behind[rows]} {behind[columns]}",
            "c": "vector r",
            "d": "vector q",
            "e": "vector q",
        }
        known = {name: declare(name, text) for name, text in declared.items()}
        self.affine = layout.affine(bias, one_sample=True)
        self.next_affine = self.affine.replace("W", "V").replace("b", "c")
        behind_it = self.next_affine.replace("X", "phi(Z)")
        both = f"sum(phi({self.affine})) + sum({behind_it}) + sum(A) + sum(d) + sum(e)"
        self.scope = infer(parse(both), known, both)
        self.output = self._jacobian(f"phi({self.affine})", "X", {self.affine: "Z"})
        self.pre_activation = self._jacobian(behind_it, "Z", {})
        self.through = self._cotangent("phi(Z)", "Z", "e")
        self.by_weights = self._cotangent(self.affine, "W", "d")
        self.by_bias = self._cotangent(self.affine, "b", "d") if bias else None

    def _node(self, text: str) -> Node:
        return lower(parse(text), self._scope(text), self.graph, text=text).value.node

    def _scope(self, text: str) -> Scope:
        return infer(parse(text), self.scope.known, text, sizes=self.scope.sizes)

    def _variable(self, name: str) -> Node:
        declared = self.scope.symbols[name]
        return self.graph.variable(name, declared.sizes, declared.facts)

    def _printed(self, node: Node) -> Tree:
        return Printer(self.graph, self.scope, Raiser(self.graph, {})).printed(node).tree

    def _jacobian(self, text: str, wrt: str, names: dict[str, str]) -> Tree:
        variable = self.graph.variable(wrt, self.scope.symbols[wrt].sizes)
        derivative = reverse(self.graph, self._node(text), [variable])[variable]
        known = {self._node(of): self._variable(name) for of, name in names.items()}
        return self._printed(substitute(self.graph, derivative, known))

    def _cotangent(self, text: str, wrt: str, cotangent: str) -> Tree:
        variable = self.graph.variable(wrt, self.scope.symbols[wrt].sizes)
        found = reverse(
            self.graph, self._node(text), [variable], cotangent=self._variable(cotangent)
        )
        return self._printed(found[variable])


class _Letters(Struct, frozen=True):
    """The letters of a general layer in a convention."""

    convention: Convention

    def tree(self, tree: Tree, index: Size) -> Tree:
        """A tree of `GeneralLayer` for the layer `index`."""
        layer, behind = shifted(index, 0), shifted(index, 1)
        named = self.convention.name_of
        names = {
            "X": named("A", shifted(index, -1)),
            "W": named("W", layer),
            "b": named("b", layer),
            "Z": named("Z", layer),
            "A": named("A", layer),
            "V": named("W", behind),
            "c": named("b", behind),
            "d": named("δZ", layer),
            "e": named("δA", layer),
        }
        made = renamed(tree, lambda name: names.get(name, name), lambda size: size)
        return _with_activation(made, self.convention.letters["φ"])

    def sizes(self, *indices: Size) -> tuple[Size, ...]:
        """The units of layers, as the axes of a value."""
        return tuple(self.convention.size_of(index) for index in indices)


def _never(part: Tree) -> bool:
    """No part of a Jacobian of matrices is a scalar."""
    return False


def _replaced(tree: Tree, name: str, inner: Tree) -> Tree:
    """A tree with another in the place of a name."""
    if tree == Symbol(name):
        return inner
    if isinstance(tree, Binary) and tree.operator == "*" and tree.right == Symbol(name):
        return matrix_product([tree.left, inner])
    return with_children(tree, tuple(_replaced(part, name, inner) for part in children(tree)))


def _with_activation(tree: Tree, letter: str) -> Tree:
    """phi and its derivatives under another letter."""

    def change(part: Tree) -> Tree:
        if isinstance(part, Call) and part.function.rstrip("'") == "phi":
            return Call(part.function.replace("phi", letter), part.arguments)
        return part

    return rebuilt(tree, change)


def general_section(convention: Convention, bias: bool, depth: str = "") -> Section:
    """Layer l of L in a convention: forward, Jacobian, recursion, product, gradients.

    `depth` is the number of layers, by default the convention's letter for it.
    """
    convention = replace(convention, depth=depth or convention.depth)
    layer = GeneralLayer(LAYOUTS[convention.layout], bias)
    letters = _Letters(convention)
    writer = _Writer(layer, letters, convention)
    lines = [*writer.forward(), writer.nested(), writer.layer_jacobian(), *writer.recursion()]
    lines += [writer.chain(), writer.product(), *writer.gradients()]
    index, depth = convention.layer, convention.depth
    activation = convention.letters["φ"]
    title = f"Layer {index} of {depth}, with any elementwise activation {activation}"
    if not convention.one_sample:
        title += ", for one sample as a column"
    return Section(title, tuple(lines), local=True)


class _Writer(Struct, frozen=True):
    """Writes the lines of a general layer."""

    layer: GeneralLayer
    letters: _Letters
    convention: Convention

    @property
    def index(self) -> str:
        return self.convention.layer

    @property
    def depth(self) -> str:
        return self.convention.depth

    @property
    def over_outputs(self) -> bool:
        """Whether the recursion runs over the outputs of layers."""
        return self.convention.layer_jacobian == "output"

    def _tree(self, text: str, index: Size) -> Tree:
        return self.letters.tree(parse(text), index)

    def _vector(self, letter: str, index: Size, trees: tuple[Tree, ...], rule: str = "") -> Line:
        """A line for the derivative by a value of a layer."""
        size = self.convention.size_of(index)
        axes: tuple[Size, ...] = (1, size) if self.convention.row_gradients else (size,)
        forms = tuple(Form(tree, rule if k == 0 else "") for k, tree in enumerate(trees))
        meaning = self.convention.stands_for(letter, index)
        return Line(self.convention.name_of(letter, index), axes, forms, meaning)

    def forward(self) -> list[Entry]:
        """z and a of layer l."""
        size = self.letters.sizes(self.index)
        named = self.convention.name_of
        z = Line(named("Z", self.index), size, (Form(self._tree(self.layer.affine, self.index)),))
        a = Line(named("A", self.index), size, (Form(self._tree("phi(Z)", self.index)),))
        return [Entry(z), Entry(a)]

    def nested(self) -> Entry:
        """The output as layers inside each other."""

        def applied(index: Size, inner: Tree) -> Tree:
            before = self.convention.name_of("A", shifted(index, -1))
            affine = _replaced(self._tree(self.layer.affine, index), before, inner)
            return Call(self.convention.letters["φ"], (affine,))

        first = applied("1", Symbol(self.convention.letters["X"]))
        tree = applied(self.depth, applied(shifted(self.depth, -1), Binary("*", ELLIPSIS, first)))
        name = self.convention.name_of("A", self.depth)
        line = Line(name, self.letters.sizes(self.depth), (Form(tree),))
        return Entry(line, "the layers inside each other")

    def layer_jacobian(self) -> Entry:
        """The Jacobian from layer to layer, derived with the activation abstract."""
        behind = shifted(self.index, 1)
        if self.over_outputs:
            tree, letter = self.letters.tree(self.layer.output, behind), "A"
        else:
            tree, letter = self.letters.tree(self.layer.pre_activation, self.index), "Z"
        axes = self.letters.sizes(behind, self.index)
        if self.convention.jacobian == "transposed":
            tree, axes = as_row(tree, (), _never), tuple(reversed(axes))
        top, bottom = (self.convention.name_of(letter, k) for k in (behind, self.index))
        return Entry(Line(f"∂{top}/∂{bottom}", axes, (Form(tree),)))

    def _factor(self, index: Size) -> Tree:
        """The Jacobian from layer `index` to the one behind it, m × n."""
        if self.over_outputs:
            return self.letters.tree(self.layer.output, shifted(index, 1))
        return self.letters.tree(self.layer.pre_activation, index)

    def _applied(self, last: Tree, factors: list[Tree]) -> Tree:
        """The derivative `last` by the last layer times Jacobians, nearest to it first."""
        if self.convention.row_gradients:
            return matrix_product([last, *factors])
        turned = [f if f == ELLIPSIS else as_row(f, (), _never) for f in reversed(factors)]
        return matrix_product([*turned, last])

    @property
    def letter(self) -> str:
        """The derivative that the recursion is for."""
        return "δA" if self.over_outputs else "δZ"

    def recursion(self) -> list[Entry]:
        """δ of layer l from that of the layer behind."""
        behind = Symbol(self.convention.name_of(self.letter, shifted(self.index, 1)))
        tree = self._applied(behind, [self._factor(self.index)])
        line = self._vector(self.letter, self.index, (tree,), "chain rule")
        return [Entry(line, f"{self.index} = {shifted(self.depth, -1)}, …, 1")]

    def chain(self) -> Entry:
        """The chain of quotients from the loss down to the weights of layer l."""
        c = self.convention
        value = "A" if self.over_outputs else "Z"
        loss = c.letters["L"]

        def quotient(top: str, bottom: str) -> Tree:
            return Symbol(f"∂{top}/∂{bottom}")

        last, below = c.name_of(value, self.depth), c.name_of(value, shifted(self.depth, -1))
        here, above = c.name_of(value, self.index), c.name_of(value, shifted(self.index, 1))
        weights = c.name_of("W", self.index)
        factors = [quotient(loss, last), quotient(last, below), ELLIPSIS, quotient(above, here)]
        tree = matrix_product([*factors, quotient(here, weights)])
        name = f"∂{loss}/∂{weights}"
        return Entry(Line(name, (), (Form(tree, "chain rule, written with rows"),)))

    def product(self) -> Entry:
        """δ of layer l as the product of all Jacobians behind it."""
        last = Symbol(self.convention.name_of(self.letter, self.depth))
        top, bottom = self._factor(shifted(self.depth, -1)), self._factor(self.index)
        tree = self._applied(last, [top, ELLIPSIS, bottom])
        return Entry(self._vector(self.letter, self.index, (tree,), "the recursion, unrolled"))

    def gradients(self) -> list[Entry]:
        """The derivatives by the parameters of layer l."""
        c = self.convention
        rows = {c.name_of(letter, self.index) for letter in ("δZ", "δA")} if c.row_gradients else ()
        found = []
        if self.over_outputs:
            tree = self.letters.tree(self.layer.through, self.index)
            tree = as_row(tree, rows, _never) if rows else tree
            found.append(Entry(self._vector("δZ", self.index, (tree,))))
        pieces = [("W", self.layer.by_weights), ("b", self.layer.by_bias)]
        for letter, derived in pieces:
            if derived is None:
                continue
            tree = with_rows(self.letters.tree(derived, self.index), rows)
            name = c.name_of(letter, self.index)
            axes = self.letters.sizes(self.index)
            if letter == "W":
                order = (shifted(self.index, -1), self.index)
                inputs_first = LAYOUTS[c.layout].row_inputs
                axes = self.letters.sizes(*(order if inputs_first else reversed(order)))
            meaning = f"∂{c.letters['L']}/∂{name}"
            found.append(Entry(Line(f"δ{name}", axes, (Form(tree),), meaning, quotient=True)))
        return found
