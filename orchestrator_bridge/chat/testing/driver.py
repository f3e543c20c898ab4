"""What a platform's tests bring along so that the contract of adapters can be run on it: the adapter, people, and trouble."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, TypeVar, get_args

from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.chat.inbound import Author, ControlAction, InboundEvent, Place
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
"""Seconds after which something that ought to happen is taken not to."""


Feature = Literal[
    "choose",
    "edit",
    "delete_message",
    "delete_post",
    "redeliver",
    "reconnect",
    "fail_next",
    "fail_next_read",
    "reject_next",
    "lose_confirmation",
    "history",
]
"""What a platform may lack: a method of its driver, or that it can be asked."""

FEATURES: tuple[Feature, ...] = tuple(feature for feature in get_args(Feature) if feature != "history")
"""Those that are methods of a driver."""

T = TypeVar("T", bound=Callable[..., Any])


def needs(*features: Feature) -> Callable[[T], T]:
    """Mark a test of the contract that only platforms with these features can pass."""

    def mark(test: T) -> T:
        test.__dict__["needs"] = frozenset(features)
        return test

    return mark


def required_features(test: object) -> frozenset[Feature]:
    """What a test of the contract needs."""
    needed: frozenset[Feature] = getattr(test, "needs", frozenset())
    return needed


def _lacking(feature: Feature) -> AssertionError:
    return AssertionError(f"this driver has no {feature}: write it, or name it in `lacks`, and what needs it with @needs")


@dataclass(frozen=True, kw_only=True, slots=True)
class VisibleMessage:
    """One message as people see it now: its words, those of embeds and blocks too, and the labels of what can be clicked."""

    text: str
    controls: tuple[str, ...] = ()


class PlatformDriver(ABC):
    """One adapter on its platform. What a platform does not have is left as it is here, and named in its contract's `lacks`."""

    adapter: Adapter
    home: Place
    """The channel in which people and the bot are."""
    person: Author
    """Who speaks in these tests, as the platform knows her."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[InboundEvent] = asyncio.Queue()
        self._store_breaks = False
        self._keys = count(1)

    # The bridge's side ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the adapter."""
        await self.adapter.start(self._receive)

    async def _receive(self, event: InboundEvent) -> None:
        if self._store_breaks:
            self._store_breaks = False
            raise OSError("the disk is full")
        self._heard.put_nowait(event)

    def fail_next_store(self) -> None:
        """The next thing that the adapter hands over cannot be stored."""
        self._store_breaks = True

    async def next_event(self) -> InboundEvent:
        """The next thing that the adapter hands over."""
        async with asyncio.timeout(TIMEOUT):
            return await self._heard.get()

    async def post(
        self, post: Post, *, place: Place | None = None, replaces: PostedMessage | None = None, key: str = ""
    ) -> PostedMessage:
        """Send, under a key of its own unless one is given."""
        return await self.adapter.send(self.outbound(post, place=place, replaces=replaces, key=key))

    def outbound(
        self, post: Post, *, place: Place | None = None, replaces: PostedMessage | None = None, key: str = ""
    ) -> OutboundPost:
        """What `post` sends."""
        return OutboundPost(key=key or f"{post.kind}-{next(self._keys)}", place=place or self.home, post=post, replaces=replaces)

    def thread(self, posted: PostedMessage) -> Place:
        """The thread that a post opened."""
        return Place(platform=self.home.platform, channel=self.home.channel, thread=posted.thread)

    # The people's side ----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def say(self, place: Place, text: str) -> None:
        """The person writes in a channel or a thread, or names the thread if the platform has none."""

    @abstractmethod
    async def command(self, name: str, text: str) -> None:
        """The person gives a command."""

    @abstractmethod
    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        """What people see there, oldest first."""

    async def files(self) -> Mapping[str, str]:
        """The texts of the files that the bot has posted, by their names; none where a platform has no files."""
        return {}

    @abstractmethod
    async def notified(self) -> frozenset[str]:
        """Ids of those whom a post has notified so far, and `everyone` if one has notified all."""

    @abstractmethod
    def when(self, at: float) -> str:
        """How this platform names a moment to people (seconds since the epoch)."""

    async def after_store_failure(self) -> None:  # noqa: B027  # most platforms tell her nothing
        """The person learns that her words were not stored, where she is told, and is ready to write something else."""

    @abstractmethod
    async def press(self, question: int, press: ControlAction, value: str) -> None:
        """The person says "not me" or asks for more time, by whatever control there is."""

    async def choose(self, question: int, option: str) -> None:
        """The person clicks an option."""
        raise _lacking("choose")

    async def edit(self, text: str) -> None:
        """The person changes her newest message."""
        raise _lacking("edit")

    async def delete_post(self, posted: PostedMessage) -> None:
        """Somebody who may do so deletes a card of ours."""
        raise _lacking("delete_post")

    async def delete_message(self) -> None:
        """The person deletes her newest message."""
        raise _lacking("delete_message")

    async def redeliver(self) -> None:
        """The platform delivers the newest thing that the person did once more."""
        raise _lacking("redeliver")

    async def reconnect(self) -> None:
        """The connection is cut and made again."""
        raise _lacking("reconnect")

    # Trouble --------------------------------------------------------------------------------------------------------------

    async def fail_next(self) -> None:
        """The next sending fails without having any effect."""
        raise _lacking("fail_next")

    async def fail_next_read(self) -> None:
        """What people said cannot be read the next time, or not to its end."""
        raise _lacking("fail_next_read")

    async def reject_next(self) -> None:
        """The platform refuses the next sending for good."""
        raise _lacking("reject_next")

    async def lose_confirmation(self) -> None:
        """The next sending takes effect, but its confirmation is lost."""
        raise _lacking("lose_confirmation")


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
"""Terminal escapes, a window title, reversed text (as entity too), mentions of everybody, control characters, a masked link."""


def question(number: int = 2, *, asked: Author | None = None) -> QuestionCard:
    """An open question of one choice, which expires at 2026-11-22 14:30 UTC."""
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
    """A final text of some 20,000 characters: many numbered paragraphs and a block of code longer than any message may be."""
    paragraphs = "\n\n".join(f"Point {number}. {'All things considered. ' * 8}" for number in range(60))
    code = "\n".join(f"line_{number} = {number}" for number in range(400))
    return FinalAnswer(run=3, text=f"{paragraphs}\n\n```python\n{code}\n```\n\nThe end.", how="Two votes of two.", by="architect")
