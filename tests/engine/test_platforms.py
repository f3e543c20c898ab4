"""Several platforms: one that is down, faulty or not configured any more affects no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.engine.platforms import RECONNECT_DELAY
from tests.support.clock import ManualClock
from tests.support.failing_store import open_failing_store
from tests.support.fake_chat.recording_adapter import HistoryPlatform
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import ReplyQueue, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, start_run_on_command, team

OTHER = Place(platform="other", channel="general")


def down_for(attempts: int, up: asyncio.Event, retry_after: float | None = None) -> Callable[[], Awaitable[None]]:
    """A platform that cannot be reached for so many attempts; after that it is `up`."""
    left = iter(range(attempts))

    async def start() -> None:
        if next(left, None) is not None:
            raise NotSent("the gateway does not answer", retry_after)
        up.set()

    return start


async def seconds_pass(clock: ManualClock) -> None:
    """Second by second, as long as somebody waits for the next one."""
    while True:
        await clock.armed_until(clock.now() + 1)
        clock.advance(1)


@pytest.mark.parametrize(("retry_after", "pause"), [(None, RECONNECT_DELAY), (3.0, 3.0)])
async def test_an_unreachable_platform_delays_no_other_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, retry_after: float | None, pause: float
) -> None:
    clock, up = ManualClock(), asyncio.Event()
    down = ListPlatform(clock, platform="other", while_starting=down_for(2, up, retry_after))
    platform = ListPlatform(clock)
    async with (
        ModelServer() as server,
        start_engine(tmp_path / "t.db", server, down, platform, clock=clock, handle_command=start_run_on_command),
    ):
        await platform.person_commands("ask", "a task")
        await platform.until(lambda: bool(platform.final_answers))
        for _ in range(2):
            await clock.armed_until(clock.now() + pause)
            clock.advance(pause)
        await up.wait()
        await down.person_commands("ask", "another task")
        await down.until(lambda: bool(down.final_answers))
    assert "other cannot be reached" in caplog.text
    assert "the gateway does not answer" in caplog.text


async def test_a_timely_reply_counts_if_its_platform_is_reached_later(tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = HistoryPlatform(clock)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        platform = HistoryPlatform(clock, world=platform.world, while_starting=down_for(1, asyncio.Event()))
        platform.say_undelivered("sqlite", thread="question:1:card", after=60)
        clock.advance(3600)
        async with start_engine(file, server, platform, clock=clock):
            seconds = asyncio.create_task(seconds_pass(clock))
            await platform.until(lambda: bool(platform.final_answers))
            seconds.cancel()
    assert platform.questions[-1].closed == "Answered by Ana: SQLite"


async def test_stop_stops_every_part_even_if_a_platform_fails(tmp_path: Path) -> None:
    clock = ManualClock()
    platforms = [ListPlatform(clock, platform=name) for name in ("first", "second", "third")]
    stopped: list[str] = []

    def stop_of(platform: ListPlatform) -> Callable[[], Awaitable[None]]:
        async def stop() -> None:
            stopped.append(platform.platform)
            if platform.platform == "second":
                raise RuntimeError("it broke while it was stopped")

        return stop

    for platform in platforms:
        platform.while_stopping = stop_of(platform)
    store = await open_failing_store(tmp_path / "t.db", clock)
    with pytest.raises(RuntimeError, match="it broke while it was stopped"):
        async with ModelServer() as server, start_engine(tmp_path, server, *platforms, clock=clock, store=store):
            await platforms[0].person_says("nothing of ours")
    assert sorted(stopped) == ["first", "second", "third"]
    assert clock.alarms == []


async def test_a_run_of_an_unconfigured_platform_stays_idle_and_calls_no_model(tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "t.db"
    never = ScriptedReply(gate=asyncio.Event())
    async with ModelServer(ReplyQueue([never], then=asking_behaviour)) as server:
        other = ListPlatform(clock, platform="other")
        async with start_engine(file, server, other, clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one"), place=OTHER, by=ANA)
            await server.request_arrives(1)
        platform = ListPlatform(clock)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await engine.wait_finished()
            clock.advance(24 * 3600)
            await engine.wait_finished()
            assert engine.active == ()
            assert len(server.requests) == 1
        other = ListPlatform(clock, platform="other")
        async with start_engine(file, server, other, clock=clock):
            await other.until(lambda: bool(other.questions))
            assert len(server.requests) == 2
