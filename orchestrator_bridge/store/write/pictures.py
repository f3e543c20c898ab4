"""Pictures that people attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import PictureKept

_KEEP = "INSERT INTO pictures (picture, body) VALUES (?, ?) ON CONFLICT (picture) DO NOTHING"


def kept(row: PictureKept) -> Change:
    """The same picture again changes nothing."""
    return Change(sql=_KEEP, values=(row.picture, row.body))
