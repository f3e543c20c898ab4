"""The workspace, the bot in it, its users and its user groups."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.slack.api import SlackApi, SlackRejected, Unauthorised
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Author, Place, ThreadPosition
from orchestrator_bridge.common.text import one_line

PLATFORM = "slack"
_LOG = logging.getLogger(__name__)

REFRESH_INTERVAL = 600.0
"""Seconds between two refreshes of all groups; changes in between arrive as events."""

CACHE_SECONDS = 3600.0
"""Seconds for which a user's name is cached."""

LOOKUP_TIMEOUT = 1.5
"""Seconds that an event waits for all its people to be looked up: Slack expects an acknowledgement within 3 seconds."""

_NOT_FOUND = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
"""Errors of `users.info` that say for good that somebody is no member."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """The workspace and the bot. `scopes` is empty where Slack does not report them; `app` is empty where
    the token may not ask."""

    team: str
    app: str
    user: str
    bot: str
    url: str
    enterprise: str = ""
    scopes: frozenset[str] = frozenset()

    def has_scope(self, scope: str) -> bool:
        """True if the token has a scope; True if the scopes are unknown."""
        return not self.scopes or scope in self.scopes

    def message_url(self, channel: str, message: str, thread: str | None = None) -> str:
        """The web address of a message, as "Copy link" gives it."""
        address = f"{self.url.rstrip('/')}/archives/{channel}/p{message.replace('.', '')}"
        return f"{address}?thread_ts={thread}&cid={channel}" if thread and thread != message else address


async def identify(api: SlackApi, app_token: str | None = None) -> Workspace:
    """Ask Slack for the workspace and the bot. `app_token` names the app (`xapp-1-A0123-...`) where the bot token may not ask.

    Raises:
        NotSent: Slack cannot be reached now.
        SendRejected: Slack rejects the bot token; the text gives advice.
    """
    try:
        response = await api.read("auth.test", lambda client: client.auth_test())
    except Unauthorised as error:
        raise SendRejected(f"SLACK_BOT_TOKEN: {error}") from error
    scopes = frozenset(filter(None, str(response.headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")))
    return Workspace(
        team=str(response["team_id"]),
        app=await _app(api, str(response["bot_id"] or "")) or _app_of_token(app_token or ""),
        user=str(response["user_id"]),
        bot=str(response["bot_id"] or ""),
        url=str(response["url"] or ""),
        enterprise=str(response["enterprise_id"] or ""),
        scopes=scopes,
    )


async def _app(api: SlackApi, bot: str) -> str:
    """The id of the bot's app; empty if the token may not ask."""
    try:
        response = await api.read("bots.info", lambda client: client.bots_info(bot=bot))
    except SendRejected:
        return ""
    return str((response["bot"] or {}).get("app_id") or "")


def _app_of_token(token: str) -> str:
    """The id of the app to which an app-level token belongs; empty if the token does not say."""
    found = re.match(r"xapp-\d+-(A[A-Z0-9]+)-", token)
    return found[1] if found else ""


def direct_place(user: str) -> Place:
    """The direct messages with a user."""
    return Place(platform=PLATFORM, channel=f"@{user}")


def thread_of(place: Place, before: str, *omitted: str) -> ThreadPosition | None:
    """The thread of a place, as far as the timestamp `before`; None for a channel."""
    return ThreadPosition(place=place, before=before, omitted=omitted) if place.thread is not None else None


class UserGroups:
    """Members of user groups. They are unknown before the first refresh, and where the app may not read them."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._members: Mapping[str, tuple[str, ...]] | None = None

    def groups_of(self, user: str) -> tuple[str, ...]:
        """The ids of a user's groups."""
        return tuple(group for group, users in (self._members or {}).items() if user in users)

    def members(self, group: str) -> tuple[str, ...] | None:
        """The ids of a group's members; None if unknown."""
        return (self._members or {}).get(group)

    async def refresh(self) -> None:
        """Read all groups once; a failure keeps the known members."""
        try:
            response = await self._api.read("usergroups.list", lambda client: client.usergroups_list(include_users=True))
        except (NotSent, SendRejected) as error:
            _LOG.warning("the user groups cannot be read, so roles that are user groups may have no members: %s", error)
            return
        groups = [group for group in response["usergroups"] or [] if not group.get("date_delete")]
        self._members = {str(group["id"]): tuple(map(str, group.get("users") or ())) for group in groups}

    async def refresh_forever(self) -> None:
        """Refresh the groups again and again."""
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            await self.refresh()


class Membership(StrEnum):
    """Relation of a user to the workspace. `UNKNOWN`: Slack has not said yet, or could not be asked."""

    MEMBER = "member"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackUser:
    """A user. `known` is False while Slack could not be asked."""

    id: str
    name: str
    is_external: bool = False
    bot: bool = False
    guest: bool = False
    """A guest of the workspace, in one channel or several (`is_restricted`, `is_ultra_restricted`)."""
    deactivated: bool = False
    missing: bool = False
    """Slack has no such user any more."""
    known: bool = True


