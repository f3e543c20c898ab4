"""Models that people picked for channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat import Place
from orchestrator_bridge.store.port import ModelSelection

if TYPE_CHECKING:
    import sqlite3

_ALL = "SELECT platform, channel, scope, model FROM picks WHERE model <> '' ORDER BY platform, channel, scope"


def list_model_selections(connection: sqlite3.Connection) -> list[ModelSelection]:
    """The picks that hold, of all channels."""
    return [
        ModelSelection(place=Place(platform=row["platform"], channel=row["channel"]), scope=row["scope"], model=row["model"])
        for row in connection.execute(_ALL)
    ]
