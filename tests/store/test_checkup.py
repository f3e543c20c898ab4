"""The full check of a file, for `townhall doctor`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Corrupted, NotFound, SchemaTooNew
from orchestrator_bridge.store.sql.migrations import latest_version
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.readonly import full_check
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided, outgoing, question_opened, run_opened
from tests.support.store_files import run_sql


async def test_a_sound_file_is_counted_beside_the_running_bot(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(1), run_opened(2), question_opened(1, 1), outgoing("k")])
    found = full_check(path)
    assert (found.runs, found.questions, found.unsent, found.schema) == (2, 1, 1, latest_version(bundled_migrations()))
    assert found.size > 0


async def test_posts_that_have_waited_for_long_are_counted(path: Path, store: SqliteStore) -> None:
    now = time.time()
    await store.append(rows=[replace(outgoing("new"), at=now), replace(outgoing("old"), at=now - 60)])
    assert full_check(path).stuck == 1


async def test_an_index_that_has_lost_rows_is_found(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(number) for number in range(1, 50)])
    await store.close()
    narrower = "UPDATE sqlite_schema SET sql = sql || ' WHERE run > 7' WHERE name = 'runs_by_status'"
    run_sql(path, "PRAGMA writable_schema = ON", narrower)
    with pytest.raises(Corrupted, match="runs_by_status"):
        full_check(path)


async def test_rows_without_their_parent_are_found(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(1), question_opened(1, 1)])
    await store.close()
    run_sql(path, "DELETE FROM runs")
    with pytest.raises(Corrupted, match="refer to rows that do not exist"):
        full_check(path)


async def test_unreadable_log_rows_are_found_for_each_run(path: Path, store: SqliteStore) -> None:
    for run in (1, 2, 3):
        await store.append(run=run, events=[guided(str(number)) for number in range(5)], rows=[run_opened(run)])
    await store.close()
    run_sql(
        path,
        "UPDATE log SET body = '{}' WHERE run = 1 AND seq IN (2, 4)",
        "UPDATE log SET version = 99 WHERE run = 3 AND seq = 5",
    )
    found = full_check(path).unreadable
    assert [(log.run, log.seq, log.rows) for log in found] == [(1, 2, 2), (3, 5, 1)]
    assert [type(log.fault) for log in found] == [Corrupted, SchemaTooNew]


def test_a_missing_file_is_reported(path: Path) -> None:
    with pytest.raises(NotFound):
        full_check(path)
