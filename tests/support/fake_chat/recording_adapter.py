"""A platform with a history that can be read; it outlives the bots that use it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator_bridge.chat.adapter import Capabilities, NotSent
from orchestrator_bridge.chat.inbound import MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard
from orchestrator_bridge.team.team import Policy
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


@dataclass
class SharedHistory:
    """Messages on the platform, by key, and what people wrote there, delivered or not."""

    stands: dict[str, PostedMessage] = field(default_factory=dict)
    said: list[MessageReceived] = field(default_factory=list)


@dataclass
class HistoryPlatform(ListPlatform):
    """One bot's access to a world. `finding` and `reading` are gates: an answer waits until they are set."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(threads=True, edits=True, can_read_history=True))
    world: SharedHistory = field(default_factory=SharedHistory)
    finding: asyncio.Event = field(default_factory=lambda: _open_gate())
    reading: asyncio.Event = field(default_factory=lambda: _open_gate())
    found: list[str] = field(default_factory=list)
    """Keys that were looked for."""
    read_after: list[tuple[Place, float]] = field(default_factory=list)
    """Threads that were read, and from when on."""
    unreadable: list[Exception] = field(default_factory=list)
    """Results of the next reads."""

    def _posted(self, outbound: OutboundPost) -> PostedMessage:
        posted = PostedMessage(message=outbound.key, thread=outbound.place.thread or outbound.key, at=self.now)
        return self.world.stands.setdefault(outbound.key, posted)

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        self._must_be_connected()
        await self._note(self.found, outbound.key)
        await self.finding.wait()
        return self.world.stands.get(outbound.key)

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        self._must_be_connected()
        await self._note(self.read_after, (place, after))
        await self.reading.wait()
        if self.unreadable:
            raise self.unreadable.pop(0)
        return [said for said in self.world.said if said.place == place and said.at >= after]

    def _must_be_connected(self) -> None:
        if self._receive is None:
            raise NotSent("there is no connection yet")

    def say_undelivered(self, text: str, *, thread: str, after: float = 0.0, files: Sequence[str] = ()) -> None:
        """A person says something of which the platform tells nobody, `after` seconds from now."""
        place = Place(platform=self.platform, channel="general", thread=thread)
        message = f"unheard{len(self.world.said)}"
        said = MessageReceived(place=place, message=message, author=self._ana, text=text, at=self.now + after)
        self.world.said.append(replace(said, attachments=tuple(map(self.attached, files))))

    def edit_undelivered(self, text: str) -> None:
        """A person changes the newest message of which the platform told nobody, and it tells nobody of that either."""
        old = self.world.said.pop()
        self.world.said.append(replace(old, text=text, edit=str(int(old.edit or 0) + 1)))

    def delete_undelivered(self) -> None:
        """A person deletes that message, of which the platform tells nobody."""
        del self.world.said[-1]


async def fail_after_sending(outbound: OutboundPost, _: PostedMessage) -> None:
    """Stop the bot after a question's card is posted and before it knows."""
    if isinstance(outbound.post, QuestionCard) and outbound.replaces is None:
        await asyncio.Event().wait()


async def crash_after_asking(file: Path, server: ModelServer, platform: HistoryPlatform, policy: Policy) -> None:
    """Run a bot that ends after its question's card is posted and before it knows."""
    platform.while_sending = fail_after_sending
    async with start_engine(file, server, platform, clock=platform.clock) as engine:
        await engine.start_run(task="a task", team=team("one", policy=policy), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate
