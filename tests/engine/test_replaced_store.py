"""The database of a running bot is moved away: nothing is confirmed, people are told, and all goes on when it is back."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.engine.inbox import NOT_STORED
from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


def move(path: Path, name: str) -> Path:
    """Give a file another name."""
    return path.rename(path.with_name(name))


async def test_a_reply_is_not_confirmed_while_the_database_is_away_and_counts_when_it_is_back(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "townhall.db"
    platform = ListPlatform(clock, capabilities=Capabilities(threads=True, edits=True, redelivers=True))
    async with ModelServer(asking_behaviour) as server, start_engine(file, server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=Policy(settle_delay=0)), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        away = move(file, "away.db")
        for _ in range(2):
            with pytest.raises(StoreError, match=r"townhall\.db is not there any more"):
                await platform.person_says("1", question=1)
        with pytest.raises(StoreError):
            await platform.person_clicks(1, "option", "1")
        await platform.until(lambda: bool(platform.private_replies))
        assert [reply.text for _, reply in platform.private_replies] == [NOT_STORED]
        assert not platform.acknowledgements
        move(away, file.name)
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    store = await SqliteStore.open(file)
    try:
        assert [run.status for run in await store.runs()] == ["finished"]
        assert not await store.unhandled_events()
    finally:
        await store.close()


async def test_a_task_for_nobody_is_not_answered_while_the_database_is_away(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "townhall.db"
    platform = ListPlatform(clock)
    async with ModelServer() as server, start_engine(file, server, platform, clock=clock) as engine:
        file.unlink()
        with pytest.raises(StoreError):
            await platform.person_says("Lunch?", thread="of other people")
        await engine.wait_finished()
        assert not platform.private_replies


async def test_a_platform_that_does_not_deliver_again_tells_its_people_itself(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "townhall.db"
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(file, server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=Policy(settle_delay=0)), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        file.unlink()
        with pytest.raises(StoreError):
            await platform.person_says("1", question=1)
        await engine.wait_finished()
        assert not platform.private_replies
