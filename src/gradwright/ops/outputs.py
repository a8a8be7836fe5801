"""An activation and the loss behind it: what is left of both derivatives after they cancel."""

from __future__ import annotations

from msgspec import Struct

from gradwright.ops.record import IndexCase, IndexProof, ProofLine


class OutputRecord(Struct, frozen=True):
    """The last activation with its loss, for one sample: a and L as functions of z, derived by z.

    `definition` is the loss in notation, a function of the vectors z and y. `facts` are what is
    assumed of y.
    """

    activation: str
    loss: str
    definition: str
    proof: IndexProof
    source: str
    facts: tuple[str, ...] = ()


#: The sum over the classes other than r: 1 - δ[i,r] is 1 where i ≠ r, else 0.
_OTHERS = "(1 - delta[i,r])"

OUTPUTS = (
    OutputRecord(
        activation="softmax",
        loss="cross_entropy",
        definition="-sum(y.*log(softmax(z)))",
        proof=IndexProof(
            definitions=("a[i] = softmax(z)[i]", "L = -sum[i](y[i]*log(a[i]))"),
            left="∂L/∂z[r]",
            cases=(
                IndexCase(
                    ("r",),
                    (
                        ProofLine(
                            "sum[i](-y[i]/a[i]*(delta[i,r]*a[r] - a[i]*a[r]))",
                            "chain rule: ∂L/∂a[i] = −y[i]/a[i], and ∂a[i]/∂z[r] of softmax",
                        ),
                        ProofLine(
                            f"sum[i]({_OTHERS}*(-y[i]/a[i])*(-a[r]*a[i]))"
                            " + (-y[r]/a[r])*a[r]*(1 - a[r])",
                            "the terms i ≠ r, where 1 − δ[i,r] = 1, and the term i = r",
                        ),
                        ProofLine(
                            f"sum[i]({_OTHERS}*y[i]*a[r]) - y[r] + y[r]*a[r]",
                            "cancel a[i] and a[r]",
                        ),
                        ProofLine(
                            f"a[r]*sum[i]({_OTHERS}*y[i]) - y[r] + y[r]*a[r]",
                            "a[r] does not depend on i",
                        ),
                        ProofLine(
                            f"-y[r] + a[r]*(sum[i]({_OTHERS}*y[i]) + y[r])",
                            "take out a[r]: the other classes and the class r",
                        ),
                        ProofLine("a[r]*sum[i](y[i]) - y[r]", "the sum over all classes"),
                        ProofLine("a[r] - y[r]", "the entries of y sum to 1"),
                    ),
                ),
            ),
        ),
        source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.109",
        facts=("sum1",),
    ),
    OutputRecord(
        activation="sigmoid",
        loss="binary_cross_entropy",
        definition="-sum(y.*log(sigmoid(z)) + (1 - y).*log(1 - sigmoid(z)))",
        proof=IndexProof(
            definitions=(
                "a[i] = sigmoid(z[i])",
                "L = -sum[i](y[i]*log(a[i]) + (1 - y[i])*log(1 - a[i]))",
            ),
            left="∂L/∂z[r]",
            cases=(
                IndexCase(
                    ("r",),
                    (
                        ProofLine(
                            "sum[i]((-y[i]/a[i] + (1 - y[i])/(1 - a[i]))"
                            "*a[i]*(1 - a[i])*delta[i,r])",
                            "chain rule; ∂a[i]/∂z[r] = a[i] (1 − a[i]) δ[i,r]",
                        ),
                        ProofLine(
                            "(-y[r]/a[r] + (1 - y[r])/(1 - a[r]))*a[r]*(1 - a[r])",
                            "only i = r remains of the sum",
                        ),
                        ProofLine("-y[r]*(1 - a[r]) + (1 - y[r])*a[r]", "multiply out and cancel"),
                        ProofLine("a[r] - y[r]", "y[r] a[r] cancels"),
                    ),
                ),
            ),
        ),
        source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.91",
    ),
)


def output_record(activation: str, loss: str) -> OutputRecord | None:
    """What is known of an activation with the loss behind it."""
    return next((r for r in OUTPUTS if (r.activation, r.loss) == (activation, loss)), None)
