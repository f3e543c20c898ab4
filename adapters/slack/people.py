"""Who writes to us: names, and whether it is somebody of this workspace, a stranger or a bot. Looked up once an hour."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.groups import UserGroups
from adapters.slack.workspace import PLATFORM, Workspace
from orchestrator_bridge.chat import Author, NotSent, SendRejected
from orchestrator_bridge.text import one_line

_LOG = logging.getLogger(__name__)

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
