"""What import-linter cannot say: a list of all that an adapter may take from the bridge."""

from __future__ import annotations

import grimp

OPEN_TO_ADAPTERS = {f"orchestrator_bridge.{name}" for name in ("chat", "clock", "menu", "text", "duration")}


def test_adapters_take_only_the_port_and_plain_values_from_the_bridge() -> None:
    graph = grimp.build_graph("adapters", "orchestrator_bridge", cache_dir=None)
    adapters = graph.find_descendants("adapters")
    taken = {(module, one) for module in adapters for one in graph.find_modules_directly_imported_by(module)}
    strange = sorted((module, one) for module, one in taken if not one.startswith("adapters") and one not in OPEN_TO_ADAPTERS)
    assert strange == []
