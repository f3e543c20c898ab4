"""Slack as a platform: one bot in one workspace, over Socket Mode or over HTTP."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.api import SILENCE, SLACK, Api
from adapters.slack.aside import Aside
from adapters.slack.files import fetch
from adapters.slack.find import Finder
from adapters.slack.groups import Groups
from adapters.slack.hear import Ear
from adapters.slack.http import Port
from adapters.slack.inbox import ACKNOWLEDGE, Inbox, Next
from adapters.slack.interact import Hand
from adapters.slack.people import People
from adapters.slack.rooms import Rooms
from adapters.slack.send import Sender
from adapters.slack.socket import PING, Socket
from adapters.slack.tell import Teller
from adapters.slack.watch import Watch
from adapters.slack.workspace import PLATFORM, recognise
from orchestrator_bridge.chat import (
    Attachment,
    Author,
    Capabilities,
    Inbound,
    Place,
    Posted,
    Receive,
    Rejected,
    Said,
    Sending,
    Unsent,
    Word,
)
from orchestrator_bridge.menu import Menu

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL = 10.0
"""Seconds between two states of a run's card: Slack bears about fifty edits a minute of a whole workspace."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackAccess:
    """How to reach Slack: with an app token by Socket Mode, else with a signing secret on a port of ours.

    `silence`, `ping` and `acknowledge` are in seconds, as in `Api`, `Socket` and `Inbox`.
    """

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    port: int = 0
    url: str = SLACK
    silence: float = SILENCE
    ping: float = PING
    acknowledge: float = ACKNOWLEDGE


@dataclass(slots=True)
class _Parts:
    """What there is between a start and a stop."""

    api: Api
    people: People
    groups: Groups
    rooms: Rooms
    ear: Ear
    finder: Finder
    sender: Sender
    teller: Teller
    inbox: Inbox
    watch: Watch
    door: Socket | Port
    looking: asyncio.Task[None] | None = None


