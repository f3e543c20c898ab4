"""One process writes a file, and the lock ends with the process."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import InUse, SchemaTooNew
from orchestrator_bridge.store.sql.migrations import Migration
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided
from tests.support.store_process import start_store_process


async def test_a_second_opening_is_refused_and_names_the_process(path: Path, store: SqliteStore) -> None:
    with pytest.raises(InUse, match=rf"in use by process {os.getpid()}\b") as refused:
        await SqliteStore.open(path)
    assert re.search(r"Stop that process first \(`kill \d+`\), or set TOWNHALL_DATA", str(refused.value))
    await store.append(run=1, events=[guided("the first goes on")])


async def test_the_same_file_by_another_name_is_refused_too(path: Path, store: SqliteStore) -> None:
    other = path.parent / "link.db"
    other.symlink_to(path)
    with pytest.raises(InUse):
        await SqliteStore.open(other)


async def test_a_closed_store_releases_its_lock(path: Path, store: SqliteStore) -> None:
    await store.close()
    await (await SqliteStore.open(path)).close()


async def test_a_file_that_could_not_be_opened_is_not_kept_locked(path: Path) -> None:
    newer = Migration(number=999, sql="CREATE TABLE later (a TEXT) STRICT;")
    await (await SqliteStore.open(path, migrations=(*bundled_migrations(), newer))).close()
    for _ in range(2):
        with pytest.raises(SchemaTooNew):
            await SqliteStore.open(path)


async def test_the_lock_dies_with_its_process(path: Path) -> None:
    async with start_store_process(path) as holder:
        with pytest.raises(InUse, match=rf"process {holder.pid}\b"):
            await SqliteStore.open(path)
        await holder.kill()
        await (await SqliteStore.open(path)).close()
