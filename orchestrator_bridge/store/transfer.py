"""Transfer of a SQLite file into a PostgreSQL database: `townhall migrate-store`.

Both stores have the same tables and columns, so the rows are copied as they are, in one transaction: an interrupted transfer
leaves nothing behind and is started again. The file is kept.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from orchestrator_bridge.store.interface import NotFound, StoreError
from orchestrator_bridge.store.postgres.connection import to_parameters
from orchestrator_bridge.store.postgres.errors import to_store_error
from orchestrator_bridge.store.postgres.migrate import bundled_migrations
from orchestrator_bridge.store.postgres.ownership import Ownership
from orchestrator_bridge.store.postgres.queries.decisions import set_words
from orchestrator_bridge.store.sql.decisions import to_decision
from orchestrator_bridge.store.sqlite import errors as sqlite_errors
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations as sqlite_migrations
from orchestrator_bridge.store.sqlite.open import open_writer, prepare_and_lock

if TYPE_CHECKING:
    from orchestrator_bridge.store.postgres.address import DatabaseAddress
    from orchestrator_bridge.store.postgres.connection import Connection

_PARENTS = ("runs", "questions")
"""The tables to which others refer, in the order in which they are filled."""
_TURNS = ("inbox", "outbox")
"""The tables whose key `turn` the database counts."""
_TABLES = """
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'decision_*' ORDER BY name
"""
"""Without the text index of decisions, which each store has in a form of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """A finished transfer. `rows` are the numbers of rows by table; `already`: an earlier call has made it."""

    rows: Mapping[str, int]
    already: bool


async def transfer(path: Path, address: DatabaseAddress) -> Transfer:
    """Copy the content of a file into an empty database. A second call for the same content changes nothing.

    The file is brought to the schema of this release first, as by a start, and is kept.

    Raises:
        NotFound: there is no file.
        InUse: a bot runs on the file or on the database.
        StoreError: the database has other content, or one of the two cannot be read or written.
    """
    path = await asyncio.to_thread(path.resolve)
    if not path.exists():
        raise NotFound(f"there is no store at {path}", "the file of a bot", "Set TOWNHALL_DATA to the folder that the bot uses")
    with _open_file(path) as file:
        ownership = await Ownership.acquire(address, bundled_migrations())
        try:
            return await _copy(path, file, await ownership.session(), address)
        except psycopg.Error as error:
            raise to_store_error(error, address.name) from error
        finally:
            await ownership.close()


@contextmanager
def _open_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that is locked against bots, with the tables of this release."""
    try:
        lock = prepare_and_lock(path)
        try:
            with closing(open_writer(path, sqlite_migrations())) as file:
                # A text that is not UTF-8 stays unreadable: its run is quarantined by either store.
                file.text_factory = lambda text: text.decode("utf-8", "replace")
                yield file
        finally:
            lock.release()
    except (sqlite3.Error, OSError) as error:
        raise sqlite_errors.to_store_error(error, path) from error


async def _copy(path: Path, file: sqlite3.Connection, database: Connection, address: DatabaseAddress) -> Transfer:
    names = [row["name"] for row in file.execute(_TABLES)]
    tables = [*_PARENTS, *(name for name in names if name not in _PARENTS)]
    rows = {table: int(file.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for table in tables}
    async with database.transaction():
        if await _was_made(path, rows, database, address):
            return Transfer(rows=rows, already=True)
        for table in tables:
            await _copy_table(table, file, database)
        await _index_decisions(file, database)
        for table in _TURNS:
            await database.execute(_CONTINUE_TURNS.format(table=table).encode())
        await _verify(rows, database, address)
        made = json.dumps({"file": str(path), "rows": rows})
        await database.execute("UPDATE townhall_store SET moved_from = %s", (made,))
    return Transfer(rows=rows, already=False)


async def _was_made(path: Path, rows: Mapping[str, int], database: Connection, address: DatabaseAddress) -> bool:
    """True if this content was copied before.

    Raises:
        StoreError: the database has content of another origin, or the file has changed since.
    """
    mark = await (await database.execute("SELECT moved_from FROM townhall_store")).fetchone()
    assert mark is not None
    if mark["moved_from"]:
        made = json.loads(mark["moved_from"])
        if made["rows"] == rows:
            return True
        raise StoreError(
            f"{address.name} was filled from {made['file']} before, and {path} has other content than that",
            "the file as it was moved, or an empty database",
            "The database is in use: continue with it, or move the file into a new one",
        )
    used = [table for table in rows if await _count(table, database)]
    if used:
        raise StoreError(
            f"{address.name} has content already (in {', '.join(used)})",
            "an empty database",
            "Create a new one: CREATE DATABASE name OWNER user. Nothing in this one was changed",
        )
    return False


async def _copy_table(table: str, file: sqlite3.Connection, database: Connection) -> None:
    columns = [row["name"] for row in file.execute(f'PRAGMA table_info("{table}")')]
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)))
    quoted = ", ".join(f'"{column}"' for column in columns)
    async with database.cursor() as cursor, cursor.copy(into) as copy:
        for row in file.execute(f'SELECT {quoted} FROM "{table}"'):
            await copy.write_row(to_parameters(_cells(row)))


async def _index_decisions(file: sqlite3.Connection, database: Connection) -> None:
    for row in file.execute("SELECT * FROM decisions"):
        words = set_words(to_decision(row))
        await database.execute(words.sql.replace("?", "%s").encode(), tuple(words.values))


def _cells(row: sqlite3.Row) -> Sequence[Any]:
    return tuple(row)


_CONTINUE_TURNS = """
SELECT setval(pg_get_serial_sequence('{table}', 'turn'), coalesce(max(turn), 1), max(turn) IS NOT NULL) FROM {table}
"""


async def _verify(rows: Mapping[str, int], database: Connection, address: DatabaseAddress) -> None:
    """Compare the numbers of rows.

    Raises:
        StoreError: they differ; the transaction is rolled back.
    """
    for table, expected in rows.items():
        found = await _count(table, database)
        if found != expected:
            fix = "Nothing was stored. Start the command again, and report this if it happens again"
            raise StoreError(f"{address.name} has {found} rows of {table}", f"{expected}, as in the file", fix)


async def _count(table: str, database: Connection) -> int:
    query = sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(table))
    row = await (await database.execute(query)).fetchone()
    assert row is not None
    return int(row["rows"])
