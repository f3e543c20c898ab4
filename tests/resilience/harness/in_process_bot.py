"""A whole bot in the test's process, on the fake platform, that can be stopped anywhere and started again.

Time stands still until a test advances it. The model is a function, so that a course can be compared with another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.resilience.harness import timeline
from tests.resilience.harness.failing_store import FailingStore
from tests.resilience.harness.function_model import FunctionModel, Play, asks_then_answers
from tests.support.clock import ManualClock
from tests.support.fake_chat.adapter import LoopbackAdapter
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import Message

CHANNEL = "general"
PATIENCE = 10.0
"""Seconds after which something that ought to happen is taken not to."""


class InProcessBot:
    """One bot and its platform. `offset` is in seconds: how far the platform's clock is ahead of ours."""

    def __init__(self, folder: Path, server: ChatServer, clock: ManualClock, play: Play, policy: Policy, names: Sequence[str]):
        self.file = folder / "townhall.db"
        self.server = server
        self.world = server.world
        self.clock = clock
        self.model = FunctionModel(play)
        self.team = Team(agents=tuple(AgentSpec(name=name, model="function") for name in names), policy=policy)
        self.engine: Engine
        self.store: FailingStore

    @asynccontextmanager
    async def life(self, *, cuts_at: int = 0, after: bool = True) -> AsyncIterator[Engine]:
        """The bot from a start to a stop. With `cuts_at` its store fails for good at that write."""
        self.store = await FailingStore.open(self.file, clock=self.clock.now)
        self.store.cuts_at, self.store.cuts_after = cuts_at, after
        self.engine = Engine(
            store=self.store,
            models=self.model,
            clock=self.clock,
            directory=Directory(),
            adapters=[LoopbackAdapter(self.server.url)],
            on_command=self._obey,
        )
        await self.engine.start()
        try:
            yield self.engine
        finally:
            await self.engine.stop()
            await self.store.close()

    async def _obey(self, command: CommandReceived) -> PrivateReply | None:
        if command.name == "cancel":
            self.engine.cancel_run(1, command.author, command.key)
            return None
        place = command.place
        await self.engine.start_run(task=command.text, team=self.team, place=place, by=command.author, command=command.key)
        return None

    # What people do -------------------------------------------------------------------------------------------------------

    def begin(self, task: str = "Choose a database.") -> None:
        """Ana gives a task."""
        self.world.command("ana", CHANNEL, "ask", task)

    def reply(self, text: str, *, question: int = 1, person: str = "ana") -> Message:
        """Somebody writes in a question's thread."""
        return self.world.say(person, CHANNEL, self.card(question).id, text)

    # What is seen ---------------------------------------------------------------------------------------------------------

    def cards(self, question: int = 1) -> list[Message]:
        """Every message that shows a question."""
        return [message for message in self.world.messages.values() if message.meta.get("question") == question]

    def card(self, question: int = 1) -> Message:
        """The one message that shows a question."""
        (card,) = self.cards(question)
        return card

    def asked(self, question: int = 1) -> bool:
        """The question stands in the channel and can be answered in its thread."""
        return any(card.has_thread for card in self.cards(question))

    def closed(self, question: int = 1) -> str:
        """Text on the card about the question's end; empty while it is open."""
        return next((str(card.meta["closed"]) for card in self.cards(question) if card.meta["closed"]), "")

    def of_kind(self, kind: str) -> list[Message]:
        """Every message of one kind of post."""
        return [message for message in self.world.messages.values() if message.meta.get("kind") == kind]

    def signs(self) -> list[str]:
        """Acknowledgements of people's messages, in order."""
        return [str(receipt.meta["sign"]) for receipt in self.of_kind("receipt")]

    def doubles(self) -> list[str]:
        """Keys under which more than one message stands."""
        keys = [effect.meta["key"] for effect in self.world.effects if effect.what == "post"]
        return sorted({key for key in keys if keys.count(key) > 1})

    async def ended(self) -> None:
        """Wait until the run has its final text in the channel and nothing is left to do."""
        await self.until(lambda: self.of_kind("final_answer"))
        await self.rests()

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until something is so on the platform."""
        await self._patiently(self.server.until(true))

    async def cut(self) -> None:
        """Wait until the power has failed, or all is done before it could."""
        ended = asyncio.ensure_future(self.ended())
        cut = asyncio.ensure_future(self.store.cut.wait())
        await asyncio.wait([ended, cut], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        cut.cancel()

    async def stored(self, kind: type[Event]) -> None:
        """Wait until this life has stored an event of this kind."""
        await self._patiently(self.store.holds(kind))

    async def rests(self) -> None:
        """Wait until nothing but people and time is awaited."""
        await self._patiently(self.engine.wait_finished())

    async def _patiently(self, event: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await event
        except TimeoutError:
            log = timeline.log_lines(1, await self.store.log(1))
            pytest.fail(f"the event did not come\n{timeline.render_timeline(log, timeline.chat_lines(self.world))}")

    async def state(self, run: int = 1) -> RunState:
        """The run as its log has it."""
        return fold(await self.store.log(run))


@asynccontextmanager
async def in_process_bot(
    folder: Path,
    *,
    play: Play = asks_then_answers,
    offset: float = 0.0,
    names: Sequence[str] = ("one",),
    **policy: Any,
) -> AsyncIterator[InProcessBot]:
    """A bot with its platform. The policy's times are `settle_delay` 0 and a grace of 3 s unless they are given."""
    clock = ManualClock()
    rules = Policy.model_validate({"settle_delay": 0, "remind_after": 0, "expire_after": 600, "grace": 3, **policy})
    async with ChatServer(clock=lambda: clock.now() + offset) as server:
        yield InProcessBot(folder, server, clock, play, rules, names)
