"""The table of docs/torch.md: what thirty formulas save, and what autograd saves for the same.

Run `python -m tests.torch.saved_table`. Bytes are those of float64 at the sizes of a sample.
"""

from __future__ import annotations

import numpy as np

from tests.torch.formulas import FORMULAS
from tests.torch.saved_bytes import saved_bytes
from tests.torch.test_autograd_functions import Point


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


if __name__ == "__main__":
    main()
