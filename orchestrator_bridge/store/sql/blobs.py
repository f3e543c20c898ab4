"""Pictures, tool results and selected models: statements, and rows as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.store.interface import ModelSelection
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from orchestrator_bridge.run.records import BlobStored, ModelSelected, ToolResultStored


def to_model_selection(row: Row) -> ModelSelection:
    """A selected model."""
    return ModelSelection(place=Place(platform=row["platform"], channel=row["channel"]), scope=row["scope"], model=row["model"])


_INSERT_PICTURE = "INSERT INTO pictures (picture, body) VALUES (?, ?) ON CONFLICT (picture) DO NOTHING"


def insert_picture(row: BlobStored) -> Statement:
    """Store a picture; the same one again changes nothing."""
    return Statement(sql=_INSERT_PICTURE, values=(row.picture, row.body))


_INSERT_RESULT = "INSERT INTO results (run, use, text) VALUES (?, ?, ?) ON CONFLICT (run, use) DO NOTHING"


def insert_tool_result(row: ToolResultStored) -> Statement:
    """Store the result of a tool call; a second one for the same call changes nothing."""
    return Statement(sql=_INSERT_RESULT, values=(row.run, row.use, row.text))


_UPSERT_SELECTION = """
INSERT INTO picks (platform, channel, scope, model, picked_by, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (platform, channel, scope) DO UPDATE
SET model = excluded.model, picked_by = excluded.picked_by, at = excluded.at
"""


def upsert_model_selection(row: ModelSelected) -> Statement:
    """Select a model for a scope, in place of an earlier selection."""
    return Statement(sql=_UPSERT_SELECTION, values=(row.place.platform, row.place.channel, row.scope, row.model, row.by, row.at))
