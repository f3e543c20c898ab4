"""Connections that break: nothing acknowledged is lost, nothing is stored twice, and a replaced process writes no more."""

from __future__ import annotations

import asyncio
from time import monotonic

import psycopg
import pytest

from orchestrator_bridge.store.interface import InUse, StoreError, WriteFailed
from orchestrator_bridge.store.postgres import ownership
from orchestrator_bridge.store.postgres import store as postgres_store
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from orchestrator_bridge.store.postgres.store import PostgresStore
from orchestrator_bridge.store.sql import group_commit
from tests.contract.store_values import guided, outgoing, run_opened, said
from tests.support.postgres.proxy import start_proxy
from tests.support.postgres.server import PostgresServer, running_server


async def _append_until_stored(store: PostgresStore, after: int) -> None:
    """Append an event as a run does: again while the store cannot be written."""
    while True:
        try:
            return await store.append(run=1, after=after, events=[guided(str(after))])
        except WriteFailed:
            await asyncio.sleep(0)


async def test_a_commit_whose_answer_was_lost_is_reported_as_stored(address: DatabaseAddress, postgres: PostgresServer) -> None:
    async with start_proxy(postgres) as proxy:
        store = await PostgresStore.open(proxy.address(address.url))
        await store.append(run=1, events=[guided("before")])
        proxy.lose_answer_to = b"COMMIT"
        await store.append(run=1, after=1, events=[guided("in doubt")], rows=[outgoing("k")])
        assert proxy.lose_answer_to == b""
        assert await store.log(1) == [guided("before"), guided("in doubt")]
        assert len(await store.pending_posts()) == 1
        await store.close()


async def test_statements_whose_answer_was_lost_are_sent_again(address: DatabaseAddress, postgres: PostgresServer) -> None:
    async with start_proxy(postgres) as proxy:
        store = await PostgresStore.open(proxy.address(address.url))
        proxy.lose_answer_to = b"INSERT INTO log"
        await store.append(run=1, events=[guided("one")])
        assert proxy.lose_answer_to == b""
        assert await store.log(1) == [guided("one")]
        await store.close()


async def test_an_event_whose_commit_is_in_doubt_is_new_once(address: DatabaseAddress, postgres: PostgresServer) -> None:
    async with start_proxy(postgres) as proxy:
        store = await PostgresStore.open(proxy.address(address.url))
        proxy.lose_answer_to = b"COMMIT"
        assert await store.receive(said("m1"), at=1.0) == said("m1")
        assert await store.receive(said("m1"), at=2.0) is None
        await store.close()


async def test_a_store_continues_after_its_connections_were_cut(address: DatabaseAddress, postgres: PostgresServer) -> None:
    async with start_proxy(postgres) as proxy:
        store = await PostgresStore.open(proxy.address(address.url))
        for position in range(12):
            if position % 3 == 2:
                proxy.cut()
            await _append_until_stored(store, position)
        assert await store.log(1) == [guided(str(position)) for position in range(12)]
        await store.close()


async def test_while_the_server_is_away_nothing_is_acknowledged_and_then_it_continues() -> None:
    with running_server() as server:
        store = await PostgresStore.open(DatabaseAddress(server.create_database()))
        await store.append(run=1, events=[guided("0")])
        await asyncio.to_thread(server.stop)
        with pytest.raises(WriteFailed, match="cannot be reached"):
            await store.append(run=1, after=1, events=[guided("1")])
        with pytest.raises(StoreError):
            await store.log(1)
        await asyncio.to_thread(server.start)
        await _append_until_stored(store, 1)
        assert await store.log(1) == [guided("0"), guided("1")]
        await store.close()


async def test_a_process_that_was_replaced_while_it_was_cut_off_never_writes_again(
    address: DatabaseAddress, postgres: PostgresServer
) -> None:
    async with start_proxy(postgres) as proxy:
        old = await PostgresStore.open(proxy.address(address.url))
        await old.append(run=1, events=[guided("old")], rows=[run_opened(1)])
        proxy.refusing = True
        proxy.cut()
        new = await PostgresStore.open(address, on_wait=lambda holder: None)
        await new.append(run=1, after=1, events=[guided("new")])
        await new.close()  # the lock is free again, but the log has grown
        proxy.refusing = False
        with pytest.raises(InUse, match="was taken over by another process"):
            await _append_until_stored(old, 1)
        await old.wait_lost()
        with pytest.raises(InUse):
            await old.receive(said("m1"), at=1.0)
        await old.close()
        again = await PostgresStore.open(address)
        assert await again.log(1) == [guided("old"), guided("new")]
        assert await again.unhandled_events() == []
        await again.close()


async def test_an_idle_process_notices_that_it_was_replaced(address: DatabaseAddress, postgres: PostgresServer) -> None:
    async with start_proxy(postgres) as proxy:
        old = await PostgresStore.open(proxy.address(address.url))
        proxy.refusing = True
        proxy.cut()
        new = await PostgresStore.open(address, on_wait=lambda holder: None)
        proxy.refusing = False
        await old.wait_lost()
        await old.close()
        await new.close()


