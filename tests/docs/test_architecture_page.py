"""docs/architecture.md names files, functions and folders that exist, and every folder."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.page import ROOT, table

PAGE = "docs/architecture.md"
ROUTE = table(PAGE, "From a reply on Discord to the next model request").rows


@pytest.mark.parametrize("row", ROUTE, ids=lambda row: row["name"])
def test_each_step_of_the_route_names_code_that_exists(row: dict[str, str]) -> None:
    body = ast.parse((ROOT / row["file"]).read_text(encoding="utf-8")).body
    for part in row["name"].split("."):
        found = [
            node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
        ]
        assert found, f"{row['file']} has no {row['name']}"
        body = found[0].body


def test_the_page_lists_every_folder_of_the_packages() -> None:
    listed = {name for row in table(PAGE, "Folders").rows for name in re.findall(r"[\w/]+", row["folder"])}
    folders = [
        folder
        for package in ("bot", "adapters", "orchestrator_bridge")
        for folder in sorted((ROOT / package).iterdir())
        if (folder / "__init__.py").exists()
    ]
    assert [str(folder.relative_to(ROOT)) for folder in folders if str(folder.relative_to(ROOT)) not in listed] == []


def test_the_bridges_layers_are_those_that_import_linter_checks() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"engine", "store", "run", "question", "team", "model | tool | chat", "common"' in settings
