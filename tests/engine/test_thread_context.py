"""The thread in which a task was given: read once before the first call, stored, and read on by agents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Attachment, Place, ThreadPosition
from orchestrator_bridge.chat.thread_context import ThreadMessage, ThreadPage
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.thread_reader import READ_WITHIN
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour, has_called, team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine, team

THREAD = ThreadPosition(place=Place(platform="list", channel="general", thread="t1"), before="m9")


def open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class ThreadPlatform(ListPlatform):
    """A platform with one thread. `failures` are those of the next reads, None for a page; reads wait for `gate`."""

    page: ThreadPage = field(default_factory=ThreadPage)
    failures: list[Exception | None] = field(default_factory=list)
    reads: list[tuple[ThreadPosition, int, str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=open_gate)

    async def read_context(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        await self._note(self.reads, (thread, count, before))
        await self.gate.wait()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return self.page


def page(*texts: str, left_out: int = 0, files: Sequence[Attachment] = ()) -> ThreadPage:
    """A page of Ben's messages; the files are those of the last one."""
    messages = [
        ThreadMessage(id=f"m{number}", author="Ben", speaker="person", at=1_796_040_000.0, text=text)
        for number, text in enumerate(texts, 1)
    ]
    last = messages.pop()
    with_files = ThreadMessage(
        id=last.id, author=last.author, speaker=last.speaker, at=last.at, text=last.text, attachments=tuple(files)
    )
    return ThreadPage(messages=(*messages, with_files), left_out=left_out)


async def ask(engine: Engine, *, place: Place = PLACE, context_messages: int = 30) -> int:
    """Start a run of one agent for a task in the thread."""
    with_context = team("one").model_copy(update={"context_messages": context_messages})
    return await engine.start_run(task="a task", team=with_context, place=place, by=ANA, thread=THREAD)


async def test_the_agents_read_the_thread_and_people_how_much_of_it(tmp_path: Path) -> None:
    platform = ThreadPlatform(ManualClock(), page=page("The build is red.", "Since noon.", left_out=4))
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.reads == [(THREAD, 30, "")]
    assert "] Ben\n> The build is red.\n[m2 " in prompt_text(server.requests[0])
    assert "Read 2 messages of the thread in which you asked, 4 earlier messages left out." in platform.notes


@pytest.mark.parametrize("place", [Place(platform="list", channel="elsewhere"), Place(platform="other", channel="general")])
async def test_a_thread_is_not_read_for_a_run_in_another_channel(tmp_path: Path, place: Place) -> None:
    platform, other = ThreadPlatform(ManualClock()), ListPlatform(ManualClock(), platform="other")
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, other) as engine:
        await ask(engine, place=place)
        await engine.wait_finished()
    assert platform.reads == []
    assert "read_thread" not in server.requests[0].tools


async def test_a_team_can_switch_it_off(tmp_path: Path) -> None:
    platform = ThreadPlatform(ManualClock())
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await ask(engine, context_messages=0)
        await engine.wait_finished()
    assert platform.reads == []
    assert "read_thread" not in server.requests[0].tools


async def test_a_platform_that_reads_no_threads_starts_the_run_without_one(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await ask(engine)
        await engine.wait_finished()
    assert platform.final_answers
    assert "read_thread" not in server.requests[0].tools


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (SendRejected("403 (50001)", "I may not read it there"), "I may not read it there"),
        (RuntimeError("a fault of the adapter"), "an internal error, which the log file explains"),
    ],
)
async def test_a_thread_that_cannot_be_read_is_said_in_the_runs_thread_and_ends_nothing(
    tmp_path: Path, failure: Exception, reason: str
) -> None:
    platform = ThreadPlatform(ManualClock(), failures=[failure])
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    warning = f"I could not read the thread in which you asked: {reason}. Write here what the agents should know."
    assert warning in platform.notes
    assert "403" not in " ".join(platform.notes)


