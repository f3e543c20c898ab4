"""The port of chat platforms: the protocol that every adapter implements, and its delivery errors.

Inbound: an adapter translates what people do into `MessageReceived`, `MessageDeleted`, `ControlUsed`, `CommandReceived`,
`PersonLeft` or `InputClosed` (`orchestrator_bridge.chat.inbound`) and awaits `on_event(event)` for each. `on_event` returns once
the event is stored; only then acknowledge it to the platform, where the platform allows. Events are deduplicated by their `key`:
passing the same event twice is harmless, so an adapter need not remember what it has passed on.

Outbound: an adapter renders posts (`orchestrator_bridge.chat.outbound`). It decides nothing: permissions, whether a message
is an answer, and the end of a question belong to the bridge.

Delivery is at least once in both directions. After a `SendUncertain`, or a crash in the middle of `send`, the outbox calls
`find_sent` before it sends the same key again, provided that the platform's history can be read
(`Capabilities.can_read_history`). Without that, a post may appear twice.

The contract suite checks an adapter against all of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply, StreamingAnswer
from orchestrator_bridge.chat.thread_context import ThreadPage
from orchestrator_bridge.common.errors import TownhallError


class DeliveryError(TownhallError):
    """A request to a platform that did not succeed. The subclass tells the outbox whether a retry can duplicate a post."""


class NotSent(DeliveryError):
    """The request had no effect; retrying it creates no duplicate.

    `retry_after`: the platform's own waiting time in seconds. None: the caller uses its backoff.
    """

    def __init__(self, found: str, retry_after: float | None = None) -> None:
        super().__init__(found)
        self.retry_after = retry_after


class SendUncertain(DeliveryError):
    """The request may have taken effect, for example because the connection was lost before the response.

    The caller asks `find_sent` before it retries.
    """


class SendRejected(DeliveryError):
    """The platform will never accept the request, such as a post to a deleted channel.

    The text names the reason and the fix, for the operator. `reason` is for people in the chat, a clause that names neither codes
    nor settings, such as "the channel was deleted"; without one they read the text.
    """

    def __init__(self, found: str, reason: str = "") -> None:
        super().__init__(found)
        self.reason = (reason or found).rstrip(".")


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """Optional features of a platform; the defaults are a platform without any."""

    threads: bool = False
    edits: bool = False
    """A posted message can be replaced (`OutboundPost.replaces`)."""
    buttons: bool = False
    reactions: bool = False
    private_replies: bool = False
    """A reply to a command can be shown to its author alone."""
    can_read_history: bool = False
    """`find_sent` and `read_thread` work."""
    edit_interval: float = 0.0
    """Least number of seconds between two progress edits of one message."""
    redelivers: bool = False
    """A message that could not be stored is passed to `on_event` again later; its author need not repeat it."""
    loses_history_on_restart: bool = False
    """Posts are out of sight after a restart of the bot; the cards of open runs and questions are then sent again."""


Membership = Literal["member", "guest", "external", "unknown"]
"""Membership of a person in the server or workspace of a place: full, as a guest, none, or not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Facts that a platform knows about a person and a place. The defaults are those of a platform that could not be asked."""

    membership: Membership = "unknown"
    sees: bool | None = None
    """The person can see the place; None if that is not known."""
    served: bool = True
    """The place is on a server for which this bot is set up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelReach:
    """The server or workspace of a channel, by its id, and if all its members can see the channel.

    The defaults are those of a channel of which nothing is known: it counts as private, and belongs to no server.
    """

    server: str = ""
    public: bool = False


