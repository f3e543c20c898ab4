"""Pictures that people attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import BlobStored

_INSERT_PICTURE = "INSERT INTO pictures (picture, body) VALUES (?, ?) ON CONFLICT (picture) DO NOTHING"


def insert_picture(row: BlobStored) -> Statement:
    """The same picture again changes nothing."""
    return Statement(sql=_INSERT_PICTURE, values=(row.picture, row.body))
