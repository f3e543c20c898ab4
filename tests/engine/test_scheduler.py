"""The deadlines of questions: clocks that jump or differ, cards found late, extensions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.outbox import RECONCILE_TIMEOUT
from orchestrator_bridge.team.team import Bounds, Policy
from tests.support.clock import ManualClock
from tests.support.fake_chat.recording_adapter import HistoryPlatform, SharedHistory, crash_after_asking
from tests.support.fake_models.players import asking_behaviour, has_called, question
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, pong, prompt_text, start_engine, team, wait_until_idle

POLICY = Policy(settle_delay=0, remind_after=0, expire_after=1800, grace=3)
LONG = Bounds(wall=3e7)
UNTIL_EXPIRY = 1803.0
"""Seconds from the posting of a card until its question expires, the grace period included."""

MINUTES_OFF = [0.0, 300.0, -300.0]
CARD = "question:1:card"


async def asks(engine: Engine, platform: ListPlatform) -> None:
    """A run whose question 1 waits for people."""
    await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


async def card_without_an_answer(outbound: OutboundPost, _: PostedMessage) -> None:
    """The card of question 1 is posted, and the bot does not learn of it."""
    if outbound.key == CARD:
        raise SendUncertain("no answer came")


async def test_a_check_that_came_too_early_is_repeated(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform)
        clock.advance(UNTIL_EXPIRY)
        clock.time -= 0.01  # set back before the run has looked
        await engine.wait_finished()
        assert not platform.final_answers
        await clock.armed_until(clock.now() + 1)
        clock.advance(1)
        await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


@pytest.mark.parametrize("ahead", MINUTES_OFF)
async def test_people_get_the_full_time_on_a_platform_whose_clock_is_minutes_off(tmp_path: Path, ahead: float) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock, ahead=ahead)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform)
        clock.advance(UNTIL_EXPIRY - 1)
        await engine.wait_finished()
        assert not platform.final_answers
        clock.advance(1)
        await platform.until(lambda: bool(platform.final_answers))


@pytest.mark.parametrize("ahead", MINUTES_OFF)
async def test_a_card_found_after_an_hour_expires_by_its_first_deadline(tmp_path: Path, ahead: float) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await crash_after_asking(file, server, HistoryPlatform(clock, world=world, ahead=ahead), POLICY)
        clock.advance(3600)
        platform = HistoryPlatform(clock, world=world, ahead=ahead)
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


@pytest.mark.parametrize("ahead", MINUTES_OFF)
async def test_a_card_found_in_time_leaves_people_the_remaining_time(tmp_path: Path, ahead: float) -> None:
    clock, world, file = ManualClock(), SharedHistory(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        await crash_after_asking(file, server, HistoryPlatform(clock, world=world, ahead=ahead), POLICY)
        clock.advance(1000)
        platform = HistoryPlatform(clock, world=world, ahead=ahead)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.wait_finished()
            clock.advance(UNTIL_EXPIRY - 1000 - 1)
            await engine.wait_finished()
            assert not platform.final_answers
            clock.advance(1)
            await platform.until(lambda: bool(platform.final_answers))


async def test_edits_do_not_change_the_estimate_of_the_platforms_clock(tmp_path: Path) -> None:
    """The receipt of an edit has the time of the message that it edits."""
    clock, edited = ManualClock(), asyncio.Event()
    platform = HistoryPlatform(clock)

    def asks_again(asked: ModelCall) -> ScriptedReply:
        if not has_called(asked, "ask_others") or "Once more?" in str(asked.messages):
            return asking_behaviour(asked)
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=question(question="Once more?"))], gate=edited)

    async def doubtful(sending: OutboundPost, _: PostedMessage) -> None:
        if sending.key == "question:2:card":
            raise SendUncertain("no answer came")

    platform.while_sending = doubtful
    async with ModelServer(asks_again) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform)
        clock.advance(1000)
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.acknowledgements) and isinstance(platform.sent[-1].post, RunCard))
        edited.set()
        await platform.until(lambda: platform.questions[-1].question == 2)
        await clock.armed_until(clock.now() + 1)
        clock.advance(1)
        await engine.wait_finished()
        clock.advance(UNTIL_EXPIRY)
        await platform.until(lambda: bool(platform.final_answers))


@asynccontextmanager
async def doubtful_at_the_deadline(file: Path) -> AsyncIterator[tuple[ModelServer, HistoryPlatform, ManualClock, Engine]]:
    """Question 1 has reached its deadline, and its doubtful card is being searched for."""
    clock = ManualClock()
    platform = HistoryPlatform(clock, while_sending=card_without_an_answer)
    platform.finding.clear()
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(file, server, platform, clock=clock, handle_command=pong) as engine,
    ):
        await engine.start_run(task="a task", team=team("one", policy=POLICY), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await clock.armed_until(clock.now() + 1)
        platform.say_undelivered("sqlite", thread=CARD, after=60)
        clock.advance(POLICY.expire_after)
        await platform.until(lambda: CARD in platform.found)
        await wait_until_idle(platform)
        yield server, platform, clock, engine


async def test_a_card_doubtful_at_the_deadline_is_searched_for_first(tmp_path: Path) -> None:
    async with doubtful_at_the_deadline(tmp_path / "t.db") as (_, platform, clock, engine):
        platform.finding.set()
        await engine.wait_finished()
        clock.advance(POLICY.grace)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_a_card_that_stays_doubtful_delays_its_question_for_a_limited_time(tmp_path: Path) -> None:
    async with doubtful_at_the_deadline(tmp_path / "t.db") as (server, _, clock, __):
        clock.advance(RECONCILE_TIMEOUT)
        await server.request_arrives(2)
        assert "undeliverable" in str(server.requests[1].messages)


async def test_an_extended_question_is_read_again_before_it_expires(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock)
    never = asyncio.Event()

    def player(asked: ModelCall) -> ScriptedReply:
        """`one` asks people; `two` thinks for ever, so that the run never sleeps."""
        return asking_behaviour(asked) if "You are one," in prompt_text(asked) else ScriptedReply(gate=never)

    async with (
        ModelServer(player) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, handle_command=pong) as engine,
    ):
        await engine.start_run(task="a task", team=team("one", "two", policy=POLICY, bounds=LONG), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await wait_until_idle(platform)
        platform.reading.clear()
        clock.advance(UNTIL_EXPIRY)
        await platform.until(lambda: len(platform.read_after) == 1)
        await platform.person_clicks(1, "more", "600")
        await wait_until_idle(platform)
        platform.reading.set()
        await wait_until_idle(platform)
        platform.say_undelivered("sqlite", thread=CARD)
        clock.advance(600)
        await platform.until(lambda: platform.questions[-1].closed is not None)
    assert len(platform.read_after) == 2
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"
