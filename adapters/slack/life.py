"""What there is of a bot between a start and a stop: its parts, made anew for each life and put together here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.access import SlackAccess
from adapters.slack.api import Api
from adapters.slack.aside import Aside
from adapters.slack.drafts import Drafts
from adapters.slack.find import Finder
from adapters.slack.groups import Groups
from adapters.slack.hear import Ear
from adapters.slack.homes import Homes
from adapters.slack.http import Port
from adapters.slack.inbox import Inbox, Next
from adapters.slack.interact import Hand
from adapters.slack.people import People
from adapters.slack.rooms import Rooms
from adapters.slack.send import Sender
from adapters.slack.socket import Socket
from adapters.slack.tell import Teller
from adapters.slack.watch import Watch
from adapters.slack.workspace import recognise
from orchestrator_bridge.chat import (
    InboundEvent,
    InboundHandler,
    MessageReceived,
    OutboundPost,
    Place,
    PostedMessage,
    QuestionCard,
    RunCard,
    SendRejected,
)
from orchestrator_bridge.menu import Autocomplete

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Life:
    """The parts, once Slack has said who we are. `looking` looks at user groups again and again."""

    api: Api
    people: People
    groups: Groups
    rooms: Rooms
    ear: Ear
    finder: Finder
    sender: Sender
    drafts: Drafts
    teller: Teller
    inbox: Inbox
    watch: Watch
    homes: Homes
    door: Socket | Port
    looking: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Connect or listen.

        Raises:
            NotSent: Slack cannot be reached just now.
            SendRejected: Slack does not take the app token, or the port is taken.
        """
        await self.groups.look()
        await self.door.start()
        self.looking = asyncio.create_task(self.groups.keep_looking(), name="slack groups")

    async def end(self) -> None:
        """Stop listening, see to the end what came, disconnect."""
        await self.door.stop()
        await self.inbox.stop()
        await self.people.stop()
        if self.looking is not None:
            self.looking.cancel()
            await asyncio.gather(self.looking, return_exceptions=True)
        await self.api.close()

    async def sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Something was posted or edited: threads are watched from then on, and pages follow."""
        self.watch.sent(outbound, posted)
        try:
            if isinstance(outbound.post, QuestionCard):
                await self.homes.changed(outbound.post)
            elif isinstance(outbound.post, RunCard) and outbound.replaces is None:
                await self.homes.begun()
        except Exception:
            _LOG.exception("App Home does not show the newest state; it does when it is opened again")

    async def read(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What people said in a thread. Raises as `Adapter.read_thread` does."""
        channel = await self.rooms.channel(place)
        found = [message async for message in self.finder.messages(channel, place.thread, after)]
        said = [await self.ear.reply(message, channel) for message in found if message["ts"] != place.thread]
        return [one for one in said if one is not None]


async def made(
    api: Api,
    access: SlackAccess,
    autocomplete: Autocomplete,
    names: frozenset[str],
    listed: Sequence[str],
    on_event: InboundHandler,
) -> Life:
    """Ask Slack who we are, and put the parts together.

    Raises:
        NotSent: Slack cannot be reached just now.
        SendRejected: Slack does not take the bot token, or there is no way in for its events.
    """
    workspace = await recognise(api)
    groups, rooms = Groups(api), Rooms(api)
    people = People(api, workspace, groups, listed)
    ear = Ear(workspace, people, rooms, names)
    homes = Homes(lambda user, shown: inbox.draw_home(user, shown))
    finder, teller = Finder(api, workspace), Teller(api, workspace, rooms, homes, picks="model" in names)
    drafts = Drafts(api, workspace, rooms, finder)
    hand = Hand(api, workspace, people, rooms, ear, autocomplete, names)
    watch = Watch(lambda place, after: life.read(place, after), api.now)

    async def heard(one: InboundEvent) -> None:
        await on_event(one)
        watch.heard(one)

    async def aside(one: Aside) -> None:
        await teller.say(one.heard, one.message)

    inbox = Inbox(
        workspace,
        ear,
        hand,
        autocomplete,
        heard,
        homes,
        aside=aside,
        show=teller.show,
        changed=groups.look,
        acknowledge=access.acknowledge,
    )
    life = Life(
        api=api,
        people=people,
        groups=groups,
        rooms=rooms,
        ear=ear,
        finder=finder,
        sender=Sender(api, workspace, rooms, finder, drafts),
        drafts=drafts,
        teller=teller,
        inbox=inbox,
        watch=watch,
        homes=homes,
        door=_door(api, access, inbox, lambda: watch.catch_up(heard)),
    )
    return life


def _door(api: Api, access: SlackAccess, inbox: Inbox, back: Callable[[], Awaitable[None]]) -> Socket | Port:
    """The way in for Slack's events."""
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
        raise SendRejected("Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode); neither is set")
    return Port(app, access.port)


def _before_all(inbox: Inbox) -> Callable[..., Awaitable[BoltResponse | None]]:
    """The inbox as slack-bolt takes a middleware: a function whose parameters it knows by name."""

    async def take(request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        return await inbox.take(request, next_)

    return take
