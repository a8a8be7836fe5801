"""Importing the package: what it costs, and that public names stay what they are."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import gradwright

#: Packages that some part of gradwright uses, and that `import gradwright` must not load.
HEAVY = ("sklearn", "scipy", "torch", "rich", "click", "mpmath", "hypothesis")


def fresh(code: str) -> str:
    """What `code` prints in a new interpreter that treats warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light() -> None:
    code = "import sys, gradwright; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    assert set(fresh(code).split()) & set(HEAVY) == set()


def modules_of(package: str) -> set[str]:
    return {found.name for found in pkgutil.iter_modules(importlib.import_module(package).__path__)}


def test_no_public_name_is_the_name_of_a_package() -> None:
    assert gradwright.__all__
    assert set(gradwright.__all__) & modules_of("gradwright") == set()


def every_module() -> list[str]:
    return sorted(found.name for found in pkgutil.walk_packages(gradwright.__path__, "gradwright."))


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_public_functions_stay_callable_after_every_import(order: str) -> None:
    names = every_module()
    if order == "backward":
        names.reverse()
    code = f"""
import importlib
for name in {names!r}:
    importlib.import_module(name)
import gradwright as gw
print(*[name for name in gw.__all__ if not name.startswith("__") and not callable(getattr(gw, name))])
"""
    assert fresh(code).split() == []


def test_everything_public_says_what_it_is() -> None:
    silent = [
        name
        for name in gradwright.__all__
        if callable(getattr(gradwright, name)) and not getattr(gradwright, name).__doc__
    ]
    assert silent == []
