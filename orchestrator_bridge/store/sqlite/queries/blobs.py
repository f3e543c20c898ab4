"""Queries and statements: pictures, tool results, selected models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.store.interface import ModelSelection
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.records import BlobStored, ModelSelected, ToolResultStored


_SELECTIONS = "SELECT platform, channel, scope, model FROM picks WHERE model <> '' ORDER BY platform, channel, scope"


def list_model_selections(connection: sqlite3.Connection) -> list[ModelSelection]:
    """Selected models of all channels."""
    return [
        ModelSelection(place=Place(platform=row["platform"], channel=row["channel"]), scope=row["scope"], model=row["model"])
        for row in connection.execute(_SELECTIONS)
    ]


_PICTURE = "SELECT body FROM pictures WHERE picture = ?"


def get_picture(connection: sqlite3.Connection, picture: str) -> bytes | None:
    """Content of a picture; None if it is not stored."""
    row = connection.execute(_PICTURE, (picture,)).fetchone()
    return None if row is None else bytes(row["body"])


_TOOL_RESULT = "SELECT text FROM results WHERE run = ? AND use = ?"


def get_tool_result(connection: sqlite3.Connection, run: int, use: str) -> str | None:
    """Whole result of a tool call; None if it is not stored."""
    row = connection.execute(_TOOL_RESULT, (run, use)).fetchone()
    return None if row is None else str(row["text"])


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
