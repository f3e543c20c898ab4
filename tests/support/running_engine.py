"""An engine on a real store, with a real model client against a local server, and a platform that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from orchestrator_bridge.chat.adapter import Adapter, Capabilities, SendRejected
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    ControlAction,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    Place,
)
from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    FinalAnswer,
    Note,
    OutboundPost,
    PostedMessage,
    PrivateReply,
    QuestionCard,
)
from orchestrator_bridge.common.clock import Clock, SystemClock
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.router import OnFollowUp
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Bounds, Policy, Team
from orchestrator_bridge.tool.model import ToolServerSpec
from orchestrator_bridge.tool.toolbox import Toolbox
from tests.support.fake_models.replies import ModelCall
from tests.support.fake_models.server import ModelServer

T = TypeVar("T")
CommandHandler = Callable[[Engine, CommandReceived], Awaitable[PrivateReply | None]]

PLACE = Place(platform="list", channel="general")
ANA = Author(platform="list", id="ana", name="Ana")


def team(*names: str, policy: Policy | None = None, bounds: Bounds | None = None) -> Team:
    """A team whose agents all use the local server's model."""
    agents = tuple(AgentSpec(name=name, model="local") for name in names)
    return Team(agents=agents, policy=policy or Policy(settle_delay=0), bounds=bounds or Bounds())


def prompt_text(asked: ModelCall) -> str:
    """All text of a request's messages."""
    return "\n".join(str(message.get("content")) for message in asked.messages)


async def do_nothing(*_: object) -> None:
    """Do nothing: the default of the hooks."""


