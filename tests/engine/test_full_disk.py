"""A store that cannot be written for a while: runs wait with what they have, report it, and continue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.supervisor import RETRY_BROKEN_AFTER
from orchestrator_bridge.run.events import QuestionAsked, Responded
from orchestrator_bridge.run.records import PostSent
from orchestrator_bridge.store.interface import Conflict, Corrupted, StoreError
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, LOCKED, FailingStore, open_failing_store, refuse_all, refuse_event, refuse_none
from tests.support.fake_models.players import asking_behaviour, team_behaviour
from tests.support.fake_models.replies import Behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, start_run_on_command, team


class Bot(NamedTuple):
    """A started engine and what it works with."""

    clock: ManualClock
    platform: ListPlatform
    store: FailingStore
    server: ModelServer
    engine: Engine


@asynccontextmanager
async def a_bot(folder: Path, player: Behaviour = team_behaviour) -> AsyncIterator[Bot]:
    """A bot with a store that can be made to fail."""
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await open_failing_store(folder / "townhall.db", clock)
    async with (
        ModelServer(player) as server,
        start_engine(folder, server, platform, clock=clock, store=store) as engine,
    ):
        yield Bot(clock, platform, store, server, engine)


async def begin(engine: Engine, policy: Policy | None = None) -> None:
    await engine.start_run(task="a task", team=team("one", policy=policy), place=PLACE, by=ANA)


async def passes(clock: ManualClock, seconds: float) -> None:
    """Wait until a part sleeps for this long, then let the time pass."""
    await clock.armed_at(clock.now() + seconds)
    clock.advance(seconds)


@pytest.mark.parametrize("trouble", [FULL, LOCKED], ids=["full", "locked"])
async def test_a_paid_response_survives_a_store_that_cannot_be_written(
    trouble: StoreError, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_bot(tmp_path) as (clock, platform, store, server, engine):
        store.refuse = refuse_event(Responded, trouble, times=2)
        await begin(engine)
        await passes(clock, 1)
        await store.wait_refused(2)
        await passes(clock, 2)
        await engine.wait_finished()
        assert len(server.requests) == 1
        assert platform.final_answers
    assert trouble.found in caplog.text


async def test_people_are_warned_of_a_full_disk_once_an_outage(tmp_path: Path) -> None:
    async with a_bot(tmp_path, asking_behaviour) as (clock, platform, store, _server, engine):
        store.refuse = refuse_event(Responded, FULL, times=3)
        await begin(engine)
        for pause in (1, 2, 4):
            await passes(clock, pause)
        await platform.until(lambda: bool(platform.questions))
        assert warnings(platform) == ["p1"]
        await engine.wait_finished()
        store.refuse = refuse_event(Responded, FULL, times=2)
        await platform.person_says("1", question=1)
        for pause in (1, 2):
            await passes(clock, pause)
        await platform.until(lambda: bool(platform.final_answers))
        assert warnings(platform) == ["p1", "p1"]


def warnings(platform: ListPlatform) -> list[str | None]:
    """The threads in which people were told that a run waits for its store."""
    said = [
        outbound
        for outbound in platform.sent
        if isinstance(outbound.post, Note) and "waits until its store can be" in outbound.post.text
    ]
    assert all("no space is left" in str(outbound.post) for outbound in said)
    return [outbound.place.thread for outbound in said]


async def test_a_reply_survives_a_full_disk(tmp_path: Path) -> None:
    async with a_bot(tmp_path, asking_behaviour) as (clock, platform, store, _server, engine):
        await begin(engine)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        store.refuse = refuse_all(FULL)
        await platform.person_says("1", question=1)
        await store.wait_refused()
        store.refuse = refuse_none
        await passes(clock, 1)
        await platform.until(lambda: bool(platform.final_answers))
    assert [receipt.sign for receipt in platform.acknowledgements] == ["taken"]


async def test_a_log_that_has_moved_on_is_read_again(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as (_clock, platform, store, server, engine):
        store.refuse = refuse_event(Responded, Conflict("somebody else wrote first"), times=1)
        await begin(engine)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
        assert len(server.requests) == 1


async def test_a_failed_run_whose_end_cannot_be_stored_continues_with_its_next_input(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as (clock, platform, store, server, engine):
        refuse = refuse_event(Responded, Corrupted("a page is torn"))
        store.refuse = lambda events, rows: refuse(events, rows) or (FULL if store.refusal_count else None)
        await begin(engine)
        await store.wait_refused(2)
        await clock.armed_until(clock.now() + RETRY_BROKEN_AFTER)
        store.refuse = refuse_none
        assert not platform.final_answers
        await platform.person_says("Are you there?", thread="p1")
        await passes(clock, RETRY_BROKEN_AFTER)
        await platform.until(lambda: bool(platform.final_answers))
        assert len(server.requests) == 2


async def test_a_run_that_fails_says_so_in_its_thread(tmp_path: Path) -> None:
    async with a_bot(tmp_path, asking_behaviour) as (_clock, platform, store, _server, engine):
        store.refuse = refuse_event(QuestionAsked, RuntimeError("a bug of our own"))
        await begin(engine)
        await engine.wait_finished()
        assert engine.active == ()
    assert any("Townhall failed with an internal error (RuntimeError)" in note for note in platform.notes)


@pytest.mark.parametrize("dies", [False, True], ids=["in the same process", "after a restart"])
async def test_a_command_during_a_full_disk_is_carried_out_once_when_there_is_space(tmp_path: Path, dies: bool) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    file = tmp_path / "townhall.db"
    store = await open_failing_store(file, clock)
    async with ModelServer() as server:
        async with start_engine(file, server, platform, clock=clock, store=store, handle_command=start_run_on_command) as engine:
            store.refuse = refuse_all(FULL)
            await platform.person_commands("ask", "a task")
            await passes(clock, 1)
            await store.wait_refused(2)
            if not dies:
                store.refuse = refuse_none
                await passes(clock, 2)
                await engine.wait_finished()
        async with start_engine(file, server, platform, clock=clock, handle_command=start_run_on_command) as engine:
            await engine.wait_finished()
            assert [final.run for final in platform.final_answers] == [1]
    (word,) = [word.text for _, word in platform.private_replies]
    assert word.startswith("The command waits until the store can be written")
    assert FULL.found in word


async def test_an_error_is_reported_once_and_a_different_one_once_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_bot(tmp_path) as (clock, platform, store, _server, engine):
        troubles = iter([FULL, FULL, LOCKED, FULL, LOCKED])
        refuse = refuse_event(Responded, FULL)
        store.refuse = lambda events, rows: next(troubles, None) if refuse(events, rows) else None
        await begin(engine)
        for pause in (1, 2, 4, 8, 16):
            await passes(clock, pause)
        await engine.wait_finished()
    told = [note for note in platform.notes if "waits until its store can be written again" in note]
    assert [FULL.found in note for note in told] == [True, False]
    assert caplog.text.count("run 1 waits until the store can be written") == 2


async def test_a_post_that_cannot_be_marked_on_a_full_disk_is_marked_when_there_is_space(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_bot(tmp_path) as (clock, _platform, store, _server, engine):
        left = iter([FULL, FULL])
        store.refuse = lambda _, rows: next(left, None) if any(isinstance(row, PostSent) for row in rows) else None
        await begin(engine)
        for pause in (1, 2):
            await passes(clock, pause)
        await engine.wait_finished()
        assert not await store.pending_posts()
    assert caplog.text.count("could not be marked") == 1
