"""A platform that takes everything at once and notes when: what a sending costs us, without what a platform adds to it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from pathlib import Path

from bot.bench.model_server import scripted_reply
from orchestrator_bridge.chat.adapter import Capabilities, SendRejected
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    Place,
)
from orchestrator_bridge.chat.outbound import FinalAnswer, OutboundPost, PostedMessage, PrivateReply, QuestionCard, RunCard
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import CallEstimate, Model, OnDelta, Request, Response, ToolCall, Usage
from orchestrator_bridge.model.openai.wire import body_of
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Limits, Policy, Team

PLATFORM = "bench"
CHANNELS = tuple(Place(platform=PLATFORM, channel=f"channel{number}") for number in range(16))
"""The posts of one channel leave one after the other; so large crowds are spread over several."""
ANA = Author(platform=PLATFORM, id="ana", name="Ana")

TYPED_AGO = 1.0
"""Seconds ago, by the platform's clock, that a reply was typed. Words are judged when that clock has reached their time as far as
we can tell, and what we can tell is late by as long as posting took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedPost:
    """A post that arrived, the thread to reply to it in, and when, by the clock of `perf_counter`."""

    post: QuestionCard | FinalAnswer
    thread: Place
    at: float


class BenchPlatform:
    """Posts are known by their keys. `open` lets sendings through; while it is cleared they wait, as behind a rate limit."""

    platform = PLATFORM
    # It can be asked, so that a start reads every open question's thread. Edits are not held back, so that nothing comes later.
    capabilities = Capabilities(threads=True, edits=True, buttons=True, can_read_history=True)

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._awaited: dict[tuple[type, int], asyncio.Future[ReceivedPost]] = {}
        self._said: dict[Place, list[MessageReceived]] = {}
        self._session = uuid.uuid4().hex
        self._numbers = count(1)
        self._receive: InboundHandler | None = None

    async def start(self, on_event: InboundHandler) -> None:
        """Begin to hear."""
        self._receive = on_event

    async def stop(self) -> None:
        """Nothing is held."""

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Take a post."""
        now = time.perf_counter()
        await self.open.wait()
        if outbound.replaces is not None:
            return outbound.replaces
        thread = outbound.key if isinstance(outbound.post, RunCard | QuestionCard) else outbound.place.thread
        if isinstance(outbound.post, QuestionCard | FinalAnswer):
            shown = ReceivedPost(post=outbound.post, thread=replace(outbound.place, thread=thread), at=now)
            self._await(type(outbound.post), outbound.post.run).set_result(shown)
        return PostedMessage(message=outbound.key, thread=thread, at=time.time())

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Nothing was ever sent before."""
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What was said since this process began; before that nothing was."""
        return self._said.get(place, ())

    async def fetch(self, attachment: Attachment) -> bytes:
        """Nothing can be attached here."""
        raise SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        """There are no groups here."""
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Nobody reads it."""

    async def wait_post(self, kind: type[QuestionCard | FinalAnswer], run: int) -> ReceivedPost:
        """The question or the final answer of a run, once it is there. Each can be waited for once."""
        shown = await self._await(kind, run)
        del self._awaited[(kind, run)]
        return shown

    async def reply(self, thread: Place, text: str) -> None:
        """A person says something in a thread; returns when it is stored."""
        assert self._receive is not None
        message = f"{self._session}/{next(self._numbers)}"
        said = MessageReceived(place=thread, message=message, author=ANA, text=text, at=time.time() - TYPED_AGO)
        self._said.setdefault(thread, []).append(said)
        await self._receive(said)

    def _await(self, kind: type, run: int) -> asyncio.Future[ReceivedPost]:
        return self._awaited.setdefault((kind, run), asyncio.get_running_loop().create_future())


