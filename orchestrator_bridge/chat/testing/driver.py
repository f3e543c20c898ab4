"""Driver of a platform in the contract suite: it plays the bridge, the people and the faults; and sample posts."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, TypeVar, get_args

from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.chat.inbound import Author, ControlAction, InboundEvent, Place, ThreadPosition
from orchestrator_bridge.chat.outbound import (
    CardAgent,
    CardOption,
    FinalAnswer,
    OutboundPost,
    Post,
    PostedMessage,
    QuestionCard,
    RunCard,
)

TIMEOUT = 30.0
"""Seconds after which an expected event counts as missing."""

Feature = Literal[
    "choose",
    "finish",
    "edit",
    "delete_message",
    "delete_post",
    "react",
    "redeliver",
    "reconnect",
    "fail_next",
    "fail_next_read",
    "reject_next",
    "lose_confirmation",
    "leave",
    "ask_in_thread",
    "history",
]
"""Features that a platform may lack: methods of its driver, and a history that the adapter can read."""

FEATURES: tuple[Feature, ...] = tuple(feature for feature in get_args(Feature) if feature != "history")
"""The features that are methods of the driver."""

T = TypeVar("T", bound=Callable[..., Any])


def needs(*features: Feature) -> Callable[[T], T]:
    """Mark a test that only platforms with these features can pass."""

    def mark(test: T) -> T:
        test.__dict__["needs"] = frozenset(features)
        return test

    return mark


def required_features(test: object) -> frozenset[Feature]:
    """The features that a test needs."""
    needed: frozenset[Feature] = getattr(test, "needs", frozenset())
    return needed


def _lacking(feature: Feature) -> AssertionError:
    return AssertionError(f"this driver has no {feature}(); implement it, or name it in `lacks`")


@dataclass(frozen=True, kw_only=True, slots=True)
class VisibleMessage:
    """One message as people see it now: its text with that of embeds and blocks, and the labels of its controls."""

    text: str
    controls: tuple[str, ...] = ()


class PlatformDriver(ABC):
    """An adapter on its platform, a channel, and a person in it.

    A subclass implements the abstract methods, and those of the features that its platform has. Name the others in `lacks`.
    """

    adapter: Adapter
    home: Place
    """The channel of the tests; bot and person are members."""
    person: Author
    """The person who acts in the tests, as the platform identifies them."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[InboundEvent] = asyncio.Queue()
        self._store_fails = False
        self._keys = count(1)

    async def start(self) -> None:
        """Start the adapter."""
        await self.adapter.start(self._receive)

    async def _receive(self, event: InboundEvent) -> None:
        if self._store_fails:
            self._store_fails = False
            raise OSError("the disk is full")
        self._events.put_nowait(event)

    def fail_next_store(self) -> None:
        """Let the next event fail to be stored: `on_event` raises."""
        self._store_fails = True

    async def next_event(self) -> InboundEvent:
        """Wait for the next event from the adapter."""
        async with asyncio.timeout(TIMEOUT):
            return await self._events.get()

    async def post(
        self, post: Post, *, place: Place | None = None, replaces: PostedMessage | None = None, key: str = ""
    ) -> PostedMessage:
        """Send a post, under a new key unless one is given."""
        return await self.adapter.send(self.outbound(post, place=place, replaces=replaces, key=key))

    def outbound(
        self, post: Post, *, place: Place | None = None, replaces: PostedMessage | None = None, key: str = ""
    ) -> OutboundPost:
        """The outbound post that `post` sends."""
        return OutboundPost(key=key or f"{post.kind}-{next(self._keys)}", place=place or self.home, post=post, replaces=replaces)

    def thread(self, posted: PostedMessage) -> Place:
        """The thread that a post opened."""
        return Place(platform=self.home.platform, channel=self.home.channel, thread=posted.thread)

    @abstractmethod
    async def say(self, place: Place, text: str) -> None:
        """Write as the person in a channel or a thread; without threads, in the way that names the run or question."""

    @abstractmethod
    async def command(self, name: str, text: str) -> None:
        """Give a command as the person."""

    @abstractmethod
    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        """The messages that people see at a place, oldest first."""

    async def files(self) -> Mapping[str, str]:
        """Contents of the files that the bot has posted, by name; empty if the platform has no files."""
        return {}

    @abstractmethod
    async def notified(self) -> frozenset[str]:
        """Ids of the people whom posts have notified so far; `everyone` if a post notified all."""

    @abstractmethod
    def when(self, at: float) -> str:
        """A time (seconds since the epoch) as the platform shows it to people."""

    async def after_store_failure(self) -> None:  # noqa: B027  # most platforms need nothing
        """Bring the person back to a state in which they can write, after a message that was not stored."""

    @abstractmethod
    async def press(self, question: int, press: ControlAction, value: str) -> None:
        """Pass a question, or ask for more time, as the person."""

    async def choose(self, question: int, option: str) -> None:
        """Click an option as the person."""
        raise _lacking("choose")

    async def finish(self, run: int) -> None:
        """Press "Finish now" on the card of a run as the person."""
        raise _lacking("finish")

    async def edit(self, text: str) -> None:
        """Change the person's newest message."""
        raise _lacking("edit")

    async def delete_post(self, posted: PostedMessage) -> None:
        """Delete a card of the bot, as somebody who may."""
        raise _lacking("delete_post")

    async def react(self, posted: PostedMessage, emoji: str) -> None:
        """Add a reaction (an emoji character) to a card of the bot, as the person."""
        raise _lacking("react")

    async def unreact(self, posted: PostedMessage, emoji: str) -> None:
        """Remove a reaction of the person's again, on platforms with `react`."""
        raise _lacking("react")

    async def delete_message(self) -> None:
        """Delete the person's newest message."""
        raise _lacking("delete_message")

    async def redeliver(self) -> None:
        """Let the platform deliver the person's newest event again."""
        raise _lacking("redeliver")

    async def reconnect(self) -> None:
        """Cut the connection, so that the adapter connects again."""
        raise _lacking("reconnect")

    async def fail_next(self) -> None:
        """Let the next request fail without an effect."""
        raise _lacking("fail_next")

    async def fail_next_read(self) -> None:
        """Let the next reading of a thread fail, or end early."""
        raise _lacking("fail_next_read")

    async def reject_next(self) -> None:
        """Let the platform refuse the next post for good."""
        raise _lacking("reject_next")

    async def ask_in_thread(self, messages: Sequence[str], task: str, thread: ThreadPosition | None = None) -> None:
        """Write messages as the person in a thread that the bot has not opened, then give a task there.

        The first message opens the thread, unless an earlier task in a `thread` is given.
        """
        raise _lacking("ask_in_thread")

    async def lose_confirmation(self) -> None:
        """Let the next post take effect, and its response be lost."""
        raise _lacking("lose_confirmation")

    async def leave(self) -> None:
        """Let the person leave the server or workspace for good."""
        raise _lacking("leave")


