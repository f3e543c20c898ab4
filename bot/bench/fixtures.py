"""A bot in this process, with a platform and a model that respond immediately: what is measured is Townhall's share alone."""

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
from orchestrator_bridge.model.interface import CallEstimate, Model, OnDelta, OnProgress, Request, Response, ToolCall, Usage
from orchestrator_bridge.model.openai.request import body_of
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Limits, Policy, Team

PLATFORM = "bench"
CHANNELS = tuple(Place(platform=PLATFORM, channel=f"channel{number}") for number in range(16))
"""Posts of one channel are sent one after another, so many runs are spread over several channels."""
ANA = Author(platform=PLATFORM, id="ana", name="Ana")

TYPED_AGO = 1.0
"""Age of a reply by the platform's clock, in seconds. A reply is counted once that clock has certainly passed its time, and our
knowledge of the clock lags by the duration of a post."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedPost:
    """A post, its thread for replies, and the time of its arrival, by `perf_counter`."""

    post: QuestionCard | FinalAnswer
    thread: Place
    at: float


class BenchPlatform:
    """Implements `Adapter`: posts have their keys as ids. While `open` is cleared, posts wait as behind a rate limit."""

    platform = PLATFORM
    # History: so that a start reads every open question's thread. Edits: so that no delayed post follows.
    capabilities = Capabilities(threads=True, edits=True, buttons=True, can_read_history=True)

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._awaited: dict[tuple[type, int], asyncio.Future[ReceivedPost]] = {}
        self._messages: dict[Place, list[MessageReceived]] = {}
        self._session = uuid.uuid4().hex
        self._numbers = count(1)
        self._receive: InboundHandler | None = None

    async def start(self, on_event: InboundHandler) -> None:
        """Keep the handler for replies."""
        self._receive = on_event

    async def stop(self) -> None:
        """Do nothing: no connection is open."""

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Accept a post."""
        now = time.perf_counter()
        await self.open.wait()
        if outbound.replaces is not None:
            return outbound.replaces
        thread = outbound.key if isinstance(outbound.post, RunCard | QuestionCard) else outbound.place.thread
        if isinstance(outbound.post, QuestionCard | FinalAnswer):
            received = ReceivedPost(post=outbound.post, thread=replace(outbound.place, thread=thread), at=now)
            self._awaited_post(type(outbound.post), outbound.post.run).set_result(received)
        return PostedMessage(message=outbound.key, thread=thread, at=time.time())

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Return None: nothing was sent before."""
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Messages since this process started."""
        return self._messages.get(place, ())

    async def fetch(self, attachment: Attachment) -> bytes:
        """Refuse: the platform has no attachments."""
        raise SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Return None: the platform has no groups."""
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Do nothing."""

    async def wait_post(self, kind: type[QuestionCard | FinalAnswer], run: int) -> ReceivedPost:
        """Wait for the question or the final answer of a run. Each can be awaited once."""
        received = await self._awaited_post(kind, run)
        del self._awaited[(kind, run)]
        return received

    async def reply(self, thread: Place, text: str) -> None:
        """Send a person's message in a thread; returns when it is stored."""
        assert self._receive is not None
        message = f"{self._session}/{next(self._numbers)}"
        event = MessageReceived(place=thread, message=message, author=ANA, text=text, at=time.time() - TYPED_AGO)
        self._messages.setdefault(thread, []).append(event)
        await self._receive(event)

    def _awaited_post(self, kind: type, run: int) -> asyncio.Future[ReceivedPost]:
        return self._awaited.setdefault((kind, run), asyncio.get_running_loop().create_future())


OPEN_LIMIT = 1_000_000
"""Open questions of one person: a benchmark asks more than the defaults allow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchBot:
    """A started bot."""

    engine: Engine
    platform: BenchPlatform
    store: SqliteStore

    async def start_run(self, team: Team, task: str, channel: int = 0) -> int:
        """Start a run in one of the channels and return its number once it is stored."""
        return await self.engine.start_run(task=task, team=team, place=CHANNELS[channel % len(CHANNELS)], by=ANA)

    async def final_answer(self, run: int) -> str:
        """Wait for the final text of a run at the platform; everything before it is stored by then."""
        received = await self.platform.wait_post(FinalAnswer, run)
        assert isinstance(received.post, FinalAnswer)
        return received.post.text

    async def question(self, run: int) -> tuple[QuestionCard, ReceivedPost]:
        """Wait for the question of a run at the platform."""
        received = await self.platform.wait_post(QuestionCard, run)
        assert isinstance(received.post, QuestionCard)
        return received.post, received

    async def wait_idle(self) -> None:
        """Wait until all runs wait or have ended, and everything is posted."""
        await self.engine.wait_finished()


@asynccontextmanager
async def bench_bot(file: Path, models: Model) -> AsyncIterator[BenchBot]:
    """Start a bot over a store, with the runs that it holds."""
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
    """Townhall's own clients for the models of a server."""
    names = ("quick", "slow", "asking", "stream")
    models = ModelClient(own={name: ModelSpec(base_url=address, id=name) for name in names})
    try:
        yield models
    finally:
        await models.close()


def team(size: int, model: str) -> Team:
    """A team of `size` agents with one model. A reply settles its question immediately, because people are not measured."""
    persona = "You look for what is simple, and say plainly where you are not sure."
    agents = tuple(AgentSpec(name=f"agent-{number}", model=model, persona=persona) for number in range(size))
    policy = Policy(settle_delay=0.0, expire_after=86400.0, remind_after=43200.0)
    return Team(agents=agents, policy=policy, limits=Limits(open_per_person=OPEN_LIMIT, open_per_channel=OPEN_LIMIT))


async def _no_commands(_: CommandReceived) -> PrivateReply | None:
    return None


_USAGE = Usage(input=900, output=150)


class InstantModel:
    """Implements `Model`. `resumed` holds the times of requests that contain a question's outcome; they wait while `open` is
    cleared."""

    def __init__(self) -> None:
        self.resumed: list[float] = []
        self.open = asyncio.Event()
        self.open.set()
        self._bell = asyncio.Event()

    async def respond(self, request: Request, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None) -> Response:
        """Respond as the model of that name in the model server."""
        now = time.perf_counter()
        if any(message.role == "tool" for message in request.messages):
            self.resumed.append(now)
            self._bell.set()
            await self.open.wait()
        reply = scripted_reply(body_of(request, Route(name=request.model, provider="own", id=request.model)), now)
        calls = (ToolCall(id="call", name=reply.tool, arguments=reply.raw),) if reply.tool else ()
        return Response(text=reply.text, tool_calls=calls, usage=_USAGE, served=request.model)

    def max_cost(self, request: Request) -> Decimal | None:
        """Return None: no price."""
        return None

    def lifecycle_notice(self, model: str) -> str:
        """Return no notice."""
        return ""

    def excess_tokens(self, request: Request) -> int:
        """Return 0: every prompt fits."""
        return 0

    def supports_images(self, model: str) -> bool:
        """Return False."""
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        """Estimate by the fixed usage of every response."""
        return CallEstimate(route=request.model, provider=request.model, tokens=_USAGE.total)

    async def close(self) -> None:
        """Do nothing: no connection is open."""

    async def wait_resumed(self, count: int) -> float:
        """Wait for `count` requests that contain an outcome; returns the time of the last one."""
        while len(self.resumed) < count:
            self._bell.clear()
            await self._bell.wait()
        return self.resumed[count - 1]
