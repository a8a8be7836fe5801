"""Trees: precedence, spans, printed notation, errors with places, limits."""

from __future__ import annotations

import ast
import pickle
import random

import pytest

from gradwright.errors import GradwrightError, LimitError, NotationError
from gradwright.notation.lexer import canonical_name
from gradwright.notation.parser import parse
from gradwright.notation.reader import MAX_NESTING
from gradwright.notation.tree import (
    Binary,
    Call,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    walk,
)


def shown(tree: Tree) -> str:
    """Fully parenthesised prefix form, written apart from any printer of the library."""
    match tree:
        case Symbol(name):
            return name
        case Number(value):
            return str(value)
        case Negate(operand):
            return f"(neg {shown(operand)})"
        case Transpose(operand):
            return f"(t {shown(operand)})"
        case Binary(operator, left, right):
            return f"({operator} {shown(left)} {shown(right)})"
        case Call(function, arguments, options):
            named = [f"{name}={value}" for name, value in options]
            return f"({' '.join([function, *map(shown, arguments), *named])})"


PRECEDENCE = [
    ("a+b*c", "(+ a (* b c))"),
    ("a-b-c", "(- (- a b) c)"),
    ("a/b*c", "(* (/ a b) c)"),
    ("a.*b./c*d", "(* (./ (.* a b) c) d)"),
    ("-x^2", "(neg (^ x 2))"),
    ("-x'*y", "(* (neg (t x)) y)"),
    ("a*-b*c", "(* (* a (neg b)) c)"),
    ("a--b", "(- a (neg b))"),
    ("2^-x^3", "(^ 2 (neg (^ x 3)))"),
    ("a^b^c", "(^ a (^ b c))"),
    ("x.^-1", "(.^ x (neg 1))"),
    ("x.^(1/2)", "(.^ x (/ 1 2))"),
    ("2^-a*b", "(* (^ 2 (neg a)) b)"),
    ("X'^2", "(^ (t X) 2)"),
    ("(X^2)'", "(t (^ X 2))"),
    ("X^2'", "(t (^ X 2))"),
    ("-X^-2'", "(neg (t (^ X (neg 2))))"),
    ("X^2'^3", "(^ (t (^ X 2)) 3)"),
    ("x''", "(t (t x))"),
    ("A x", "(* A x)"),
    ("A B x .* y", "(.* (* (* A B) x) y)"),
    ("2 (A + A')*x", "(* (* 2 (+ A (t A))) x)"),
    ("A (x)", "(* A x)"),
    ("A -x", "(- A x)"),
    ("1/2 x", "(* (/ 1 2) x)"),
    ("f(x)", "(f x)"),
    ("f(g(x), y')", "(f (g x) (t y))"),
    ("leaky_relu(x, slope=0.5, kink=-1/3)", "(leaky_relu x slope=1/2 kink=-1/3)"),
    ("((a))", "a"),
]
PRINTED = [
    ("(A + Aᵀ) x", "(* (+ A (t A)) x)"),
    ("A⁻¹ x", "(* (inv A) x)"),
    ("(A B)⁻ᵀ", "(t (inv (* A B)))"),
    ("x² + x⁻³", "(+ (^ x 2) (^ x (neg 3)))"),
    ("X²ᵀ", "(t (^ X 2))"),
    ("Xᵀ²", "(^ (t X) 2)"),
    ("x⊙² ⊙ y ⊘ z⊙⁻¹", "(./ (.* (.^ x 2) y) (.^ z (neg 1)))"),
    ("−x·y", "(* (neg x) y)"),
    ("A ⊗ B⊗C", "(kron (kron A B) C)"),
    ("a ⊗ b * c", "(* (kron a b) c)"),
    ("‖A x − y‖²/2", "(/ (^ (norm2 (- (* A x) y)) 2) 2)"),
    ("‖x‖₁ ‖y‖₂", "(* (norm1 x) (norm2 y))"),
    ("2 ‖f(‖x‖)‖", "(* 2 (norm2 (f (norm2 x))))"),
    ("σ(z) ⊙ σ", "(.* (sigmoid z) σ)"),
    ("W₃ᵀ δ₁₂", "(* (t W3) δ12)"),
]


@pytest.mark.parametrize(
    ("text", "expected"), PRECEDENCE + PRINTED, ids=[text for text, _ in PRECEDENCE + PRINTED]
)
def test_structure(text, expected):
    assert shown(parse(text)) == expected


def from_python(node: ast.expr) -> str:
    """The prefix form of a Python expression, whose precedences are those of the notation."""
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}
    match node:
        case ast.BinOp(left, operator, right):
            return f"({signs[type(operator)]} {from_python(left)} {from_python(right)})"
        case ast.UnaryOp(ast.USub(), operand):
            return f"(neg {from_python(operand)})"
        case ast.Name(name):
            return name
        case ast.Constant(value):
            return str(value)
    raise AssertionError(ast.dump(node))


@pytest.mark.parametrize("seed", range(20))
def test_precedence_is_that_of_python(seed):
    generator = random.Random(seed)
    for _ in range(50):
        parts = []
        depth = 0
        for _ in range(generator.randrange(1, 12)):
            parts.append("-" * generator.choice([0, 0, 0, 1, 2]))
            while generator.random() < 0.2:
                parts.append("(")
                depth += 1
            parts.append(generator.choice(["a", "b", "x1", "2", "7"]))
            while depth and generator.random() < 0.4:
                parts.append(")")
                depth -= 1
            parts.append(generator.choice(["+", "-", "*", "/", "^", "^"]))
        text = "".join(parts[:-1]) + ")" * depth
        python = ast.parse(text.replace("^", "**"), mode="eval").body
        assert shown(parse(text)) == from_python(python), f"seed {seed}: {text}"


