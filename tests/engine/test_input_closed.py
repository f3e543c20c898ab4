"""The end of a terminal's input: it affects the process in which it happened, and no other."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.inbound import InputClosed
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


async def test_an_unhandled_end_of_input_of_an_earlier_process_is_dropped(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    await store.receive(InputClosed(place=PLACE, interaction="end", at=clock.now()), clock.now())
    await store.close()
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        assert platform.questions[-1].closed is None


async def test_an_end_of_input_affects_only_runs_of_this_process(tmp_path: Path) -> None:
    clock = ManualClock()
    async with ModelServer(asking_behaviour) as server:
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await engine.start_run(task="an earlier task", team=team("one"), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
        platform = ListPlatform(clock)
        store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock, store=store) as engine:
            await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await platform.deliver(InputClosed(place=PLACE, interaction="end", at=clock.now()))
            await platform.until(lambda: bool(platform.final_answers))
            await engine.wait_finished()
            states = [question.status for question in await store.questions()]
    assert states == ["fallen_back", "open"]
