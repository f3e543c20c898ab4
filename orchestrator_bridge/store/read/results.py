"""Whole results of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_TEXT = "SELECT text FROM results WHERE run = ? AND use = ?"


def get_tool_result(connection: sqlite3.Connection, run: int, use: str) -> str | None:
    """The whole result of a use; None if it is not kept."""
    row = connection.execute(_TEXT, (run, use)).fetchone()
    return None if row is None else str(row["text"])