class SlackUsers:
    """Looks users up. `listed` are ids that the team file names: those count as members. `timeout` as `LOOKUP_TIMEOUT`.

    Only `load` waits; everything else answers from memory.
    """

    def __init__(
        self,
        api: SlackApi,
        workspace: Workspace,
        groups: UserGroups,
        listed: Iterable[str] = (),
        *,
        timeout: float = LOOKUP_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._groups = groups
        self._listed = frozenset(listed)
        self._timeout = timeout
        self._clock = clock
        self._found: dict[str, tuple[float, SlackUser]] = {}
        self._requests: dict[str, asyncio.Task[SlackUser]] = {}

    async def load(self, *users: str) -> None:
        """Look up the users that are not in memory, all at once. Waits at most the timeout."""
        requests = [self._request(user) for user in dict.fromkeys(users) if not self._is_fresh(user)]
        if requests:
            await asyncio.wait(requests, timeout=self._timeout)

    async def load_anew(self, user: str, max_age: float) -> None:
        """Look a user up again if that was done more than `max_age` seconds ago. Waits at most the timeout."""
        if not self._is_fresh(user, max_age):
            await asyncio.wait([self._request(user)], timeout=self._timeout)

    def _is_fresh(self, user: str, max_age: float = CACHE_SECONDS) -> bool:
        found = self._found.get(user)
        return found is not None and self._clock() - found[0] < max_age

    def _request(self, user: str) -> asyncio.Task[SlackUser]:
        # Messages of one person that arrive together share a request; one that takes too long goes on and fills the cache.
        request = self._requests.get(user)
        if request is None:
            request = self._requests[user] = asyncio.create_task(self._fetch(user), name=f"slack user {user}")
            request.add_done_callback(lambda _: self._requests.pop(user, None))
        return request

    def person(self, user: str) -> SlackUser:
        """A user from memory. Without a response of Slack, the id is used as the name."""
        found = self._found.get(user)
        return found[1] if found else SlackUser(id=user, name=user, known=False)

    def author(self, user: str) -> Author:
        """A user from memory as `Author`, with name and user groups."""
        return Author(platform=PLATFORM, id=user, name=self.person(user).name, roles=self._groups.groups_of(user))

    def membership(self, user: str, teams: Iterable[object] = ()) -> Membership:
        """Relation of a user to the workspace. `teams` are the teams that the user's event names as theirs, None for none."""
        person = self.person(user)
        if self.listed(user):
            return Membership.MEMBER
        # In an Enterprise organisation, people of its other workspaces are colleagues: only the look-up tells them apart.
        elsewhere = any(team and team != self._workspace.team for team in teams) and not self._workspace.enterprise
        if person.is_external or elsewhere:
            return Membership.EXTERNAL
        return Membership.MEMBER if person.known else Membership.UNKNOWN

    def unsuitable(self, user: str) -> str:
        """The reason for which a user cannot answer questions; empty if there is none. Look them up first."""
        person, membership = self.person(user), self.membership(user)
        if user == self._workspace.user:
            return "Townhall does not answer its own questions."
        if person.bot and not self.listed(user):
            return f"{person.name} is an app, and apps do not answer questions."
        if person.deactivated:
            return f"The account of {person.name} is deactivated."
        if membership is Membership.EXTERNAL:
            return f"{person.name} is not a member of this workspace."
        return f"Slack did not confirm that {person.name} is a member." if membership is Membership.UNKNOWN else ""

    def listed(self, *ids: str) -> bool:
        """True if the team file names one of these ids."""
        return any(id_ in self._listed for id_ in ids)

    async def stop(self) -> None:
        """Cancel the requests in progress."""
        requests = list(self._requests.values())
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    async def _fetch(self, user: str) -> SlackUser:
        try:
            response = await self._api.read("users.info", lambda client: client.users_info(user=user))
        except (NotSent, SendRejected) as error:
            _LOG.warning("user %s cannot be looked up: %s", user, error)
            if not (isinstance(error, SlackRejected) and error.name in _NOT_FOUND):
                return SlackUser(id=user, name=user, known=False)
            person = SlackUser(id=user, name=user, is_external=True, missing=error.name == "user_not_found")
        else:
            person = _to_user(response["user"] or {}, user, self._workspace)
        self._found[user] = (self._clock(), person)
        return person


def _to_user(info: Mapping[str, Any], user: str, workspace: Workspace) -> SlackUser:
    profile = info.get("profile") or {}
    name = profile.get("display_name") or profile.get("real_name") or info.get("real_name") or info.get("name") or user
    return SlackUser(
        id=user,
        name=one_line(str(name), 80) or user,
        is_external=_is_external(info, workspace),
        bot=bool(info.get("is_bot")),
        guest=bool(info.get("is_restricted") or info.get("is_ultra_restricted")),
        deactivated=bool(info.get("deleted")),
    )


def _is_external(info: Mapping[str, Any], workspace: Workspace) -> bool:
    """True if a user belongs to another organisation, met through Slack Connect."""
    # In an Enterprise organisation, people of its other workspaces are colleagues.
    team = info.get("team_id") or workspace.team
    organisation = (info.get("enterprise_user") or {}).get("enterprise_id")
    is_member = team == workspace.team or (workspace.enterprise and organisation == workspace.enterprise)
    return bool(info.get("is_stranger")) or not is_member