@dataclass
class ListPlatform:
    """A platform that records what it is sent, and through which people write.

    `while_starting` is awaited once the platform listens and before `start` returns; `while_sending` once a post is stored and
    before `send` returns; `while_stopping` at the end: errors of these hooks reach the bot. `ahead`: seconds by which its clock
    is ahead of ours.
    """

    clock: Clock
    platform: str = "list"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(threads=True, edits=True))
    while_starting: Callable[[], Awaitable[None]] = do_nothing
    while_sending: Callable[[OutboundPost, PostedMessage], Awaitable[None]] = do_nothing
    while_stopping: Callable[[], Awaitable[None]] = do_nothing
    while_fetching: Callable[[], Awaitable[None]] = do_nothing
    ahead: float = 0.0
    files: dict[str, bytes] = field(default_factory=dict)
    sent: list[OutboundPost] = field(default_factory=list)
    private_replies: list[tuple[InboundEvent, PrivateReply]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _receive: InboundHandler | None = None
    _messages: int = 0

    async def start(self, on_event: InboundHandler) -> None:
        self._receive = on_event
        try:
            await self.while_starting()
        except BaseException:
            self._receive = None
            raise

    async def stop(self) -> None:
        self._receive = None
        await self.while_stopping()

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        await self._note(self.sent, outbound)
        posted = outbound.replaces or self._posted(outbound)
        await self.while_sending(outbound, posted)
        return posted

    def _posted(self, outbound: OutboundPost) -> PostedMessage:
        """Create the posted message: a card opens a thread of its own, everything else is in one."""
        message = f"p{len(self.sent)}"
        return PostedMessage(message=message, thread=outbound.place.thread or message, at=self.now)

    @property
    def now(self) -> float:
        """The time by the platform's clock."""
        return self.clock.now() + self.ahead

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        return ()

    async def fetch(self, attachment: Attachment) -> bytes:
        await self.while_fetching()
        if attachment.ref not in self.files:
            raise SendRejected(f"{attachment.name} is gone")
        return self.files[attachment.ref]

    def members(self, group: str) -> tuple[Author, ...] | None:
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        await self._note(self.private_replies, (event, reply))

    async def person_says(
        self, text: str, *, question: int | None = None, thread: str | None = None, files: Sequence[str] = ()
    ) -> None:
        """A person says something, with files attached that are named as in `files`."""
        place = Place(platform=self.platform, channel="general", thread=thread)
        author, message = self._ana, self._next("m")
        said = MessageReceived(place=place, message=message, author=author, text=text, at=self.now, question=question)
        await self.deliver(replace(said, attachments=tuple(map(self.attached, files))))

    def attached(self, name: str) -> Attachment:
        """A file of the platform's as somebody attaches it."""
        return Attachment(name=name, media_type="application/octet-stream", size=len(self.files.get(name, b"")), ref=name)

    async def person_clicks(self, question: int, press: ControlAction, value: str = "") -> None:
        """A person uses a control of a question."""
        place, author, interaction = self._place, self._ana, self._next("c")
        clicked = ControlUsed(
            place=place, interaction=interaction, question=question, press=press, author=author, at=self.now, value=value
        )
        await self.deliver(clicked)

    async def person_commands(self, name: str, text: str = "", *, by: Author | None = None) -> None:
        """A person gives a command."""
        place, author, interaction = self._place, by or self._ana, self._next("i")
        await self.deliver(
            CommandReceived(place=place, interaction=interaction, author=author, name=name, text=text, at=self.now)
        )

    async def deliver(self, event: InboundEvent) -> None:
        """Deliver an event to the bot; returns when it is acknowledged."""
        assert self._receive is not None
        await self._receive(event)

    def _next(self, kind: str) -> str:
        self._messages += 1
        return f"{kind}{self._messages}"

    @property
    def _place(self) -> Place:
        return Place(platform=self.platform, channel="general")

    @property
    def _ana(self) -> Author:
        return Author(platform=self.platform, id="ana", name="Ana")

    async def _note(self, kept: list[T], new: T) -> None:
        async with self._changed:
            kept.append(new)
            self._changed.notify_all()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until a condition on the sent posts holds."""
        async with self._changed:
            await self._changed.wait_for(seen)

    @property
    def questions(self) -> list[QuestionCard]:
        return [outbound.post for outbound in self.sent if isinstance(outbound.post, QuestionCard)]

    @property
    def notes(self) -> list[str]:
        return [outbound.post.text for outbound in self.sent if isinstance(outbound.post, Note)]

    @property
    def acknowledgements(self) -> list[Acknowledgement]:
        return [outbound.post for outbound in self.sent if isinstance(outbound.post, Acknowledgement)]

    @property
    def final_answers(self) -> list[FinalAnswer]:
        return [outbound.post for outbound in self.sent if isinstance(outbound.post, FinalAnswer)]


async def start_run_on_command(engine: Engine, command: CommandReceived) -> None:
    """Start a run of one agent for each command."""
    place, by, key = command.place, command.author, command.key
    await engine.start_run(task=command.text, team=team("one"), place=place, by=by, command=key)


async def pong(_: Engine, __: CommandReceived) -> PrivateReply | None:
    """Reply to each command with `pong`."""
    return PrivateReply(text="pong")


async def wait_until_idle(platform: ListPlatform) -> None:
    """Wait until every earlier event is routed: a command gets its private reply (with `handle_command=pong`)."""
    before = len(platform.private_replies)
    await platform.person_commands("ping")
    await platform.until(lambda: len(platform.private_replies) > before)


async def _no_commands(_: Engine, __: CommandReceived) -> PrivateReply | None:
    return None


@asynccontextmanager
async def start_engine(
    file: Path,
    server: ModelServer,
    *platforms: Adapter,
    clock: Clock | None = None,
    store: Store | None = None,
    directory: Directory | None = None,
    handle_command: CommandHandler = _no_commands,
    handle_follow_up: OnFollowUp | None = None,
    vision: bool = False,
    models: Mapping[str, ModelSpec] | ModelClient | None = None,
    budgets: Budgets | None = None,
    tools: Mapping[str, ToolServerSpec] | None = None,
    start: Callable[[Engine], Awaitable[None]] = Engine.start,
) -> AsyncIterator[Engine]:
    """A started engine. `sees`: the local server's model takes pictures. `models`: others than the local server's one alone."""
    clock = clock or SystemClock()
    store = store or await SqliteStore.open(file, clock=clock.now)
    own = {"local": ModelSpec(base_url=server.url, id="local", vision=vision)} if models is None else models
    client = own if isinstance(own, ModelClient) else ModelClient(own=own)

    async def on_command(command: CommandReceived) -> PrivateReply | None:
        return await handle_command(engine, command)

    engine = Engine(
        store=store,
        models=client,
        clock=clock,
        directory=directory or Directory(),
        adapters=platforms,
        on_command=on_command,
        on_follow_up=handle_follow_up,
        budgets=budgets,
        toolbox=Toolbox(tools or {}, {}, clock),
    )
    async with AsyncExitStack() as stack:
        for close in (store.close, client.close, engine.stop):
            stack.push_async_callback(close)
        await start(engine)
        yield engine
