"""Inbound events that arrive early, twice or damaged, or that belong to no run."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.inbox import EXPIRY_PAUSE, UNMATCHED_TTL
from orchestrator_bridge.run.events import Guided, Replied
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.clock import ManualClock
from tests.support.failing_store import open_failing_store
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import (
    ANA,
    PLACE,
    ListPlatform,
    pong,
    prompt_text,
    start_engine,
    start_run_on_command,
    team,
    wait_until_idle,
)

ABSURD = 10**30


async def ask_people(engine: Engine, platform: ListPlatform) -> None:
    """A run whose question 1 is posted in its thread."""
    await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


def thread_of(platform: ListPlatform, key: str) -> str:
    """The thread that a card opened."""
    return next(f"p{number}" for number, outbound in enumerate(platform.sent, 1) if outbound.key == key)


async def unhandled(file: Path) -> list[str]:
    """Unhandled events of a store that no process uses."""
    store = await SqliteStore.open(file)
    waiting = [heard.text for heard in await store.unhandled_events() if isinstance(heard, MessageReceived)]
    await store.close()
    return waiting


async def test_a_reply_that_arrives_before_its_thread_is_known_is_matched(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    async def reply_at_once(sending: OutboundPost, posted: PostedMessage) -> None:
        if isinstance(sending.post, QuestionCard) and not sending.replaces:
            await platform.person_says("sqlite", thread=posted.thread)
            await wait_until_idle(platform)

    platform.while_sending = reply_at_once
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path / "t.db", server, platform, handle_command=pong) as engine,
    ):
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"
    assert await unhandled(tmp_path / "t.db") == []


async def test_guidance_that_arrives_before_its_thread_is_known_reaches_the_agents(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    async def guide_at_once(sending: OutboundPost, posted: PostedMessage) -> None:
        if isinstance(sending.post, RunCard) and not sending.replaces:
            await platform.person_says("It must be cheap.", thread=posted.thread)
            await wait_until_idle(platform)

    platform.while_sending = guide_at_once
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path / "t.db", server, platform, handle_command=pong) as engine,
    ):
        await ask_people(engine, platform)
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        assert '<guidance by="Ana">\nIt must be cheap.' in prompt_text(server.requests[-1])
    assert await unhandled(tmp_path / "t.db") == []


async def test_a_command_during_the_start_starts_one_run(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = ListPlatform(clock), ListPlatform(clock, platform="other")
    heard = asyncio.Event()

    async def command_at_once() -> None:
        await first.person_commands("ask", "a task")
        heard.set()

    async def connect_slowly() -> None:
        await heard.wait()

    first.while_starting, second.while_starting = command_at_once, connect_slowly
    async with (
        ModelServer() as server,
        start_engine(tmp_path / "t.db", server, first, second, clock=clock, handle_command=start_run_on_command) as engine,
    ):
        await engine.wait_finished()
    assert [final.run for final in first.final_answers] == [1]


async def test_a_message_during_the_start_is_handled_once(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server:
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await ask_people(engine, platform)

        async def speak_at_once() -> None:
            await platform.person_says("It must be cheap.", thread=thread_of(platform, "run:1:card"))
            await platform.person_says("1", question=1)

        platform.while_starting = speak_at_once
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await platform.until(lambda: bool(platform.final_answers))
            await engine.wait_finished()
    store = await SqliteStore.open(tmp_path / "t.db")
    kinds = [type(event) for event in await store.log(1)]
    await store.close()
    assert (kinds.count(Guided), kinds.count(Replied)) == (1, 1)
    assert len(platform.acknowledgements) == 2


async def test_an_absurd_question_number_blocks_no_other_reply(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask_people(engine, platform)
        await platform.person_says("nonsense", question=ABSURD)
        await platform.person_says("more nonsense", question=-1)
        await platform.person_clicks(ABSURD, "option", "postgres")
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    told = [word.text for _, word in platform.private_replies]
    assert [text.partition(".")[0] for text in told] == [f"There is no question {number}" for number in (ABSURD, -1, ABSURD)]
    assert ["/ask" in text for text in told] == [True, True, False]
    assert await unhandled(tmp_path / "t.db") == []


async def test_an_event_that_an_earlier_process_could_not_route_blocks_no_reply_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    nonsense = MessageReceived(place=PLACE, message="m", author=ANA, text="nonsense", at=clock.now(), question=ABSURD)
    await store.receive(nonsense, clock.now())
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path, server, platform, clock=clock, store=store) as engine,
    ):
        await ask_people(engine, platform)
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))


async def test_lone_surrogates_in_names_and_ids_are_stored_and_block_no_other_reply(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    odd = Author(platform="list", id="an\udcffa", name="An\udcffa")
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask_people(engine, platform)
        nowhere = Place(platform="list", channel="gen\udcfferal", thread="th\udcffread")
        await platform.deliver(
            MessageReceived(place=nowhere, message="m\udcff", author=odd, text="to \udcff nobody", at=clock.now())
        )
        here = Place(platform="list", channel="general", thread=thread_of(platform, "run:1:card"))
        await platform.deliver(
            MessageReceived(place=here, message="n\udcff", author=odd, text="Make it \udcff cheap.", at=clock.now())
        )
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        assert "Make it \ufffd cheap." in prompt_text(server.requests[-1])
    async with (
        ModelServer() as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, handle_command=start_run_on_command) as engine,
    ):
        await platform.person_commands("ask", "the next task")
        await platform.until(lambda: len(platform.final_answers) == 2)


async def test_an_event_that_cannot_be_routed_is_marked_and_blocks_no_other(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await open_failing_store(tmp_path / "t.db", clock)
    store.failing_thread = "cursed"
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(tmp_path, server, platform, clock=clock, store=store) as engine,
    ):
        await ask_people(engine, platform)
        await platform.person_says("nonsense", thread="cursed")
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert await unhandled(tmp_path / "t.db") == []


async def test_a_message_of_an_unknown_place_is_kept_for_its_time_and_then_dropped(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await platform.person_says("the first", thread="elsewhere")
        clock.advance(UNMATCHED_TTL - 1)
        await platform.person_says("the second", thread="elsewhere, too")
        await engine.wait_finished()
    assert await unhandled(tmp_path / "t.db") == ["the first", "the second"]
    store = await open_failing_store(tmp_path / "t.db", clock)
    async with ModelServer() as server, start_engine(tmp_path, server, platform, clock=clock, store=store) as engine:
        await engine.wait_finished()
        await clock.armed_until(clock.now() + EXPIRY_PAUSE)
        clock.advance(EXPIRY_PAUSE)
        await store.wait_handled(1)
        await platform.person_says("the third", thread="elsewhere")
        await engine.wait_finished()
    assert await unhandled(tmp_path / "t.db") == ["the second", "the third"]


async def test_messages_of_unknown_places_that_an_earlier_process_left_are_dropped_after_the_recovery(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        for number in range(3):
            await platform.person_says("nonsense", thread=f"elsewhere {number}")
        await engine.wait_finished()
    clock.advance(2 * UNMATCHED_TTL)
    store = await open_failing_store(tmp_path / "t.db", clock)
    async with ModelServer() as server, start_engine(tmp_path, server, platform, clock=clock, store=store) as engine:
        await engine.wait_finished()
        clock.advance(EXPIRY_PAUSE)
        await store.wait_handled(3)
    assert await unhandled(tmp_path / "t.db") == []


@pytest.mark.parametrize("fault", [ValueError("invalid literal for int()"), KeyError("id"), AttributeError("no 'get'")])
async def test_a_message_whose_file_cannot_be_fetched_for_a_fault_of_the_adapter_counts_all_the_same(
    tmp_path: Path, fault: Exception
) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    async def fail() -> None:
        raise fault

    platform.while_fetching = fail
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask_people(engine, platform)
        await platform.person_says("Be quick.", thread=thread_of(platform, "run:1:card"), files=["odd.txt"])
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
        assert "odd.txt" in prompt_text(server.requests[-1])
    assert await unhandled(tmp_path / "t.db") == []


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, 1e300, -1.0])
async def test_a_message_with_an_impossible_time_counts_as_of_its_arrival(tmp_path: Path, at: float) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask_people(engine, platform)
        await platform.deliver(MessageReceived(place=PLACE, message="m", author=ANA, text="sqlite", at=at, question=1))
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"
    assert await unhandled(tmp_path / "t.db") == []


async def test_a_message_that_arrives_too_old_is_not_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock, ahead=-UNMATCHED_TTL - 1)
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await platform.person_says("long ago", thread="elsewhere")
        await engine.wait_finished()
    assert await unhandled(tmp_path / "t.db") == []
