"""Migrations of a database: it is recognised, its tables are created, and the steps of its schema are applied one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator_bridge.store.interface import NotFound, SchemaTooOld, StoreError
from orchestrator_bridge.store.postgres.connection import name_of
from orchestrator_bridge.store.postgres.errors import foreign_database, schema_too_new
from orchestrator_bridge.store.sql.migrations import latest_version, migrations_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator_bridge.store.postgres.connection import Connection
    from orchestrator_bridge.store.sql.migrations import Migration


# One row: the version of the schema, and how often the store has changed hands (see `ownership`).
_MARK = """
CREATE TABLE townhall_store (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  integer NOT NULL,
    epoch    bigint  NOT NULL
)
"""
_IS_OURS = "SELECT to_regclass('townhall_store') IS NOT NULL AS found"
_OTHER_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
ORDER BY relname LIMIT 3
"""


def bundled_migrations() -> tuple[Migration, ...]:
    """Steps of this release, in order."""
    return migrations_of("orchestrator_bridge.store.postgres")


async def read_version(connection: Connection) -> int:
    """Schema version of a database; 0 if it is empty.

    Raises:
        Corrupted: it has tables of another program.
        StoreError: no schema of its search path exists.
    """
    name = name_of(connection)
    if await _value(connection, "SELECT current_schema() AS found") is None:
        fix = "GRANT USAGE ON SCHEMA public TO user, or correct search_path"
        raise StoreError(f"{name} has no schema that this user can use", "a schema in the user's search_path", fix)
    if await _value(connection, _IS_OURS):
        return int(await _value(connection, "SELECT version AS found FROM townhall_store"))
    tables = [row["relname"] for row in await (await connection.execute(_OTHER_TABLES)).fetchall()]
    if tables:
        raise foreign_database(name, f"a database of another program (it has the tables {', '.join(tables)})")
    return 0


async def check_version(connection: Connection, migrations: Sequence[Migration]) -> None:
    """Check that this release can read the database as it is.

    Raises:
        NotFound: it is empty.
        Corrupted: it has tables of another program.
        SchemaTooOld: an older release wrote it, and the bot was not started with this release yet.
        SchemaTooNew: a newer release wrote it.
    """
    version, newest, name = await read_version(connection), latest_version(migrations), name_of(connection)
    if not version:
        fix = "Start the bot first (`townhall run`), or set TOWNHALL_DATABASE to the database that it uses"
        raise NotFound(f"{name} is empty", "the database of a bot", fix)
    if version < newest:
        raise SchemaTooOld(
            f"{name} has schema version {version}, written by an older release of Townhall",
            f"version {newest}",
            "Start the bot once with this release (`townhall run`): it migrates the database and keeps its content",
        )
    if version > newest:
        raise schema_too_new(name, version, newest)


async def migrate(connection: Connection, migrations: Sequence[Migration]) -> None:
    """Apply the steps that are missing, each in a transaction of its own. The caller holds the lock of the store.

    Raises:
        Corrupted: the database has tables of another program.
        SchemaTooNew: a newer release wrote it.
        psycopg.Error: a step fails; the database stays as the step before left it.
    """
    version, newest = await read_version(connection), latest_version(migrations)
    if version > newest:
        raise schema_too_new(name_of(connection), version, newest)
    for step in migrations:
        if step.number > version:
            await _apply_step(connection, step)


async def _apply_step(connection: Connection, step: Migration) -> None:
    async with connection.transaction():
        if not await _value(connection, _IS_OURS):
            await connection.execute(_MARK)
            await connection.execute("INSERT INTO townhall_store (version, epoch) VALUES (0, 0)")
        await connection.execute(step.sql.encode())
        await connection.execute("UPDATE townhall_store SET version = %s", (step.number,))


async def _value(connection: Connection, sql: str) -> Any:
    row = await (await connection.execute(sql.encode())).fetchone()
    assert row is not None
    return row["found"]
