"""Progress of long model calls on the run card: when it appears, how often, and that none of it outlives its call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import Capabilities, NotSent, SendRejected
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

CONTENT = "begin small and look again in a month, " * 40


def slow(gate: asyncio.Event, *numbers: int) -> Behaviour:
    """A team of which these requests are answered half, until the gate opens."""

    def player(asked: ModelCall) -> ScriptedReply:
        play = team_behaviour(asked)
        if asked.number not in numbers:
            return play
        calls = [replace(use, arguments={**dict(use.arguments), "content": CONTENT}) for use in play.tool_calls]  # type: ignore[arg-type]
        return replace(play, tool_calls=calls, gate=gate)

    return player


def cards(platform: ListPlatform) -> list[RunCard]:
    return [outbound.post for outbound in platform.sent if isinstance(outbound.post, RunCard)]


def states(platform: ListPlatform) -> list[str]:
    """The state of the first agent on each card, newest last."""
    return [card.agents[0].state for card in cards(platform)]


async def next_edit(engine: Engine, clock: ManualClock, platform: ListPlatform) -> None:
    """Let ten seconds pass while nothing else is sent, and wait for the edit that follows."""
    await engine._outbox.wait_drained()
    before = len(platform.sent)
    clock.advance(10)
    await platform.until(lambda: len(platform.sent) > before)


async def advance_until(engine: Engine, clock: ManualClock, platform: ListPlatform, seen: Callable[[str], bool]) -> str:
    """Let ten seconds pass, again and again, until the newest card shows this of the first agent."""
    while not seen(states(platform)[-1]):
        await next_edit(engine, clock, platform)
    return states(platform)[-1]


async def test_a_long_call_shows_its_time_and_tokens_and_none_of_it_after_it(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = ListPlatform(clock)
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    async with (
        ModelServer(slow(gate, 1)) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, store=store) as engine,
    ):
        run = await engine.start_run(task="Plan it", team=team("one"), place=PLACE, by=ANA)
        await server.request_arrives(1)
        await platform.until(lambda: bool(platform.sent))
        assert states(platform)[-1] in ("ready", "thinking")
        shown = await advance_until(engine, clock, platform, lambda state: "tokens" in state)
        doing, elapsed, tokens = shown.split(" · ")
        assert doing == "writing"
        assert elapsed.endswith("0 s")
        assert int(tokens.removesuffix(" tokens")) > 100
        gate.set()
        await engine.wait_finished()
        assert " · " not in states(platform)[-1]
        assert " · " not in repr([*await store.log(run), *await store.pending_posts()])


async def test_a_card_is_edited_for_progress_every_ten_seconds_at_most(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = ListPlatform(clock)
    async with (
        ModelServer(slow(gate, 1, 2)) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine,
    ):
        await engine.start_run(task="Plan it", team=team("one", "two"), place=PLACE, by=ANA)
        await server.request_arrives(2)
        shown = await advance_until(engine, clock, platform, lambda state: " · " in state)
        edits = len(cards(platform))
        for _ in range(9):
            clock.advance(1)
            await engine._outbox.wait_drained()
        assert len(cards(platform)) == edits
        clock.advance(1)
        await platform.until(lambda: len(cards(platform)) > edits)
        assert states(platform)[-1] != shown
        gate.set()
        await engine.wait_finished()


async def test_the_card_shows_the_end_at_once_however_rarely_it_may_be_edited(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock, capabilities=Capabilities(threads=True, edits=True, edit_interval=10))
    async with ModelServer(team_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="Plan it", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
        await platform.until(lambda: cards(platform)[-1].ended)


async def test_the_next_call_of_an_agent_does_not_show_the_time_of_the_last_one(tmp_path: Path) -> None:
    """Both calls leave the agent thinking, so no stored edit removes the progress of the first."""
    clock, gate = ManualClock(), asyncio.Event()
    platform = ListPlatform(clock)

    def player(asked: ModelCall) -> ScriptedReply:
        if asked.number == 1:  # arguments that no tool takes are answered with a correction, and the agent is called again
            return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"wrong": CONTENT})], gate=gate)
        return replace(team_behaviour(asked), gate=last)

    last = asyncio.Event()
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="Plan it", team=team("one", "two"), place=PLACE, by=ANA)
        await server.request_arrives(2)
        await advance_until(engine, clock, platform, lambda state: " · " in state)
        gate.set()
        await server.request_arrives(3)
        await platform.until(lambda: states(platform)[-1] == "thinking")
        last.set()
        await engine.wait_finished()


async def test_after_a_restart_a_card_shows_no_progress_of_the_process_before(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = ListPlatform(clock)
    async with ModelServer(slow(gate, 1, 2)) as server:
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await engine.start_run(task="Plan it", team=team("one"), place=PLACE, by=ANA)
            await server.request_arrives(1)
            await platform.until(lambda: bool(platform.sent))
            await advance_until(engine, clock, platform, lambda state: " · " in state)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await platform.until(lambda: " · " not in states(platform)[-1])
            gate.set()
            await engine.wait_finished()


class FailingEdits(ListPlatform):
    """A platform that refuses edits while `refusal` is set."""

    refusal: Exception | None = None
    refused = 0

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        if outbound.replaces and self.refusal is not None:
            self.refused += 1
            raise self.refusal
        return await super().send(outbound)


@pytest.mark.parametrize(
    ("refusal", "edits"), [(NotSent("slow down", retry_after=25.0), 2), (SendRejected("the message is gone"), 1)]
)
async def test_an_edit_that_fails_is_dropped_and_the_limit_of_the_platform_kept(
    tmp_path: Path, refusal: Exception, edits: int
) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = FailingEdits(clock)
    async with (
        ModelServer(slow(gate, 1)) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine,
    ):
        await engine.start_run(task="Plan it", team=team("one"), place=PLACE, by=ANA)
        await server.request_arrives(1)
        await platform.until(lambda: bool(platform.final_answers or "thinking" in states(platform)[-1:]))
        await engine._outbox.wait_drained()
        platform.refusal = refusal
        for _ in range(6):
            clock.advance(10)
            await engine._outbox.wait_drained()
        assert platform.refused == edits
        platform.refusal = None
        clock.advance(10)
        gate.set()
        await engine.wait_finished()
    assert platform.final_answers
