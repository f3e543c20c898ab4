"""Queries: pictures, tool results, selected models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.blobs import to_model_selection

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.store.interface import ModelSelection


_SELECTIONS = "SELECT platform, channel, scope, model FROM picks WHERE model <> '' ORDER BY platform, channel, scope"


def list_model_selections(connection: sqlite3.Connection) -> list[ModelSelection]:
    """Selected models of all channels."""
    return [to_model_selection(row) for row in connection.execute(_SELECTIONS)]


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