@pytest.mark.parametrize("text", [text for text, _ in PRECEDENCE + PRINTED])
def test_spans(text):
    tree = parse(text)
    for node in walk(tree):
        written = text[node.span.start : node.span.end]
        if isinstance(node, Symbol):
            assert canonical_name(written) == node.name
        for child in children(node):
            assert node.span.start <= child.span.start <= child.span.end <= node.span.end
        if isinstance(node, Binary | Call | Negate):
            assert written.count("(") == written.count(")"), written


ERRORS = [
    ("", 0, 0, "empty"),
    ("  ", 2, 2, "empty"),
    ("(", 0, 1, "nothing stands between ("),
    ("(x", 0, 1, "( is opened here and never closed"),
    ("(a*(b+c)", 0, 1, "never closed"),
    ("x)", 1, 2, ") closes nothing"),
    ("x +", 2, 3, "nothing follows +"),
    ("x*", 1, 2, "nothing follows *"),
    ("(x+)", 2, 3, "nothing follows +"),
    ("a + * b", 4, 5, "* has nothing to its left"),
    ("+x", 0, 1, "+ has nothing"),
    ("()", 0, 2, "nothing stands between"),
    ("f()", 1, 3, "nothing stands between"),
    ("f(x,)", 3, 5, "nothing stands between"),
    ("f(x, y", 1, 2, "never closed"),
    ("f(x, k=1", 1, 2, "never closed"),
    ("f(x, k=1,)", 8, 10, "nothing stands between"),
    ("f(x, k=y)", 5, 8, "the option k is no number"),
    ("f(x, k=1+1)", 5, 9, "goes on after its number"),
    ("f(x, k=1, k=2)", 10, 11, "given twice"),
    ("f(k=1, x)", 7, 8, "an argument follows the option k"),
    ("f(x, k=1/0)", 5, 6, "divides by 0"),
    ("a, b", 1, 2, "comma"),
    ("(a, b)", 2, 3, "comma"),
    ("(x = 2)", 3, 4, "="),
    ("2x", 0, 2, "no operator stands between 2 and x"),
    ("(a)(b)", 2, 4, "no operator"),
    ("x'y", 1, 3, "no operator"),
    ("2 3", 0, 3, "two numbers"),
    ("x^y'", 2, 4, "may belong to it or to the power"),
    ("2^x²", 2, 4, "may belong"),
    ("2^3²", 2, 4, "may belong"),
    ("‖x", 0, 1, "‖ is opened here"),
    ("(‖x)", 1, 2, "‖ is opened here"),
    ("'x", 0, 1, "nothing to its left"),
]


@pytest.mark.parametrize(("text", "start", "end", "fact"), ERRORS, ids=[row[0] for row in ERRORS])
def test_errors(text, start, end, fact):
    with pytest.raises(NotationError) as caught:
        parse(text)
    error = caught.value
    assert fact in error.clash
    assert (error.span.start, error.span.end) == (start, end)
    assert error.instead
    assert error.text == text


@pytest.mark.parametrize(
    "part", ["(", "-", "x^", "f(", "((-", "‖(", "2^-", "a*(b+"], ids=lambda part: part
)
def test_absurd_nesting_ends_at_once(part):
    text = (part * 100_000)[:100_000]
    with pytest.raises(LimitError) as caught:
        parse(text)
    assert str(MAX_NESTING) in caught.value.clash


def test_nesting_up_to_the_limit():
    half = MAX_NESTING // 2
    assert parse("(" * MAX_NESTING + "x" + ")" * MAX_NESTING) == Symbol("x")
    assert len(list(walk(parse("-(" * half + "x" + ")" * half)))) == half + 1
    for closed in ("((x))+", "-x+", "x^2+", "f(x)+"):
        parse(closed * 500 + "x")


@pytest.mark.parametrize("joint", ["+", "*", " .* ", " "])
def test_long_chains(joint):
    text = joint.join(["x1"] * 9_000)
    one, other = parse(text), parse(text + " ")
    assert one == other
    assert hash(one) == hash(other)
    assert one != parse(joint.join(["x1"] * 8_999 + ["x2"]))
    assert one.span.end == len(text)


def test_too_many_nodes():
    with pytest.raises(LimitError, match="symbols and operators"):
        parse("+".join(["x"] * 11_000))
    with pytest.raises(LimitError, match="symbols and operators"):
        parse("x" + "'" * 90_000)


def test_equality_ignores_places_only():
    assert parse("x'*A") == parse("( x' ) * A")
    different = ["x'*A", "x*A", "A'*x", "x'.*A", "f(x)", "g(x)", "f(x, x)", "f(x, k=1)", "2", "2.5"]
    trees = [parse(text) for text in different]
    assert len(set(trees)) == len(trees)
    assert pickle.loads(pickle.dumps(trees)) == trees


@pytest.mark.parametrize("seed", range(10))
def test_any_text_ends_in_a_tree_or_an_error(seed):
    generator = random.Random(seed)
    alphabet = "xA2.5e+-*/^'()  ,=‖₁ᵀ⁻²⊙⊘⊗·σ"
    for _ in range(1_000):
        text = "".join(generator.choices(alphabet, k=generator.randrange(15)))
        try:
            tree = parse(text)
        except GradwrightError as error:
            if error.span is not None:
                assert 0 <= error.span.start <= error.span.end <= len(text), f"seed {seed}: {text}"
            continue
        for node in walk(tree):
            assert 0 <= node.span.start < node.span.end <= len(text), f"seed {seed}: {text}"
