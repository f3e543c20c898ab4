"""SQLite implementation of the store."""

from __future__ import annotations

from orchestrator_bridge.store.sqlite.store import (
    SqliteLookups,
    SqliteStore,
)

__all__ = [
    "SqliteLookups",
    "SqliteStore",
]
