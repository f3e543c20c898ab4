"""People who leave while questions wait for them, end to end: reported, found by a look-up, found at a start, and not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, PersonLeft, Place
from orchestrator_bridge.run.presentation.posts import question_key
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import PersonSpec, Policy
from tests.support.clock import ManualClock
from tests.support.fake_chat.recording_adapter import HistoryPlatform
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, start_engine, team

EVERYWHERE = Place(platform="list", channel="")
DIRECTORY = Directory({"ana": PersonSpec(ids={"list": "ana"})})
WAITING = Policy.model_validate({"settle_delay": 0, "remind_after": "10m", "expire_after": "1h", "grace": 0})


@dataclass
class PresentPlatform(HistoryPlatform):
    """A platform that knows who has left; `trouble` is raised by every look-up while it is set."""

    gone: set[str] = field(default_factory=set)
    trouble: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def absence(self, person: Author, place: Place) -> str:
        await self._note(self.asked, person.id)
        if self.trouble is not None:
            raise self.trouble
        return "is not on this server" if person.id in self.gone else ""

    async def leaves(self, person: Author) -> None:
        """A person leaves, which the platform reports."""
        self.gone.add(person.id)
        await self.deliver(PersonLeft(place=EVERYWHERE, author=person, at=self.now))


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer(asking_behaviour) as server:
        yield server


async def ask(platform: PresentPlatform, file: Path, models: ModelServer, clock: ManualClock) -> None:
    """Run a bot until its question is posted, and stop it."""
    async with start_engine(file, models, platform, clock=clock, directory=DIRECTORY) as engine:
        await engine.start_run(task="a task", team=team("one", policy=WAITING), place=PLACE, by=ANA)
        await platform.until(lambda: platform.asked == ["ana"])


def left(platform: PresentPlatform) -> bool:
    return any("ana is not on this server, so question 1 no longer waits" in note for note in platform.notes)


async def test_the_departure_of_the_only_person_ends_the_wait_at_once(tmp_path: Path, models: ModelServer) -> None:
    platform = PresentPlatform(ManualClock())
    async with start_engine(tmp_path / "t.db", models, platform, clock=platform.clock, directory=DIRECTORY) as engine:
        await engine.start_run(task="a task", team=team("one", policy=WAITING), place=PLACE, by=ANA)
        await platform.until(lambda: platform.asked == ["ana"])
        await platform.leaves(Author(platform="list", id="zoe", name="Zoe"))
        await platform.leaves(ANA)
        await platform.until(lambda: bool(platform.final_answers))
        assert left(platform)
        assert await engine._store.unhandled_events() == []
    assert platform.asked == ["ana", "ana"]


async def test_a_departure_that_nobody_reports_is_found_when_the_person_is_reminded(tmp_path: Path, models: ModelServer) -> None:
    clock = ManualClock()
    platform = PresentPlatform(clock)
    async with start_engine(tmp_path / "t.db", models, platform, clock=clock, directory=DIRECTORY) as engine:
        await engine.start_run(task="a task", team=team("one", policy=WAITING), place=PLACE, by=ANA)
        await platform.until(lambda: platform.asked == ["ana"])
        platform.gone.add("ana")
        await clock.armed_until(clock.now() + 600)
        clock.advance(600)
        await platform.until(lambda: bool(platform.final_answers))
        assert left(platform)


async def test_a_departure_while_the_bot_was_down_is_found_at_its_start(tmp_path: Path, models: ModelServer) -> None:
    clock = ManualClock()
    platform = PresentPlatform(clock)
    await ask(platform, tmp_path / "t.db", models, clock)
    platform.gone.add("ana")
    async with start_engine(tmp_path / "t.db", models, platform, clock=clock, directory=DIRECTORY):
        await platform.until(lambda: bool(platform.final_answers))
        assert left(platform)


async def test_a_reply_that_was_written_before_its_author_left_counts(tmp_path: Path, models: ModelServer) -> None:
    clock = ManualClock()
    platform = PresentPlatform(clock)
    await ask(platform, tmp_path / "t.db", models, clock)
    platform.say_undelivered("2", thread=question_key(1))
    platform.gone.add("ana")
    async with start_engine(tmp_path / "t.db", models, platform, clock=clock, directory=DIRECTORY):
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by ana: SQLite"


async def test_a_reply_that_was_not_delivered_is_read_before_its_author_counts_as_gone(
    tmp_path: Path, models: ModelServer
) -> None:
    platform = PresentPlatform(ManualClock())
    async with start_engine(tmp_path / "t.db", models, platform, clock=platform.clock, directory=DIRECTORY) as engine:
        await engine.start_run(task="a task", team=team("one", policy=WAITING), place=PLACE, by=ANA)
        await platform.until(lambda: platform.asked == ["ana"])
        platform.say_undelivered("2", thread=question_key(1))
        await platform.leaves(ANA)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.questions[-1].closed == "Answered by ana: SQLite"


async def test_a_platform_that_cannot_say_who_is_there_changes_nothing(tmp_path: Path, models: ModelServer) -> None:
    clock = ManualClock()
    platform = PresentPlatform(clock, trouble=RuntimeError("no idea"))
    async with start_engine(tmp_path / "t.db", models, platform, clock=clock, directory=DIRECTORY) as engine:
        await engine.start_run(task="a task", team=team("one", policy=WAITING), place=PLACE, by=ANA)
        await platform.until(lambda: platform.asked == ["ana"])
        await platform.leaves(ANA)
        await platform.until(lambda: len(platform.asked) == 2)
        assert not left(platform)
        platform.trouble = None
        await clock.armed_until(clock.now() + 600)
        clock.advance(600)
        await platform.until(lambda: bool(platform.final_answers))