RUN = RunCard(
    run=3,
    task="Choose a database for the shop",
    team="house",
    agents=(
        CardAgent(name="architect", model="grok-4.3", state="working"),
        CardAgent(name="skeptic", model="gpt-9", state="waiting"),
    ),
    status="working",
    cost="$0.02",
    tokens=12_345,
)
OPTIONS = (
    CardOption(id="pg", label="PostgreSQL", description="keeps its promises", recommended=True),
    CardOption(id="lite", label="SQLite", description="one file"),
)
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 \u202edesrever\u202c @everyone @here <!channel> \x00\x08 &#8238; [see](https://evil.example/x) end"
)
"""Terminal escapes, a window title, reversed text (also as an entity), mentions of all, control characters, a masked link."""


def question(number: int = 2, *, asked: Author | None = None) -> QuestionCard:
    """An open question with two options, which expires at 2026-11-22 14:30 UTC."""
    return QuestionCard(
        question=number,
        run=3,
        agent="skeptic",
        text="Which database shall we take?",
        context="The shop has one writer.",
        answer_kind="choice",
        options=OPTIONS,
        mentions=(asked,) if asked else (),
        asked="Alice",
        expires_at=1_795_357_800.0,
        silence="PostgreSQL is taken, as recommended",
        task="Choose a database for the shop",
    )


def closed(card: QuestionCard) -> QuestionCard:
    """The same question, answered."""
    return replace(card, closed="Alice answered: SQLite")


def long_answer() -> FinalAnswer:
    """An answer of some 20,000 characters: numbered paragraphs, and a block of code longer than one message may be."""
    paragraphs = "\n\n".join(f"Point {number}. {'All things considered. ' * 8}" for number in range(60))
    code = "\n".join(f"line_{number} = {number}" for number in range(400))
    return FinalAnswer(run=3, text=f"{paragraphs}\n\n```python\n{code}\n```\n\nThe end.", how="Two votes of two.", by="architect")
