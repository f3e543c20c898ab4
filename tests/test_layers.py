"""Import rules that import-linter cannot express: the exact list of the bridge's packages that an adapter may import."""

from __future__ import annotations

import re
from pathlib import Path

import grimp

OPEN_TO_ADAPTERS = ("orchestrator_bridge.chat", "orchestrator_bridge.common")


def test_adapters_import_only_chat_and_common_of_the_bridge() -> None:
    graph = grimp.build_graph("adapters", "orchestrator_bridge", cache_dir=None)
    adapters = graph.find_descendants("adapters")
    imported = {(module, target) for module in adapters for target in graph.find_modules_directly_imported_by(module)}
    assert sorted(pair for pair in imported if not pair[1].startswith(("adapters", *OPEN_TO_ADAPTERS))) == []


def test_the_bridge_names_no_platform() -> None:
    root = Path(__file__).parents[1] / "orchestrator_bridge"
    named = [path for path in root.rglob("*.py") if re.search("discord|slack", path.read_text(encoding="utf-8"), re.IGNORECASE)]
    assert named == []
