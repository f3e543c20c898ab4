"""Migrations: an older file is migrated step by step and keeps its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Corrupted, SchemaTooNew, SchemaTooOld, StoreError
from orchestrator_bridge.store.sql.migrations import Migration
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.store import SqliteLookups, SqliteStore
from tests.contract.store_values import guided, question_opened, run_opened
from tests.support.store_files import run_sql, trace

NEXT = len(bundled_migrations()) + 1
# The way in which SQLite changes a table: make it anew, copy, drop, rename.
REBUILD = Migration(
    number=NEXT,
    sql="""
    CREATE TABLE runs_anew (
        run INTEGER PRIMARY KEY, task TEXT NOT NULL, team TEXT NOT NULL, platform TEXT NOT NULL, channel TEXT NOT NULL,
        thread TEXT, started_by TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'running', result TEXT NOT NULL DEFAULT '',
        started_at REAL NOT NULL, ended_at REAL, busy INTEGER NOT NULL DEFAULT 1,
        person TEXT NOT NULL, token TEXT NOT NULL DEFAULT '', outsider TEXT NOT NULL DEFAULT '', wish TEXT NOT NULL DEFAULT '',
        guest INTEGER NOT NULL DEFAULT 0, mood TEXT NOT NULL DEFAULT 'calm'
    ) STRICT;
    INSERT INTO runs_anew SELECT *, 'calm' FROM runs;
    DROP TABLE runs;
    ALTER TABLE runs_anew RENAME TO runs;
    """,
)
NOTE = Migration(number=NEXT + 1, sql="CREATE TABLE notes (text TEXT NOT NULL) STRICT;")
LATER = (*bundled_migrations(), REBUILD, NOTE)


async def _fill(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.append(run=1, events=[guided("kept")], rows=[run_opened(1), question_opened(1, 1)])
    await store.close()


def test_the_shipped_steps_are_numbered_without_a_gap() -> None:
    assert [step.number for step in bundled_migrations()] == list(range(1, NEXT))


async def test_an_older_file_is_migrated_and_keeps_everything(path: Path) -> None:
    await _fill(path)
    store = await SqliteStore.open(path, migrations=LATER)
    assert await store.log(1) == [guided("kept")]
    assert [run.task for run in await store.runs()] == ["task 1"]
    await store.append(rows=[run_opened(2), question_opened(2, 2)])
    await store.close()
    assert run_sql(path, "SELECT run, mood FROM runs") == [(1, "calm"), (2, "calm")]
    assert run_sql(path, "PRAGMA user_version") == [(NEXT + 1,)]


async def test_a_migrated_file_is_too_new_for_the_release_before(path: Path) -> None:
    await (await SqliteStore.open(path, migrations=LATER)).close()
    with pytest.raises(SchemaTooNew, match=f"schema version {NEXT + 1}"):
        await SqliteStore.open(path)


async def test_a_step_that_fails_leaves_the_file_as_the_step_before_made_it(path: Path) -> None:
    await _fill(path)
    broken = Migration(number=NEXT + 1, sql="CREATE TABLE half (a TEXT) STRICT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError, match="nowhere"):
        await SqliteStore.open(path, migrations=(*bundled_migrations(), REBUILD, broken))
    assert run_sql(path, "PRAGMA user_version") == [(NEXT,)]
    assert run_sql(path, "SELECT name FROM sqlite_schema WHERE name = 'half'") == []
    assert run_sql(path, "SELECT run, mood FROM runs") == [(1, "calm")]


async def test_a_step_that_loses_referenced_rows_is_rolled_back(path: Path) -> None:
    await _fill(path)
    careless = Migration(number=NEXT, sql="DELETE FROM runs;")
    with pytest.raises(Corrupted, match="1 rows refer to rows that do not exist"):
        await SqliteStore.open(path, migrations=(*bundled_migrations(), careless))
    assert run_sql(path, "SELECT run FROM runs") == [(1,)]


async def test_look_ups_in_an_older_file_say_so_and_migrate_nothing(path: Path) -> None:
    await _fill(path)
    before = trace(path)
    with pytest.raises(SchemaTooOld, match=rf"schema version {NEXT - 1}.*expected version {NEXT + 1}.*Start the bot once"):
        await SqliteLookups.open(path, migrations=LATER)
    assert trace(path) == before