OPEN_LIMIT = 1_000_000
"""Open questions of one person: a benchmark asks more than anybody bears."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchBot:
    """A bot that is up."""

    engine: Engine
    platform: BenchPlatform
    store: SqliteStore

    async def start_run(self, team: Team, task: str, channel: int = 0) -> int:
        """Start a run in one of the channels; returns its number once it is stored."""
        return await self.engine.start_run(task=task, team=team, place=CHANNELS[channel % len(CHANNELS)], by=ANA)

    async def final_answer(self, run: int) -> str:
        """The final text of a run, as it reaches the platform: all that led to it is stored by then."""
        shown = await self.platform.wait_post(FinalAnswer, run)
        assert isinstance(shown.post, FinalAnswer)
        return shown.post.text

    async def question(self, run: int) -> tuple[QuestionCard, ReceivedPost]:
        """The question of a run, as it reaches the platform."""
        shown = await self.platform.wait_post(QuestionCard, run)
        assert isinstance(shown.post, QuestionCard)
        return shown.post, shown

    async def wait_idle(self) -> None:
        """Wait until everything is done and posted."""
        await self.engine.wait_finished()


@asynccontextmanager
async def bench_bot(file: Path, models: Model) -> AsyncIterator[BenchBot]:
    """A bot over this store, with whatever runs it holds."""
    clock = SystemClock()
    store = await SqliteStore.open(file, clock=clock.now)
    platform = BenchPlatform()
    engine = Engine(store=store, models=models, clock=clock, directory=Directory(), adapters=[platform], on_command=_no_commands)
    try:
        await engine.start()
        yield BenchBot(engine=engine, platform=platform, store=store)
    finally:
        await engine.stop()
        await store.close()


@asynccontextmanager
async def http_models(address: str) -> AsyncIterator[ModelClient]:
    """Our own clients of the models of a server."""
    names = ("quick", "slow", "asking")
    models = ModelClient(own={name: ModelSpec(base_url=address, id=name) for name in names})
    try:
        yield models
    finally:
        await models.close()


def team(size: int, model: str) -> Team:
    """So many agents of one model. What people type settles a question at once: their thinking is not what is measured."""
    persona = "You look for what is simple, and say plainly where you are not sure."
    agents = tuple(AgentSpec(name=f"agent-{number}", model=model, persona=persona) for number in range(size))
    policy = Policy(settle_delay=0.0, expire_after=86400.0, remind_after=43200.0)
    return Team(agents=agents, policy=policy, limits=Limits(open_per_person=OPEN_LIMIT, open_per_channel=OPEN_LIMIT))


async def _no_commands(_: CommandReceived) -> PrivateReply | None:
    return None


_USAGE = Usage(input=900, output=150)


class InstantModel:
    """A `port.Model`. `resumed` holds when requests came that show a question's outcome; while `open` is cleared they wait."""

    def __init__(self) -> None:
        self.resumed: list[float] = []
        self.open = asyncio.Event()
        self.open.set()
        self._bell = asyncio.Event()

    async def respond(self, request: Request, on_delta: OnDelta | None = None) -> Response:
        """Say what the model of that name says."""
        now = time.perf_counter()
        if any(message.role == "tool" for message in request.messages):
            self.resumed.append(now)
            self._bell.set()
            await self.open.wait()
        said = scripted_reply(body_of(request, Route(name=request.model, provider="own", id=request.model)), now)
        calls = (ToolCall(id="call", name=said.tool, arguments=said.raw),) if said.tool else ()
        return Response(text=said.text, tool_calls=calls, usage=_USAGE, served=request.model)

    def max_cost(self, request: Request) -> Decimal | None:
        """It has no price."""
        return None

    def lifecycle_notice(self, model: str) -> str:
        """Nothing is to be known of it."""
        return ""

    def excess_tokens(self, request: Request) -> int:
        """Every prompt fits."""
        return 0

    def supports_images(self, model: str) -> bool:
        """It takes none."""
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        """It has no limits."""
        return CallEstimate(route=request.model, provider=request.model, tokens=_USAGE.total)

    async def close(self) -> None:
        """Nothing is open."""

    async def wait_resumed(self, count: int) -> float:
        """Wait until so many requests have come that show an outcome; when the last of them came."""
        while len(self.resumed) < count:
            self._bell.clear()
            await self._bell.wait()
        return self.resumed[count - 1]
