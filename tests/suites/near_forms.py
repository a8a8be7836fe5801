"""Formulas that rules must leave alone, and conditions of rules that change no value.

The suite of conditions tries every rule on every part of these formulas.
"""

from __future__ import annotations

#: A tensor with two axes of n and one of m places.
CUBE = "exp(array[e,f,g](x[e]*v[f]*y[g]))"

#: Where a rule would change a value that it must not: what is missed is named on the right.
NEAR_FORMS = (
    "sum(Q.^3)*s",  # Σ Q² = 1 holds for squares
    "sum((Q.^2)*x)",
    "det(Q)^3*s",  # det(Q) may be -1
    "det(B)^2*s",
    "sum(softmax(Q).^2)",
    "logdet(Q)^2*s",
    "x'*(softmax(D)*E)*v",  # not diagonal
    "x'*(inv(D)*E)*v",
    "sum(abs(-2*u))",  # not positive
    "sum(step(diag(u)))",
    "sum(abs(u.*y))",
    "sum(relu(u.*y))",
    "sum(log((y - 9).*(y - 8)))",  # a product that is positive, of negative factors
    "log(exp(x)'*exp(v))",  # a sum inside the logarithm
    "sum((x + v).^2.5)",
    "sum(((4 + x.^2) + exp(v)).^2.5)",
    "sum(1 ./ (eye(n) + exp(B)))",  # an identity is no matrix of ones
    "sum(log(eye(n) + exp(B)))",
    "s/(2 + 2*exp(s))",
    "s*log(2 + 2*exp(s))",
    "sum((eye(n) - sigmoid(-B)).*S)",
    "s*(1/2 - sigmoid(-s)/2)",
    "s*sigmoid(-s)*(1/2 - sigmoid(-s)/2)",
    "sum(sigmoid(-x).*(sigmoid(-x) - 1))",
    "sum(sigmoid(exp(x).*v).*sigmoid(-(exp(x).*v)))",
    "sum(sigmoid(exp(y).*h1).*(1 - sigmoid(exp(y).*h1)))",
    "s*sigmoid(h1'*y)*(1 - sigmoid(h1'*y))",
    "sum(log(sum(exp(A), axis=1)))",  # one axis of two
    "log(u'*exp(A)*exp(x))",
    "log(tr(exp(B)))",
    "sum(exp(B)./sum(exp(B), axis=1))",
    "sum(exp(B)./sum(exp(B), axis=1)')",
    "v'*softmax(2*x + 3*v)",
    "s*logsumexp(2*x + 3*v)",
    "sum(softmax(B + eye(n)).*S)",
    "sum(logsumexp(B + eye(n), axis=1))",
    "x'*inv(diag(diag(B*S)))*v",
    "x'*inv(diag(diag(B))*S)*v",
    "v'*inv(A'*A + eye(n))*x",
    "y'*inv(A*A')*u",
    "x'*inv(B + (x.*v)*x')*x",
    "x'*inv(B + diag(x.*v))*x",
    "v'*inv(B + diag(x.*v))*v",
    "s*det(B'.*S)",
    "s*det(2*B')",
    "s*det(diag(B'*ones(n)))",
    "v'*inv(2*B')*x",
    "sum(b1.^(-1))",
    "sum((2 + b1).^(-1).*b1.^(-2))",
    "sum(relu(x).*step(v))",
    "sum(sinh(x)./cosh(v))",
    "sum(log(-(sigmoid(x) - 1).*exp(v)))",
    "log(logsumexp(x))",
    "s*(exp(s) - exp(-s))/(exp(t) + exp(-t))",
    "v'*((1 - exp(x))*sigmoid(-x)')*v",
    "sum((inv(B)*inv(S + 9*eye(n))).*S)",
    "sum((inv(B)*S).*S)",
    "s*logdet(S)",
    "s*logdet(B)",
    "x'*(E*softmax(D))*v",
    "x'*(softmax(E)*D)*v",
    "x'*(D*softmax(E))*v",
    f"sum(exp(log(array[i,j](delta[i,j]*sum[k]({CUBE}[i,i,k])))))",
    f"log(sum[i,k]({CUBE}[i,i,k]))",
    "log(sum(exp(A).*(u*exp(v)')))",
    "log(sum(exp(A).*sigmoid(A)))",
    "v'*softmax(x.*v + v)",
    "s*logsumexp(x.*v + v)",
    "x'*inv(diag(diag(S))*B)*v",
    "x'*inv(diag(diag(Q))*B)*v",
    "s*det(B'.*Q)",
    "s*det(Q'.*B)",
    "s*det(B'.*exp(S))",
    "s*det(B'.*cosh(S))",
    "s*det(ones(n)*diag(B)')",
    "sum(log(-(sigmoid(x) - 1).*softmax(v)))",
    "sum(log(-(sigmoid(x) - 1).*cosh(v)))",
    "sum(log(-(sigmoid(v) - 1).*cosh(x)))",
    "tr(inv(B)*inv(S + 9*eye(n)))",
    "tr(inv(S + 9*eye(n))*inv(B))",
    f"sum(tanh(array[i](sum[k,a,b](inv(B)[i,k]*{CUBE}[k,a,b]))))",
)