async def test_a_standby_names_the_owner_and_takes_over_when_it_ends(address: DatabaseAddress) -> None:
    named: asyncio.Queue[str] = asyncio.Queue()
    owner = await PostgresStore.open(address)
    await owner.append(run=1, events=[guided("one")])
    standby = asyncio.create_task(PostgresStore.open(address, on_wait=named.put_nowait))
    assert (await named.get()).startswith("townhall bot ")
    await owner.close()
    store = await standby
    assert await store.log(1) == [guided("one")]
    await store.close()


async def test_a_standby_outlives_a_broken_connection(address: DatabaseAddress, postgres: PostgresServer) -> None:
    named: asyncio.Queue[str] = asyncio.Queue()
    owner = await PostgresStore.open(address)
    async with start_proxy(postgres) as proxy:
        standby = asyncio.create_task(PostgresStore.open(proxy.address(address.url), on_wait=named.put_nowait))
        await named.get()
        before = proxy.connections
        proxy.cut()
        await owner.close()
        store = await standby
        assert proxy.connections > before
        await store.append(run=1, events=[guided("one")])
        await store.close()


async def test_a_standby_ends_the_session_of_an_owner_that_hangs(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(group_commit, "CHECK_INTERVAL", 1000.0)  # it does not use its connection while it is idle
        patched.setattr(ownership, "HUNG_AFTER", 0.3)
        hung = await PostgresStore.open(address)
        await hung.append(run=1, events=[guided("before")])
        store = await PostgresStore.open(address, on_wait=lambda holder: None)
    with pytest.raises(InUse, match="was taken over"):
        await hung.confirm_owned()
    with pytest.raises(InUse, match="was taken over"):
        await hung.append(run=1, after=1, events=[guided("stale")])
    await store.confirm_owned()
    assert await store.log(1) == [guided("before")]
    await hung.close()
    await store.close()


async def test_a_standby_ends_the_session_of_an_owner_that_hangs_in_the_middle_of_a_pipeline(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(group_commit, "CHECK_INTERVAL", 1000.0)
        patched.setattr(ownership, "HUNG_AFTER", 0.3)
        hung = await PostgresStore.open(address)
        session = await hung._ownership.session()
        pipeline = session.pipeline()
        await pipeline.__aenter__()
        await session.execute("SELECT 1")
        session.pgconn.send_flush_request()
        session.pgconn.flush()
        store = await PostgresStore.open(address, on_wait=lambda holder: None)
        with pytest.raises(psycopg.OperationalError):
            await pipeline.__aexit__(None, None, None)
    with pytest.raises(InUse, match="was taken over"):
        await hung.confirm_owned()
    await hung.close()
    await store.close()


async def test_a_confirmation_that_took_as_long_as_a_take_over_counts_for_nothing(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await PostgresStore.open(address)
    with monkeypatch.context() as patched:
        patched.setattr(postgres_store, "CONFIRMATION_TIMEOUT", 0.0)
        with pytest.raises(WriteFailed, match=r"to confirm that this process is the active one, or .* was suspended"):
            await store.confirm_owned()
        with pytest.raises(WriteFailed):
            await store.confirm_owned(max_age=1000.0)
    await store.confirm_owned()
    await store.close()


async def test_a_recent_confirmation_is_enough_until_it_is_old(address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic()
    monkeypatch.setattr(postgres_store, "monotonic", lambda: now)
    store = await PostgresStore.open(address)
    await store.confirm_owned()
    await store.close()
    await store.confirm_owned(max_age=1.0)
    now += 1.5
    with pytest.raises(StoreError, match="is closed"):
        await store.confirm_owned(max_age=1.0)


async def test_a_pooler_that_gives_each_transaction_another_session_is_refused(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await PostgresStore.open(address)
    monkeypatch.setattr(store._ownership, "pid", 1)
    with pytest.raises(StoreError, match=r"connection pooler.*pool_mode to session"):
        await store.append(run=1, events=[guided("one")])
    await store.close()


async def test_a_full_tablespace_is_reported_and_nothing_of_the_transaction_is_stored(
    address: DatabaseAddress, postgres: PostgresServer
) -> None:
    store = await PostgresStore.open(address)
    # The server itself raises the error of a full disk (SQLSTATE 53100), when a row of the log is written.
    postgres.execute(
        """
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        address.url,
    )
    with pytest.raises(WriteFailed, match=r"no space left on the disk of .*Free some space"):
        await store.append(run=1, events=[guided("lost")], rows=[outgoing("k")])
    assert await store.pending_posts() == []
    postgres.execute("DROP TRIGGER full_disk ON log", address.url)
    await store.append(run=1, events=[guided("fits")])
    assert await store.log(1) == [guided("fits")]
    await store.close()
