"""Slack as a platform: one bot in one workspace, over Socket Mode or over HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from adapters.slack.api import SlackApi
from adapters.slack.files import fetch_file
from adapters.slack.http_mode import HttpTransport
from adapters.slack.session import SlackConfig, SlackSession, create_session
from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat.adapter import Autocomplete, Capabilities, NotSent
from orchestrator_bridge.chat.inbound import Attachment, Author, InboundEvent, InboundHandler, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply, StreamingAnswer

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL = 10.0
"""Seconds between two states of a run's card: Slack bears about fifty edits a minute of a whole workspace."""


class SlackAdapter:
    """One bot. `names` are the commands; `listed` are Slack ids that the team file names; `clock` is ours, in seconds."""

    platform = PLATFORM
    capabilities = Capabilities(
        threads=True,
        edits=True,
        buttons=True,
        reactions=True,
        private_replies=True,
        can_read_history=True,
        edit_interval=EDIT_INTERVAL,
    )

    def __init__(
        self,
        access: SlackConfig,
        autocomplete: Autocomplete,
        *,
        names: Sequence[str],
        listed: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._menu = autocomplete
        self._names = frozenset(names)
        self._listed = tuple(listed)
        self._clock = clock
        self._session: SlackSession | None = None

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self, on_event: InboundHandler) -> None:
        """Learn who we are, then connect or listen, as `Adapter.start` says.

        Raises:
            NotSent: Slack cannot be reached just now.
            SendRejected: Slack does not take a token, or the port is taken.
        """
        api = SlackApi(self._access.bot_token, self._access.url, timeout=self._access.silence, clock=self._clock)
        await api.open()
        try:
            life = await create_session(api, self._access, self._menu, self._names, self._listed, on_event)
            await life.start()
        except BaseException:
            await api.close()
            raise
        self._session = life

    async def stop(self) -> None:
        """Stop listening and disconnect; again is harmless."""
        life, self._session = self._session, None
        if life is not None:
            await life.stop()

    @property
    def port(self) -> int:
        """In HTTP mode, the port on which it listens."""
        door = self.session.transport
        assert isinstance(door, HttpTransport)
        return door.port

    @property
    def session(self) -> SlackSession:
        """The parts of the started adapter.

        Raises:
            NotSent: it is not started, or was stopped.
        """
        if self._session is None:
            raise NotSent("the adapter is not started, or was stopped")
        return self._session

    # Outwards -------------------------------------------------------------------------------------------------------------

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` says."""
        life = self.session
        posted = await life.sender.send(outbound)
        await life.on_sent(outbound, posted)
        return posted

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """What an earlier attempt left, as `Adapter.find_sent` says."""
        life = self.session
        found = await life.sender.find(outbound)
        if found is not None:
            await life.on_sent(outbound, found)
        return found

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        """Show a final text while it is written, as `SupportsStreaming.stream_answer` says."""
        if self._session is not None:
            await self._session.streams.update(answer)

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What people said in a thread, as `Adapter.read_thread` says."""
        life = self.session
        life.backfill.watch_thread(place, after)
        return await life.read_thread(place, after)

    async def fetch(self, attachment: Attachment) -> bytes:
        """A file's content, as `Adapter.fetch` says."""
        return await fetch_file(self.session.api, attachment)

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who belongs to a user group or is in a channel, as `Adapter.members` says."""
        users = (
            (self._session.groups.members(group) or self._session.channels.members(group)) if self._session is not None else None
        )
        if self._session is None or users is None:
            return None
        return tuple(Author(platform=PLATFORM, id=user, name=self._session.people.name(user)) for user in users)

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Tell one person alone, as `Adapter.reply_privately` says."""
        if self._session is None:
            _LOG.warning("somebody could not be told: the adapter is stopped")
            return
        await self._session.private_replies.reply(event, reply)