class SlackAdapter:
    """One bot. `names` are the commands; `listed` are Slack ids that the team file names; `clock` is ours, in seconds."""

    platform = PLATFORM
    capabilities = Capabilities(
        threads=True,
        edits=True,
        buttons=True,
        reactions=True,
        private_words=True,
        findable=True,
        edit_interval=EDIT_INTERVAL,
    )

    def __init__(
        self,
        access: SlackAccess,
        menu: Menu,
        *,
        names: Sequence[str],
        listed: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._menu = menu
        self._names = frozenset(names)
        self._listed = tuple(listed)
        self._clock = clock
        self._parts: _Parts | None = None

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self, receive: Receive) -> None:
        """Learn who we are, then connect or listen, as `Adapter.start` says.

        Raises:
            Unsent: Slack cannot be reached just now.
            Rejected: Slack does not take a token, or the port is taken.
        """
        api = Api(self._access.bot_token, self._access.url, silence=self._access.silence, clock=self._clock)
        await api.open()
        try:
            made = await self._made(api, receive)
            await made.groups.look()
            await made.door.start()
        except BaseException:
            await api.close()
            raise
        made.looking = asyncio.create_task(made.groups.keep_looking(), name="slack groups")
        self._parts = made

    async def _made(self, api: Api, receive: Receive) -> _Parts:
        workspace = await recognise(api)
        groups, rooms = Groups(api), Rooms(api)
        people = People(api, workspace, groups, self._listed)
        ear = Ear(workspace, people, rooms, self._names)
        finder, teller = Finder(api, workspace), Teller(api, workspace, rooms, picks="model" in self._names)
        hand = Hand(api, workspace, people, rooms, ear, self._menu, self._names)

        watch = Watch(lambda place, after: self._read(place, after), api.now)

        async def aside(one: Aside) -> None:
            await teller.say(one.heard, one.message)

        async def heard(one: Inbound) -> None:
            await receive(one)
            watch.heard(one)

        inbox = Inbox(
            workspace,
            ear,
            hand,
            self._menu,
            heard,
            aside=aside,
            show=teller.show,
            changed=groups.look,
            acknowledge=self._access.acknowledge,
        )
        return _Parts(
            api=api,
            people=people,
            groups=groups,
            rooms=rooms,
            ear=ear,
            finder=finder,
            sender=Sender(api, workspace, rooms, finder),
            teller=teller,
            inbox=inbox,
            watch=watch,
            door=self._door(api, inbox, lambda: watch.catch_up(heard)),
        )

    def _door(self, api: Api, inbox: Inbox, back: Callable[[], Awaitable[None]]) -> Socket | Port:
        access = self._access
        app = AsyncApp(
            name="townhall",
            logger=_LOG,
            token=access.bot_token,
            signing_secret=access.signing_secret or "unused in Socket Mode",
            request_verification_enabled=not access.app_token,
            before_authorize=_before_all(inbox),
        )
        if access.app_token:
            return Socket(app, api, access.app_token, ping=access.ping, back=back)
        if not access.signing_secret:
            raise Rejected("Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode); neither is set")
        return Port(app, access.port)

    async def stop(self) -> None:
        """Stop listening and disconnect; again is harmless."""
        made, self._parts = self._parts, None
        if made is None:
            return
        await made.door.stop()
        await made.inbox.stop()
        await made.people.stop()
        if made.looking is not None:
            made.looking.cancel()
            await asyncio.gather(made.looking, return_exceptions=True)
        await made.api.close()

    @property
    def port(self) -> int:
        """In HTTP mode, the port on which it listens."""
        door = self._now.door
        assert isinstance(door, Port)
        return door.port

    @property
    def _now(self) -> _Parts:
        if self._parts is None:
            raise Unsent("the adapter is not started, or was stopped")
        return self._parts

    # Outwards -------------------------------------------------------------------------------------------------------------

    async def send(self, sending: Sending) -> Posted:
        """Post or edit, as `Adapter.send` says."""
        parts = self._now
        posted = await parts.sender.send(sending)
        parts.watch.sent(sending, posted)
        return posted

    async def find(self, sending: Sending) -> Posted | None:
        """What an earlier attempt left, as `Adapter.find` says."""
        parts = self._now
        found = await parts.sender.find(sending)
        if found is not None:
            parts.watch.sent(sending, found)
        return found

    async def read(self, place: Place, after: float) -> Sequence[Said]:
        """What people said in a thread, as `Adapter.read` says."""
        self._now.watch.wanted(place, after)
        return await self._read(place, after)

    async def _read(self, place: Place, after: float) -> Sequence[Said]:
        parts = self._now
        channel = await parts.rooms.channel(place)
        found = [message async for message in parts.finder.messages(channel, place.thread, after)]
        said = [await parts.ear.reply(message, channel) for message in found if message["ts"] != place.thread]
        return [one for one in said if one is not None]

    async def fetch(self, attachment: Attachment) -> bytes:
        """A file's content, as `Adapter.fetch` says."""
        return await fetch(self._now.api, attachment)

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who belongs to a user group, as `Adapter.members` says."""
        parts = self._parts
        users = parts.groups.users(group) if parts is not None else None
        if parts is None or users is None:
            return None
        return tuple(Author(platform=PLATFORM, id=user, name=parts.people.name(user)) for user in users)

    async def tell(self, heard: Inbound, word: Word) -> None:
        """Tell one person alone, as `Adapter.tell` says."""
        if self._parts is None:
            _LOG.warning("somebody could not be told: the adapter is stopped")
            return
        await self._parts.teller.tell(heard, word)


def _before_all(inbox: Inbox) -> Callable[..., Awaitable[BoltResponse | None]]:
    """The inbox as slack-bolt takes a middleware: a function whose parameters it knows by name."""

    async def take(request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        return await inbox.take(request, next_)

    return take
