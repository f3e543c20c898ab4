"""What there is of a bot between a start and a stop: its parts, made anew for each life and put together here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.api import RESPONSE_TIMEOUT, SLACK, SlackApi
from adapters.slack.app_home import HomeTabs
from adapters.slack.backfill import SlackBackfill
from adapters.slack.channels import SlackChannels
from adapters.slack.events import SlackEventHandler
from adapters.slack.history import SlackHistory
from adapters.slack.http_mode import HttpTransport
from adapters.slack.interactions import SlackInteractionHandler
from adapters.slack.notices import PrivateNotice
from adapters.slack.requests import ACKNOWLEDGE_AFTER, Next, SlackRequestHandler
from adapters.slack.responses import PrivateReplySender
from adapters.slack.sender import SlackSender
from adapters.slack.socket_mode import PING_INTERVAL, SocketModeTransport
from adapters.slack.streaming import SlackStreams
from adapters.slack.workspace import SlackUsers, UserGroups, identify
from orchestrator_bridge.chat.adapter import Autocomplete, SendRejected
from orchestrator_bridge.chat.inbound import InboundEvent, InboundHandler, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackConfig:
    """With an app token by Socket Mode, else with a signing secret on a port of ours.

    `silence`, `ping` and `acknowledge` are in seconds, as in `SlackApi`, `SocketModeTransport` and `SlackRequestHandler`.
    """

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    port: int = 0
    url: str = SLACK
    silence: float = RESPONSE_TIMEOUT
    ping: float = PING_INTERVAL
    acknowledge: float = ACKNOWLEDGE_AFTER


_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class SlackSession:
    """The parts, once Slack has said who we are. `group_refresh` looks at user groups again and again."""

    api: SlackApi
    people: SlackUsers
    groups: UserGroups
    channels: SlackChannels
    event_handler: SlackEventHandler
    history: SlackHistory
    sender: SlackSender
    streams: SlackStreams
    private_replies: PrivateReplySender
    requests: SlackRequestHandler
    backfill: SlackBackfill
    home_tabs: HomeTabs
    transport: SocketModeTransport | HttpTransport
    group_refresh: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect or listen.

        Raises:
            NotSent: Slack cannot be reached just now.
            SendRejected: Slack does not take the app token, or the port is taken.
        """
        await self.groups.refresh()
        await self.transport.start()
        self.group_refresh = asyncio.create_task(self.groups.refresh_forever(), name="slack groups")

    async def stop(self) -> None:
        """Stop listening, see to the end what came, disconnect."""
        await self.transport.stop()
        await self.requests.stop()
        await self.people.stop()
        if self.group_refresh is not None:
            self.group_refresh.cancel()
            await asyncio.gather(self.group_refresh, return_exceptions=True)
        await self.api.close()

    async def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Something was posted or edited: threads are watched from then on, and pages follow."""
        self.backfill.on_sent(outbound, posted)
        try:
            if isinstance(outbound.post, QuestionCard):
                await self.home_tabs.question_changed(outbound.post)
            elif isinstance(outbound.post, RunCard) and outbound.replaces is None:
                await self.home_tabs.run_posted()
        except Exception:
            _LOG.exception("App Home does not show the newest state; it does when it is opened again")

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What people said in a thread. Raises as `Adapter.read_thread` does."""
        channel = await self.channels.channel_id(place)
        found = [message async for message in self.history.messages(channel, place.thread, after)]
        said = [
            await self.event_handler.to_thread_message(message, channel) for message in found if message["ts"] != place.thread
        ]
        return [one for one in said if one is not None]


async def create_session(
    api: SlackApi,
    access: SlackConfig,
    autocomplete: Autocomplete,
    names: frozenset[str],
    listed: Sequence[str],
    on_event: InboundHandler,
) -> SlackSession:
    """Ask Slack who we are, and put the parts together.

    Raises:
        NotSent: Slack cannot be reached just now.
        SendRejected: Slack does not take the bot token, or there is no way in for its events.
    """
    workspace = await identify(api)
    groups, rooms = UserGroups(api), SlackChannels(api)
    people = SlackUsers(api, workspace, groups, listed)
    ear = SlackEventHandler(workspace, people, rooms, names)
    homes = HomeTabs(lambda user, shown: inbox.publish_home(user, shown))
    finder, teller = SlackHistory(api, workspace), PrivateReplySender(api, workspace, rooms, homes, picks="model" in names)
    drafts = SlackStreams(api, workspace, rooms, finder)
    hand = SlackInteractionHandler(api, workspace, people, rooms, ear, autocomplete, names)
    watch = SlackBackfill(lambda place, after: life.read_thread(place, after), api.now)

    async def heard(one: InboundEvent) -> None:
        await on_event(one)
        watch.on_inbound(one)

    async def aside(one: PrivateNotice) -> None:
        await teller.notify(one.heard, one.message)

    inbox = SlackRequestHandler(
        workspace,
        ear,
        hand,
        autocomplete,
        heard,
        homes,
        send_notice=aside,
        open_modal=teller.open_modal,
        on_groups_changed=groups.refresh,
        acknowledge=access.acknowledge,
    )
    life = SlackSession(
        api=api,
        people=people,
        groups=groups,
        channels=rooms,
        event_handler=ear,
        history=finder,
        sender=SlackSender(api, workspace, rooms, finder, drafts),
        streams=drafts,
        private_replies=teller,
        requests=inbox,
        backfill=watch,
        home_tabs=homes,
        transport=_create_transport(api, access, inbox, lambda: watch.catch_up(heard)),
    )
    return life


def _create_transport(
    api: SlackApi, access: SlackConfig, inbox: SlackRequestHandler, back: Callable[[], Awaitable[None]]
) -> SocketModeTransport | HttpTransport:
    """The way in for Slack's events."""
    app = AsyncApp(
        name="townhall",
        logger=_LOG,
        token=access.bot_token,
        signing_secret=access.signing_secret or "unused in Socket Mode",
        request_verification_enabled=not access.app_token,
        before_authorize=_as_middleware(inbox),
    )
    if access.app_token:
        return SocketModeTransport(app, api, access.app_token, ping=access.ping, on_reconnected=back)
    if not access.signing_secret:
        raise SendRejected("Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode); neither is set")
    return HttpTransport(app, access.port)


def _as_middleware(inbox: SlackRequestHandler) -> Callable[..., Awaitable[BoltResponse | None]]:
    """The inbox as slack-bolt takes a middleware: a function whose parameters it knows by name."""

    async def take(request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        return await inbox.handle(request, next_)

    return take
