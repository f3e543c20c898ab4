"""Streaming of final answers: when a text is shown, and when it is removed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_bridge.chat.outbound import StreamingAnswer
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.team.team import Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

TEXT = "We begin small, and look again in a month."


@dataclass
class StreamingPlatform(ListPlatform):
    """A platform that shows texts while they are written."""

    drafts: list[StreamingAnswer] = field(default_factory=list)

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        await self._note(self.drafts, answer)

    @property
    def shown(self) -> list[str | None]:
        return [draft.text for draft in self.drafts]


def streaming(*names: str) -> Team:
    return team(*names).model_copy(update={"stream": True})


def writes(*texts: ScriptedReply) -> Behaviour:
    """A team with these final texts, one after the other."""
    left = list(texts)

    def player(asked: ModelCall) -> ScriptedReply:
        return team_behaviour(asked) if asked.tools else left.pop(0)

    return player


async def begin(engine: Engine, chosen: Team) -> None:
    await engine.start_run(task="Plan it", team=chosen, place=PLACE, by=ANA)


async def test_a_final_answer_is_shown_while_it_is_written(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = StreamingPlatform(clock)
    player = writes(ScriptedReply(text=TEXT, gate=gate))
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, streaming("one", "two"))
        await platform.until(lambda: bool(platform.drafts))
        first = platform.drafts[0]
        assert first.text
        assert TEXT.startswith(first.text)
        assert (first.place.thread, first.by, first.to) == ("p1", "one", ANA)
        assert platform.final_answers == []
        gate.set()
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert platform.final_answers[0].text == TEXT
    assert platform.final_answers[0].drafted
    assert None not in platform.shown


async def test_nothing_is_streamed_unless_the_team_file_enables_it(tmp_path: Path) -> None:
    platform = StreamingPlatform(ManualClock())
    async with ModelServer(team_behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await begin(engine, team("one", "two"))
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert (platform.shown, platform.final_answers[0].drafted) == ([], False)


async def test_a_text_that_missed_guidance_is_removed_and_written_again(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = StreamingPlatform(clock)
    player = writes(ScriptedReply(text=TEXT, gate=gate), ScriptedReply(text="It is cheap."))
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, streaming("one", "two"))
        await platform.until(lambda: bool(platform.drafts))
        await platform.person_says("It must be cheap.", thread="p1")
        await platform.until(lambda: bool(platform.acknowledgements))
        gate.set()
        await platform.until(lambda: None in platform.shown)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert platform.final_answers[0].text == "It is cheap."


async def test_the_text_of_a_failed_call_is_removed(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = StreamingPlatform(clock)
    player = writes(ScriptedReply(text=TEXT, cut="unfinished"), ScriptedReply(text=TEXT))
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, streaming("one", "two"))
        await platform.until(lambda: None in platform.shown)
        clock.advance(60)
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert platform.final_answers[0].text == TEXT


async def test_the_text_of_a_cancelled_run_is_removed(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = StreamingPlatform(clock)
    player = writes(ScriptedReply(text=TEXT, gate=gate))
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, streaming("one", "two"))
        await platform.until(lambda: bool(platform.drafts))
        engine.cancel_run(1, ANA, "")
        await platform.until(lambda: platform.shown[-1] is None)
        gate.set()
        await engine.wait_finished()
    assert platform.final_answers == []


async def test_a_text_is_updated_at_most_once_a_second(tmp_path: Path) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    platform = StreamingPlatform(clock)
    player = writes(ScriptedReply(text=TEXT, gate=gate))
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await begin(engine, streaming("one", "two"))
        await platform.until(lambda: bool(platform.drafts))
        gate.set()
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    assert len(platform.drafts) == 1, "the rest came within the same second, and the answer after it"
