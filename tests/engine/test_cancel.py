"""Cancelling a run: permissions, and a crash in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest

from bot.commands.dispatch import ChatCommands
from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelSelections
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.inbound import Author, CommandReceived
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.run.events import RunCancelled
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Permissions
from tests.support.clock import ManualClock
from tests.support.failing_store import FULL, open_failing_store, refuse_event
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, CommandHandler, ListPlatform, start_engine, team

NAMESAKE = Author(platform="list", id="another", name="Ana")
RENAMED = Author(platform="list", id="ana", name="Ana (on leave)")
ELSEWHERE = Author(platform="other", id="ana", name="Ana")
NOBODY_ELSE = Directory(permissions=Permissions(cancel=()))


def no_shelf() -> ModelBrowser:
    """A server that answers no model call."""
    return ModelBrowser(own={}, base_urls={}, settings={}, today=date(2026, 11, 22))


def obeying(store: Store, directory: Directory) -> CommandHandler:
    """The bot's own commands."""
    commands = ChatCommands(store, TeamFile(), ModelClient(), directory, ModelSelections(store), no_shelf)

    async def obey(engine: Engine, command: CommandReceived) -> PrivateReply | None:
        commands.engine = engine
        return await commands.handle(command)

    return obey


async def begin(engine: Engine, platform: ListPlatform) -> None:
    """A run of Ana's that waits for people."""
    await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
    await platform.until(lambda: bool(platform.questions))
    await engine.wait_finished()


@asynccontextmanager
async def a_run_of_anas(folder: Path) -> AsyncIterator[tuple[Engine, ListPlatform]]:
    """A run that waits for people, which only its requester may cancel."""
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await open_failing_store(folder / "t.db", clock)
    obey = obeying(store, NOBODY_ELSE)
    async with (
        ModelServer(asking_behaviour) as server,
        start_engine(folder, server, platform, clock=clock, store=store, directory=NOBODY_ELSE, handle_command=obey) as engine,
    ):
        await begin(engine, platform)
        yield engine, platform


@pytest.mark.parametrize("author", [ANA, RENAMED], ids=["by the same name", "by a new name"])
async def test_the_requester_may_cancel_a_run(tmp_path: Path, author: Author) -> None:
    async with a_run_of_anas(tmp_path) as (engine, platform):
        await platform.person_commands("cancel", "1", by=author)
        await engine.wait_finished()
    assert f"Run 1 was cancelled by {author.name}." in platform.notes


@pytest.mark.parametrize("author", [NAMESAKE, ELSEWHERE], ids=["of the same name", "of the same id elsewhere"])
async def test_another_person_may_not_cancel_a_run(tmp_path: Path, author: Author) -> None:
    async with a_run_of_anas(tmp_path) as (engine, platform):
        await platform.person_commands("cancel", "1", by=author)
        await engine.wait_finished()
        state = await engine.run(1)
    assert [word.text for _, word in platform.private_replies] == ["Run 1 was started by Ana; you may not cancel it."]
    assert state is not None
    assert state.end is None


async def test_a_cancel_is_marked_as_done_in_the_transaction_that_does_it(tmp_path: Path) -> None:
    """The next start carries out what a crash interrupted, and never twice."""
    clock = ManualClock()
    file = tmp_path / "t.db"
    platform = ListPlatform(clock)
    store = await open_failing_store(file, clock)
    async with ModelServer(asking_behaviour) as server:
        async with start_engine(
            file, server, platform, clock=clock, store=store, handle_command=obeying(store, NOBODY_ELSE)
        ) as engine:
            await begin(engine, platform)
            store.refuse = refuse_event(RunCancelled, FULL)
            await platform.person_commands("cancel", "1")
            await store.wait_refused()
        store = await open_failing_store(file, clock)
        platform = ListPlatform(clock)
        async with start_engine(
            file, server, platform, clock=clock, store=store, handle_command=obeying(store, NOBODY_ELSE)
        ) as engine:
            await engine.wait_finished()
            assert "Run 1 was cancelled by Ana." in platform.notes
            assert not await store.unhandled_events()


@pytest.mark.parametrize("words", ["stop please", "Please stop this run now!", "cancel run 1"])
async def test_words_in_the_thread_of_a_run_that_only_ask_to_stop_cancel_it(tmp_path: Path, words: str) -> None:
    async with a_run_of_anas(tmp_path) as (engine, platform):
        await platform.person_says(words, thread="p1")
        await engine.wait_finished()
        state = await engine.run(1)
    assert "Run 1 was cancelled by Ana." in platform.notes
    assert state is not None
    assert not any(message.kind == "guidance" for message in state.messages)


async def test_words_that_may_ask_to_stop_are_guidance_and_asked_about(tmp_path: Path) -> None:
    async with a_run_of_anas(tmp_path) as (engine, platform):
        await platform.person_says("stop, that is the wrong shop", thread="p1")
        await engine.wait_finished()
        state = await engine.run(1)
    assert [reply.confirm.text for _, reply in platform.private_replies if reply.confirm] == ["1"]
    assert [receipt.sign for receipt in platform.acknowledgements] == ["taken"]
    assert state is not None
    assert state.end is None


async def test_a_request_to_stop_by_words_is_carried_out_after_a_crash(tmp_path: Path) -> None:
    clock = ManualClock()
    file = tmp_path / "t.db"
    platform = ListPlatform(clock)
    store = await open_failing_store(file, clock)
    async with ModelServer(asking_behaviour) as server:
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            await begin(engine, platform)
            store.refuse = refuse_event(RunCancelled, FULL)
            await platform.person_says("stop please", thread="p1")
            await store.wait_refused()
        store = await open_failing_store(file, clock)
        platform = ListPlatform(clock)
        async with start_engine(file, server, platform, clock=clock, store=store) as engine:
            await engine.wait_finished()
            assert "Run 1 was cancelled by Ana." in platform.notes
            assert not await store.unhandled_events()