class Adapter(Protocol):
    """One chat platform.

    All methods are called on one event loop. Every method except `start` may be called at any time between `start` and `stop`,
    and several may be in progress at once. Calls of `send` for one thread are made one after the other; calls for different
    threads, and edits of different messages, overlap. Exceptions other than those documented are treated as faults of the
    adapter.
    """

    @property
    def platform(self) -> str:
        """Name of the platform, equal to `Place.platform` and `Author.platform` of all its events."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Optional features of this platform; constant after `start`."""
        ...

    async def start(self, on_event: InboundHandler) -> None:
        """Connect and begin to pass events to `on_event`; return when `send` can be called.

        Events of one thread are passed in the order in which people made them. If `on_event` raises, the event is not stored:
        do not acknowledge it, tell its author where possible, and continue with the next event. An adapter that was stopped
        can be started again.

        Raises:
            NotSent: the platform cannot be reached now; `start` is called again later.
            SendRejected: the platform refuses the credentials or the installation.
        """
        ...

    async def stop(self) -> None:
        """Stop passing events, disconnect, and leave no task behind. Calling it again has no effect."""
        ...

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post a message, or edit the one that `outbound.replaces` names, and return its identity.

        A post that takes several messages is returned as its first one. A stopped adapter raises `NotSent`.

        Raises:
            NotSent: the post did not arrive.
            SendUncertain: the post may have arrived.
            SendRejected: the platform will never accept the post.
        """
        ...

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Return the message of an earlier attempt to send `outbound.key`.

        None if there is none, or if the platform's history cannot be read. Search from `outbound.since` on.

        Raises:
            NotSent: the history cannot be read now.
        """
        ...

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Return every message of people in a thread from `after` (seconds, the platform's clock) to now, oldest first.

        The messages have the keys that they have as events: an edited message appears once, in its current version; a deleted
        message does not appear. The result is complete or an error, because the bridge takes a known reply that is missing
        here for deleted. It is called only where `Capabilities.can_read_history` is set.

        Raises:
            NotSent: the thread cannot be read now, or not to its end.
            SendRejected: the thread no longer exists, or the bot may not read it.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """Return the content of a file that a person attached.

        Raises:
            NotSent: the file cannot be fetched now.
            SendRejected: the file no longer exists, or this platform has no attachments.
        """
        ...

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Return the members of a group or of a channel (its id) from memory; None if they are not known. Never waits."""
        ...

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Show a reply to the author of `event`, privately where the platform can.

        Best effort: a failure is logged, never raised, and the reply is neither stored nor repeated.
        """
        ...


@runtime_checkable
class SupportsStreaming(Protocol):
    """An adapter that can also show a final answer while it is written."""

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        """Show the text so far, in place of the text shown before.

        Best effort: a failure is logged, never raised, because the `FinalAnswer` is posted in any case.
        """
        ...


@runtime_checkable
class SupportsStanding(Protocol):
    """An adapter that knows who can see which place. Without it, a person is known to see only the place that they act in."""

    async def standing(self, person: Author, place: Place) -> Standing:
        """Look up a person and a place of this platform.

        It may ask the platform. A failure is logged with its fix, never raised: what it leaves unknown is refused.
        """
        ...


@runtime_checkable
class SupportsPresence(Protocol):
    """An adapter that knows whether the people whom questions ask are still there. Without it, they are waited for."""

    async def absence(self, person: Author, place: Place) -> str:
        """Return why a person can no longer answer in a place, as a clause after their name: `is not on this server`.

        Empty if they can, and if the platform does not say: only somebody who is known to be gone is no longer waited for. It
        may ask the platform. A failure is logged, never raised.
        """
        ...


@runtime_checkable
class SupportsThreadContext(Protocol):
    """An adapter that can read the thread in which a task was given (`CommandReceived.thread`), for the agents of its run.

    It sets `CommandReceived.thread` only for a thread that the author of the command takes part in.
    """

    async def read_context(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        """Read the newest messages of a thread that are earlier than `thread.before`, at most `count`.

        `before`: id of a message of this thread; only earlier ones are read then. It comes from a model, so it must not lead out
        of the thread. Messages of people and other apps appear with their text, as in `MessageReceived`, and their files; those
        of the bot appear if they are texts, not if they are cards. Deleted messages, messages of the platform itself and those
        of `thread.omitted` do not appear.

        Raises:
            NotSent: the thread cannot be read now.
            SendRejected: the thread or `before` does not exist, or the bot may not read it.
        """
        ...


@runtime_checkable
class SupportsReach(Protocol):
    """An adapter that knows which channels everybody on a server can see. Without it every channel counts as private."""

    async def reach(self, place: Place) -> ChannelReach:
        """Look up a place's channel.

        It may ask the platform. A channel that people of other organisations or servers can see belongs to no server. A failure
        is logged, never raised, and gives the defaults.
        """
        ...


@runtime_checkable
class SupportsLinks(Protocol):
    """An adapter of a platform whose messages have web addresses."""

    def message_url(self, place: Place, message: str) -> str:
        """The web address of a message, from memory; empty if it has none, or its channel is not known. Never waits."""
        ...


@runtime_checkable
class SupportsExit(Protocol):
    """An adapter of a local platform whose user ends the bot by leaving, or by the end of the input."""

    async def wait_exit(self) -> Literal["left", "input_ended"]:
        """Wait until the user has left, or the input has ended."""
        ...

    @property
    def any_entry(self) -> bool:
        """True if the user has entered anything."""
        ...

    @property
    def any_rejected(self) -> bool:
        """True if the adapter or the bot rejected an entry: a script that reads the exit code must know."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOption:
    """One model in an autocomplete list. `about` is its price and context window, `warning` its lifecycle or what it lacks.

    Where room is short, show the name first, then as much of `warning` and `about` as fits.
    """

    name: str
    about: str
    warning: str = ""
    usable: bool = True
    current: bool = False
    """The model that is in use now, for the scope that it would be selected for."""


class Autocomplete(Protocol):
    """Suggestions for the arguments of commands, while a person types.

    Platforms wait two or three seconds for suggestions at most, so every method answers from memory and never waits.
    """

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Return models whose name contains `search`, best match first.

        `scope` is where the model would be used: empty for the channel, else the name of a team or of an agent.
        """
        ...

    def teams(self, place: Place) -> Sequence[str]:
        """Return the names of teams, the one that this place uses first."""
        ...

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """Return the names of a team's agents; of the place's team if `team` is empty."""
        ...

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """Return the active runs of a place, newest first, as pairs of number and task."""
        ...
