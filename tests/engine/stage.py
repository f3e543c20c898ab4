"""An engine on a real store, with a real model client against a local server, and a platform that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_bridge.chat import (
    Adapter,
    Author,
    Capabilities,
    Clicked,
    Commanded,
    FinalAnswer,
    Inbound,
    Note,
    Place,
    Posted,
    Press,
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

Obey = Callable[[Engine, Commanded], Awaitable[Word | None]]

PLACE = Place(platform="list", channel="general")
ANA = Author(platform="list", id="ana", name="Ana")


def team(*names: str, policy: Policy | None = None, bounds: Bounds | None = None) -> Team:
    """A team whose agents all use the local server's model."""
    agents = tuple(AgentSpec(name=name, model="local") for name in names)
    return Team(agents=agents, policy=policy or Policy(settle_delay=0), bounds=bounds or Bounds())


async def nothing_more(*_: object) -> None:
    """What happens by the way: nothing."""


@dataclass
class ListPlatform:
    """A platform that keeps what it is sent; people speak through it.

    `while_starting` is awaited once it listens and before it says so; `while_sending` once a post stands and before the bot hears
    of it: what is raised there is raised by the sending. `ahead`: seconds that the platform's clock is before ours.
    """

    clock: Clock
    platform: str = "list"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(threads=True, edits=True))
    while_starting: Callable[[], Awaitable[None]] = nothing_more
    while_sending: Callable[[Sending, Posted], Awaitable[None]] = nothing_more
    ahead: float = 0.0
    sent: list[Sending] = field(default_factory=list)
    words: list[tuple[Inbound, Word]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _receive: Receive | None = None
    _messages: int = 0

    async def start(self, receive: Receive) -> None:
        self._receive = receive
        await self.while_starting()

    async def stop(self) -> None:
        self._receive = None

    async def send(self, sending: Sending) -> Posted:
        async with self._changed:
            self.sent.append(sending)
            self._changed.notify_all()
        posted = sending.replaces or self._stand(sending)
        await self.while_sending(sending, posted)
        return posted

    def _stand(self, sending: Sending) -> Posted:
        """What a new message looks like: cards open a thread of their own, all else stands in one."""
        message = f"p{len(self.sent)}"
        return Posted(message=message, thread=sending.place.thread or message, at=self.now)

    @property
    def now(self) -> float:
        """The time by the platform's clock."""
        return self.clock.now() + self.ahead

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
        place = Place(platform=self.platform, channel="general", thread=thread)
        author, message = self._ana, self._next("m")
        await self.receives(Said(place=place, message=message, author=author, text=text, at=self.now, question=question))

    async def clicks(self, question: int, press: Press, value: str = "") -> None:
        """A person uses a control of a question."""
        place, author, interaction = self._place, self._ana, self._next("c")
        clicked = Clicked(
            place=place, interaction=interaction, question=question, press=press, author=author, at=self.now, value=value
        )
        await self.receives(clicked)

    async def commands(self, name: str, text: str = "", *, by: Author | None = None) -> None:
        """A person gives a command."""
        place, author, interaction = self._place, by or self._ana, self._next("i")
        await self.receives(Commanded(place=place, interaction=interaction, author=author, name=name, text=text, at=self.now))

    async def receives(self, heard: Inbound) -> None:
        """Something reaches the bot; returns when it is acknowledged."""
        assert self._receive is not None
        await self._receive(heard)

    def _next(self, kind: str) -> str:
        self._messages += 1
        return f"{kind}{self._messages}"

    @property
    def _place(self) -> Place:
        return Place(platform=self.platform, channel="general")

    @property
    def _ana(self) -> Author:
        return Author(platform=self.platform, id="ana", name="Ana")

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


async def ask_is_a_run(engine: Engine, command: Commanded) -> None:
    """Every command begins a run of one agent."""
    place, by, key = command.place, command.author, command.key
    await engine.start_run(task=command.text, team=team("one"), place=place, by=by, command=key)


async def _no_commands(_: Engine, __: Commanded) -> Word | None:
    return None


@asynccontextmanager
async def engine_on(
    file: Path,
    server: ModelServer,
    *platforms: Adapter,
    clock: Clock | None = None,
    store: Store | None = None,
    directory: Directory | None = None,
    obey: Obey = _no_commands,
) -> AsyncIterator[Engine]:
    """A started engine."""
    clock = clock or SystemClock()
    store = store or await SqliteStore.open(file, clock=clock.now)
    models = Models(own={"local": ModelSpec(base_url=server.url, id="local")})

    async def on_command(command: Commanded) -> Word | None:
        return await obey(engine, command)

    engine = Engine(
        store=store, models=models, clock=clock, directory=directory or Directory(), adapters=platforms, on_command=on_command
    )
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()
        await models.close()
        await store.close()
