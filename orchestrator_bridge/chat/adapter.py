"""What pickers of platforms offer while somebody types. Answered from memory: a platform waits a second or two at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from orchestrator_bridge.chat.inbound import Attachment, Author, InboundEvent, InboundHandler, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply, StreamingAnswer
from orchestrator_bridge.common.errors import TownhallError

# The port that every chat platform's adapter implements, and the neutral values that cross it.
#
# Inwards, an adapter turns what people do into `MessageReceived`, `MessageDeleted`, `ControlUsed`, `CommandReceived` or
# `InputClosed` and hands each to `on_event`, which returns once it is stored: acknowledge to the platform after that, where the
# platform allows. Handing over the same thing twice is harmless. Outwards, an adapter renders an `OutboundPost`. It decides
# nothing: who may do what, what counts as an answer and when a question ends is judged in the bridge.
#
# Chat is at-least-once in both directions. An adapter whose platform can be asked (`Capabilities.can_read_history`) says in
# `find_sent` whether an earlier, doubtful sending of the same key arrived; the outbox asks it before it sends again.


class DeliveryError(TownhallError):
    """A post that was not delivered, as far as anybody knows."""


class NotSent(DeliveryError):
    """The sending did not arrive, nothing doubles when it is tried again; `retry_after` in seconds if the platform said so."""

    def __init__(self, found: str, retry_after: float | None = None) -> None:
        super().__init__(found)
        self.retry_after = retry_after


class SendUncertain(DeliveryError):
    """Nobody knows whether the sending arrived: ask `find_sent` before trying again."""


class SendRejected(DeliveryError):
    """The platform will never take this sending, such as into a deleted channel. The text says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a platform can do. What is not said is not there."""

    threads: bool = False
    edits: bool = False
    buttons: bool = False
    reactions: bool = False
    private_replies: bool = False
    can_read_history: bool = False
    """The platform can be asked whether a sending arrived, and what was said in a thread."""
    edit_interval: float = 0.0
    """Seconds between two edits of the same message that people and the platform bear."""
    loses_history_on_restart: bool = False
    """What was posted is out of people's sight after a restart of ours: send the cards of what is open again, as replacements."""


class Adapter(Protocol):
    """One platform. Every method but `start` may be called at any time between `start` and `stop`."""

    @property
    def platform(self) -> str:
        """The platform's name, as in `Place.platform`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this platform can do."""
        ...

    async def start(self, on_event: InboundHandler) -> None:
        """Connect and begin to listen; returns when sendings can be taken.

        Raises:
            NotSent: the platform cannot be reached just now; `start` is called again later.
        """
        ...

    async def stop(self) -> None:
        """Stop listening and disconnect."""
        ...

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post, or edit what `sending.replaces` names.

        Raises:
            NotSent: it did not arrive.
            SendUncertain: it may have arrived.
            SendRejected: it never will.
        """
        ...

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """What an earlier attempt with the same key left, or None if there is nothing, or if the platform cannot be asked.

        Raises:
            NotSent: the platform cannot be asked just now.
        """
        ...

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """All that people said in a thread from `after` (seconds, the platform's clock) to now, in order, as it now stands.

        Those are the messages that would arrive by themselves, under the same keys: an edited one in its present version, a
        deleted one not at all. It is all or nothing, for a reply that is missing here is taken to be deleted: what cannot be
        read to its end is `NotSent`. Nobody asks a platform that is not `can_read_history`.

        Raises:
            NotSent: the platform cannot be asked just now, or not for the whole.
            SendRejected: the thread is gone, or is not for us to read.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file that a person attached.

        Raises:
            NotSent: the platform cannot be asked just now.
            SendRejected: the file is gone, or this platform has no attachments.
        """
        ...

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who belongs to a group, or is in a channel (its id), from memory; None where that is not known."""
        ...

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Give a word back to whoever caused `event`; what cannot be told is logged, never raised."""
        ...


@runtime_checkable
class SupportsStreaming(Protocol):
    """An adapter that can also show a final text while it is written."""

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        """Show it, or more of it. What cannot be shown is logged, never raised: the `FinalAnswer` comes in any case."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOption:
    """One model of a picker. `about` is its price and context in a few words, `warning` its lifecycle or what it lacks.

    A picker with little room shows the name first, then as much of the warning and of `about` as fits.
    """

    name: str
    about: str
    warning: str = ""
    usable: bool = True
    current: bool = False
    """The model that this place uses now, for the scope that is being picked for."""


class Autocomplete(Protocol):
    """What can be picked. No method waits for anything."""

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Models with `search` in any part of their name, best first.

        `scope` is what is picked for: empty for the channel, else the name of a team or of an agent.
        """
        ...

    def teams(self, place: Place) -> Sequence[str]:
        """Names of teams, the one that this place uses first."""
        ...

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """Names of a team's agents; of the place's team where none is named."""
        ...

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """Runs under way in a place, newest first: number and task."""
        ...
