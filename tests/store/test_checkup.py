"""The full check of a file, for `townhall doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.store.checkup import check
from orchestrator_bridge.store.migrate import newest, shipped
from orchestrator_bridge.store.port import Damaged, Missing
from orchestrator_bridge.store.sqlite import SqliteStore
from tests.contract.store_values import outgoing, question_opened, run_opened
from tests.store.files import run_sql


async def test_a_sound_file_is_counted_beside_the_running_bot(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(1), run_opened(2), question_opened(1, 1), outgoing("k")])
    found = check(path)
    assert (found.runs, found.questions, found.unsent, found.schema) == (2, 1, 1, newest(shipped()))
    assert found.size > 0


async def test_an_index_that_has_lost_rows_is_found(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(number) for number in range(1, 50)])
    await store.close()
    narrower = "UPDATE sqlite_schema SET sql = sql || ' WHERE run > 7' WHERE name = 'runs_by_status'"
    run_sql(path, "PRAGMA writable_schema = ON", narrower)
    with pytest.raises(Damaged, match="runs_by_status"):
        check(path)


async def test_rows_that_point_nowhere_are_found(path: Path, store: SqliteStore) -> None:
    await store.append(rows=[run_opened(1), question_opened(1, 1)])
    await store.close()
    run_sql(path, "DELETE FROM runs")
    with pytest.raises(Damaged, match="point to rows that are not there"):
        check(path)


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(Missing):
        check(path)
