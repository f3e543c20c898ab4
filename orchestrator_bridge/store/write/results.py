"""Whole results of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import ToolResultStored

_INSERT_RESULT = "INSERT INTO results (run, use, text) VALUES (?, ?, ?) ON CONFLICT (run, use) DO NOTHING"


def insert_tool_result(row: ToolResultStored) -> Statement:
    """The first result of a use stands."""
    return Statement(sql=_INSERT_RESULT, values=(row.run, row.use, row.text))
