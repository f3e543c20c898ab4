"""A single run beside those of an earlier process, which stay unchanged."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour, team_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

POLICY = Policy(settle_delay=0, remind_after=0, expire_after=1800)


def forgetful(clock: ManualClock) -> ListPlatform:
    return ListPlatform(clock, capabilities=Capabilities(threads=True, edits=True, loses_history_on_restart=True))


async def asks(engine: Engine, platform: ListPlatform) -> None:
    await engine.start_run(task="first", team=team("one", policy=POLICY), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


async def test_a_single_run_leaves_unfinished_runs_alone(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    async with ModelServer(asking_behaviour) as server:
        platform = forgetful(clock)
        async with start_engine(file, server, platform, clock=clock) as engine:
            await asks(engine, platform)
    clock.advance(3600)
    async with ModelServer(team_behaviour) as server:
        platform = forgetful(clock)
        async with start_engine(file, server, platform, clock=clock, start=Engine.start_afresh) as engine:
            run = await engine.start_run(task="second", team=team("one"), place=PLACE, by=ANA)
            await platform.person_says("1", question=1)
            await platform.until(lambda: bool(platform.private_replies))
            await engine.wait_ended(run)
            await engine.wait_finished()
        assert {final.run for final in platform.final_answers} == {run} == engine.started_here
        assert platform.questions == []
        assert "Run 1 is not active now. It continues at the next start of the bot." in platform.private_replies[0][1].text
        assert len(server.requests) == 1
    store = await SqliteStore.open(file)
    open_questions = await store.questions(status="open")
    unhandled = await store.unhandled_events()
    await store.close()
    assert ([question.question for question in open_questions], unhandled) == ([1], [])
