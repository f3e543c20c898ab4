"""Slack's requests before they are acknowledged: checks their origin, stores what they contain, then acknowledges.

A middleware of slack-bolt, which runs after the signature is verified and before anything else. Slack repeats an event that is
not acknowledged, so an event is acknowledged only once it is stored. Interactions and commands are sent only once, and Slack
shows an error to the person after 3 seconds: they are acknowledged as soon as they are stored, or after `ACKNOWLEDGE_AFTER`
seconds in any case. The person is notified if storing fails after that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.app_home import HomeTabs, is_from_home, is_home, next_home_state, parse_home_state
from adapters.slack.backfill import SlackBackfill
from adapters.slack.controls import used_private_message
from adapters.slack.events import SlackEventHandler, is_direct_task
from adapters.slack.interactions import SlackInteractionHandler
from adapters.slack.modals import input_block, model_options, parse_metadata
from adapters.slack.notices import (
    NOT_STORED,
    NOT_STORED_YET,
    FormRefused,
    HandlerResult,
    OpenModal,
    PrivateNotice,
    SlackActor,
    UpdateModal,
    private_notice,
    words_returned,
)
from adapters.slack.reactions import SlackReactionHandler
from adapters.slack.responses import PrivateReplySender
from adapters.slack.workspace import UserGroups, Workspace
from orchestrator_bridge.chat.adapter import Autocomplete
from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

ACKNOWLEDGE_AFTER = 2.0
"""Seconds after which an interaction is acknowledged even if it is not stored yet: Slack waits for three."""

REMEMBERED = 1000
"""Events whose private notices are remembered, so that each is sent once."""

Body = Mapping[str, Any]
Next = Callable[[], Awaitable[BoltResponse | None]]


class SlackRequestHandler:
    """Handles every request of Slack. `acknowledge_after` is in seconds, as `ACKNOWLEDGE_AFTER`."""

    def __init__(
        self,
        workspace: Workspace,
        events: SlackEventHandler,
        interactions: SlackInteractionHandler,
        reactions: SlackReactionHandler,
        autocomplete: Autocomplete,
        backfill: SlackBackfill,
        home_tabs: HomeTabs,
        private_replies: PrivateReplySender,
        groups: UserGroups,
        *,
        acknowledge_after: float = ACKNOWLEDGE_AFTER,
    ) -> None:
        self._workspace = workspace
        self._app = workspace.app
        self._events = events
        self._interactions = interactions
        self._reactions = reactions
        self._autocomplete = autocomplete
        self._backfill = backfill
        self._home_tabs = home_tabs
        self._private_replies = private_replies
        self._groups = groups
        self._acknowledge_after = acknowledge_after
        self._thread_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._notified: LruMap[str, bool] = LruMap(REMEMBERED)
        self._tasks = BackgroundTasks("a request of Slack could not be handled")

    async def handle(self, request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
        """Handle one request and return the response.

        Raises:
            StoreError: an event could not be stored, so that it must not be acknowledged.
        """
        body = request.body
        if body.get("type") in ("url_verification", "ssl_check"):
            return await next_()
        if not self._is_ours(body):
            _LOG.warning("refused a request for app %s of team %s", body.get("api_app_id"), _teams(body))
            return BoltResponse(status=403, body="")
        if body.get("type") == "block_suggestion":
            search = str(body.get("value") or "")
            options = model_options(parse_metadata(body["view"]), self._autocomplete, search)
            return BoltResponse(status=200, body={"options": options})
        if body.get("type") == "event_callback":
            await self._event(body)
        else:
            return await self._interaction(body)
        return BoltResponse(status=200, body="")

    async def stop(self) -> None:
        """Wait for the requests in progress."""
        await self._tasks.join()

    def _is_ours(self, body: Body) -> bool:
        """True if a request is for our app in our workspace.

        An external person's click or form names another team; it is refused later, with a notice.
        """
        app = str(body.get("api_app_id") or "")
        # Where Slack did not tell which app this is, the first request does: its socket or its signature belongs to one app.
        self._app = self._app or app
        if app and app != self._app:
            return False
        teams = _teams(body)
        is_answered = bool(app) and body.get("type") in ("block_actions", "view_submission", "message_action")
        return not teams or self._workspace.team in teams or is_answered

    async def _event(self, body: Body) -> None:
        event = body["event"]
        match event.get("type"):
            case "message" | "app_mention":
                await self._message(event)
            case "reaction_added" | "reaction_removed":
                await self._reaction(event)
            case "app_home_opened" if event.get("tab") == "home":
                interaction = str(body.get("event_id") or event.get("event_ts"))
                await self._home_tabs.open(str(event["user"]), interaction, parse_home_state(event.get("view")))
            case "member_left_channel" if event.get("user") != self._workspace.user:
                await self._deliver(self._events.person_left(event))
            case "subteam_created" | "subteam_updated" | "subteam_members_changed":
                self._tasks.start(self._groups.refresh())
            case _:
                return

    async def _message(self, event: Body) -> None:
        """Handle the messages of a thread in their order: a deletion must not overtake the message that it deletes."""
        lock = self._thread_locks.setdefault(_thread_key(event), asyncio.Lock())
        # Only the conversion is ordered: the inbox keeps the order in which events are delivered to it.
        async with lock:
            result = await self._events.handle(event)
        if isinstance(result, CommandReceived) and is_direct_task(result) and (run := self._backfill.guided_run(result.place)):
            await self._backfill.deliver_guidance(result, run)
        elif result is not None:
            await self._deliver(result)

    async def _reaction(self, event: Body) -> None:
        """Handle the reactions to a message in their order: a removal must not overtake the reaction that it removes."""
        item = event.get("item") or {}
        lock = self._thread_locks.setdefault(f"reactions/{item.get('channel')}/{item.get('ts')}", asyncio.Lock())
        async with lock:
            if (answer := await self._reactions.handle(event)) is not None:
                await self._deliver(answer)

    async def _interaction(self, body: Body) -> BoltResponse:
        """Handle an interaction, in the background when the acknowledgement cannot wait for it any longer."""
        parsing = asyncio.create_task(self._interact(body))
        storing = asyncio.create_task(self._store(body, parsing))
        self._tasks.start(storing)
        in_time, _ = await asyncio.wait([storing], timeout=self._acknowledge_after)
        if not in_time:
            self._tasks.start(self._report_late_result(parsing, storing))
        refused = storing.result() if in_time and storing.exception() is None else None
        if refused is None:
            return BoltResponse(status=200, body="")
        return BoltResponse(status=200, body={"response_action": "errors", "errors": {refused.block_id: refused.text}})

    async def _interact(self, body: Body) -> HandlerResult | None:
        if is_home(body):
            self._home_tabs.opened(str(body["user"]["id"]), next_home_state(body))
        if used := used_private_message(body):
            self._tasks.start(self._private_replies.remove(used))
        return await self._interactions.handle(body)

    async def _store(self, body: Body, parsing: asyncio.Task[HandlerResult | None]) -> FormRefused | None:
        """Store an interaction. Returns the reason for which a submitted modal must stay open."""
        result = await parsing
        if isinstance(result, FormRefused):
            return result
        try:
            if result is not None:
                await self._deliver(result)
        except Exception:
            _LOG.exception("an interaction could not be stored; the person is notified")
            if isinstance(result, SlackActor):
                return await self._report_not_stored(body, result)
        return None

    async def _report_not_stored(self, body: Body, event: SlackActor) -> FormRefused | None:
        if body.get("type") == "view_submission":
            return FormRefused(event=event, block_id=input_block(body["view"], ""), text=NOT_STORED)
        await self._notify(private_notice(event, NOT_STORED))
        return None

    async def _report_late_result(
        self, parsing: asyncio.Task[HandlerResult | None], storing: asyncio.Task[FormRefused | None]
    ) -> None:
        """Report on an interaction that was acknowledged before it was stored, which closed its modal."""
        result = await asyncio.shield(parsing)
        if isinstance(result, SlackActor):
            await self._notify(private_notice(result, NOT_STORED_YET))
        refused = await asyncio.shield(storing)
        if refused is not None:
            await self._deliver(refused)

    async def _notify(self, notice: PrivateNotice) -> None:
        await self._private_replies.notify(notice.event, notice.message)

    async def _deliver(self, result: HandlerResult) -> None:
        match result:
            case FormRefused():
                await self._notify(words_returned(result))
            case PrivateNotice():
                if self._notified.get(result.event.key) is None:  # Slack delivers a mention twice, and an event again in doubt
                    self._notified.put(result.event.key, True)
                    self._tasks.start(self._notify(result))
            case OpenModal():
                self._tasks.start(self._private_replies.open_modal(result))
            case UpdateModal():
                self._tasks.start(self._private_replies.update_modal(result))
            case _:
                if isinstance(result, CommandReceived) and result.name == "ask" and is_from_home(result):
                    self._home_tabs.task_given(result.author.id)
                await self._backfill.deliver(result)


def _thread_key(event: Body) -> str:
    """Key of the thread that an event's message stands in or opens; direct messages are one sequence."""
    message = event.get("message") or event.get("previous_message") or event
    channel, thread = str(event.get("channel")), message.get("thread_ts") or message.get("ts") or event.get("deleted_ts")
    return channel if channel.startswith("D") else f"{channel}/{thread}"


def _teams(body: Body) -> set[str]:
    """The teams that a request names: in shared channels an event names several."""
    team = body.get("team")
    teams = [body.get("team_id"), body.get("context_team_id"), team.get("id") if isinstance(team, dict) else None]
    teams += [authorization.get("team_id") for authorization in body.get("authorizations") or ()]
    return {str(team) for team in teams if team}
