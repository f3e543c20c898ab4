"""Messages whose author the platform does not name, such as those that an app has reposted for somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.run.presentation.posts import question_key
from orchestrator_bridge.team.team import Policy
from tests.support.clock import ManualClock
from tests.support.fake_chat.recording_adapter import HistoryPlatform
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, start_engine, team

NOBODY = replace(ANA, id="", name="Robin")
PATIENT = Policy.model_validate({"settle_delay": 60, "remind_after": 0, "expire_after": 600, "grace": 3, "responders": "anyone"})


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer(asking_behaviour) as server:
        yield server


def reply(platform: HistoryPlatform, text: str, message: str = "m1", author: Author = ANA) -> MessageReceived:
    """A reply in the question's thread."""
    thread = Place(platform="list", channel="general", thread=question_key(1))
    return MessageReceived(place=thread, message=message, author=author, text=text, at=platform.now)


async def test_it_is_the_author_of_an_earlier_version_in_events_and_in_the_history(tmp_path: Path, models: ModelServer) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    platform = HistoryPlatform(clock)
    async with start_engine(file, models, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=PATIENT), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        said = reply(platform, "the first")
        await platform.deliver(said)
        await platform.deliver(replace(said, text="the second", author=NOBODY, edit="1"))
        await platform.until(lambda: len(platform.acknowledgements) == 2)
    platform.world.said.append(replace(said, text="the second", author=NOBODY, edit="1"))
    async with start_engine(file, models, platform, clock=clock) as engine:
        await platform.until(lambda: any(place.thread == question_key(1) for place, _ in platform.read_after))
        await clock.armed_until(clock.now() + 60)
        clock.advance(60)
        await platform.until(lambda: bool(platform.final_answers))
        assert await engine._store.unhandled_events() == []
    assert platform.questions[-1].closed == "Answered by Ana: SQLite (“the second”)"


async def test_without_an_earlier_version_it_counts_for_nobody(tmp_path: Path, models: ModelServer) -> None:
    clock = ManualClock()
    platform = HistoryPlatform(clock)
    async with start_engine(tmp_path / "t.db", models, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=PATIENT), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        await platform.deliver(reply(platform, "2", author=NOBODY))
        platform.world.said.append(reply(platform, "2", "m2", author=NOBODY))
        await clock.armed_until(clock.now() + 603)
        clock.advance(603)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Nobody answered in 10 min; fallback: the recommended option, PostgreSQL"
    assert not platform.acknowledgements
