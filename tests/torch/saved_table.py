"""The tables of docs/torch.md: what formulas and networks save, and what autograd saves for them.

Run `python -m tests.torch.saved_table`. Bytes are those of float64: of formulas at the sizes of a
sample, of networks for five samples.
"""

from __future__ import annotations

import numpy as np

from tests.torch.formulas import FORMULAS
from tests.torch.saved_bytes import saved_bytes
from tests.torch.test_autograd_functions import Point

#: Networks with their losses; for a list see also `tests.torch.networks`.
NETWORKS = (
    ("4 -> 8 relu -> 3 softmax", "cross_entropy"),
    ("6 -> 7 * 5 relu -> 2 softmax", "cross_entropy"),
    ("4 -> 9 tanh -> 7 tanh -> 3", "squared_error"),
    ("5 -> 8 sigmoid -> 4 sigmoid", "binary_cross_entropy"),
    ("4 -> 8 leaky_relu -> 6 softmax -> 3 softmax", "cross_entropy"),
    ("6 -> 8 no_bias -> 2 tanh", "squared_error"),
)


def networks() -> None:
    """The table of networks."""
    from tests.torch.test_saved_by_networks import Saving

    rng = np.random.default_rng(0)
    print("| network | loss | saved | bytes | autograd |")
    print("|---|---|---|---|---|")
    for text, loss in NETWORKS:
        at = Saving(text, rng, loss=loss)
        names = ", ".join(tensor.name for tensor in at.derived.saved_tensors)
        theirs = at.theirs(text, loss, "rows")
        print(f"| `{text}` | {loss} | {names} | {at.ours} | {theirs} |")


def main() -> None:
    rng = np.random.default_rng(0)
    print("| formula | by | saved | bytes | autograd |")
    print("|---|---|---|---|---|")
    for case in FORMULAS:
        at = Point(case, rng)
        saved = ", ".join(
            f"{tensor.name} ({'×'.join(map(str, tensor.axes))})" if tensor.axes else tensor.name
            for tensor in at.derivation.saved_tensors
        )
        ours = saved_bytes(lambda at=at: at.value(*at.wrt))  # type: ignore[misc]
        theirs = saved_bytes(lambda at=at, case=case: case.theirs(**at.tensors))  # type: ignore[misc]
        by = ", ".join(at.names)
        print(f"| `{case.text}` | {by} | {saved or '—'} | {ours} | {theirs} |")
    print()
    networks()


if __name__ == "__main__":
    main()
