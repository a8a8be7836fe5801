"""Public names stay what they are, whatever is imported and in which order."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import gradwright


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
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_every_public_name_says_what_it_is() -> None:
    assert gradwright.__all__
    public = {name: getattr(gradwright, name) for name in gradwright.__all__}
    assert [name for name, value in public.items() if callable(value) and not value.__doc__] == []
