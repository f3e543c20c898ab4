"""The wall clock is set while questions are open: they keep their deadlines."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator_bridge.common.clock import ProcessTime, SystemClock, monotonic_time
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.team.team import Policy
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

HOUR = 3600.0


@dataclass
class WallClock:
    """A machine's wall clock, which a test sets."""

    time: float = 1_800_000_000.0

    def __call__(self) -> float:
        """The time that it shows."""
        return self.time


async def asks(engine: Engine, platform: ListPlatform, expire_after: float) -> None:
    """A run whose question 1 waits for people."""
    policy = Policy(settle_delay=0, remind_after=0, expire_after=expire_after, grace=0)
    await engine.start_run(task="a task", team=team("one", policy=policy), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


async def test_a_question_still_takes_its_answer_after_the_wall_clock_was_set_forward(tmp_path: Path) -> None:
    wall = WallClock()
    clock = SystemClock(ProcessTime(wall, monotonic_time))
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform, expire_after=60)
        wall.time += HOUR
        await platform.person_says("1", question=1)
        await platform.until(lambda: bool(platform.final_answers))
    assert "Ana" in (platform.questions[-1].closed or "")


async def test_a_question_ends_in_time_after_the_wall_clock_was_set_back(tmp_path: Path) -> None:
    wall = WallClock()
    clock = SystemClock(ProcessTime(wall, monotonic_time))
    platform = ListPlatform(clock)
    async with ModelServer(asking_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await asks(engine, platform, expire_after=1)
        wall.time -= HOUR
        await platform.until(lambda: bool(platform.final_answers))
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 1 s")


def test_each_change_of_the_wall_clock_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    wall, elapsed = WallClock(), WallClock(0.0)
    now = ProcessTime(wall, elapsed)
    started = now()
    with caplog.at_level(logging.WARNING):
        wall.time += HOUR
        assert now() == now() == started
        wall.time -= HOUR
        assert now() == started
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "the clock of this machine was set forward by 3600 s",
        "the clock of this machine was set back by 3600 s",
    ]


def test_a_small_correction_of_the_wall_clock_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    wall, elapsed = WallClock(), WallClock(0.0)
    now = ProcessTime(wall, elapsed)
    elapsed.time, wall.time = 10.0, wall.time + 10.5
    assert now() == wall.time - 0.5
    assert not caplog.records
