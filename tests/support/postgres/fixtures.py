"""Fixtures: one server for all tests of a process, and an empty database for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.support.postgres.server import PostgresServer, running_server

_TABLES = "SELECT string_agg(relname, ', ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server."""
    with running_server() as server:
        yield server


@pytest.fixture
def address(postgres: PostgresServer) -> DatabaseAddress:
    """An empty database."""
    return DatabaseAddress(postgres.create_database())


@pytest.fixture(scope="session")
def one_database(postgres: PostgresServer) -> DatabaseAddress:
    """A database for many tests, each of which empties it first."""
    return DatabaseAddress(postgres.create_database())


@pytest.fixture
def emptied(postgres: PostgresServer, one_database: DatabaseAddress) -> DatabaseAddress:
    """A database whose tables are empty: much quicker than a new one."""
    ((tables,),) = postgres.execute(_TABLES, one_database.url)
    if tables is not None:
        kept = [name for name in tables.split(", ") if name != "townhall_store"]
        postgres.execute(f"TRUNCATE {', '.join(kept)} RESTART IDENTITY", one_database.url)
    return one_database