async def test_a_platform_that_cannot_be_reached_now_is_tried_again(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ThreadPlatform(clock, page=page("The build is red."), failures=[NotSent("down", 5.0)])
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask(engine)
        await clock.armed_at(clock.now() + 5)
        clock.advance(5)
        await platform.until(lambda: bool(platform.final_answers))
    assert len(platform.reads) == 2
    assert "The build is red." in prompt_text(server.requests[0])


async def test_a_platform_that_asks_for_more_time_than_the_run_can_wait_is_not_waited_for(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ThreadPlatform(clock, failures=[NotSent("limited", READ_WITHIN + 1)])
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert "the platform cannot be reached" in " ".join(platform.notes)


async def test_a_reading_that_takes_too_long_holds_up_no_run(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ThreadPlatform(clock, page=page("The build is red."), gate=asyncio.Event())
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await ask(engine)
        await clock.armed_at(clock.now() + READ_WITHIN)
        clock.advance(READ_WITHIN)
        await platform.until(lambda: bool(platform.final_answers))
    assert "the platform cannot be reached" in " ".join(platform.notes)


async def test_files_of_the_newest_messages_are_loaded_and_the_rest_is_reported(tmp_path: Path) -> None:
    platform = ThreadPlatform(ManualClock(), files={f"{number}.txt": b"a line" for number in range(12)})
    files = [platform.attached(f"{number}.txt") for number in range(12)]
    platform.page = page("See these.", files=files)
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert '> <file name="9.txt">\n> a line\n> </file>' in prompt_text(server.requests[0])
    assert '<file name="10.txt">(left out: only 10 files are read at once)</file>' in prompt_text(server.requests[0])
    assert "10.txt is left out: only 10 files are read at once." in " ".join(platform.notes)


async def test_a_restart_after_the_reading_does_not_read_the_thread_again(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    platform = ThreadPlatform(clock, page=page("The build is red."))
    async with ModelServer(asking_behaviour) as server:
        async with start_engine(file, server, platform, clock=clock) as engine:
            await ask(engine)
            await platform.until(lambda: bool(platform.questions))
        platform.page = page("Something else.")
        async with start_engine(file, server, platform, clock=clock):
            await platform.person_clicks(1, "option", "postgres")
            await platform.until(lambda: bool(platform.final_answers))
    assert len(platform.reads) == 1
    assert all("The build is red." in prompt_text(asked) for asked in server.requests)


async def test_a_process_that_ends_while_it_reads_leaves_the_reading_to_the_next(tmp_path: Path) -> None:
    clock, file = ManualClock(), tmp_path / "t.db"
    platform = ThreadPlatform(clock, page=page("The build is red."), gate=asyncio.Event())
    async with ModelServer() as server:
        async with start_engine(file, server, platform, clock=clock) as engine:
            await ask(engine)
            await platform.until(lambda: bool(platform.reads))
        assert server.requests == []
        platform.gate.set()
        async with start_engine(file, server, platform, clock=clock):
            await platform.until(lambda: bool(platform.final_answers))
    assert len(platform.reads) == 2
    assert platform.notes.count("Read 1 message of the thread in which you asked.") == 1


async def test_a_run_can_be_cancelled_while_its_thread_is_read(tmp_path: Path) -> None:
    platform = ThreadPlatform(ManualClock(), page=page("The build is red."), gate=asyncio.Event())
    async with ModelServer() as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        run = await ask(engine)
        await platform.until(lambda: bool(platform.reads))
        engine.cancel_run(run, ANA, "c1")
        await engine.wait_ended(run)
        platform.gate.set()
        await engine.wait_finished()
    assert server.requests == []
    assert "Read 1 message" not in " ".join(platform.notes)


def reading_behaviour(**arguments: object) -> Behaviour:
    """Behaviour of an agent that reads on in the thread once, then answers."""

    def player(asked: ModelCall) -> ScriptedReply:
        if not has_called(asked, "read_thread"):
            return ScriptedReply(tool_calls=[ToolUse(name="read_thread", arguments=dict(arguments))])
        return team_behaviour(asked)

    return player


async def test_an_agent_reads_earlier_messages_without_approval(tmp_path: Path) -> None:
    platform = ThreadPlatform(ManualClock(), page=page("The build is red.", left_out=3))
    async with (
        ModelServer(reading_behaviour(count=2)) as server,
        start_engine(tmp_path / "t.db", server, platform) as engine,
    ):
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.reads == [(THREAD, 30, ""), (THREAD, 2, "m1")]
    assert platform.questions == []
    result = prompt_text(server.requests[1]).partition('<result of="read_thread">')[2]
    assert "(3 earlier messages left out)\n[m1 · person · 2026-11-30 12:00 UTC] Ben\n> The build is red." in result


@pytest.mark.parametrize("arguments", [{"count": 0}, {"count": 1000}, {"count": "all"}, {"before": 7}])
async def test_arguments_that_do_not_fit_are_refused_without_a_reading(tmp_path: Path, arguments: dict[str, object]) -> None:
    platform = ThreadPlatform(ManualClock(), page=page("The build is red."))
    async with (
        ModelServer(reading_behaviour(**arguments)) as server,
        start_engine(tmp_path / "t.db", server, platform) as engine,
    ):
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert len(platform.reads) == 1
    assert "Not read: 'before' is the id of a message, and 'count' a number from 1 to 50." in prompt_text(server.requests[1])


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        (SendRejected("10008", "there is no such message in this thread"), "there is no such message in this thread"),
        (NotSent("down", READ_WITHIN + 1), "the platform cannot be reached"),
        (RuntimeError("a fault"), "Go on with what you have"),
    ],
)
async def test_a_reading_of_an_agent_that_fails_is_its_result(tmp_path: Path, failure: Exception, found: str) -> None:
    platform = ThreadPlatform(ManualClock(), page=page("The build is red."), failures=[None, failure])
    async with (
        ModelServer(reading_behaviour(before="m1")) as server,
        start_engine(tmp_path / "t.db", server, platform) as engine,
    ):
        await ask(engine)
        await platform.until(lambda: bool(platform.final_answers))
    assert found in prompt_text(server.requests[1])
