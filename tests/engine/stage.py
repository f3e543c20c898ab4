"""An engine on a real store, with a real model client against a local server, and a platform that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_bridge.chat import (
    Author,
    Capabilities,
    Commanded,
    FinalAnswer,
    Inbound,
    Note,
    Place,
    Posted,
    QuestionCard,
    Receipt,
    Receive,
    Said,
    Sending,
    Word,
)
from orchestrator_bridge.clock import Clock, SystemClock
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.model.clients import Models
from orchestrator_bridge.people import Directory
from orchestrator_bridge.store.port import Store
from orchestrator_bridge.store.sqlite import SqliteStore
from orchestrator_bridge.team import AgentSpec, Bounds, ModelSpec, Policy, Team
from tests.servers.model_server import ModelServer

PLACE = Place(platform="list", channel="general")
ANA = Author(platform="list", id="ana", name="Ana")


def team(*names: str, policy: Policy | None = None, bounds: Bounds | None = None) -> Team:
    """A team whose agents all use the local server's model."""
    agents = tuple(AgentSpec(name=name, model="local") for name in names)
    return Team(agents=agents, policy=policy or Policy(settle_delay=0), bounds=bounds or Bounds())


@dataclass
class ListPlatform:
    """A platform that keeps what it is sent; people speak through it."""

    clock: Clock
    platform: str = "list"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(threads=True, edits=True))
    sent: list[Sending] = field(default_factory=list)
    words: list[tuple[Inbound, Word]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _receive: Receive | None = None
    _messages: int = 0

    async def start(self, receive: Receive) -> None:
        self._receive = receive

    async def stop(self) -> None:
        self._receive = None

    async def send(self, sending: Sending) -> Posted:
        async with self._changed:
            self.sent.append(sending)
            self._changed.notify_all()
        message = sending.replaces.message if sending.replaces else f"p{len(self.sent)}"
        return Posted(message=message, thread=sending.place.thread or message, at=self.clock.now())

    async def find(self, sending: Sending) -> Posted | None:
        raise NotImplementedError

    async def read(self, place: Place, after: float) -> Sequence[Said]:
        raise NotImplementedError

    async def tell(self, heard: Inbound, word: Word) -> None:
        async with self._changed:
            self.words.append((heard, word))
            self._changed.notify_all()

    async def hears(self, text: str, *, question: int | None = None, thread: str | None = None) -> None:
        """A person says something."""
        assert self._receive is not None
        self._messages += 1
        place = Place(platform="list", channel="general", thread=thread)
        said = Said(place=place, message=f"m{self._messages}", author=ANA, text=text, at=self.clock.now(), question=question)
        await self._receive(said)

    async def commands(self, name: str, text: str = "") -> None:
        """A person gives a command."""
        assert self._receive is not None
        self._messages += 1
        interaction, now = f"i{self._messages}", self.clock.now()
        await self._receive(Commanded(place=PLACE, interaction=interaction, author=ANA, name=name, text=text, at=now))

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until what was sent makes this true."""
        async with self._changed:
            await self._changed.wait_for(seen)

    @property
    def questions(self) -> list[QuestionCard]:
        return [one.post for one in self.sent if isinstance(one.post, QuestionCard)]

    @property
    def notes(self) -> list[str]:
        return [one.post.text for one in self.sent if isinstance(one.post, Note)]

    @property
    def receipts(self) -> list[Receipt]:
        return [one.post for one in self.sent if isinstance(one.post, Receipt)]

    @property
    def finals(self) -> list[FinalAnswer]:
        return [one.post for one in self.sent if isinstance(one.post, FinalAnswer)]


@asynccontextmanager
async def engine_on(
    file: Path, server: ModelServer, platform: ListPlatform, *, clock: Clock | None = None, store: Store | None = None
) -> AsyncIterator[Engine]:
    """A started engine."""
    clock = clock or SystemClock()
    store = store or await SqliteStore.open(file, clock=clock.now)
    models = Models(own={"local": ModelSpec(base_url=server.url, id="local")})

    async def nothing(_: Commanded) -> Word | None:
        return None

    engine = Engine(store=store, models=models, clock=clock, directory=Directory(), adapters=[platform], on_command=nothing)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
        await models.close()
        await store.close()
