"""Slack's requests before they are acknowledged: whoever is refused, and what is stored first.

It is a middleware of slack-bolt that runs after the signature is checked and before anything else. An event is acknowledged when
it is on disk; if it cannot be stored, it is not acknowledged, and Slack sends it again. Clicks and commands are sent once only
and want an answer within three seconds: they are acknowledged as soon as they are stored, and after `ACKNOWLEDGE_AFTER` seconds
in any case; whoever's click is lost after that is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.app_home import HomeState, HomeTabs, is_from_home, is_home, next_home_state, parse_home_state
from adapters.slack.events import SlackEventHandler
from adapters.slack.interactions import SlackInteractionHandler
from adapters.slack.modals import model_options, parse_metadata
from adapters.slack.notices import HandlerResult, OpenModal, PrivateNotice, SlackActor, not_stored_notice
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.adapter import Autocomplete
from orchestrator_bridge.chat.inbound import CommandReceived, InboundHandler

_LOG = logging.getLogger(__name__)

ACKNOWLEDGE_AFTER = 1.0
"""Seconds after which a click is acknowledged even if it is not stored yet."""

Body = Mapping[str, Any]
Next = Callable[[], Awaitable[BoltResponse | None]]


class SlackRequestHandler:
    """Takes every request of Slack. `send_notice` and `open_modal` do what is the adapter's own; `on_groups_changed` is told of
    user groups."""

    def __init__(
        self,
        workspace: Workspace,
        events: SlackEventHandler,
        interactions: SlackInteractionHandler,
        autocomplete: Autocomplete,
        on_event: InboundHandler,
        home_tabs: HomeTabs,
        *,
        send_notice: Callable[[PrivateNotice], Awaitable[None]],
        open_modal: Callable[[OpenModal], Awaitable[None]],
        on_groups_changed: Callable[[], Awaitable[None]],
        acknowledge: float = ACKNOWLEDGE_AFTER,
    ) -> None:
        self._workspace = workspace
        self._events = events
        self._interactions = interactions
        self._menu = autocomplete
        self._receive = on_event
        self._home_tabs = home_tabs
        self._redraw_tasks = count(1)
        self._send_notice = send_notice
        self._open_modal = open_modal
        self._on_groups_changed = on_groups_changed
        self._acknowledge = acknowledge
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        """Take one request; the response is what Slack is told.

        Raises:
            StoreError: an event could not be stored, so that it must not be acknowledged.
        """
        body = request.body
        if body.get("type") in ("url_verification", "ssl_check"):
            return await next_()
        if not self._is_ours(body):
            _LOG.warning("refused what is meant for app %s of team %s", body.get("api_app_id"), _teams(body))
            return BoltResponse(status=403, body="")
        if body.get("type") == "block_suggestion":
            return BoltResponse(status=200, body={"options": self._options(body)})
        if body.get("type") == "event_callback":
            await self._event(body)
        else:
            await self._interaction(body)
        return BoltResponse(status=200, body="")

    async def stop(self) -> None:
        """See what is under way to its end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_ours(self, body: Body) -> bool:
        """Whether a request is for our app in our workspace. A stranger's click bears her own team: it is refused in words."""
        app = str(body.get("api_app_id") or "")
        if self._workspace.app and app and app != self._workspace.app:
            return False
        teams = _teams(body)
        return not teams or self._workspace.team in teams or ("actions" in body and bool(app))

    # Events ---------------------------------------------------------------------------------------------------------------

    async def _event(self, body: Body) -> None:
        event = body["event"]
        match event.get("type"):
            case "message" | "app_mention":
                await self._message(event)
            case "app_home_opened" if event.get("tab") == "home":
                seen = str(body.get("event_id") or event.get("event_ts"))
                await self._home_opened(str(event["user"]), seen, parse_home_state(event.get("view")))
            case "subteam_created" | "subteam_updated" | "subteam_members_changed":
                _ = self._spawn(self._on_groups_changed())
            case _:
                return

    async def _message(self, event: Body) -> None:
        """In the order in which a channel's messages came: a deletion must not overtake what it deletes."""
        turn = self._turns.setdefault(str(event.get("channel")), asyncio.Lock())
        async with turn:
            heard = await self._events.handle(event)
        if heard is not None:
            await self._deliver(heard)

    async def _home_opened(self, user: str, interaction: str, shown: HomeState) -> None:
        """Somebody's App Home is drawn. A channel that was chosen on the page is remembered by the page."""
        self._home_tabs.opened(user, shown)
        await self._receive(await self._interactions.home_opened(user, interaction, shown))

    async def publish_home(self, user: str, shown: HomeState) -> None:
        """Have somebody's App Home drawn anew."""
        await self._home_opened(user, f"again:{self._interactions.now():.6f}:{next(self._redraw_tasks)}", shown)

    # Interactions ---------------------------------------------------------------------------------------------------------

    async def _interaction(self, body: Body) -> None:
        work = self._spawn(self._interact(body))
        await asyncio.wait([work], timeout=self._acknowledge)

    async def _interact(self, body: Body) -> None:
        if is_home(body):
            self._home_tabs.opened(str(body["user"]["id"]), next_home_state(body))
        heard = await self._interactions.handle(body)
        try:
            if heard is not None:
                await self._deliver(heard)
        except Exception:
            _LOG.exception("what somebody did could not be stored, which she is told")
            if isinstance(heard, SlackActor):
                await self._send_notice(not_stored_notice(heard))

    def _options(self, body: Body) -> list[dict[str, Any]]:
        return model_options(parse_metadata(body["view"]), self._menu, str(body.get("value") or ""))

    # Both -----------------------------------------------------------------------------------------------------------------

    async def _deliver(self, heard: HandlerResult) -> None:
        if isinstance(heard, PrivateNotice):
            _ = self._spawn(self._send_notice(heard))
        elif isinstance(heard, OpenModal):
            _ = self._spawn(self._open_modal(heard))
        else:
            if isinstance(heard, CommandReceived) and heard.name == "ask" and is_from_home(heard):
                self._home_tabs.task_given(heard.author.id)
            await self._receive(heard)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("something that Slack told us could not be dealt with", exc_info=task.exception())


def _teams(body: Body) -> set[str]:
    """The teams for which a request is: in shared channels an event names several."""
    team = body.get("team")
    named = [body.get("team_id"), body.get("context_team_id"), team.get("id") if isinstance(team, dict) else None]
    named += [one.get("team_id") for one in body.get("authorizations") or ()]
    return {str(one) for one in named if one}
