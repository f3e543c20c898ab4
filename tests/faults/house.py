"""A whole bot in the test's process, on the fake platform, that can be stopped anywhere and started again.

Time stands still until a test advances it. The model is a function, so that a course can be compared with another one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestrator_bridge.chat import Commanded, Inbound, Word
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.model.port import Request, Response, ToolCall, Usage
from orchestrator_bridge.people import Directory
from orchestrator_bridge.run.apply import fold
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.rows import Row
from orchestrator_bridge.store.sqlite import SqliteStore
from orchestrator_bridge.team import AgentSpec, Policy, Team
from tests.clock import ManualClock
from tests.faults import timeline
from tests.servers.chat_adapter import LoopbackAdapter
from tests.servers.chat_server import ChatServer
from tests.servers.chat_world import Message

T = TypeVar("T")
Play = Callable[[Request], Response]

CHANNEL = "general"
PATIENCE = 10.0
"""Seconds after which something that ought to happen is taken not to."""


def use(name: str, **arguments: Any) -> ToolCall:
    """A tool use as a model writes it."""
    return ToolCall(id=f"call_{name}", name=name, arguments=json.dumps(arguments))


def says(*uses: ToolCall, text: str = "") -> Response:
    """A model's response."""
    return Response(text=text, tool_calls=uses, usage=Usage(input=100, output=10), served="puppet", cost=Decimal("0.01"))


def ask(question: str, *, wait: bool = True) -> ToolCall:
    """A question with two options, the first recommended."""
    options = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "lite", "label": "SQLite"}]
    return use("ask_others", question=question, kind="choice", options=options, assumption="PostgreSQL.", wait=wait)


def used(request: Request, tool: str) -> bool:
    """Whether the agent has used a tool before."""
    return any(call.name == tool for message in request.messages for call in message.tool_calls)


def said(request: Request) -> str:
    """All that a request shows."""
    return "\n".join(message.text for message in request.messages)


def asks_then_answers(request: Request) -> Response:
    """One question that is waited for, then an answer; one vote; a final text."""
    if not request.tools:
        return says(text="The final text.")
    if not used(request, "ask_others"):
        return says(ask("Which database?"))
    if not used(request, "new_answer"):
        return says(use("new_answer", content=f"An answer by {request.agent}."))
    return says(use("vote", agent_id="A", reason="It is right."))


@dataclass
class Puppet:
    """A model whose every response is worked out from its request. `hold` is set where responses are to wait for it."""

    play: Play = asks_then_answers
    requests: list[Request] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def respond(self, request: Request) -> Response:
        self.requests.append(request)
        if self.hold is not None:
            await self.hold.wait()
        return self.play(request)

    def reserve(self, request: Request) -> Decimal | None:
        return Decimal("0.02")

    async def close(self) -> None:
        pass


class CutStore(SqliteStore):
    """A real store at whose `cuts_at`-th write the power fails: before it, or just after, so that nobody hears of it."""

    cuts_at = 0
    after = True
    writes = 0
    cut: asyncio.Event

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Row] = ()) -> None:
        await self._write(super().append(run=run, after=after, events=events, rows=rows))

    async def receive(self, inbound: Inbound, at: float) -> bool:
        return await self._write(super().receive(inbound, at))

    async def _write(self, write: Coroutine[Any, Any, T]) -> T:
        self.writes += 1
        if not self.cuts_at or self.writes < self.cuts_at:
            return await write
        if self.writes == self.cuts_at and self.after:
            await write
        else:
            write.close()
        self.cut.set()
        return await asyncio.Future[T]()


class House:
    """One bot and its platform. `offset` is in seconds: how far the platform's clock is ahead of ours."""

    def __init__(self, folder: Path, server: ChatServer, clock: ManualClock, play: Play, policy: Policy, names: Sequence[str]):
        self.file = folder / "townhall.db"
        self.server = server
        self.world = server.world
        self.clock = clock
        self.puppet = Puppet(play)
        self.team = Team(agents=tuple(AgentSpec(name=name, model="puppet") for name in names), policy=policy)
        self.engine: Engine
        self.store: CutStore

    @asynccontextmanager
    async def life(self, *, cuts_at: int = 0, after: bool = True) -> AsyncIterator[Engine]:
        """The bot from a start to a stop. With `cuts_at` its store fails for good at that write."""
        self.store = await CutStore.open(self.file, clock=self.clock.now)
        self.store.cuts_at, self.store.after, self.store.cut = cuts_at, after, asyncio.Event()
        self.engine = Engine(
            store=self.store,
            models=self.puppet,
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

    async def _obey(self, command: Commanded) -> Word | None:
        await self.engine.start_run(
            task=command.text, team=self.team, place=command.place, by=command.author, command=command.key
        )
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
        return [one for one in self.world.messages.values() if one.meta.get("question") == question]

    def card(self, question: int = 1) -> Message:
        """The one message that shows a question."""
        (card,) = self.cards(question)
        return card

    def asked(self, question: int = 1) -> bool:
        """The question stands in the channel and can be answered in its thread."""
        return any(card.has_thread for card in self.cards(question))

    def closed(self, question: int = 1) -> str:
        """How the card says that the question ended; empty while it is open."""
        return next((str(card.meta["closed"]) for card in self.cards(question) if card.meta["closed"]), "")

    def of_kind(self, kind: str) -> list[Message]:
        """Every message of one kind of post."""
        return [one for one in self.world.messages.values() if one.meta.get("kind") == kind]

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

    async def rests(self) -> None:
        """Wait until nothing but people and time is awaited."""
        await self._patiently(self.engine.finished())

    async def _patiently(self, event: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await event
        except TimeoutError:
            log = await self.store.log(1)
            pytest.fail(f"what was waited for did not come\n{timeline.told(timeline.of_log(1, log), timeline.of_world(self.world))}")

    async def state(self, run: int = 1) -> RunState:
        """The run as its log has it."""
        return fold(await self.store.log(run))


@asynccontextmanager
async def a_house(
    folder: Path,
    *,
    play: Play = asks_then_answers,
    offset: float = 0.0,
    names: Sequence[str] = ("one",),
    **policy: Any,
) -> AsyncIterator[House]:
    """A house with its platform. The policy's times are `settle_delay` 0 and a grace of 3 s unless they are given."""
    clock = ManualClock()
    rules = replace_policy(policy)
    async with ChatServer(clock=lambda: clock.now() + offset) as server:
        yield House(folder, server, clock, play, rules, names)


def replace_policy(given: dict[str, Any]) -> Policy:
    """The policy of these tests with what is given."""
    return Policy.model_validate({"settle_delay": 0, "remind_after": 0, "expire_after": 600, "grace": 3, **given})


__all__ = ["CutStore", "House", "Puppet", "a_house", "ask", "asks_then_answers", "replace", "said", "says", "use", "used"]
