"""The workspace's user groups and who belongs to them, kept in memory: who may do what is judged by them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from adapters.slack.api import SlackApi
from orchestrator_bridge.chat import NotSent, SendRejected

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
