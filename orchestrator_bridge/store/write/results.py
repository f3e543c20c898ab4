"""Whole results of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import ResultKept

_KEEP = "INSERT INTO results (run, use, text) VALUES (?, ?, ?) ON CONFLICT (run, use) DO NOTHING"


def kept(row: ResultKept) -> Change:
    """The first result of a use stands."""
    return Change(sql=_KEEP, values=(row.run, row.use, row.text))
