"""Whatever a user can reach from a public name says what it is."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any

import pytest

import gradwright

#: What a class has of methods and properties, and where each keeps its function.
KEPT_BY = {property: "fget", cached_property: "func", classmethod: "__func__"}


def classes_of_the_package() -> dict[str, list[type]]:
    """All classes by name; annotations are text here, and name them so."""
    found: dict[str, list[type]] = {}
    for module in pkgutil.walk_packages(gradwright.__path__, "gradwright."):
        for value in vars(import_module(module.name)).values():
            if inspect.isclass(value) and value.__module__ == module.name:
                found.setdefault(value.__name__, []).append(value)
    return found


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """The functions behind the public methods and properties of a class."""
    for name, value in vars(owner).items():
        kept = next((KEPT_BY[kind] for kind in KEPT_BY if isinstance(value, kind)), None)
        function = value if kept is None else getattr(value, kept)
        if inspect.isfunction(function) and not name.startswith("_"):
            yield name, function


def undocumented(public: dict[str, Any], known: dict[str, list[type]]) -> list[str]:
    """What has no docstring: functions, classes, what they return, their fields and members."""
    missing, seen = [], set()
    waiting = list(public.items())
    while waiting:
        name, value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        # A class without a docstring of its own has that of the one above it, or of msgspec.
        if not value.__doc__ or value.__doc__.startswith(f"{name}("):
            missing.append(name)
        leads = dict(getattr(value, "__annotations__", {}))
        if inspect.isclass(value):
            waiting += [(b.__name__, b) for b in value.__bases__ if b in known.get(b.__name__, ())]
            waiting += [(f"{name}.{member}", function) for member, function in members(value)]
        else:
            leads = {"return": leads.get("return", "")}
        shown = " ".join(str(a) for field, a in leads.items() if not field.startswith("_"))
        for word in set(re.findall(r"[A-Z]\w+", shown)):
            waiting += [(word, made) for made in known.get(word, ())]
    return missing


@pytest.fixture(scope="module")
def known() -> dict[str, list[type]]:
    return classes_of_the_package()


def test_everything_that_can_be_reached_has_a_docstring(known: dict[str, list[type]]) -> None:
    public = {name: getattr(gradwright, name) for name in gradwright.__all__}
    assert undocumented(public, known) == []


def test_what_has_none_is_found_behind_what_has_one(known: dict[str, list[type]]) -> None:
    class Result:
        @property
        def silent(self) -> int:
            return 0

        @cached_property
        def told(self) -> int:
            """A number."""
            return 0

        def _private(self) -> None: ...

    def asked() -> tuple[Result, ...]:
        """Results."""
        return ()

    planted = undocumented({"asked": asked}, known | {"Result": [Result]})
    assert sorted(planted) == ["Result", "Result.silent"]
