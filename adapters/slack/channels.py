"""Channels: Slack's id of a place, the place of an id, and whether the bot is a member.

A `Place` names direct messages by the person (`@U1`); Slack gives them a channel of their own (`D1`).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.workspace import PLATFORM, direct_place
from orchestrator_bridge.chat.adapter import DeliveryError, NotSent
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

MEMBERS_CACHE_SECONDS = 600.0
"""Seconds for which the members of a channel are cached."""

MEMBERS_TIMEOUT = 1.0
"""Seconds that a task waits for the members of its channel. A person who is not known to be there gets a copy of a question."""

REMEMBERED = 1000
"""Departures that are remembered."""

PAGE = 1000
"""Members of one request, Slack's limit."""


class SlackChannels:
    """Cache of channels, for the life of the process."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._direct: dict[str, str] = {}
        self._partners: dict[str, str] = {}
        self._joined: set[str] = set()
        self._members: dict[str, tuple[float, frozenset[str]]] = {}
        self._left: LruMap[tuple[str, str], bool] = LruMap(REMEMBERED)

    async def channel_id(self, place: Place) -> str:
        """Slack's id of a place's channel; direct messages are opened first.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the person takes no direct messages.
        """
        if not place.channel.startswith("@"):
            return place.channel
        user = place.channel.removeprefix("@")
        if user not in self._direct:
            response = await self._api.read("conversations.open", lambda client: client.conversations_open(users=user))
            self.remember_direct(str((response["channel"] or {}).get("id")), user)
        return self._direct[user]

    def known_channel_id(self, place: Place) -> str | None:
        """Slack's id of a place's channel, from memory."""
        return self._direct.get(place.channel[1:]) if place.channel.startswith("@") else place.channel

    def remember_direct(self, channel: str, user: str) -> None:
        """Record the channel of the direct messages with a person."""
        self._direct[user] = channel
        self._partners[channel] = user

    async def load_partner(self, channel: str) -> None:
        """Look up the person of direct messages, unless known. Without an answer the messages belong to no run."""
        if channel in self._partners:
            return
        try:
            response = await self._api.read("conversations.info", lambda client: client.conversations_info(channel=channel))
        except DeliveryError as error:
            _LOG.warning("the person of the direct messages %s cannot be looked up: %s", channel, error)
        else:
            if partner := (response["channel"] or {}).get("user"):
                self.remember_direct(channel, str(partner))

    def place(self, channel: str, thread: str | None = None) -> Place:
        """The place of a channel's id."""
        partner = self._partners.get(channel)
        return Place(platform=PLATFORM, channel=direct_place(partner).channel if partner else channel, thread=thread)

    async def can_write(self, channel: str, user: str) -> bool:
        """True if the bot can post in the channel of a command; True if that cannot be found out.

        The bot is not a member of direct messages between people, nor of channels to which nobody has invited it.
        """
        if channel in self._joined or channel in self._partners:
            return True
        if channel.startswith("D"):
            return await self._is_direct(channel, user)
        try:
            response = await self._api.read("conversations.info", lambda client: client.conversations_info(channel=channel))
        except SlackRejected as error:
            # Slack hides private channels from bots that are not members; any other refusal says nothing about membership.
            return error.name != "channel_not_found"
        except NotSent:
            return True
        info = response["channel"] or {}
        if info.get("is_member") or info.get("is_mpim"):
            self._joined.add(channel)
        return bool(info.get("is_member") or info.get("is_mpim"))

    async def _is_direct(self, channel: str, user: str) -> bool:
        try:
            return await self.channel_id(direct_place(user)) == channel
        except DeliveryError:
            return False

    async def refresh_members(self, channel: str) -> None:
        """Load the members of a channel, unless they are cached. Waits at most `MEMBERS_TIMEOUT`."""
        if channel[:1] in ("C", "G"):
            with suppress(TimeoutError, DeliveryError):
                async with asyncio.timeout(MEMBERS_TIMEOUT):
                    await self.load_members(channel, MEMBERS_CACHE_SECONDS)

    async def load_members(self, channel: str, max_age: float) -> frozenset[str]:
        """The ids of a channel's members, read anew if they were read longer than `max_age` seconds ago.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the bot may not read the channel.
        """
        at, members = self._members.get(channel, (-max_age, frozenset[str]()))
        if self._api.now() - at >= max_age:
            members = await self._read_members(channel)
            self._members[channel] = (self._api.now(), members)
        return members

    async def _read_members(self, channel: str) -> frozenset[str]:
        members: list[str] = []
        query: dict[str, Any] = {"channel": channel, "limit": PAGE}
        while True:
            page = await self._api.read("conversations.members", lambda client: client.conversations_members(**query))
            members += map(str, page["members"] or ())
            query["cursor"] = str((page["response_metadata"] or {}).get("next_cursor") or "")
            if not query["cursor"]:
                return frozenset(members)

    def note_left(self, channel: str, user: str) -> None:
        """Record that a person has left a channel, whose members are read anew when they are needed next."""
        self._left.put((channel, user), True)
        self._members.pop(channel, None)

    def has_left(self, channel: str, user: str) -> bool:
        """True if a person was seen to leave a channel; they may be back."""
        return self._left.get((channel, user)) is not None

    def members(self, channel: str) -> frozenset[str] | None:
        """The ids of a channel's members, from memory."""
        known = self._members.get(channel)
        return known[1] if known else None

    def forget_channel(self, channel: str) -> None:
        """Record that the bot is no longer a member of a channel."""
        self._joined.discard(channel)
