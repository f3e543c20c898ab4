"""Backups of a database while it is written, and their restoration."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Corrupted, InUse, NotFound, SchemaTooNew, WriteFailed
from orchestrator_bridge.store.sqlite.backup import back_up, restore
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided, question_opened, run_opened
from tests.support.store_files import run_sql, size, write
from tests.support.store_process import ENDLESS, start_store_process

BACKUPS = int(os.environ.get("BACKUPS", "5"))
"""`make resilience` takes 100."""


async def fill(file: Path, questions: int = 3) -> None:
    store = await SqliteStore.open(file)
    await store.append(rows=[run_opened(1), *(question_opened(number, run=1) for number in range(1, questions + 1))])
    await store.append(run=1, after=0, events=[guided("one")])
    await store.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def open_questions(file: Path) -> list[int]:
    store = await SqliteStore.open(file)
    found = [deadline.question for deadline in await store.open_deadlines()]
    await store.close()
    return sorted(found)


async def test_backups_of_a_database_that_is_written_have_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    database = tmp_path / "data" / "townhall.db"
    await fill(database)
    async with start_store_process(database, ENDLESS) as writer:
        for number in range(BACKUPS):
            acknowledged: dict[int, int] = {}
            for _ in range(50):
                run, position = map(int, (await writer.line()).split())
                acknowledged[run] = position
            target = tmp_path / f"{number}.db"
            report = await asyncio.to_thread(back_up, database, target)
            assert report.open_questions == 3
            restored = tmp_path / f"restored-{number}" / "townhall.db"
            await asyncio.to_thread(restore, target, restored)
            assert await open_questions(restored) == [1, 2, 3]
            store = await SqliteStore.open(restored)
            for run, position in acknowledged.items():
                assert len(await store.log(run)) >= position
            await store.close()


async def test_a_backup_is_one_private_file_and_nothing_else(tmp_path: Path) -> None:
    database, folder = tmp_path / "townhall.db", tmp_path / "backups"
    await fill(database)
    await asyncio.to_thread(folder.mkdir)
    back_up(database, folder / "monday.db")
    assert names(folder) == ["monday.db"]
    assert mode(folder / "monday.db") == 0o600


async def test_an_existing_file_is_replaced_only_if_that_is_wanted(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    write(target, b"mine")
    with pytest.raises(WriteFailed, match="exists already"):
        back_up(database, target)
    assert size(target) == len(b"mine")
    back_up(database, target, replace=True)
    assert run_sql(target, "SELECT count(*) FROM questions") == [(3,)]


async def test_a_damaged_database_leaves_no_backup(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    write(database, b"\xff" * 3000, at=size(database) // 2)
    with pytest.raises(Corrupted):
        back_up(database, target)
    assert not [name for name in names(tmp_path) if name.startswith("copy.db")]


def test_what_is_not_there_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        back_up(tmp_path / "townhall.db", tmp_path / "copy.db")


async def test_a_restored_database_goes_on_and_the_old_one_is_kept(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    back_up(database, target)
    store = await SqliteStore.open(database)
    await store.append(rows=[question_opened(4, run=1)])
    await store.close()
    _, kept = restore(target, database, lambda: datetime(2026, 11, 30, 12, tzinfo=UTC))
    assert kept == tmp_path / "townhall.db.before-restore-20261130-120000"
    assert await open_questions(database) == [1, 2, 3]
    assert run_sql(kept, "SELECT count(*) FROM questions") == [(4,)]


async def test_what_a_killed_bot_left_beside_the_file_is_kept_with_it(tmp_path: Path) -> None:
    database, target = tmp_path / "data" / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    back_up(database, target)
    async with start_store_process(database, 8) as writer:
        for _ in range(8):
            await writer.line()
        await writer.kill()
    _, kept = restore(target, database)
    assert await open_questions(database) == [1, 2, 3]
    assert kept is not None
    [(events,)] = run_sql(kept, "SELECT count(*) FROM log")
    assert isinstance(events, int)
    assert events >= 1 + 8  # those that were acknowledged, which were in the -wal file


async def test_a_database_that_is_damaged_can_be_replaced(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    back_up(database, target)
    write(database, b"rubbish of another program")
    restore(target, database)
    assert await open_questions(database) == [1, 2, 3]


async def test_while_a_bot_runs_nothing_is_restored(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    back_up(database, target)
    async with start_store_process(database):
        with pytest.raises(InUse):
            restore(target, database)
    assert await open_questions(database) == [1, 2, 3]


async def test_a_backup_that_is_damaged_or_of_a_newer_release_replaces_nothing(tmp_path: Path) -> None:
    database, target = tmp_path / "townhall.db", tmp_path / "copy.db"
    await fill(database)
    back_up(database, target)
    run_sql(target, "PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew):
        restore(target, database)
    write(target, b"no database")
    with pytest.raises(Corrupted):
        restore(target, database)
    assert await open_questions(database) == [1, 2, 3]


async def test_a_backup_of_an_older_release_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
    from orchestrator_bridge.store.sqlite.open import open_writer

    old, target = tmp_path / "old.db", tmp_path / "copy.db"
    open_writer(old, bundled_migrations()[:11]).close()
    assert back_up(old, target).schema == 11
    restore(target, tmp_path / "townhall.db")
    assert await open_questions(tmp_path / "townhall.db") == []


async def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    database = tmp_path / "townhall.db"
    await fill(database)
    with pytest.raises(WriteFailed, match="nowhere"):
        back_up(database, tmp_path / "nowhere" / "copy.db")
