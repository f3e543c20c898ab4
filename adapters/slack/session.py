"""The objects that live from `start()` to `stop()` of the adapter: created anew on each start, and composed here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.api import RESPONSE_TIMEOUT, SLACK, SlackApi
from adapters.slack.app_home import HomeTabs
from adapters.slack.backfill import SlackBackfill
from adapters.slack.channels import SlackChannels
from adapters.slack.connection_watch import REPORT_AFTER
from adapters.slack.events import SlackEventHandler
from adapters.slack.history import SlackHistory
from adapters.slack.http_mode import READ_TIMEOUT, HttpTransport
from adapters.slack.interactions import SlackInteractionHandler
from adapters.slack.reactions import SlackReactionHandler
from adapters.slack.requests import ACKNOWLEDGE_AFTER, Next, SlackRequestHandler
from adapters.slack.responses import PrivateReplySender
from adapters.slack.sender import SlackSender
from adapters.slack.socket_mode import PING_INTERVAL, SocketModeTransport
from adapters.slack.standing import SlackStandings
from adapters.slack.streaming import SlackStreams
from adapters.slack.thread_context import SlackThreadReader
from adapters.slack.workspace import LOOKUP_TIMEOUT, SlackUsers, UserGroups, identify
from orchestrator_bridge.chat.adapter import Autocomplete, SendRejected
from orchestrator_bridge.chat.inbound import InboundHandler
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackConfig:
    """Access to Slack: Socket Mode with an app token, else HTTP mode with a signing secret.

    `host` and `port` are those of HTTP mode; `folder` is the data folder.

    Times are in seconds; `response_timeout` as in `SlackApi`, `read_timeout` as in `HttpTransport`, `ping_interval` and
    `report_after` as in `SocketModeTransport`, `acknowledge_after` as in `SlackRequestHandler`, `lookup_timeout` as
    `LOOKUP_TIMEOUT`.
    """

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    folder: Path | None = None
    url: str = SLACK
    response_timeout: float = RESPONSE_TIMEOUT
    read_timeout: float = READ_TIMEOUT
    ping_interval: float = PING_INTERVAL
    report_after: float = REPORT_AFTER
    acknowledge_after: float = ACKNOWLEDGE_AFTER
    lookup_timeout: float = LOOKUP_TIMEOUT


@dataclass(slots=True)
class SlackSession:
    """The parts of a started adapter. `group_refresh` is the task that refreshes user groups."""

    api: SlackApi
    people: SlackUsers
    standings: SlackStandings
    groups: UserGroups
    channels: SlackChannels
    sender: SlackSender
    streams: SlackStreams
    private_replies: PrivateReplySender
    requests: SlackRequestHandler
    backfill: SlackBackfill
    home_tabs: HomeTabs
    thread_reader: SlackThreadReader
    transport: SocketModeTransport | HttpTransport
    group_refresh: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect or listen.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: Slack rejects the app token, or the port is in use.
        """
        # Groups come first: the roles of an author decide whether the first event may already answer a question.
        await self.groups.refresh()
        await self.transport.start()
        self.group_refresh = asyncio.create_task(self.groups.refresh_forever(), name="slack groups")

    async def stop(self) -> None:
        """Stop listening, finish the requests in progress, disconnect."""
        # First nothing more comes in, then what came in is finished, and the API is closed last.
        await self.transport.stop()
        await self.requests.stop()
        await self.people.stop()
        if self.group_refresh is not None:
            self.group_refresh.cancel()
            await asyncio.gather(self.group_refresh, return_exceptions=True)
        await self.api.close()

    async def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Record a post: its thread is watched from now on, and App Home pages are published again."""
        self.backfill.on_sent(outbound, posted)
        try:
            if isinstance(outbound.post, QuestionCard):
                await self.home_tabs.question_changed(outbound.post)
            elif isinstance(outbound.post, RunCard) and outbound.replaces is None:
                await self.home_tabs.run_posted()
        except Exception:
            _LOG.exception("App Home is not up to date; it is when it is opened again")


async def create_session(
    api: SlackApi,
    config: SlackConfig,
    autocomplete: Autocomplete,
    names: frozenset[str],
    listed: Sequence[str],
    on_event: InboundHandler,
) -> SlackSession:
    """Identify the bot, and compose the parts.

    Raises:
        NotSent: Slack cannot be reached now.
        SendRejected: Slack rejects the bot token, or neither mode is configured.
    """
    workspace = await identify(api, config.app_token)
    groups, channels, history = UserGroups(api), SlackChannels(api), SlackHistory(api, workspace)
    people = SlackUsers(api, workspace, groups, listed, timeout=config.lookup_timeout)
    event_handler = SlackEventHandler(workspace, people, channels, names)
    backfill = SlackBackfill(api, channels, history, event_handler, on_event)
    home_tabs = HomeTabs(api, people, backfill)
    interactions = SlackInteractionHandler(api, workspace, people, channels, event_handler, home_tabs, autocomplete, names)
    private_replies = PrivateReplySender(api, workspace, channels, home_tabs, selectable="model" in names)
    requests = SlackRequestHandler(
        workspace,
        event_handler,
        interactions,
        SlackReactionHandler(workspace, people, channels, history),
        autocomplete,
        backfill,
        home_tabs,
        private_replies,
        groups,
        acknowledge_after=config.acknowledge_after,
    )
    streams = SlackStreams(api, workspace, channels, history)
    return SlackSession(
        api=api,
        people=people,
        standings=SlackStandings(api, people, channels, workspace.team),
        groups=groups,
        channels=channels,
        sender=SlackSender(api, workspace, channels, history, streams),
        streams=streams,
        private_replies=private_replies,
        requests=requests,
        backfill=backfill,
        home_tabs=home_tabs,
        thread_reader=SlackThreadReader(workspace, people, channels, history),
        transport=_create_transport(api, config, requests, backfill),
    )


def _create_transport(
    api: SlackApi, config: SlackConfig, requests: SlackRequestHandler, backfill: SlackBackfill
) -> SocketModeTransport | HttpTransport:
    """The connection through which Slack's requests arrive."""
    app = AsyncApp(
        name="townhall",
        logger=_LOG,
        token=config.bot_token,
        signing_secret=config.signing_secret or "unused in Socket Mode",
        request_verification_enabled=not config.app_token,
        before_authorize=_as_middleware(requests),
    )
    if config.app_token:
        return SocketModeTransport(
            app,
            api,
            config.app_token,
            ping_interval=config.ping_interval,
            report_after=config.report_after,
            folder=config.folder,
            backfill=backfill,
        )
    if not config.signing_secret:
        raise SendRejected("neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP mode) is set; fix: set one")
    return HttpTransport(app, config.signing_secret, config.host, config.port, read_timeout=config.read_timeout)


def _as_middleware(requests: SlackRequestHandler) -> Callable[..., Awaitable[BoltResponse | None]]:
    """The request handler as a slack-bolt middleware: bolt passes arguments by the names of the parameters."""

    async def handle(request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        return await requests.handle(request, next_)

    return handle
