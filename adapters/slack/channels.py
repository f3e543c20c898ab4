"""Channels: which id Slack has for a place, which place a channel's id means, and whether the bot is a member there.

The bridge knows direct messages by the person (`@U1`), Slack by a channel of their own (`D1`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.workspace import PLATFORM, direct_place
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Place

MEMBERS_CACHE_SECONDS = 600.0
"""Seconds for which it is taken that the same people are in a channel."""

MEMBERS_TIMEOUT = 1.0
"""Seconds that a task waits for the members of its channel: whoever is not known to be there gets a copy of a question."""

PAGE = 1000
"""Members that are asked for at once, the most that Slack gives."""


class SlackChannels:
    """Remembers channels for as long as the process lives."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._direct: dict[str, str] = {}
        self._partners: dict[str, str] = {}
        self._joined: set[str] = set()
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    async def channel_id(self, place: Place) -> str:
        """Slack's id of a place's channel; direct messages are opened where they are not yet.

        Raises:
            NotSent: Slack cannot be asked just now.
            SendRejected: nobody can be written to there.
        """
        if not place.channel.startswith("@"):
            return place.channel
        user = place.channel.removeprefix("@")
        if user not in self._direct:
            told = await self._api.read("conversations.open", lambda client: client.conversations_open(users=user))
            self.remember_direct(str((told["channel"] or {}).get("id")), user)
        return self._direct[user]

    def known_channel_id(self, place: Place) -> str | None:
        """The same from memory."""
        return self._direct.get(place.channel[1:]) if place.channel.startswith("@") else place.channel

    def remember_direct(self, channel: str, user: str) -> None:
        """This channel is our direct messages with somebody."""
        self._direct[user] = channel
        self._partners[channel] = user

    def place(self, channel: str, thread: str | None = None) -> Place:
        """What a channel's id means."""
        partner = self._partners.get(channel)
        return Place(platform=PLATFORM, channel=direct_place(partner).channel if partner else channel, thread=thread)

    async def can_write(self, channel: str, user: str) -> bool:
        """Whether the bot can post in a channel from which somebody gave a command. In doubt it is tried.

        The bot is not in people's direct messages with one another, nor in channels to which nobody has invited it.
        """
        if channel in self._joined or channel in self._partners:
            return True
        if channel.startswith("D"):
            return await self._is_direct(channel, user)
        try:
            told = await self._api.read("conversations.info", lambda client: client.conversations_info(channel=channel))
        except SlackRejected as error:
            return error.name != "channel_not_found"
        except NotSent:
            return True
        found = told["channel"] or {}
        if found.get("is_member") or found.get("is_mpim"):
            self._joined.add(channel)
        return bool(found.get("is_member") or found.get("is_mpim"))

    async def _is_direct(self, channel: str, user: str) -> bool:
        try:
            return await self.channel_id(direct_place(user)) == channel
        except (NotSent, SendRejected):
            return False

    async def refresh_members(self, channel: str) -> None:
        """Learn who is in a channel, where that is not known of late. Nobody waits for it longer than `MEMBERS_TIMEOUT`."""
        at, _ = self._members.get(channel, (-MEMBERS_CACHE_SECONDS, frozenset()))
        if channel[:1] in ("C", "G") and self._api.now() - at >= MEMBERS_CACHE_SECONDS:
            with suppress(TimeoutError, NotSent, SendRejected):
                async with asyncio.timeout(MEMBERS_TIMEOUT):
                    self._members[channel] = (self._api.now(), await self._read_members(channel))

    async def _read_members(self, channel: str) -> frozenset[str]:
        found: list[str] = []
        cursor = ""
        while True:
            told = await self._page(channel, cursor)
            found += map(str, told["members"] or ())
            cursor = str((told["response_metadata"] or {}).get("next_cursor") or "")
            if not cursor:
                return frozenset(found)

    async def _page(self, channel: str, cursor: str) -> AsyncSlackResponse:
        wanted: dict[str, Any] = {"channel": channel, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
        return await self._api.read("conversations.members", lambda client: client.conversations_members(**wanted))

    def members(self, channel: str) -> frozenset[str] | None:
        """The ids of those who are in a channel, as far as is known."""
        known = self._members.get(channel)
        return known[1] if known else None

    def forget_channel(self, channel: str) -> None:
        """The bot is no member of a channel any more."""
        self._joined.discard(channel)
