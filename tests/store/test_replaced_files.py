"""The file of an open store is removed, moved or replaced: nothing is reported as stored that nobody could read."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import WriteFailed
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided, said
from tests.support.store_files import run_sql


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "townhall.db"


def wal(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def move(path: Path, name: str) -> Path:
    """Give a file or folder another name."""
    return path.rename(path.with_name(name))


def replace_by_copy(path: Path) -> None:
    """Put a copy in the place of a file."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def replace_by_empty_file(path: Path) -> None:
    """Put an empty file in the place of a file."""
    path.unlink()
    path.touch()


def write_over(path: Path) -> None:
    """Empty a file in place."""
    path.write_bytes(b"")


CHANGES: list[Callable[[Path], object]] = [
    Path.unlink,
    replace_by_copy,
    replace_by_empty_file,
    write_over,
    lambda path: wal(path).unlink(),
    lambda path: replace_by_copy(wal(path)),
    lambda path: path.with_name("townhall.db.lock").unlink(),
    lambda path: path.parent.rename(path.parent.with_name("moved")),
    lambda path: shutil.rmtree(path.parent),
    lambda path: shutil.copytree(path.parent.rename(path.parent.with_name("moved")), path.parent),
]


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_is_stored_once_the_file_is_another_one(path: Path, change: Callable[[Path], object]) -> None:
    store = await SqliteStore.open(path)
    try:
        await store.append(run=1, events=[guided("before")])
        change(path)
        with pytest.raises(WriteFailed, match=r"although the bot has it open; expected the file that the bot opened\. Move"):
            await store.append(run=1, after=1, events=[guided("after")])
    finally:
        await store.close()


async def store_with_rows(path: Path, rows: int) -> SqliteStore:
    """An open store whose database holds these events, and no log beside it that has them too."""
    store = await SqliteStore.open(path)
    await store.append(run=1, events=[guided(str(number)) for number in range(rows)])
    await store.close()
    return await SqliteStore.open(path)


def copy_over(source: Path, path: Path) -> None:
    """Write a copy over a file in place, of the same size: its inode stays, as with `cp`."""
    content = source.read_bytes()
    with path.open("r+b") as file:
        file.write(content.ljust(path.stat().st_size, b"\0"))


@pytest.mark.parametrize("idle", [True, False], ids=["found while idle", "found by a commit"])
async def test_an_older_copy_that_is_written_over_the_file_in_place_is_noticed(path: Path, idle: bool) -> None:
    await (await store_with_rows(path, 3)).close()
    older = path.with_name("older.db")
    shutil.copy(path, older)
    store = await SqliteStore.open(path)
    await store.receive(said("m1"), at=1.0)
    await store.close()
    store = await SqliteStore.open(path)
    try:
        await store.append(run=1, after=3, events=[guided("4")])
        copy_over(older, path)
        if idle:
            with pytest.raises(WriteFailed, match="was written over by another program"):
                await store._writer._commit_group([])
        for _ in range(2):
            with pytest.raises(WriteFailed, match="was written over by another program"):
                await store.append(run=1, after=4, events=[guided("lost")])
    finally:
        await store.close()


async def test_a_backup_that_moves_the_log_into_the_database_is_no_replacement(path: Path) -> None:
    store = await store_with_rows(path, 3)
    try:
        for number in range(3):
            await store.append(run=1, after=3 + number, events=[guided("more")])
            run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
            os.utime(path)
        await store.append(run=1, after=6, events=[guided("and more")])
        assert len(await store.log(1)) == 7
    finally:
        await store.close()


async def test_an_idle_store_reports_a_removed_file_and_its_return(path: Path) -> None:
    reported: asyncio.Queue[str] = asyncio.Queue()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reported.put_nowait(record.getMessage())

    listener, logger = Listener(), logging.getLogger("orchestrator_bridge.store.sql.group_commit")
    logger.addHandler(listener)
    store = await SqliteStore.open(path)
    try:
        aside = move(path, "aside")
        assert "is not there any more" in await reported.get()
        move(aside, path.name)
        assert await reported.get() == f"{path} is stored to again"
    finally:
        await store.close()
        logger.removeHandler(listener)


async def test_a_folder_that_is_moved_back_is_used_again(path: Path) -> None:
    store = await SqliteStore.open(path)
    try:
        elsewhere = move(path.parent, "moved")
        with pytest.raises(WriteFailed):
            await store.append(run=1, events=[guided("while it is away")])
        move(elsewhere, path.parent.name)
        await store.append(run=1, events=[guided("back")])
        assert len(await store.log(1)) == 1
    finally:
        await store.close()


async def test_a_large_store_that_is_checkpointed_is_still_the_same(path: Path) -> None:
    store = await SqliteStore.open(path)
    try:
        for number in range(30):
            await store.append(run=1, after=number, events=[guided("x" * 200_000)])
        assert len(await store.log(1)) == 30
    finally:
        await store.close()