_NARROWS = "the type is known by then; the test tells it to the type checker"
_FEWER = "without it the rule fits nothing, or less"
_HOLDS = "the identity holds there as well; the rule only leaves it alone"
_BOUND = "it bounds the work"
_COUNTED = "a label that stands elsewhere too is counted: the number of times is another one"
_DIAGONAL = "on a diagonal the indices are equal, and a factor may stand at either"
_DIVIDED = "equal numbers in front of all terms stand in front of the sum"
_ORDER = "it chooses one of two equal forms"

#: Conditions that may be left out without changing a value, and why.
EQUIVALENT = {
    "_orthonormal: at[0] != at[1]": _COUNTED,
    "_orthonormal: at[axis] not in node.out": _COUNTED,
    "_turned_inverse: isinstance(node, Power) and node.exponent.numerator % 2 == 0": _FEWER,
    "_turned_inverse: node.arguments": "an operation has an argument",
    "_one_plus_exp: one != 1": _DIVIDED,
    "_one_minus_sigmoid: abs(c) == 1": _DIVIDED,
    "_commuted: one >= two": _ORDER,
    "_commuted: left is right": _ORDER,
    "_commuted: often(node, middle) != 2": _DIAGONAL,
    "_commuted: a == middle": _DIAGONAL,
    "_commuted: b == middle": _DIAGONAL,
    "_commuted: graph.scale(scale, made).key < graph.scale(scale, node).key": _ORDER,
    "_above_zero: isinstance(node, Power)": _NARROWS,
    "_logs: len(inner.factors) < 2": _HOLDS,
    "_logs: inner.coefficient != 1": "log(1) is 0",
    "_expand_quotients: len(node.factors) < 2": _HOLDS,
    "_expand_quotients: any((_has_negative_power(t) for _, t in factor.terms))": _HOLDS,
    "_has_negative_power: node.exponent < 0": _HOLDS,
    "_distribute: len(base.terms) ** power > MAX_TERMS": _BOUND,
    "_distribute: power > 1": "a power of 0 is a factor of ones",
    "_expand: len(base.terms) ** int(node.exponent) > MAX_TERMS": _BOUND,
    "_expand_product: node.factors": "without factors nothing is distributed",
    "_expand_product: quotients is not None": _FEWER,
    "_one_plus_exp: isinstance(ones, Product)": _NARROWS,
    "_one_plus_exp: isinstance(exponential, Function)": _NARROWS,
    "_complement: _is_negative(found[1])": _HOLDS,
    "_is_negative: node.coefficient < 0": _HOLDS,
    "_even_slope: plain is argument and (not opposite)": _HOLDS,
    "_without_signs: not isinstance(node, Product) or len(set(node.out)) < len(node.out)": _FEWER,
    "_without_signs: not signs and coefficient == node.coefficient or len(signs) == "
    "len(node.factors)": _FEWER,
    "_sum_of_exponentials: len(summed) != 1": "the number of axes says the same",
    "_sum_of_exponentials: set(node.out) - set(labels)": "the number of axes says the same",
    "_sum_of_exponentials: len(node.out) != len(labels) - 1": "one label is summed: the same",
    "_sum_of_exponentials: label not in node.out": _FEWER,
    "_softmax: bottom.exponent <= -1": _HOLDS,
    "_softmax: bottom.exponent.denominator != 1": _HOLDS,
    "_shifted_softmax: isinstance(node, Operation)": _NARROWS,
    "_shifted_logsumexp: isinstance(node, Operation)": _NARROWS,
    "_shifted: shift": "a shift of 0",
    "_shifted: kept": "what is left is 0 everywhere",
    "_common_factor: common": "with no factor the sum is itself",
    "_without: x in held or product.out.count(x) > 1": "the sum keeps more of its axes",
    "_placed_factors: product.out.count(x) == 1": _DIAGONAL,
    "_square_chain: len(node.out) != 2": "what is inverted is a matrix",
    "_square_chain: turned": _FEWER,
    "_sherman_morrison: two == one": "an inverse is no vector",
    "_sherman_morrison: shared in node.out": _COUNTED,
    "_changed_by_outer: base.facts & INVERTIBLE": "it holds where A has an inverse, which the "
    "facts say",
    "_one_fraction: len(node.terms) > MAX_TERMS": _BOUND,
    "_one_fraction: _terms(top) > 1": _HOLDS,
    "_over_one_denominator: len(node.terms) > MAX_TERMS": _BOUND,
    "_denominators: len(set(term.out)) < len(term.out)": _DIAGONAL,
    "_denominators: factor.exponent > -1": _HOLDS,
    "_one_fraction: m == k": "a term and its own denominator never become one term",
    "_inverse_pairs: one == two": "an inverse is not its own argument",
    "_pair: any((name == 'kink' and value for name, value in base.options))": "relu(0) is 0",
    "_pair: power == -1": "the exponents are compared below",
    "_quotient: tanh is not None": _FEWER,
    "_merge_diagonals: node.order == 2": "a diagonal has two axes",
    "_merge_diagonals: isinstance(t, Product)": _NARROWS,
    "_turned_argument: inner is None": "nothing has no factor that is turned",
    "_called: isinstance(node, Function)": _NARROWS,
    "_is_one: node.coefficient != 1": "in a sum the number is the coefficient of the term",
    "_tanh: node.coefficient < 0": "tanh is odd",
    "_tanh: negative": "tanh is odd",
    "_log1p: c == 1 and _is_one(term)": _FEWER,
    "_solvable: len(set(labels)) < 2": _COUNTED,
    "_solvable: len(set(others)) == right.order": _COUNTED,
    "_solvable: right.operation == 'inv'": _ORDER,
}
