"""The store of an installation: a file in the data folder, or the PostgreSQL database of TOWNHALL_DATABASE."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from orchestrator_bridge.store.interface import Lookups, Store
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from orchestrator_bridge.store.sqlite.store import SqliteLookups, SqliteStore

StoreLocation = Path | DatabaseAddress


def location_name(location: StoreLocation) -> str:
    """The path or the URL, without a password."""
    return str(location) if isinstance(location, Path) else location.name


async def open_store(
    location: StoreLocation, clock: Callable[[], float] = time.time, on_wait: Callable[[str], None] | None = None
) -> Store:
    """Open a store; a new one gets its tables, an older one is migrated.

    With `on_wait`, wait while another process has a database open; the function gets the name of that process.

    Raises:
        InUse: another process has it open.
        StoreError: it cannot be opened.
    """
    if isinstance(location, Path):
        return await SqliteStore.open(location, clock=clock)
    from orchestrator_bridge.store.postgres.store import PostgresStore  # psycopg, which a bot on SQLite does not need

    return await PostgresStore.open(location, clock=clock, on_wait=on_wait)


async def open_lookups(location: StoreLocation) -> Lookups:
    """Open a store for queries, beside a bot that may be running.

    Raises:
        NotFound: there is no store yet.
        StoreError: it cannot be read.
    """
    if isinstance(location, Path):
        return await SqliteLookups.open(location)
    from orchestrator_bridge.store.postgres.store import PostgresLookups

    return await PostgresLookups.open(location)
