"""A platform that takes everything at once and notes when: what a sending costs us, without what a platform adds to it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from orchestrator_bridge.chat import (
    Attachment,
    Author,
    Capabilities,
    FinalAnswer,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    OutboundPost,
    Place,
    PostedMessage,
    PrivateReply,
    QuestionCard,
    RunCard,
    SendRejected,
)

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
