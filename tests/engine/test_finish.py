"""A person wants the answer now: by command or by a word in the run's thread, with the permission to cancel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, MessageReceived
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.events import FinishAsked
from tests.engine.test_cancel import NOBODY_ELSE, obeying
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, open_failing_store, refuse_event
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

BEN = Author(platform="list", id="ben", name="Ben")


@asynccontextmanager
async def waiting_run(folder: Path) -> AsyncIterator[tuple[Engine, ListPlatform]]:
    """A run of Ana's whose agent waits for people; nobody else may end it."""
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await open_failing_store(folder / "t.db", clock)
    obey = obeying(store, NOBODY_ELSE)
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(folder, server, platform, clock=clock, store=store, directory=NOBODY_ELSE, handle_command=obey) as engine,
    ):
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await engine.wait_finished()
        yield engine, platform


def thread(platform: ListPlatform) -> str:
    """The thread of the run's card."""
    number = next(number for number, sent in enumerate(platform.sent, 1) if isinstance(sent.post, RunCard))
    return f"p{number}"


async def says_in_thread(platform: ListPlatform, text: str, by: Author) -> None:
    place = replace(PLACE, thread=thread(platform))
    await platform.deliver(MessageReceived(place=place, message=f"by {by.id}", author=by, text=text, at=platform.now))


def answers(platform: ListPlatform) -> list[str]:
    return [sent.post.how for sent in platform.sent if isinstance(sent.post, FinalAnswer)]


async def test_the_command_ends_a_run_with_the_answer_of_a_last_call(tmp_path: Path) -> None:
    async with waiting_run(tmp_path) as (engine, platform):
        await platform.person_commands("finish")
        await engine.wait_finished()
        assert answers(platform) == ["Finished early by Ana: the best answer so far, not voted on."]
        await platform.person_commands("finish", "1")
        await engine.wait_finished()
    assert [reply.text for _, reply in platform.private_replies] == ["Run 1 is not running."]


@pytest.mark.parametrize("text", ["finish", "Answer now, please.", "that's enough", "Das reicht!"])
async def test_a_word_in_the_runs_thread_ends_it_too(tmp_path: Path, text: str) -> None:
    async with waiting_run(tmp_path) as (engine, platform):
        await says_in_thread(platform, text, ANA)
        await engine.wait_finished()
        assert answers(platform) == ["Finished early by Ana: the best answer so far, not voted on."]
    signs = [sent.post.sign for sent in platform.sent if isinstance(sent.post, Acknowledgement)]
    assert signs == ["taken"]


@pytest.mark.parametrize("text", ["finish the report on Monday", "that's enough disk for a year"])
async def test_words_that_only_contain_it_are_guidance(tmp_path: Path, text: str) -> None:
    async with waiting_run(tmp_path) as (engine, platform):
        await says_in_thread(platform, text, ANA)
        await engine.wait_finished()
        state = await engine.run(1)
    assert state is not None
    assert state.end is None
    assert [message.text for message in state.messages if message.kind == "guidance"] == [text]


@pytest.mark.parametrize("way", ["command", "word"])
async def test_another_person_without_the_permission_ends_nothing(tmp_path: Path, way: str) -> None:
    async with waiting_run(tmp_path) as (engine, platform):
        if way == "command":
            await platform.person_commands("finish", "1", by=BEN)
        else:
            await says_in_thread(platform, "answer now", BEN)
        await engine.wait_finished()
        state = await engine.run(1)
    expected = {
        "command": "Run 1 was started by Ana; you may not finish it.",
        "word": "You are not allowed to finish this run. The bot's administrator can allow it.",
    }
    assert [reply.text for _, reply in platform.private_replies] == [expected[way]]
    assert state is not None
    assert (state.end, state.finish) == (None, None)


@pytest.mark.parametrize("way", ["command", "word"])
async def test_a_wish_is_marked_as_done_in_the_transaction_that_does_it(tmp_path: Path, way: str) -> None:
    clock = ManualClock()
    file = tmp_path / "t.db"
    platform = ListPlatform(clock)
    store = await open_failing_store(file, clock)
    async with ModelServer(asking_behaviour) as server:
        async with start_engine(
            file, server, platform, clock=clock, store=store, handle_command=obeying(store, NOBODY_ELSE)
        ) as engine:
            await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
            store.refuse = refuse_event(FinishAsked, FULL)
            if way == "command":
                await platform.person_commands("finish", "1")
            else:
                await says_in_thread(platform, "finish", ANA)
            await store.wait_refused()
        store = await open_failing_store(file, clock)
        platform = ListPlatform(clock)
        async with start_engine(
            file, server, platform, clock=clock, store=store, handle_command=obeying(store, NOBODY_ELSE)
        ) as engine:
            await platform.until(lambda: bool(answers(platform)))
            await engine.wait_finished()
            assert answers(platform) == ["Finished early by Ana: the best answer so far, not voted on."]
            assert not await store.unhandled_events()
