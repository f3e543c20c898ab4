"""Slack's requests before they are acknowledged: whoever is refused, and what is stored first.

It is a middleware of slack-bolt that runs after the signature is checked and before anything else. An event is acknowledged when
it is on disk; if it cannot be stored, it is not acknowledged, and Slack sends it again. Clicks and commands are sent once only
and want an answer within three seconds: they are acknowledged as soon as they are stored, and after `ACKNOWLEDGE` seconds in any
case; whoever's click is lost after that is told.
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

from adapters.slack.aside import Aside, Form, Heard, Who, unstored
from adapters.slack.forms import model_options, read_about
from adapters.slack.hear import Ear
from adapters.slack.home import Shown, is_home, read_shown, shown_after
from adapters.slack.homes import Homes, at_home
from adapters.slack.interact import Hand
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat import CommandReceived, InboundHandler
from orchestrator_bridge.menu import Autocomplete

_LOG = logging.getLogger(__name__)

ACKNOWLEDGE = 1.0
"""Seconds after which a click is acknowledged even if it is not stored yet."""

Body = Mapping[str, Any]
Next = Callable[[], Awaitable[BoltResponse | None]]


class Inbox:
    """Takes every request of Slack. `aside` and `show` do what is the adapter's own; `changed` is told of user groups."""

    def __init__(
        self,
        workspace: Workspace,
        ear: Ear,
        hand: Hand,
        autocomplete: Autocomplete,
        on_event: InboundHandler,
        homes: Homes,
        *,
        aside: Callable[[Aside], Awaitable[None]],
        show: Callable[[Form], Awaitable[None]],
        changed: Callable[[], Awaitable[None]],
        acknowledge: float = ACKNOWLEDGE,
    ) -> None:
        self._workspace = workspace
        self._ear = ear
        self._hand = hand
        self._menu = autocomplete
        self._receive = on_event
        self._homes = homes
        self._again = count(1)
        self._aside = aside
        self._show = show
        self._changed = changed
        self._acknowledge = acknowledge
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, request: AsyncBoltRequest, next_: Next) -> BoltResponse | None:
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
                await self._look_at_home(str(event["user"]), seen, read_shown(event.get("view")))
            case "subteam_created" | "subteam_updated" | "subteam_members_changed":
                _ = self._spawn(self._changed())
            case _:
                return

    async def _message(self, event: Body) -> None:
        """In the order in which a channel's messages came: a deletion must not overtake what it deletes."""
        turn = self._turns.setdefault(str(event.get("channel")), asyncio.Lock())
        async with turn:
            heard = await self._ear.hear(event)
        if heard is not None:
            await self._hand_over(heard)

    async def _look_at_home(self, user: str, interaction: str, shown: Shown) -> None:
        """Somebody's App Home is drawn. A channel that was chosen on the page is remembered by the page."""
        self._homes.looks(user, shown)
        await self._receive(await self._hand.looks_at_home(user, interaction, shown))

    async def draw_home(self, user: str, shown: Shown) -> None:
        """Have somebody's App Home drawn anew."""
        await self._look_at_home(user, f"again:{self._hand.now():.6f}:{next(self._again)}", shown)

    # Interactions ---------------------------------------------------------------------------------------------------------

    async def _interaction(self, body: Body) -> None:
        work = self._spawn(self._interact(body))
        await asyncio.wait([work], timeout=self._acknowledge)

    async def _interact(self, body: Body) -> None:
        if is_home(body):
            self._homes.looks(str(body["user"]["id"]), shown_after(body))
        heard = await self._hand.take(body)
        try:
            if heard is not None:
                await self._hand_over(heard)
        except Exception:
            _LOG.exception("what somebody did could not be stored, which she is told")
            if isinstance(heard, Who):
                await self._aside(unstored(heard))

    def _options(self, body: Body) -> list[dict[str, Any]]:
        return model_options(read_about(body["view"]), self._menu, str(body.get("value") or ""))

    # Both -----------------------------------------------------------------------------------------------------------------

    async def _hand_over(self, heard: Heard) -> None:
        if isinstance(heard, Aside):
            _ = self._spawn(self._aside(heard))
        elif isinstance(heard, Form):
            _ = self._spawn(self._show(heard))
        else:
            if isinstance(heard, CommandReceived) and heard.name == "ask" and at_home(heard):
                self._homes.begins(heard.author.id)
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
