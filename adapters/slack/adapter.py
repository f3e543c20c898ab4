"""Slack implementation of the `Adapter` port: one bot in one workspace, over Socket Mode or HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from adapters.slack.api import SlackApi
from adapters.slack.files import fetch_file
from adapters.slack.http_mode import HttpTransport
from adapters.slack.session import SlackConfig, SlackSession, create_session
from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat.adapter import Autocomplete, Capabilities, ChannelReach, NotSent, Standing
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.chat.outbound import Link, OutboundPost, PostedMessage, PrivateReply, StreamingAnswer
from orchestrator_bridge.chat.thread_context import ThreadPage
from orchestrator_bridge.common.clock import process_time

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL = 10.0
"""Seconds between two edits of a run card: Slack allows about fifty edits a minute in a whole workspace."""


class SlackAdapter:
    """One bot. `names` are the commands; `listed` are Slack ids that the team file names; `clock` returns seconds since the
    epoch."""

    platform = PLATFORM
    capabilities = Capabilities(
        threads=True,
        edits=True,
        buttons=True,
        reactions=True,
        private_replies=True,
        can_read_history=True,
        redelivers=True,
        edit_interval=EDIT_INTERVAL,
    )

    def __init__(
        self,
        config: SlackConfig,
        autocomplete: Autocomplete,
        *,
        names: Sequence[str],
        listed: Sequence[str] = (),
        clock: Callable[[], float] = process_time,
    ) -> None:
        self._config = config
        self._autocomplete = autocomplete
        self._names = frozenset(names)
        self._listed = tuple(listed)
        self._clock = clock
        self._session: SlackSession | None = None

    async def start(self, on_event: InboundHandler) -> None:
        """Identify the bot, then connect or listen, as `Adapter.start` specifies.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: Slack rejects a token, or the port is in use.
        """
        api = SlackApi(self._config.bot_token, self._config.url, timeout=self._config.response_timeout, clock=self._clock)
        await api.open()
        try:
            session = await create_session(api, self._config, self._autocomplete, self._names, self._listed, on_event)
            await session.start()
        except BaseException:
            await api.close()
            raise
        self._session = session

    async def stop(self) -> None:
        """Stop listening and disconnect. Calling it again has no effect."""
        session, self._session = self._session, None
        if session is not None:
            await session.stop()

    @property
    def port(self) -> int:
        """The port in HTTP mode."""
        transport = self.session.transport
        assert isinstance(transport, HttpTransport)
        return transport.port

    @property
    def session(self) -> SlackSession:
        """The parts of the started adapter.

        Raises:
            NotSent: the adapter is not started.
        """
        if self._session is None:
            raise NotSent("the Slack adapter is not started")
        return self._session

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` specifies."""
        session = self.session
        posted = await session.sender.send(outbound)
        await session.on_sent(outbound, posted)
        return posted

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Find an earlier attempt, as `Adapter.find_sent` specifies."""
        session = self.session
        found = await session.sender.find(outbound)
        if found is not None:
            await session.on_sent(outbound, found)
        return found

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        """Show a final answer while it is written, as `SupportsStreaming.stream_answer` specifies."""
        if self._session is not None:
            await self._session.streams.update(answer)

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Read people's messages in a thread, as `Adapter.read_thread` specifies."""
        return await self.session.backfill.read_thread(place, after)

    async def read_context(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        """Read the thread of a task, as `SupportsThreadContext.read_context` specifies."""
        return await self.session.thread_reader.read(thread, count, before)

    async def fetch(self, attachment: Attachment) -> bytes:
        """Download a file, as `Adapter.fetch` specifies."""
        return await fetch_file(self.session.api, attachment)

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Members of a user group or a channel, as `Adapter.members` specifies."""
        if self._session is None:
            return None
        people = self._session.people
        users = self._session.groups.members(group) or self._session.channels.members(group)
        return (
            None if users is None else tuple(Author(platform=PLATFORM, id=user, name=people.person(user).name) for user in users)
        )

    async def standing(self, person: Author, place: Place) -> Standing:
        """Look up a person and a place, as `SupportsStanding.standing` specifies."""
        return await self.session.standings.standing(person, place)

    async def absence(self, person: Author, place: Place) -> str:
        """Say why a person is gone, as `SupportsPresence.absence` specifies."""
        return await self.session.standings.absence(person, place)

    def message_url(self, place: Place, message: str) -> str:
        """The web address of a message, as `SupportsLinks.message_url` specifies."""
        if self._session is None:
            return ""
        return self._session.private_replies.message_url(Link(text="", place=place, message=message)) or ""

    async def reach(self, place: Place) -> ChannelReach:
        """Look up a place's channel, as `SupportsReach.reach` specifies."""
        return await self.session.standings.reach(place)

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Answer one person privately, as `Adapter.reply_privately` specifies."""
        if self._session is None:
            _LOG.warning("a private reply was not delivered: the adapter is stopped")
            return
        await self._session.private_replies.reply(event, reply)
