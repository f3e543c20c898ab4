"""Standing of people: their membership of the workspace, and the channels that they can see.

Every full member can see a public channel. Everybody else, and everybody in a private channel, must be in it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import assert_never

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.channels import SlackChannels
from adapters.slack.workspace import Membership, SlackUsers
from orchestrator_bridge.chat import adapter as port
from orchestrator_bridge.chat.adapter import ChannelReach, DeliveryError, Standing
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


_SHARED = ("is_shared", "is_ext_shared", "is_pending_ext_shared", "is_org_shared")
"""Marks of a channel that another workspace can see (docs.slack.dev/reference/objects/conversation-object)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ChannelFacts:
    """A channel that all full members can see, or that another workspace can see."""

    public: bool = False
    shared: bool = False


class SlackStandings:
    """Looks up people and places. `team` is the id of the workspace."""

    def __init__(self, api: SlackApi, users: SlackUsers, channels: SlackChannels, team: str) -> None:
        self._api = api
        self._users = users
        self._channels = channels
        self._team = team
        self._facts: LruMap[str, tuple[float, _ChannelFacts]] = LruMap(REMEMBERED)

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
        if not self._channels.has_left(place.channel, person.id):
            return ""
        # Who is asked may answer from anywhere: only somebody who has left the channel of the question is no longer waited for.
        try:
            left = not await self._is_public(place.channel) and not await self._is_in(person.id, place.channel)
        except DeliveryError as error:
            _LOG.warning("it is not known if user %s is still in %s: %s", person.id, place.channel, error)
            return ""
        return "has left this private channel" if left else ""

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

    async def reach(self, place: Place) -> ChannelReach:
        """Look up a place's channel, as `SupportsReach.reach` specifies.

        A channel that is shared with another workspace, or is about to be, belongs to no server: guests of a workspace cannot
        see its public channels either, so what people may see there is checked for each of them.
        """
        if place.channel.startswith("@"):
            return ChannelReach(server=self._team)
        try:
            about = await self._about(place.channel)
        except DeliveryError as error:
            _LOG.warning("channel %s counts as private, because it cannot be looked up: %s", place.channel, error)
            return ChannelReach()
        return ChannelReach() if about.shared else ChannelReach(server=self._team, public=about.public)

    async def _is_public(self, channel: str) -> bool:
        return (await self._about(channel)).public

    async def _about(self, channel: str) -> _ChannelFacts:
        at, about = self._facts.get(channel) or (-CACHE_SECONDS, _ChannelFacts())
        if self._api.now() - at >= CACHE_SECONDS:
            response = await self._api.read("conversations.info", lambda client: client.conversations_info(channel=channel))
            info = response["channel"] or {}
            about = _ChannelFacts(
                public=bool(info.get("is_channel")) and not info.get("is_private"),
                shared=any(info.get(mark) for mark in _SHARED),
            )
            self._facts.put(channel, (self._api.now(), about))
        return about
