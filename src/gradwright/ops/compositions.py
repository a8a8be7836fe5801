"""Operations of the literature that are formulas in others: they are written out when read.

Each has its formula in notation and the proof of the derivative by each argument in the direction
of a cotangent G, the gradient of sum(G .* f): lines from the product and chain rules to the form
that papers print. `parts` are names that the formula and the proofs use, in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gradwright.ops.record import ProofLine


class Composition(Struct, frozen=True):
    """A formula under a name; `kinds` are declarations of its arguments, for tests and examples.

    An option belongs to the operation of the same name inside the formula.
    """

    name: str
    kinds: Mapping[str, str]
    formula: str
    source: str
    parts: tuple[tuple[str, str], ...] = ()
    proofs: Mapping[str, tuple[ProofLine, ...]] = {}

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its arguments, in order."""
        return tuple(self.kinds)

    @property
    def usage(self) -> str:
        """How it is called."""
        return f"{self.name}({', '.join(self.parameters)})"


def _attention(mask: str) -> Mapping[str, tuple[ProofLine, ...]]:
    """The derivatives of attention, P = softmax(S), from dP = G*V' to dS, dQ and dK."""
    into_s = (
        ProofLine(
            "P .* (G*V' - sum(P .* (G*V'), axis=1))",
            "∂f/∂P = G*V'; softmax of each row pulls it back: dS = P .* (dP - rowsum(P .* dP))",
        ),
        ProofLine(
            "P .* (G*V' - sum(G .* (P*V), axis=1))",
            "a row of P .* (G*V') sums to that of G .* (P*V)",
        ),
    )
    found = {
        "V": (ProofLine("P'*G", "P does not depend on V"),),
        "Q": tuple(
            ProofLine(f"({line.expression})*K/sqrt(columns(K))", line.rule) for line in into_s
        ),
        "K": tuple(
            ProofLine(f"({line.expression})'*Q/sqrt(columns(K))", line.rule) for line in into_s
        ),
    }
    return found | ({mask: into_s} if mask else {})


_MATRICES = {"Q": "matrix n k", "K": "matrix m k", "V": "matrix m d"}
_VASWANI = "Vaswani et al., Attention Is All You Need, NIPS 2017, eq. 1; the way back as in "
_DAO = "Dao et al., FlashAttention, NeurIPS 2022, appendix B.2"

RECORDS = (
    Composition(
        "log_softmax",
        {"z": "vector n"},
        "z - logsumexp(z)",
        "Goodfellow, Bengio and Courville, Deep Learning (2016), eq. 6.30",
        proofs={"z": (ProofLine("G - sum(G)*softmax(z)", "the gradient of logsumexp is softmax"),)},
    ),
    Composition(
        "log_sigmoid",
        {"z": "vector n"},
        "-softplus(-z)",
        "log(1/(1 + exp(-z))) = -log(1 + exp(-z))",
        proofs={"z": (ProofLine("G .* sigmoid(-z)", "chain rule; softplus' = sigmoid"),)},
    ),
    Composition(
        "softmax_cross_entropy",
        {"z": "vector n", "y": "vector n"},
        "-sum(y .* (z - logsumexp(z)))",
        "Bishop (2006), eq. 4.108 with 4.109: -Σ y log softmax(z)",
        proofs={
            "z": (ProofLine("G*(sum(y)*softmax(z) - y)", "the gradient of logsumexp is softmax"),),
            "y": (ProofLine("G*(logsumexp(z) - z)", "linear in y"),),
        },
    ),
    Composition(
        "sigmoid_cross_entropy",
        {"z": "vector n", "y": "vector n"},
        "sum(softplus(z) - y .* z)",
        "Bishop (2006), eq. 4.90: -Σ (y log σ(z) + (1 - y) log(1 - σ(z)))",
        proofs={
            "z": (ProofLine("G*(sigmoid(z) - y)", "softplus' = sigmoid"),),
            "y": (ProofLine("-G*z", "linear in y"),),
        },
    ),
    Composition(
        "swiglu",
        {"u": "vector n", "v": "vector n"},
        "silu(u) .* v",
        "Shazeer, GLU Variants Improve Transformer (2020), eq. 6, with u = W*x and v = V*x",
        proofs={
            "u": (ProofLine("G .* v .* (sigmoid(u) + silu(u) .* (1 - sigmoid(u)))", "silu' of u"),),
            "v": (ProofLine("G .* silu(u)", "linear in v"),),
        },
    ),
    Composition(
        "attention",
        _MATRICES,
        "P*V",
        f"{_VASWANI}{_DAO}",
        parts=(("S", "Q*K'/sqrt(columns(K))"), ("P", "softmax(S)")),
        proofs=_attention(""),
    ),
    Composition(
        "attention",
        {**_MATRICES, "M": "matrix n m"},
        "P*V",
        f"{_VASWANI}{_DAO}; M is added to the scores",
        parts=(("S", "Q*K'/sqrt(columns(K)) + M"), ("P", "softmax(S)")),
        proofs=_attention("M"),
    ),
    Composition(
        "layernorm",
        {"x": "vector n", "gamma": "vector n", "beta": "vector n"},
        "gamma .* layernorm(x) + beta",
        "Ba, Kiros and Hinton, Layer Normalization (2016), eq. 4 with gain and bias",
        proofs={
            "x": (
                ProofLine(
                    "(gamma .* G - mean(gamma .* G)"
                    " - mean(gamma .* G .* layernorm(x))*layernorm(x))/std(x, eps=0.00001)",
                    "the Jacobian of layernorm is symmetric",
                ),
            ),
            "gamma": (ProofLine("G .* layernorm(x)", "linear in gamma"),),
            "beta": (ProofLine("G", "linear in beta"),),
        },
    ),
    Composition(
        "rmsnorm",
        {"x": "vector n", "gamma": "vector n"},
        "gamma .* rmsnorm(x)",
        "Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, eq. 4",
        proofs={
            "x": (
                ProofLine(
                    "(gamma .* G - mean(gamma .* G .* rmsnorm(x))*rmsnorm(x))/rms(x, eps=0.000001)",
                    "the Jacobian of rmsnorm is symmetric",
                ),
            ),
            "gamma": (ProofLine("G .* rmsnorm(x)", "linear in gamma"),),
        },
    ),
    Composition(
        "batchnorm",
        {"X": "matrix m n", "gamma": "row n", "beta": "row n"},
        "gamma .* batchnorm(X) + beta",
        "Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithm 1 and the equations after it",
        proofs={
            "X": (
                ProofLine(
                    "gamma .* (G - mean(G, axis=0)"
                    " - mean(G .* batchnorm(X), axis=0) .* batchnorm(X))"
                    " ./ std(X, axis=0, eps=0.00001)",
                    "layernorm along each column; gamma is constant there",
                ),
            ),
            "gamma": (ProofLine("sum(G .* batchnorm(X), axis=0)", "a row for every sample"),),
            "beta": (ProofLine("sum(G, axis=0)", "a row for every sample"),),
        },
    ),
)

#: By name and number of arguments.
COMPOSITIONS: Mapping[tuple[str, int], Composition] = {
    (record.name, len(record.kinds)): record for record in RECORDS
}
#: What to write for each name.
USAGES: Mapping[str, str] = {
    name: " or ".join(record.usage for (other, _), record in COMPOSITIONS.items() if other == name)
    for name, _ in COMPOSITIONS
}
