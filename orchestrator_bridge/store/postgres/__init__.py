"""PostgreSQL implementation of the store. psycopg is imported with `store`, so that a bot on SQLite never loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.common.lazy import lazy_exports

if TYPE_CHECKING:
    from orchestrator_bridge.store.postgres.address import DatabaseAddress
    from orchestrator_bridge.store.postgres.store import PostgresLookups, PostgresStore
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "DatabaseAddress": "orchestrator_bridge.store.postgres.address",
            "PostgresLookups": "orchestrator_bridge.store.postgres.store",
            "PostgresStore": "orchestrator_bridge.store.postgres.store",
        },
    )

__all__ = [
    "DatabaseAddress",
    "PostgresLookups",
    "PostgresStore",
]
