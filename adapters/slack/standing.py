"""Standing of people: their membership of the workspace, and the channels that they can see.

Every full member can see a public channel. Everybody else, and everybody in a private channel, must be in it.
"""

from __future__ import annotations

import logging
from typing import assert_never

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.channels import SlackChannels
from adapters.slack.workspace import Membership, SlackUsers
from orchestrator_bridge.chat import adapter as port
from orchestrator_bridge.chat.adapter import DeliveryError, Standing
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

CACHE_SECONDS = 60.0
"""Seconds for which it is remembered that a channel is public, and who is in one."""

RECHECK_SECONDS = 5.0
"""Seconds after which the members are read anew for somebody who was not among them: a person may have joined just now."""

REMEMBERED = 1000

_NOT_VISIBLE = frozenset({"channel_not_found", "not_in_channel", "method_not_supported_for_channel_type"})
"""Errors for a channel that the bot cannot see: it has posted nothing there that a person could act on."""


class SlackStandings:
    """Looks up people and places."""

    def __init__(self, api: SlackApi, users: SlackUsers, channels: SlackChannels) -> None:
        self._api = api
        self._users = users
        self._channels = channels
        self._public: LruMap[str, tuple[float, bool]] = LruMap(REMEMBERED)

    async def standing(self, person: Author, place: Place) -> Standing:
        """Look up a person and a place, as `SupportsStanding.standing` specifies."""
        await self._users.load(person.id)
        membership = self._membership(person.id)
        try:
            return Standing(membership=membership, sees=await self._sees(person.id, place.channel, membership))
        except SlackRejected as error:
            if error.name in _NOT_VISIBLE:
                return Standing(membership=membership, sees=False)
            return self._unknown(person, place, membership, error)
        except DeliveryError as error:
            return self._unknown(person, place, membership, error)

    async def absence(self, person: Author, place: Place) -> str:
        """Say why a person is gone, as `SupportsPresence.absence` specifies."""
        await self._users.load_anew(person.id, RECHECK_SECONDS)
        user = self._users.person(person.id)
        if user.deactivated:
            return "has a deactivated account"
        if user.missing:
            return "is not in this workspace"
        if place.channel.startswith("@"):
            return ""
        try:
            left = not await self._is_public(place.channel) and not await self._is_in(person.id, place.channel)
        except DeliveryError as error:
            _LOG.warning("it is not known if user %s is still in %s: %s", person.id, place.channel, error)
            return ""
        return "is not in this private channel" if left else ""

    def _unknown(self, person: Author, place: Place, membership: port.Membership, error: DeliveryError) -> Standing:
        _LOG.warning("user %s was refused, because it is not known if they can see %s: %s", person.id, place.channel, error)
        return Standing(membership=membership)

    def _membership(self, user: str) -> port.Membership:
        membership = self._users.membership(user)
        match membership:
            case Membership.MEMBER:
                return "guest" if self._users.person(user).guest else "member"
            case Membership.EXTERNAL:
                return "external"
            case Membership.UNKNOWN:
                return "unknown"
            case _:
                assert_never(membership)

    async def _sees(self, user: str, channel: str, membership: port.Membership) -> bool:
        if channel.startswith("@"):
            return channel == f"@{user}"
        return (membership == "member" and await self._is_public(channel)) or await self._is_in(user, channel)

    async def _is_in(self, user: str, channel: str) -> bool:
        known = user in await self._channels.load_members(channel, CACHE_SECONDS)
        return known or user in await self._channels.load_members(channel, RECHECK_SECONDS)

    async def _is_public(self, channel: str) -> bool:
        at, public = self._public.get(channel) or (-CACHE_SECONDS, False)
        if self._api.now() - at >= CACHE_SECONDS:
            response = await self._api.read("conversations.info", lambda client: client.conversations_info(channel=channel))
            info = response["channel"] or {}
            public = bool(info.get("is_channel")) and not info.get("is_private")
            self._public.put(channel, (self._api.now(), public))
        return public
