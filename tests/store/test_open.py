"""Opening a file: which files are accepted, and that refused files stay unchanged."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Corrupted, SchemaTooNew, StoreError, WriteFailed
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.readonly import full_check
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided, outgoing, run_opened, said
from tests.support.store_files import permit, run_sql, size, trace, write


async def test_what_was_written_is_there_when_the_file_is_opened_again(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.append(run=1, events=[guided("kept")], rows=[run_opened(1), outgoing("k")])
    await store.close()
    store = await SqliteStore.open(path)
    assert await store.log(1) == [guided("kept")]
    assert [post.outgoing for post in await store.pending_posts()] == [outgoing("k")]
    await store.close()


async def test_the_folder_is_created(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "not" / "there" / "yet.db")
    await store.close()
    assert (tmp_path / "not" / "there" / "yet.db").exists()


async def test_a_clean_stop_leaves_one_database_file_and_its_lock(path: Path, store: SqliteStore) -> None:
    await store.append(run=1, events=[guided("one")])
    await store.close()
    await store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


async def test_close_commits_waiting_writes(path: Path, store: SqliteStore) -> None:
    waiting = [asyncio.create_task(store.append(run=run, events=[guided("one")])) for run in range(1, 1201)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    store = await SqliteStore.open(path)
    assert [len(await store.log(run)) for run in (1, 600, 1200)] == [1, 1, 1]
    await store.close()


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.append(run=1, events=[guided("one")])
    with pytest.raises(StoreError, match="is closed"):
        await store.log(1)


async def test_a_file_that_is_not_a_database_is_refused_and_unchanged(path: Path) -> None:
    write(path, b"dear diary " * 500)
    before = trace(path)
    with pytest.raises(Corrupted, match="not an SQLite database"):
        await SqliteStore.open(path)
    assert trace(path)[path.name] == before[path.name]


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Corrupted, match="is a folder"):
        await SqliteStore.open(tmp_path)


async def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(WriteFailed, match=r"townhall\.db"):
        await SqliteStore.open(tmp_path / "data" / "townhall.db")


async def test_another_programs_database_is_refused_and_unchanged(path: Path) -> None:
    run_sql(path, "CREATE TABLE songs (title TEXT)")
    before = trace(path)
    with pytest.raises(Corrupted, match="database of another program"):
        await SqliteStore.open(path)
    assert trace(path)[path.name] == before[path.name]


async def test_a_newer_releases_file_is_refused_with_both_versions(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
    newer = len(bundled_migrations()) + 1
    run_sql(path, f"PRAGMA user_version = {newer}")
    with pytest.raises(SchemaTooNew, match=rf"version {newer}.*version {newer - 1}"):
        await SqliteStore.open(path)


async def test_an_empty_file_becomes_a_store(path: Path) -> None:
    write(path, b"")
    store = await SqliteStore.open(path)
    await store.append(run=1, events=[guided("one")])
    await store.close()


async def _filled(path: Path) -> int:
    store = await SqliteStore.open(path)
    await store.append(run=1, events=[guided(f"{n} " + "x" * 900) for n in range(200)])
    await store.close()
    return size(path)


async def test_a_truncated_file_is_damaged(path: Path) -> None:
    os.truncate(path, await _filled(path) // 2)
    with pytest.raises(Corrupted, match=r"damaged.*restore a backup"):
        await SqliteStore.open(path)


@pytest.mark.parametrize("first", [1, -1], ids=["all but the first page", "the last page"])
async def test_a_file_with_overwritten_pages_is_damaged(path: Path, first: int) -> None:
    pages = await _filled(path) // 4096
    first %= pages
    write(path, random.Random(1).randbytes(4096 * (pages - first)), at=4096 * first)
    with pytest.raises(Corrupted, match="damaged"):
        await SqliteStore.open(path)


async def test_an_event_that_cannot_be_read_is_named(path: Path, store: SqliteStore) -> None:
    await store.append(run=3, events=[guided("one"), guided("two")])
    await store.close()
    run_sql(path, "UPDATE log SET body = '{}' WHERE seq = 2")
    store = await SqliteStore.open(path)
    with pytest.raises(Corrupted, match="event 2 of run 3"):
        await store.log(3)
    await store.close()


async def test_an_event_that_is_not_utf_8_is_named(path: Path, store: SqliteStore) -> None:
    await store.append(run=3, events=[guided("one"), guided("two")])
    await store.close()
    run_sql(path, "UPDATE log SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 2")
    store = await SqliteStore.open(path)
    with pytest.raises(Corrupted, match=r"is damaged \(event 2 of run 3: its text is not UTF-8\)"):
        await store.log(3)
    assert [(row.seq, row.event is None) for row in await store.log_rows(3)] == [(1, False), (2, True)]
    await store.close()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE inbox SET body = '{' WHERE turn = 1", "row 1 of the inbox: Invalid JSON"),
        ("UPDATE inbox SET kind = 'sung' WHERE turn = 1", "row 1 of the inbox: kind 'sung'"),
        ("UPDATE outbox SET post = '[]' WHERE key = 'k'", "post 'k' of the outbox"),
        ("UPDATE inbox SET body = CAST(x'7bff7d' AS TEXT) WHERE turn = 1", "row 1 of the inbox: its text is not UTF-8"),
        ("UPDATE outbox SET post = CAST(x'7bff7d' AS TEXT) WHERE key = 'k'", "post 'k' of the outbox: its text is not UTF-8"),
    ],
    ids=["no JSON", "unknown", "no post", "message not UTF-8", "post not UTF-8"],
)
async def test_a_damaged_message_or_post_is_named_and_all_others_are_read(
    path: Path, store: SqliteStore, damage: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    for message in ("m1", "m2"):
        await store.receive(said(message), at=1.0)
    await store.append(rows=[outgoing("k"), outgoing("l")])
    await store.close()
    run_sql(path, damage)
    with pytest.raises(Corrupted, match=named):
        full_check(path)
    store = await SqliteStore.open(path)
    events, posts = await store.unhandled_events(), await store.pending_posts()
    whole = [said("m1"), said("m2")], ["k", "l"]
    assert (events, [post.outgoing.key for post in posts]) == (
        whole[0][damage.startswith("UPDATE inbox") :],
        whole[1][damage.startswith("UPDATE outbox") :],
    )
    assert await store.messages_in(said("m1").place) == events
    assert named in caplog.text
    await store.close()


async def test_an_event_of_a_newer_release_is_named(path: Path, store: SqliteStore) -> None:
    await store.append(run=3, events=[guided("one")])
    await store.close()
    run_sql(path, "UPDATE log SET version = 99")
    store = await SqliteStore.open(path)
    with pytest.raises(SchemaTooNew, match=r"event 1 of run 3 has version 99"):
        await store.log(3)
    await store.close()


@pytest.fixture
async def read_only_file(shared: Path) -> Path:
    path = shared / "townhall.db"
    await (await SqliteStore.open(path)).close()
    for file, mode in ((path, 0o444), (path.with_name("townhall.db.lock"), 0o666), (shared, 0o777)):
        permit(file, mode)
    return path


async def test_a_read_only_file_is_reported_at_open(read_only_file: Path, somebody: None) -> None:
    with pytest.raises(WriteFailed, match=r"townhall\.db cannot be written.*Fix the owner"):
        await SqliteStore.open(read_only_file)


@pytest.fixture
def read_only_folder(shared: Path) -> Path:
    shared.chmod(0o555)
    return shared


async def test_a_read_only_folder_is_reported_at_open(read_only_folder: Path, somebody: None) -> None:
    with pytest.raises(WriteFailed, match="cannot be written"):
        await SqliteStore.open(read_only_folder / "townhall.db")
    with pytest.raises(WriteFailed, match="cannot be written"):
        await SqliteStore.open(read_only_folder / "sub" / "townhall.db")
