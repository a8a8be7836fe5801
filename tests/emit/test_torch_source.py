"""The source for PyTorch, where PyTorch itself is not needed: names, refusals, what is saved."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest

import gradwright as gw
from gradwright.emit.torch_formula import OWN_NAMES
from gradwright.emit.torch_names import MODULE_NAMES
from gradwright.errors import GradwrightError, UnsupportedError

#: Names that Python, PyTorch or the module itself uses, and such that read like others.
HOSTILE = ["torch", "ctx", "Value", "Gradient", "tensors", "plain", "added", "found", "inputs",
           "lambda", "print", "wants_x", "second_x", "dx", "d_x", "t1", "s1",
           "y", "dy", "x_dot", "along_x", "gradient_along_x", "ValueForward", "still"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_symbol_is_taken_for_one_of_the_code(name: str) -> None:
    x = gw.vector("x", "n")
    try:
        other = gw.vector(name, "n")
        formula = gw.formula(x @ x * (other @ other))
    except GradwrightError:
        return  # not a name in the notation either
    source = formula.gradient("x", name).source("torch")
    tree = ast.parse(source)
    own = {*MODULE_NAMES, *OWN_NAMES, *dir(builtins), *keyword.kwlist}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    defined = {node.name for node in functions}
    (value,) = [node for node in tree.body if getattr(node, "name", "") == "value"]
    assert isinstance(value, ast.FunctionDef)
    parameters = [argument.arg for argument in value.args.args]
    assert len(set(parameters)) == 2
    assert not set(parameters) & own
    for function in functions:
        arguments = [argument.arg for argument in function.args.args]
        assert len(set(arguments)) == len(arguments)
    assert not set(parameters) & defined


REFUSED = {
    "a product": (lambda: gw.formula("x'*A*x").hvp("x"), "gradient"),
    "an abstract function": (lambda: gw.formula("sum(phi(x))").gradient("x"), "write phi out"),
    "a vec": (lambda: gw.formula("vec(X)").jacobian("X"), "without vec"),
    "a constraint": (
        lambda: gw.formula("tr(A*S)", S="symmetric n n").gradient("S", constraint="projected"),
        "leave constraint out",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_code_is_refused(case: str) -> None:
    make, instead = REFUSED[case]
    with pytest.raises(UnsupportedError, match=instead):
        make().source("torch")


def test_sizes_that_are_sums_are_made_of_those_of_inputs() -> None:
    blocks = {"A": "matrix p r", "B": "matrix p k", "C": "matrix q r", "D": "matrix q k"}
    source = gw.formula("[s*A, B; C, D]", s="scalar", **blocks).jacobian("s").source("torch")
    ast.parse(source)
    assert "k + r" in source


SAVED = [
    ("sum(W*x)^2", "x", ["W", "s1"]),
    ("softmax(W*x)", "x", ["W", "y"]),
    ("sum(x)", "x", []),
    ("sum(exp(x))", "x", ["x"]),
    ("tr(X'*A*X)", "X", ["A", "X"]),
]


@pytest.mark.parametrize(("text", "wrt", "names"), SAVED)
def test_the_fewest_numbers_are_saved(text: str, wrt: str, names: list[str]) -> None:
    formula = gw.formula(text)
    scalar = formula.scope.shape.kind == "scalar"
    derived = formula.gradient(wrt) if scalar else formula.jacobian(wrt)
    assert [tensor.name for tensor in derived.saved_tensors] == names


def test_an_unknown_target_names_those_there_are() -> None:
    with pytest.raises(UnsupportedError, match="numpy, torch and c"):
        gw.formula("x'*x").gradient("x").source("fortran")
    with pytest.raises(UnsupportedError, match="numpy, torch and c"):
        gw.Network("2 -> 3 softmax").backprop().source("fortran")


def test_forward_mode_is_left_out_where_it_is_not_wanted() -> None:
    derived, network = gw.formula("x'*x").gradient("x"), gw.Network("2 -> 3 softmax").backprop()
    for made in (derived, network):
        short = made.source("torch", forward_mode=False)
        ast.parse(short)
        assert "jvp" not in short and "jvp" in made.source("torch")
        with pytest.raises(UnsupportedError, match="leave forward_mode=False out"):
            made.source(forward_mode=False)


@pytest.mark.parametrize("name", ["tensors", "plain", "torch"])
def test_no_size_hides_a_function_that_is_called(name: str) -> None:
    source = gw.formula(f"sum(tanh(x).^2)/{name}", x=f"vector {name}").gradient("x").source("torch")
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
            stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
            assert not stored & {"tensors", "plain", "torch"}


def test_a_source_is_written_once() -> None:
    derived = gw.formula("sum(relu(W*x))").gradient("W")
    backprop = gw.Network("3 -> 4 relu -> 2 softmax").backprop()
    for made in (derived, backprop):
        both, reverse = made.source("torch"), made.source("torch", forward_mode=False)
        assert len(reverse) < len(both)
        assert made.source("torch") is both
        assert made.source("torch", forward_mode=False) is reverse
