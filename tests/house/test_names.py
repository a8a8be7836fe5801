"""What an import costs, and that public names stay what they are whatever is imported."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import gradwright

#: Packages that some part of gradwright uses, and that `import gradwright` must not load.
HEAVY = {"sklearn", "scipy", "torch", "rich", "click", "mpmath", "hypothesis"}


def fresh(code: str) -> list[str]:
    """The words that `code` prints in a new interpreter where warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_is_light() -> None:
    code = "import sys, gradwright; print(*{m.partition('.')[0] for m in sys.modules})"
    assert set(fresh(code)) & HEAVY == set()


def test_no_public_name_is_the_name_of_a_package() -> None:
    modules = {found.name for found in pkgutil.iter_modules(gradwright.__path__)}
    assert set(gradwright.__all__) & modules == set()


def every_module() -> list[str]:
    return sorted(found.name for found in pkgutil.walk_packages(gradwright.__path__, "gradwright."))


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_public_names_stay_callable_after_every_import(order: str) -> None:
    names = every_module()
    if order == "backward":
        names.reverse()
    code = f"""
import importlib
for name in {names!r}:
    importlib.import_module(name)
import gradwright as gw
public = [name for name in gw.__all__ if not name.startswith("__")]
print(*[name for name in public if not callable(getattr(gw, name))])
"""
    assert fresh(code) == []
