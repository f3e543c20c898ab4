"""Who we are in which workspace, as Slack says at the start."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.api import SlackApi, Unauthorised
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.common.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Our workspace and our bot in it. `scopes` is empty where Slack did not say; `app` is empty where it may not be asked."""

    team: str
    app: str
    user: str
    bot: str
    url: str
    enterprise: str = ""
    scopes: frozenset[str] = frozenset()

    def has_scope(self, scope: str) -> bool:
        """Whether the token has a scope, as far as is known."""
        return not self.scopes or scope in self.scopes

    def message_url(self, channel: str, message: str, thread: str | None = None) -> str:
        """The web address of a message, the same that "Copy link" gives."""
        address = f"{self.url.rstrip('/')}/archives/{channel}/p{message.replace('.', '')}"
        return f"{address}?thread_ts={thread}&cid={channel}" if thread and thread != message else address


async def identify(api: SlackApi) -> Workspace:
    """Ask Slack who we are.

    Raises:
        NotSent: Slack cannot be asked just now.
        SendRejected: the bot token is not taken; the text says what to do.
    """
    try:
        told = await api.read("auth.test", lambda client: client.auth_test())
    except Unauthorised as error:
        raise SendRejected(f"SLACK_BOT_TOKEN: {error}") from error
    scopes = frozenset(filter(None, str(told.headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")))
    return Workspace(
        team=str(told["team_id"]),
        app=await _app(api, str(told["bot_id"] or "")),
        user=str(told["user_id"]),
        bot=str(told["bot_id"] or ""),
        url=str(told["url"] or ""),
        enterprise=str(told["enterprise_id"] or ""),
        scopes=scopes,
    )


async def _app(api: SlackApi, bot: str) -> str:
    """The id of the app that the bot belongs to; empty if the token may not ask."""
    try:
        told = await api.read("bots.info", lambda client: client.bots_info(bot=bot))
    except SendRejected:
        return ""
    return str((told["bot"] or {}).get("app_id") or "")


PLATFORM = "slack"


def direct_place(user: str) -> Place:
    """The direct messages with somebody."""
    return Place(platform=PLATFORM, channel=f"@{user}")


_LOG = logging.getLogger(__name__)

REFRESH_INTERVAL = 600.0
"""Seconds between two looks at all groups; what changes meanwhile, Slack tells us as an event."""


class UserGroups:
    """Members of user groups. Before the first look, and where the app may not look, nothing is known of any."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._members: Mapping[str, tuple[str, ...]] | None = None

    def groups_of(self, user: str) -> tuple[str, ...]:
        """The ids of somebody's groups."""
        return tuple(group for group, users in (self._members or {}).items() if user in users)

    def members(self, group: str) -> tuple[str, ...] | None:
        """The ids of those in a group; None where that is not known."""
        return (self._members or {}).get(group)

    async def refresh(self) -> None:
        """Look at all groups once; where that fails, what was known stays."""
        try:
            told = await self._api.read("usergroups.list", lambda client: client.usergroups_list(include_users=True))
        except (NotSent, SendRejected) as error:
            _LOG.warning("the user groups are not known, so roles that are Slack user groups have no members: %s", error)
            return
        found = told["usergroups"] or []
        self._members = {str(one["id"]): tuple(map(str, one.get("users") or ())) for one in found if not one.get("date_delete")}

    async def refresh_forever(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            await self.refresh()


CACHE_SECONDS = 3600.0
"""Seconds for which somebody's name is taken to stay as it is."""

NAME_TIMEOUT = 1.5
"""Seconds that a message waits for its author's name: Slack wants to hear within 3 that it has arrived."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackUser:
    """Somebody as Slack describes her. `known` is False while Slack could not be asked."""

    id: str
    name: str
    is_external: bool = False
    bot: bool = False
    known: bool = True


class SlackUsers:
    """Looks people up. `listed` are ids that the team file names: those are never refused."""

    def __init__(
        self,
        api: SlackApi,
        workspace: Workspace,
        groups: UserGroups,
        listed: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._groups = groups
        self._listed = frozenset(listed)
        self._clock = clock
        self._found: dict[str, tuple[float, SlackUser]] = {}
        self._asked: dict[str, asyncio.Task[SlackUser]] = {}

    async def person(self, user: str) -> SlackUser:
        """Somebody by id. Where Slack does not say in time, the id stands for the name."""
        at, known = self._found.get(user, (0.0, None))
        if known is not None and self._clock() - at < CACHE_SECONDS:
            return known
        asked = self._asked.get(user)
        if asked is None:
            asked = self._asked[user] = asyncio.create_task(self._fetch(user), name=f"slack user {user}")
            asked.add_done_callback(lambda _: self._asked.pop(user, None))
        done, _ = await asyncio.wait([asked], timeout=NAME_TIMEOUT)
        return asked.result() if done else known or SlackUser(id=user, name=user, known=False)

    async def author(self, user: str) -> Author:
        """Somebody as the bridge knows her: with her name and her user groups."""
        return self.to_author(await self.person(user))

    def to_author(self, person: SlackUser) -> Author:
        """The same of somebody who was looked up."""
        return Author(platform=PLATFORM, id=person.id, name=person.name, roles=self._groups.groups_of(person.id))

    def name(self, user: str) -> str:
        """Somebody's name from memory; the id if there is none."""
        known = self._found.get(user)
        return known[1].name if known else user

    def listed(self, *ids: str) -> bool:
        """Whether the team file names one of these ids."""
        return any(one in self._listed for one in ids)

    async def stop(self) -> None:
        """Ask no more."""
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _fetch(self, user: str) -> SlackUser:
        try:
            told = await self._api.read("users.info", lambda client: client.users_info(user=user))
        except (NotSent, SendRejected) as error:
            _LOG.warning("the name of %s is not known: %s", user, error)
            return SlackUser(id=user, name=user, known=False)
        person = _to_user(told["user"] or {}, user, self._workspace)
        self._found[user] = (self._clock(), person)
        return person


def _to_user(told: Mapping[str, Any], user: str, workspace: Workspace) -> SlackUser:
    profile = told.get("profile") or {}
    name = profile.get("display_name") or profile.get("real_name") or told.get("real_name") or told.get("name") or user
    return SlackUser(
        id=user, name=one_line(str(name), 80) or user, is_external=_is_external(told, workspace), bot=bool(told.get("is_bot"))
    )


def _is_external(told: Mapping[str, Any], workspace: Workspace) -> bool:
    """Somebody of another organisation, met through Slack Connect."""
    team = told.get("team_id") or workspace.team
    organisation = (told.get("enterprise_user") or {}).get("enterprise_id")
    at_home = team == workspace.team or (workspace.enterprise and organisation == workspace.enterprise)
    return bool(told.get("is_stranger")) or not at_home
