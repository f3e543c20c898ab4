"""Members of the Discord roles that a team file names, for questions that all or most of a role must answer.

The gateway can send all members of a server at the start, but limits such requests to one for each server in 30 seconds
(docs.discord.com/developers/events/gateway-events#request-guild-members), and reports a refusal by an event that discord.py does
not know: a bot on many servers then waits in vain. The list of members over HTTP has the usual limits, so it is read instead, of
the servers that have one of the roles and of no others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

import discord

from adapters.discord.channels import to_author
from adapters.discord.client import DiscordClient
from adapters.discord.errors import bounded_attempt
from orchestrator_bridge.chat.adapter import DeliveryError
from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

FIRST_LOAD = 10.0
"""Seconds that a start waits for the members; a longer list is read on in the background."""

REFRESH = 600.0
"""Seconds between two readings: Discord reports changed roles only of members that the library knows."""


class RoleMembers:
    """Members of the roles with these ids, from memory; empty without the Members intent."""

    def __init__(self, roles: Collection[str], clock: Clock) -> None:
        self._roles = frozenset(int(role) for role in roles if role.isdecimal())
        self._clock = clock
        self._members: dict[int, tuple[Author, ...]] = {}
        self._tasks = BackgroundTasks()

    def find(self, role: str) -> tuple[Author, ...] | None:
        """The members of a role; None if they are not known."""
        return self._members.get(int(role)) if role.isdecimal() else None

    async def start(self, client: DiscordClient) -> None:
        """Read the members, for `FIRST_LOAD` at most, and keep them current until `stop`."""
        await self.stop()
        self._members.clear()
        if not client.intents.members or not self._roles:
            return
        loaded = asyncio.Event()
        self._tasks.start(self._keep_current(client, loaded))
        try:
            async with asyncio.timeout(FIRST_LOAD):
                await loaded.wait()
        except TimeoutError:
            _LOG.warning("the members of the team file's roles are still being read; until then one answer of a role decides")

    async def stop(self) -> None:
        """Stop reading."""
        await self._tasks.stop()

    async def _keep_current(self, client: DiscordClient, loaded: asyncio.Event) -> None:
        while True:
            for server in client.guilds:
                await self._load(server)
            loaded.set()
            await sleep_until(self._clock, self._clock.now() + REFRESH)

    async def _load(self, server: discord.Guild) -> None:
        roles = [role for role in self._roles if server.get_role(role) is not None]
        if not roles:
            return
        try:
            async with bounded_attempt():
                members = [member async for member in server.fetch_members(limit=None) if not member.bot]
        except DeliveryError as failure:
            _LOG.warning("the members of the server %s cannot be read: %s", server.name, failure)
            return
        for role in roles:
            self._members[role] = tuple(to_author(member) for member in members if member.get_role(role) is not None)
