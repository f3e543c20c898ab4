"""A platform that takes everything at once and notes when: what a sending costs us, without what a platform adds to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from orchestrator_bridge.chat import (
    Author,
    Capabilities,
    FinalAnswer,
    Inbound,
    Place,
    Posted,
    QuestionCard,
    Receive,
    RunCard,
    Said,
    Sending,
    Word,
)

NAME = "bench"
HOME = Place(platform=NAME, channel="general")
ANA = Author(platform=NAME, id="ana", name="Ana")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A post that arrived, and when, by the clock of `perf_counter`."""

    post: QuestionCard | FinalAnswer
    posted: Posted
    at: float


class BenchPlatform:
    """One channel. `open` lets sendings through; while it is cleared they wait, as behind a platform's rate limit."""

    platform = NAME
    # An edit of a card waits for as long as Slack bears; it can be asked, so that a start reads every open question's thread.
    capabilities = Capabilities(threads=True, edits=True, buttons=True, findable=True, edit_interval=1.0)

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._awaited: dict[tuple[type, int], asyncio.Future[Shown]] = {}
        self._numbers = count(1)
        self._receive: Receive | None = None

    async def start(self, receive: Receive) -> None:
        """Begin to hear."""
        self._receive = receive

    async def stop(self) -> None:
        """Nothing is held."""

    async def send(self, sending: Sending) -> Posted:
        """Take a post."""
        now = time.perf_counter()
        await self.open.wait()
        number = next(self._numbers)
        opens = isinstance(sending.post, RunCard | QuestionCard)
        thread = f"thread{number}" if opens else sending.place.thread
        posted = sending.replaces or Posted(message=f"message{number}", thread=thread, at=time.time())
        if isinstance(sending.post, QuestionCard | FinalAnswer) and sending.replaces is None:
            self._await(type(sending.post), sending.post.run).set_result(Shown(post=sending.post, posted=posted, at=now))
        return posted

    async def find(self, sending: Sending) -> Posted | None:
        """Nothing was ever sent before."""
        return None

    async def read(self, place: Place, after: float) -> Sequence[Said]:
        """Nothing was said."""
        return ()

    async def tell(self, heard: Inbound, word: Word) -> None:
        """Nobody reads it."""

    async def shown(self, kind: type[QuestionCard | FinalAnswer], run: int) -> Shown:
        """The question or the final answer of a run, once it is there. Each can be waited for once."""
        shown = await self._await(kind, run)
        del self._awaited[(kind, run)]
        return shown

    async def reply(self, thread: str | None, text: str) -> None:
        """A person says something in a thread; returns when it is stored."""
        assert self._receive is not None
        await self._receive(reply_in(thread, f"reply{next(self._numbers)}", text))

    def _await(self, kind: type, run: int) -> asyncio.Future[Shown]:
        return self._awaited.setdefault((kind, run), asyncio.get_running_loop().create_future())


def reply_in(thread: str | None, message: str, text: str) -> Said:
    """A message of a person in a thread."""
    place = Place(platform=NAME, channel=HOME.channel, thread=thread)
    return Said(place=place, message=message, author=ANA, text=text, at=time.time())
