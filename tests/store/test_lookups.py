"""Read-only look-ups beside a bot change nothing on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Corrupted, Lookups, NotFound, SchemaTooNew, StoreError
from orchestrator_bridge.store.sql.migrations import latest_version
from orchestrator_bridge.store.sql.records import to_statement
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import open_writer
from orchestrator_bridge.store.sqlite.queries import runs
from orchestrator_bridge.store.sqlite.readonly import query_file
from orchestrator_bridge.store.sqlite.store import SqliteLookups, SqliteStore
from orchestrator_bridge.store.sqlite.writer import commit
from tests.contract.store_values import booked, guided, question_opened, run_opened
from tests.support.store_files import permit, run_sql, trace, write
from tests.support.store_process import RUNS, StoreProcess, start_store_process


async def drained(process: StoreProcess) -> None:
    """The writing process has written everything."""
    for _ in RUNS:
        assert await process.line()


async def test_look_ups_see_committed_writes_of_the_running_bot(path: Path, store: SqliteStore) -> None:
    lookups: Lookups = await SqliteLookups.open(path)
    for position in range(5):
        await store.append(run=1, after=position, events=[guided(str(position))])
        assert await lookups.log(1) == await store.log(1)
    await store.append(rows=[run_opened(1), question_opened(1, 1), booked(1, "a", "0.5")])
    assert await lookups.runs() == await store.runs()
    assert await lookups.questions() == await store.questions()
    assert await lookups.question(1) == await store.question(1)
    assert await lookups.costs() == await store.costs()
    await lookups.close()


async def test_beside_a_running_bot_and_after_its_kill_nothing_is_written(path: Path) -> None:
    async with start_store_process(path, count=1) as bot:
        await drained(bot)
        await _look_without_a_trace(path)
        await bot.kill()
        await _look_without_a_trace(path)


async def _look_without_a_trace(path: Path) -> None:
    before = trace(path)
    assert f"{path.name}-wal" in before
    lookups = await SqliteLookups.open(path)
    assert await lookups.log(1) == [guided("1 0")]
    assert trace(path) == before


async def test_after_a_clean_stop_no_file_is_created(path: Path, store: SqliteStore) -> None:
    await store.append(run=1, events=[guided("one")])
    await store.close()
    before = trace(path)
    lookups = await SqliteLookups.open(path)
    assert await lookups.log(1) == [guided("one")]
    await lookups.close()
    assert trace(path) == before


async def test_look_ups_work_across_the_bots_stop_and_next_start(path: Path, store: SqliteStore) -> None:
    lookups = await SqliteLookups.open(path)
    await store.append(run=1, events=[guided("one")])
    await store.close()
    assert len(await lookups.log(1)) == 1
    again = await SqliteStore.open(path)
    await again.append(run=1, after=1, events=[guided("two")])
    assert len(await lookups.log(1)) == 2
    await again.close()
    assert len(await lookups.log(1)) == 2


def test_a_query_disturbed_by_a_starting_bot_is_repeated(path: Path) -> None:
    with closing(open_writer(path, bundled_migrations())) as bot:
        commit([(to_statement(run_opened(1), 1.0),)], bot)
    looks: list[int] = []

    def look(connection: sqlite3.Connection) -> int:
        looks.append(runs.list_runs(connection, limit=1, status=None)[0].run)
        if len(looks) == 1:
            with closing(open_writer(path, bundled_migrations())) as bot:
                commit([(to_statement(run_opened(2), 1.0),)], bot)
        return looks[-1]

    assert query_file(path, latest_version(bundled_migrations()), look) == 2
    assert looks == [1, 2]


async def test_a_missing_file_is_reported_and_not_created(path: Path) -> None:
    with pytest.raises(NotFound, match=r"no store at .*townhall\.db.*Start the bot first"):
        await SqliteLookups.open(path)
    assert trace(path) == {}


async def test_a_file_that_is_not_a_store_is_refused(path: Path) -> None:
    write(path, b"dear diary")
    with pytest.raises(Corrupted):
        await SqliteLookups.open(path)


async def test_another_programs_database_is_refused(path: Path) -> None:
    run_sql(path, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(Corrupted, match="another program"):
        await SqliteLookups.open(path)


async def test_a_newer_file_is_refused(path: Path, store: SqliteStore) -> None:
    await store.close()
    run_sql(path, "PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew):
        await SqliteLookups.open(path)


async def test_an_incomplete_copy_of_a_running_bots_file_is_reported(path: Path, store: SqliteStore) -> None:
    await store.append(run=1, events=[guided("one")])
    copy = path.with_name("copy.db")
    files = trace(path)
    for end in ("", "-wal"):
        write(copy.with_name(copy.name + end), files[path.name + end][0])
    with pytest.raises(StoreError, match="copy the -wal and -shm files too"):
        await SqliteLookups.open(copy)


@pytest.fixture
def hidden(shared: Path) -> Path:
    write(shared / "townhall.db", b"")
    permit(shared / "townhall.db", 0)
    return shared / "townhall.db"


async def test_a_file_that_this_user_cannot_read_is_reported(hidden: Path, somebody: None) -> None:
    with pytest.raises(StoreError, match=r"townhall\.db cannot be read .*TOWNHALL_DATA"):
        await SqliteLookups.open(hidden)
