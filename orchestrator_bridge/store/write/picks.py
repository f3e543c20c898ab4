"""Models that people picked for channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import ModelSelected

_UPSERT_SELECTION = """
INSERT INTO picks (platform, channel, scope, model, picked_by, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (platform, channel, scope) DO UPDATE
SET model = excluded.model, picked_by = excluded.picked_by, at = excluded.at
"""


def upsert_model_selection(row: ModelSelected) -> Statement:
    """The newest pick of a scope counts."""
    return Statement(sql=_UPSERT_SELECTION, values=(row.place.platform, row.place.channel, row.scope, row.model, row.by, row.at))
