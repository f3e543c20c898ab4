"""How far our counts of prompts are from what providers report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.ratio import Ratio
from orchestrator_bridge.store.port import TokenCalibration

if TYPE_CHECKING:
    import sqlite3

_ALL = "SELECT model, by, counted, reported, calls FROM counting ORDER BY model, by"


def list_token_calibrations(connection: sqlite3.Connection) -> list[TokenCalibration]:
    """What was learned of every model, by name."""
    return [
        TokenCalibration(
            model=row["model"],
            by=row["by"],
            ratio=Ratio(counted=row["counted"], reported=row["reported"], calls=row["calls"]),
        )
        for row in connection.execute(_ALL).fetchall()
    ]
