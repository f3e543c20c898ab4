"""Public names: every package of the bridge exports what others may import, and importing one name does not load the rest."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module, resources
from pathlib import Path

import pytest

PACKAGES = ["orchestrator_bridge"] + [
    f"orchestrator_bridge.{name}"
    for name in ("chat", "common", "engine", "model", "question", "run", "store", "store.sqlite", "team", "tool")
]
MAIN_NAMES = {"Adapter", "Engine", "Model", "Store", "Team"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_exports_names_of_its_own(package: str) -> None:
    module = import_module(package)
    assert module.__doc__
    for name in module.__all__:
        exported = getattr(module, name)
        if isinstance(exported, type):
            assert exported.__module__.startswith(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Unknown'"):
        import_module(package).Unknown  # noqa: B018


def test_the_main_names_are_exported_by_the_bridge() -> None:
    assert set(import_module("orchestrator_bridge").__all__) >= MAIN_NAMES


@pytest.mark.parametrize("package", ["bot", "adapters", "orchestrator_bridge"])
def test_a_package_has_type_information(package: str) -> None:
    assert (resources.files(package) / "py.typed").is_file()


def test_an_exception_is_imported_without_anything_else() -> None:
    code = (
        "import sys; from orchestrator_bridge import TownhallError;"
        "print(sorted(name for name in sys.modules if name.startswith('orchestrator_bridge')),"
        " sorted({'asyncio', 'pydantic', 'sqlite3'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    packages = [
        "orchestrator_bridge",
        "orchestrator_bridge.common",
        "orchestrator_bridge.common.errors",
        "orchestrator_bridge.common.lazy",
    ]
    assert run.stdout.strip() == f"{packages} []"
