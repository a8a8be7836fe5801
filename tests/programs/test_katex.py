"""KaTeX, which many pages and notebooks show mathematics with, accepts all LaTeX that is emitted.

In strict mode, so that what it would only warn of is an error too.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.reporting import formula_latex
from gradwright.explain.conventions import NOTATIONS
from gradwright.notation.parser import parse
from gradwright.render.latex import latex
from tests.identities.rows import ROWS, declarations, derive
from tests.programs.installed import NODE

VERSION = "0.16.22"

#: Reads a list of formulas and prints those that are refused, with the reason.
SCRIPT = """
const katex = require("katex");
const refused = [];
for (const text of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  try { katex.renderToString(text, {strict: "error", throwOnError: true, displayMode: true}); }
  catch (error) { refused.push([text, String(error.message)]); }
}
console.log(JSON.stringify(refused));
"""

GOLDEN = Path(__file__).parents[1] / "render" / "golden.txt"

NETWORKS = [
    "3 -> 10 relu -> 6 relu -> 3 softmax",
    "64 -> 30 * 64 sigmoid -> 10 softmax",
    "d -> L * H tanh -> K softmax",
    "2 -> 3 leaky_relu(0.2) no_bias -> 2 tanh -> 2 softmax",
]

#: Formulas with all that a document may hold: cases, a Hessian, products with a vector.
DOCUMENTS = [
    ("max(L*c, c)", "c", "gradient"),
    ("relu(W*x)", "x", "jacobian"),
    ("norm2(x - y)", "x", "hessian"),
    ("A*X*B", "X", "vjp"),
    ("A*X*B", "X", "jvp"),
    ("x'*A*x", "x", "hvp"),
    ("diag(x)*A", "x", "jacobian"),
]


@pytest.fixture(scope="module")
def katex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder with KaTeX in it; without an answer of the registry these are left out."""
    folder = tmp_path_factory.mktemp("katex")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]
    try:
        done = subprocess.run(
            [*install, f"katex@{VERSION}"],
            cwd=folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode != 0:
        pytest.skip(f"npm could not install katex {VERSION}: {done.stderr.decode()[-200:]}")
    (folder / "read.cjs").write_text(SCRIPT, encoding="utf-8")
    return folder


def refused(katex: Path, formulas: list[str]) -> list[list[str]]:
    done = subprocess.run(
        [str(NODE), "read.cjs"],
        cwd=katex,
        input=json.dumps(formulas).encode(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return list(json.loads(done.stdout))


def displays(document: str) -> list[str]:
    """The displayed formulas of a LaTeX document, and its mathematics within text."""
    body = document.partition(r"\begin{document}")[2]
    found = re.findall(r"\\begin\{align\*\}.*?\\end\{align\*\}", body, re.DOTALL)
    found += re.findall(r"\\\[ (.*?) \\\]", body, re.DOTALL)
    return found


def test_the_golden_formulas(katex: Path) -> None:
    blocks = [block.splitlines() for block in GOLDEN.read_text(encoding="utf-8").split("\n\n")]
    formulas = [block[2] for block in blocks if len(block) > 2]
    assert len(formulas) > 30
    assert refused(katex, formulas) == []


def test_the_identities_and_their_answers(katex: Path) -> None:
    formulas = [latex(parse(row["expression"])) for row in ROWS]
    for row in ROWS[::4]:
        formulas.append(derive(row, gw.formula(row["expression"], **declarations(row))).latex())
    assert refused(katex, formulas) == []


@pytest.mark.parametrize("text", NETWORKS)
def test_the_documents_of_networks(text: str, katex: Path) -> None:
    net = gw.Network(text)
    formulas = [part for name in ("", *NOTATIONS) for part in displays(document(net, name))]
    assert len(formulas) >= 5 * len(NOTATIONS)
    assert refused(katex, formulas) == []


def document(net: gw.Network, notation: str) -> str:
    return (net.backprop(notation=notation) if notation else net.backprop()).latex()


def test_the_documents_of_formulas_and_a_trace(katex: Path) -> None:
    """S1.1, X5: cases and numbers."""
    found: list[str] = []
    for text, wrt, kind in DOCUMENTS:
        found += displays(formula_latex(getattr(gw.formula(text), kind)(wrt)))
    net = gw.Network("2 -> 3 sigmoid -> 1 sigmoid", loss="squared_error")
    p = net.init(seed=1)
    trace = net.backprop().trace(p, np.array([[1e-7, -2.0]]), np.array([[0.5]]))
    found += displays(trace.latex())
    assert any("cases" in text for text in found) and any("bmatrix" in text for text in found)
    assert refused(katex, found) == []


def test_a_formula_that_is_wrong_is_noticed(katex: Path) -> None:
    wrong = [r"\frac{a", r"\nothing{x}", "é"]
    assert [text for text, _ in refused(katex, [*wrong, "x"])] == wrong
