"""Every exception of the product hangs below one base, and the tree drawn in its docstring is complete."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator_bridge.common.errors import TownhallError

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "adapters", "orchestrator_bridge")
BUILT_IN = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
BASE = TownhallError.__name__


def classes() -> dict[str, tuple[str, list[str]]]:
    """Name of each class -> its package and its base classes, read without importing the modules."""
    found: dict[str, tuple[str, list[str]]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    found[node.name] = (package, [ast.unparse(base).rpartition(".")[2] for base in node.bases])
    return found


def exceptions() -> dict[str, tuple[str, list[str]]]:
    known = classes()

    def ancestors(name: str) -> Iterator[str]:
        for base in known.get(name, ("", []))[1]:
            yield base
            yield from ancestors(base)

    return {
        name: (package, list(ancestors(name))) for name, (package, _) in known.items() if not BUILT_IN.isdisjoint(ancestors(name))
    }


def drawn() -> dict[str, str]:
    """Name of each class of the drawing -> the class that it hangs below."""
    parents: dict[str, str] = {}
    path: list[str] = [BASE]
    for line in (TownhallError.__doc__ or "").splitlines():
        if entry := re.match(r"\s*((?:│   |    )*)[├└]── (\w+)", line.removeprefix("    ")):
            level = len(entry[1]) // 4 + 1
            path[level:] = [entry[2]]
            parents[entry[2]] = path[level - 1]
    return parents


def test_every_exception_descends_from_the_one_base() -> None:
    outside = [name for name, (_, ancestors) in exceptions().items() if name != BASE and BASE not in ancestors]

    assert outside == []


def test_an_exception_of_an_adapter_is_a_delivery_error() -> None:
    loose = [name for name, (where, above) in exceptions().items() if where == "adapters" and "DeliveryError" not in above]

    assert loose == []


def test_the_drawn_tree_is_the_tree() -> None:
    real = {name: above[0] for name, (where, above) in exceptions().items() if where != "adapters" and name != BASE}

    assert drawn() == real
