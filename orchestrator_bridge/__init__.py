"""Runs of teams of LLM agents and people, and everything that they need, without any chat platform.

The packages below export what other packages may import; the main names are here as well. They are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.common.lazy import lazy_exports

if TYPE_CHECKING:
    from orchestrator_bridge.chat.adapter import Adapter
    from orchestrator_bridge.chat.platform import Platform
    from orchestrator_bridge.common.clock import Clock, SystemClock
    from orchestrator_bridge.common.errors import TownhallError
    from orchestrator_bridge.engine.engine import Engine
    from orchestrator_bridge.model.client import ModelClient
    from orchestrator_bridge.model.interface import Model
    from orchestrator_bridge.store.interface import Lookups, Store
    from orchestrator_bridge.store.sqlite.store import SqliteStore
    from orchestrator_bridge.team.directory import Directory
    from orchestrator_bridge.team.team import Team
    from orchestrator_bridge.tool.toolbox import Toolbox
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "Adapter": "orchestrator_bridge.chat.adapter",
            "Clock": "orchestrator_bridge.common.clock",
            "Directory": "orchestrator_bridge.team.directory",
            "Engine": "orchestrator_bridge.engine.engine",
            "Lookups": "orchestrator_bridge.store.interface",
            "Model": "orchestrator_bridge.model.interface",
            "ModelClient": "orchestrator_bridge.model.client",
            "Platform": "orchestrator_bridge.chat.platform",
            "SqliteStore": "orchestrator_bridge.store.sqlite.store",
            "Store": "orchestrator_bridge.store.interface",
            "SystemClock": "orchestrator_bridge.common.clock",
            "Team": "orchestrator_bridge.team.team",
            "Toolbox": "orchestrator_bridge.tool.toolbox",
            "TownhallError": "orchestrator_bridge.common.errors",
        },
    )

__all__ = [
    "Adapter",
    "Clock",
    "Directory",
    "Engine",
    "Lookups",
    "Model",
    "ModelClient",
    "Platform",
    "SqliteStore",
    "Store",
    "SystemClock",
    "Team",
    "Toolbox",
    "TownhallError",
]
