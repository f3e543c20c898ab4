"""Recovery: doubtful cards and missed messages are found before any question is judged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.engine.inbox import UNMATCHED_TTL
from orchestrator_bridge.engine.recovery import STARTUP_BUDGET
from orchestrator_bridge.run.presentation.posts import run_key
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, open_failing_store
from tests.support.fake_chat.recording_adapter import HistoryPlatform, SharedHistory, crash_after_asking, fail_after_sending
from tests.support.fake_models.players import asking_behaviour, team_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, pong, prompt_text, start_engine, team, wait_until_idle

POLICY = Policy(settle_delay=5, remind_after=0, expire_after=1800, grace=3)
CARD = "question:1:card"
"""The key of the first question's card, which is its thread on this platform."""


async def asks_and_sleeps(file: Path, server: ModelServer, platform: HistoryPlatform) -> None:
    """A bot asks question 1 and is stopped while it waits for people."""
    async with start_engine(file, server, platform, clock=platform.clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()


async def test_a_doubtful_card_is_searched_for_before_its_question_may_expire(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await crash_after_asking(file, server, HistoryPlatform(clock, world=world), POLICY)
        platform = HistoryPlatform(clock, world=world)
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        clock.advance(3600)
        platform.finding.clear()
        async with start_engine(file, server, platform, clock=clock, handle_command=pong):
            await platform.until(lambda: CARD in platform.found)
            await wait_until_idle(platform)
            platform.finding.set()
            await platform.until(lambda: bool(platform.final_answers))
    assert [card.closed for card in platform.questions] == ["Answered by Ana: SQLite"]


async def test_an_unmatched_message_of_an_earlier_process_is_matched_at_any_age(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = HistoryPlatform(clock, world=world, while_sending=fail_after_sending)
        async with start_engine(file, server, platform, clock=clock, handle_command=pong) as engine:
            await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await platform.person_says("sqlite", thread=CARD)
            await wait_until_idle(platform)
        clock.advance(2 * UNMATCHED_TTL)
        platform = HistoryPlatform(clock, world=world)
        platform.finding.clear()
        async with start_engine(file, server, platform, clock=clock, handle_command=pong):
            await platform.until(lambda: CARD in platform.found)
            await wait_until_idle(platform)
            platform.finding.set()
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_a_thread_is_read_before_known_replies_settle_its_question(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = HistoryPlatform(clock, world=world)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
            await platform.person_says("postgres, I think", thread=CARD)
            await engine.wait_finished()
        platform = HistoryPlatform(clock, world=world)
        platform.say_undelivered("no, sqlite!", thread=CARD, after=2)
        clock.advance(60)
        platform.reading.clear()
        async with start_engine(file, server, platform, clock=clock, handle_command=pong):
            await platform.until(lambda: bool(platform.read_after))
            await wait_until_idle(platform)
            platform.reading.set()
            await platform.until(lambda: bool(platform.final_answers))
    assert "SQLite" in (platform.questions[-1].closed or "")


async def test_a_deadline_from_before_the_start_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await asks_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.reading.clear()
        async with start_engine(file, server, platform, clock=clock) as engine:
            await platform.person_says("postgres", question=1)
            await platform.until(lambda: bool(platform.read_after))
            platform.reading.set()
            await engine.wait_finished()
            clock.advance(POLICY.settle_delay)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: PostgreSQL"


@pytest.mark.parametrize("down", [1000.0, 3600.0])
async def test_a_timely_reply_counts_however_long_the_bot_was_down(tmp_path: Path, down: float) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await asks_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        clock.advance(down)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def reads_sqlite_and_sleeps(file: Path, server: ModelServer, platform: HistoryPlatform) -> None:
    """A bot learns from its thread that Ana wants SQLite, and is stopped before that settles the question."""
    await asks_and_sleeps(file, server, platform)
    platform.say_undelivered("sqlite, I think", thread=CARD)
    async with start_engine(file, server, platform, clock=platform.clock) as engine:
        await engine.wait_finished()


async def test_a_reply_edited_while_the_bot_was_down_counts_with_its_new_text(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await reads_sqlite_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.edit_undelivered("no, postgres")
        clock.advance(60)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: PostgreSQL (“no, postgres”)"


async def test_a_reply_that_was_deleted_while_the_bot_was_down_does_not_count(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await reads_sqlite_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.delete_undelivered()
        clock.advance(60)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.wait_finished()
            assert platform.questions == []
            clock.advance(1803)
            await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


async def test_a_reply_that_arrives_while_its_thread_is_read_does_not_count_as_deleted(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await asks_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.reading.clear()
        async with start_engine(file, server, platform, clock=clock) as engine:
            await platform.until(lambda: bool(platform.read_after))
            await platform.person_says("sqlite", thread=CARD)
            platform.reading.set()
            await engine.wait_finished()
            clock.advance(POLICY.settle_delay)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_a_thread_refused_once_is_read_before_known_replies_settle_its_question(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await reads_sqlite_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world, unreadable=[NotSent("out of order")])
        platform.edit_undelivered("no, postgres")
        clock.advance(60)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.read_after))
            clock.advance(1)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: PostgreSQL (“no, postgres”)"


async def test_a_thread_that_cannot_be_read_retracts_no_reply(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await reads_sqlite_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world, unreadable=[NotSent("out of order", retry_after=STARTUP_BUDGET)] * 2)
        platform.delete_undelivered()
        clock.advance(60)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.read_after))
            clock.advance(STARTUP_BUDGET)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite (“sqlite, I think”)"


async def test_a_question_waits_for_the_files_of_a_reply_that_is_read_at_its_end(tmp_path: Path) -> None:
    clock = ManualClock()
    here, asked_for = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked_for.set()
        await here.wait()

    platform = HistoryPlatform(clock, files={"why.md": b"It is small."}, while_fetching=slowly)
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, handle_command=pong) as engine,
    ):
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        platform.say_undelivered("sqlite", thread=CARD, after=60, files=["why.md"])
        clock.advance(1803)
        await asked_for.wait()
        await wait_until_idle(platform)
        here.set()
        await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Answered by Ana: SQLite")


async def test_guidance_from_while_the_bot_was_down_reaches_the_agents_before_their_next_call(tmp_path: Path) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    gate = asyncio.Event()
    async with ModelServer(lambda asked: replace(team_behaviour(asked), gate=None if gate.is_set() else gate)) as server:
        platform = HistoryPlatform(clock, world=world)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one", "two"), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.sent))
            await server.request_arrives(2)
        gate.set()
        platform = HistoryPlatform(clock, world=world)
        platform.say_undelivered("mind the budget", thread=run_key(1))
        async with start_engine(file, server, platform, clock=clock) as engine:
            await platform.until(lambda: bool(platform.final_answers))
            await engine.wait_finished()
    assert "mind the budget" not in prompt_text(server.requests[1])
    assert all("mind the budget" in prompt_text(asked) for asked in server.requests[2:])
    assert [receipt.sign for receipt in platform.acknowledgements] == ["taken"]


async def test_a_thread_whose_messages_cannot_be_stored_is_read_again_after_a_delay(tmp_path: Path) -> None:
    clock, world = ManualClock(), SharedHistory()
    platform = HistoryPlatform(clock, world=world)
    store = await open_failing_store(tmp_path / "t.db", clock)
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path, server, platform, clock=clock, store=store, handle_command=pong) as engine,
    ):
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        store.receive_error = FULL
        clock.advance(1803)
        await store.wait_refused()
        store.receive_error = None
        await wait_until_idle(platform)
        assert len(platform.read_after) == 1
        await clock.armed_until(clock.now() + 1)
        clock.advance(1)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_messages_that_cannot_be_stored_at_the_start_do_not_keep_a_question_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await asks_and_sleeps(file, server, HistoryPlatform(clock, world=world))
        platform = HistoryPlatform(clock, world=world)
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        store = await open_failing_store(file, clock)
        store.receive_error = FULL
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            await engine.wait_finished()
            store.receive_error = None
            clock.advance(1803)
            await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"
    assert "no space is left" in caplog.text


async def test_a_deleted_thread_does_not_keep_a_question_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock, unreadable=[SendRejected("the thread was deleted")])
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        clock.advance(1803)
        await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")
    assert "the thread was deleted" in caplog.text


async def test_a_thread_that_cannot_be_read_now_is_read_before_its_question_expires(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock, unreadable=[NotSent("out of order"), NotSent("out of order")])
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        clock.advance(1803)
        for tries in (1, 2):
            await platform.until(lambda: len(platform.read_after) == tries)  # noqa: B023
            clock.advance(1)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"
