"""What random formulas must contain: every operation, every function and every rewriting rule.

Names come from the tables of the package, so a new operation is asked for at once. One that is
called in a way of its own needs a form here, and so does a rule; without one the suite refuses to
run.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import gradwright.simplify
from gradwright.notation.functions import FUNCTIONS
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.simplify.rewrite import Rule

#: How an entry is brought into the domain of a function, by the record's sample.
INTO_DOMAIN = {"": "{n}", "positive": "(0.5 + ({n}).^2)", "unit": "(0.9*tanh({n}))"}

#: Elementwise operations that are no function of the notation with that name.
OWN_FORMS = {"power": "sum((0.5 + ({n}).^2).^({n}))"}

#: Scalars that use a function or a structured operation, with places for scalars (s), columns
#: (n, m) and m × n matrices (M). B is invertible, P positive definite.
FORMS = {
    "softmax": ("({n})'*softmax({n})", "sum(softmax({M}, axis=0) .* ({M}))"),
    "logsumexp": ("logsumexp({n})", "logsumexp({M}, axis=0)*({n})"),
    "layernorm": ("({n})'*layernorm({n}, eps=0.1)", "sum(layernorm({M}, eps=0.1) .* ({M}))"),
    "rmsnorm": ("({n})'*rmsnorm({n}, eps=0.1)", "sum(rmsnorm({M}, axis=0, eps=0.1) .* ({M}))"),
    "batchnorm": ("sum(batchnorm({M}, eps=0.1) .* ({M}))",),
    "std": ("std({n}, eps=0.1)", "({m})'*std({M}, axis=1, eps=0.1)"),
    "rms": ("rms({m} + u)", "rms({M}, axis=0, eps=0.1)*({n})"),
    "rows": ("sum({M})/rows(A)",),
    "columns": ("sum({M})/columns(A)",),
    "det": ("det(P)*({s})", "det(B + ({s})*S)", "det(P + ({m})*({m})')"),
    "logdet": ("logdet(P + ({M})*({M})')", "logdet(B)*({s})", "logdet(P)*({s})"),
    "inv": ("({m})'*inv(P)*({m})", "tr(inv(B)*S)*({s})", "({n})'*inv(B)*({n})"),
    "largest": ("max({n})*({s})", "min({n})*({s})"),
    "hardmax": ("max({n})*({s})", "({n})'*hardmax({n})"),
    "log_of_det": ("log(det(B*B'))*({s})", "log(det(P + ({m})*({m})'))"),
    "cholesky_logdet": ("logdet(P)*({s})", "logdet(P + ({M})*({M})')"),
    "sqrt": ("sum(sqrt(1 + ({m}).^2))",),
    "sum": ("sum({n})", "sum({M})", "sum({M}, axis=0)*({n})"),
    "mean": ("mean({n})", "mean({M})", "({m})'*mean({M}, axis=1)"),
    "norm1": ("norm1({m})",),
    "norm2": ("norm2({n})^2", "norm2({m} + u)", "norm2({M})"),
    "tr": ("tr(({M})*A')",),
    "solve": ("({m})'*solve(P + ({m})*({m})', {m})", "norm2(solve(B, ({M})'))^2"),
    "outer": ("sum(outer({m}, {n}) .* ({M}))",),
    "diag": ("({n})'*diag({n})*({n})", "sum(diag(({n})*({n})'))"),
    "vec": ("vec({M})'*vec({M})", "vec({M})'*kron({n}, {m})"),
    "kron": ("sum(kron({n}, ({m})'))", "norm2(kron({m}, {n}))^2"),
    "ones": ("ones(m)'*({M})*({n})", "sum(ones(m, n) .* ({M}))"),
    "zeros": ("norm2({m} - zeros(m))^2", "sum(({M}) .* ({M}) + zeros(m, n))"),
    "eye": ("({n})'*(eye(n) + B)*({n})",),
    "commutation": ("vec({M})'*commutation(n, m)*vec(({M})')",),
}

#: Scalars in whose derivative, or in whose code, a rule is used; behind a = stands a whole formula.
RULE_FORMS = {
    "inverse": ("({n})'*inv(B)*B*({n})", "({m})'*P*inv(P)*({m})"),
    "double inverse": ("({s})*det(inv(B))", "logdet(inv(P))*({s})", "({n})'*inv(inv(B))*({n})"),
    "row sum": ("({s})*sum(softmax({n}))", "({s})*sum(p1)"),
    "zero or one": ("sum(({n}) .* b1.^2)", "({s})*sum(b1.^3)", "sum(({m}) .* h1.^2)"),
    "relu times step": ("sum(relu(x).^2 .* ({n}))", "relu({s})^3", "relu(s)^2*({s})"),
    "sign": ("sum(abs(x) .* x .* ({n}))", "abs(s)*s*({s})", "sum(abs(v) .* v)*({s})"),
    "quotient": ("sum(log(cosh({n})))", "sum(({n}) .* log(cos(0.5*tanh({n}))))"),
    "sigmoid": ("sum(({n}) ./ (1 + exp({n})))", "({s})/(1 + exp(-({s})))"),
    "sigmoid times exp": ("sum(log(1 + exp({n})))", "sum(exp({n}) ./ (1 + exp({n})))"),
    "softplus": ("({s})*log(1 + exp({s}))", "({n})'*log(1 + exp({n}))"),
    "log-sum-exp": ("({s})*log(sum(exp({n})))", "log(sum(exp({m})))^2"),
    "softmax": (
        "log(sum(exp({n})))",
        "({n})'*(exp({n})/sum(exp(x)))",
        "({n})'*(exp(x)/sum(exp(x)))",
    ),
    "log of a transpose": ("({s})*sum(log(softmax(({M})')'))", "sum(log(softmax(A')').*({M}))"),
    "log softmax": ("sum(log(softmax({n})) .* ({n}))", "({s})*sum(log(softmax({M})))"),
    "log sigmoid": ("({s})*log(sigmoid({s}))", "({n})'*log(sigmoid({n}))"),
    "log(1 - sigmoid)": ("({s})*log(1 - sigmoid({s}))", "({n})'*log(1 - sigmoid({n}))"),
    "orthonormal": ("({n})'*Q'*Q*({n})", "norm2(Q*({n}))^2"),
    "inverse of an orthogonal matrix": ("({n})'*inv(Q)*({n})", "({s})*det(Q)^2"),
    "diagonal matrices commute": ("({n})'*(E*D + D*E)*({n})",),
    "above zero": ("({s})*sum(abs(u))", "sum(sqrt(u.^2) .* ({m}))"),
    "log of a product": ("({s})*log(t^3)", "({m})'*log(u.^2)"),
    "diagonals": ("= tanh({n}) + sigmoid({n})", "= x .* exp({n}) + sin(x)"),
    "distribute quotients": (
        "sum(b1 .* log(sigmoid({n})) + (1 - b1) .* log(1 - sigmoid({n})))",
        "sum(b1 .* log(sigmoid(x)) + (1 - b1) .* log(1 - sigmoid(x)))",
    ),
    "distribute": ("(({n}) + ({n}))'*B*({n})", "(x + v)'*S*({n})"),
    "complement": ("({s})*(1 - sigmoid(-s))", "({n})'*(1 - sigmoid(-({n})))"),
    "even slope": ("({s})*sigmoid(s)*sigmoid(-s)", "sum(sigmoid(x) .* sigmoid(-x) .* ({n}))"),
    "inverse of a product": ("({n})'*inv(B*B)*({n})", "({n})'*inv(B'*B)*v"),
    "Sherman-Morrison": ("({n})'*inv(B + x*x')*({n})", "x'*inv(B + x*x')*x*({s})"),
    "fractions merged": ("({s}) - t*s^2/(1 + s^2)", "t - t*s^2/(1 + s^2) + ({s})"),
    "common denominator": ("(1 + t/(1 + s^2))*(({n})'*v)", "(1 + s/t)*(({n})'*v)"),
    "log of a total": ("({s})*log(sum(exp({M})))", "log(sum(exp(A)))*({s})"),
    "shifted softmax": ("({s})*v'*softmax(x - s)", "({n})'*softmax(x - t)"),
    "shifted log-sum-exp": ("({s})*logsumexp(x - s)", "logsumexp(x - t)*({s})"),
    "log of two exponentials": ("({s})*log(exp(s) + exp(2*s))", "log(exp(t) + exp(s))*({s})"),
    "log det": ("({s})*log(det(B*B'))", "log(det(P + ({m})*({m})'))"),
    "Cholesky": ("({s})*logdet(P)", "logdet(P)*({s})"),
    "sigmoid from tanh": ("({s})*(1 + tanh(s))", "({n})'*(1 + tanh({n}))"),
    "tanh from exp": (
        "({s})*(exp(s) - exp(-s))/(exp(s) + exp(-s))",
        "({n})'*((exp(x) - exp(-x)) ./ (exp(x) + exp(-x)))",
    ),
    "tanh from sigmoid": ("({s})*(1 - exp(s))/(1 + exp(s))", "({s})*(1 - exp(t))/(1 + exp(t))"),
    "expm1": ("({s})*(exp(s) - 1)", "({n})'*(exp({n}) - 1)"),
    "1 - sigmoid": ("({s})*(1 - sigmoid(s))", "({n})'*(1 - sigmoid({n}))"),
    "log1p": ("({s})*log(1 + s^2)", "({n})'*log(1 + ({n}).^2)"),
    "solve": ("({s})*v'*inv(B)*x", "({n})'*inv(B)*({n})"),
    "common factor": ("v'*(exp({n}) + sin({n}))", "sum(exp(x) .* ({n}) + sin(x) .* ({n}))"),
}


def rules() -> dict[str, Rule]:
    """Every rewriting rule of the package by name, from wherever it is defined."""
    return {rule.name: rule for rule in _rules()}


def _rules() -> Iterator[Rule]:
    for module in pkgutil.iter_modules(gradwright.simplify.__path__):
        for held in vars(importlib.import_module(f"gradwright.simplify.{module.name}")).values():
            listed = held if isinstance(held, tuple) else (held,)
            yield from (rule for rule in listed if isinstance(rule, Rule))


def operation_forms(name: str) -> tuple[str, ...]:
    """Scalars that use an operation or a function.

    Raises:
        KeyError: it is neither elementwise nor listed.
    """
    record = OPERATIONS.get(name)
    if name in OWN_FORMS:
        return (OWN_FORMS[name],)
    if name in FORMS:
        return FORMS[name]
    if isinstance(record, Elementwise):
        argument = INTO_DOMAIN[record.sample]
        others = ", ".join([argument] * record.arity)
        calls = [f"{name}({others})", *(f"{name}({others}, {o})" for o in _options(record))]
        return tuple(f"({{n}})'*{call}" for call in calls)
    if record is None and FUNCTIONS[name].least == FUNCTIONS[name].most == 1:
        raise KeyError(f"the function {name} needs a form in {__name__}.FORMS")
    raise KeyError(f"the operation {name} needs a form in {__name__}.FORMS")


def _options(record: Elementwise) -> list[str]:
    """Options that differ from what goes without saying, but for an axis."""
    listed = FUNCTIONS[record.name].options if record.name in FUNCTIONS else ()
    known = [option for option in listed if option != "axis"]
    return [f"{option}=0.25" if option != "kink" else "kink=1" for option in known]


def focuses() -> dict[str, tuple[str, ...]]:
    """What is to be hit, and scalars that hit it.

    Raises:
        KeyError: an operation, a function or a rule has no form.
    """
    spelled = [name for name in FUNCTIONS if name not in OPERATIONS]
    found = {f"operation {name}": operation_forms(name) for name in OPERATIONS}
    found |= {f"function {name}": operation_forms(name) for name in spelled}
    missing = sorted(set(rules()) - set(RULE_FORMS))
    if missing:
        raise KeyError(f"the rules {missing} need forms in {__name__}.RULE_FORMS")
    return found | {f"rule {name}": RULE_FORMS[name] for name in rules()}
