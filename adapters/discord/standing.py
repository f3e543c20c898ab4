"""Standing of people: their membership of a server, what they can see there, and the servers for which the bot is set up.

Without the Server Members intent Discord does not report changes of members, so a member is then read anew each minute.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence

import discord

from adapters.discord.channels import AnyChannel, ChannelCache, direct_user_id
from adapters.discord.client import DiscordClient
from adapters.discord.errors import bounded_attempt
from orchestrator_bridge.chat.adapter import (
    Autocomplete,
    ChannelReach,
    DeliveryError,
    Membership,
    ModelOption,
    SendRejected,
    Standing,
)
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

CACHE_SECONDS = 60.0
"""Seconds for which a member that was read is remembered, or that a user is no member."""

RECHECK_SECONDS = 5.0
"""Seconds after which a member is read anew who could not see a place: a person may have joined or got a role just now."""

REMEMBERED = 2000

_UNKNOWN_MEMBER, _UNKNOWN_USER = 10007, 10013
"""Discord's error codes (discord.com/developers/docs/topics/opcodes-and-status-codes)."""


def served_ids(joined: Mapping[int, float], servers: Collection[str], guild: int | None) -> frozenset[str]:
    """Ids of the servers for which the bot is set up: those of the team file, or else `guild` (the setting DISCORD_GUILD).

    Without both it is the server that the bot joined first: nobody can set the bot up for a server by inviting it. `joined` are
    the times at which the bot joined its servers, in seconds since the epoch.
    """
    if servers or guild is not None:
        return frozenset(servers or [str(guild)])
    return frozenset(str(id_) for id_ in sorted(joined, key=lambda id_: (joined[id_], id_))[:1])


class DiscordStandings:
    """Looks up people and places. `servers` and `guild` are as in `served_ids`."""

    def __init__(self, channels: ChannelCache, clock: Clock, servers: Collection[str], guild: int | None = None) -> None:
        self._channels = channels
        self._clock = clock
        self._servers = tuple(servers)
        self._guild = guild
        self._members: LruMap[tuple[int, int], tuple[float, discord.Member | None]] = LruMap(REMEMBERED)

    def is_served(self, guild: int) -> bool:
        """True if the bot is set up for a server."""
        return any(served.id == guild for served in self._served(self._channels.client()))

    def _served(self, client: DiscordClient) -> list[discord.Guild]:
        served = served_ids({guild.id: _joined(guild, client.me) for guild in client.guilds}, self._servers, self._guild)
        return [guild for guild in client.guilds if str(guild.id) in served]

    def is_known_member(self, user: int) -> bool | None:
        """True if a user is a member of a server that the bot is set up for, as far as is known without asking; None if it is not
        known."""
        guilds = self._served(self._channels.client())
        if any(guild.get_member(user) is not None for guild in guilds):
            return True
        read = [self._members.get((guild.id, user)) for guild in guilds]
        if any(found is not None and found[1] is not None for found in read):
            return True
        # A user who was no member a while ago may have joined since.
        oldest = self._clock.now() - CACHE_SECONDS
        return None if any(found is None or found[0] <= oldest for found in read) else False

    async def load_member(self, user: int) -> None:
        """Read the user as a member of the servers that the bot is set up for, so that `is_known_member` can tell."""
        for guild in self._served(self._channels.client()):
            try:
                await self._fetched_member(guild, user, CACHE_SECONDS)
            except DeliveryError as failure:
                _LOG.warning("it is not known if user %s is a member of %s: %s", user, guild.name, failure)

    def log_unserved(self, client: DiscordClient) -> None:
        """Log the servers that have invited the bot, but on which it does not work."""
        served = self._served(client)
        for guild in client.guilds:
            if guild not in served:
                fix = f'if it should work there, list it in the team file: servers = ["{guild.id}", ...]'
                _LOG.warning("the bot is on the server %s, but not set up for it: no run starts there; fix: %s", guild.name, fix)

    async def standing(self, person: Author, place: Place) -> Standing:
        """Look up a person and a place, as `SupportsStanding.standing` specifies."""
        try:
            found = await self._standing(person, place, CACHE_SECONDS)
            visible = found.sees and found.membership == "member"
            return found if visible else await self._standing(person, place, RECHECK_SECONDS)
        except SendRejected as failure:
            _LOG.info("channel %s cannot be seen: %s", place.channel, failure)
            return Standing(membership="external", sees=False)
        except DeliveryError as failure:
            _LOG.warning("user %s was refused, because Discord could not say what they can see: %s", person.id, failure)
            return Standing()

    async def absence(self, person: Author, place: Place) -> str:
        """Say why a person is gone, as `SupportsPresence.absence` specifies."""
        try:
            return "" if await self._is_still_there(int(person.id), place) else "is not on this server"
        except (DeliveryError, ValueError) as failure:
            _LOG.warning("it is not known if user %s is still there: %s", person.id, failure)
            return ""

    async def _is_still_there(self, user: int, place: Place) -> bool:
        """True if a person shares the server of a place with the bot; for direct messages, any server that the bot is set up for.

        Discord is asked even if the library knows the member: it may have missed the event of the departure.
        """
        if direct_user_id(place.channel) is not None:
            guilds = self._served(self._channels.client())
        else:
            guild = self._channels.guild_of(place.channel)
            guilds = [found for found in self._channels.client().guilds if found.id == guild]
        for guild_ in guilds:
            if await self._fetched_member(guild_, user, RECHECK_SECONDS) is not None:
                return True
        return not guilds

    def forget(self, guild: int, user: int) -> None:
        """Forget a member who has left."""
        self._members.pop((guild, user))

    async def _standing(self, person: Author, place: Place, max_age: float) -> Standing:
        """Look up a person and a place, by members that were read at most `max_age` seconds ago."""
        direct = direct_user_id(place.channel)
        if direct is not None:
            return Standing(membership=await self._membership(int(person.id), max_age), sees=str(direct) == person.id)
        return await self._in_channel(int(person.id), await self._channels.get(int(place.channel)), max_age)

    async def reach(self, place: Place) -> ChannelReach:
        """Look up a place's channel, as `SupportsReach.reach` specifies. Direct messages belong to no server."""
        if place.channel.startswith("@"):
            return ChannelReach()
        try:
            channel = await self._channels.get(int(place.channel))
            if not isinstance(channel, discord.abc.GuildChannel | discord.Thread) or not self.is_served(channel.guild.id):
                return ChannelReach()
            return ChannelReach(server=str(channel.guild.id), public=await self._is_public(channel))
        except DeliveryError as failure:
            _LOG.warning("channel %s counts as private, because it cannot be looked up: %s", place.channel, failure)
            return ChannelReach()

    async def _is_public(self, channel: discord.abc.GuildChannel | discord.Thread) -> bool:
        """True if everybody on the server can see a channel or thread."""
        if isinstance(channel, discord.Thread):
            parent = channel.parent or await self._channels.get(channel.parent_id)
            if channel.is_private() or not isinstance(parent, discord.abc.GuildChannel):
                return False
            channel = parent
        allowed = channel.permissions_for(channel.guild.default_role)
        return allowed.view_channel and allowed.read_message_history

    async def _membership(self, user: int, max_age: float) -> Membership:
        """Membership in any server for which the bot is set up, for direct messages."""
        for guild in self._served(self._channels.client()):
            if await self._member(guild, user, max_age) is not None:
                return "member"
        return "external"

    async def _in_channel(self, user: int, channel: AnyChannel, max_age: float) -> Standing:
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return Standing(membership="external", sees=False)
        served, member = self.is_served(channel.guild.id), await self._member(channel.guild, user, max_age)
        if member is None:
            return Standing(membership="external", sees=False, served=served)
        return Standing(membership="member", sees=await self._sees(channel, member), served=served)

    async def _sees(self, channel: discord.abc.GuildChannel | discord.Thread, member: discord.Member) -> bool:
        if not isinstance(channel, discord.Thread):
            return channel.permissions_for(member).view_channel
        parent = channel.parent or await self._channels.get(channel.parent_id)
        assert isinstance(parent, discord.abc.GuildChannel)
        allowed = parent.permissions_for(member)
        return allowed.view_channel and (
            not channel.is_private() or allowed.manage_threads or await _is_in_thread(channel, member.id)
        )

    async def _member(self, guild: discord.Guild, user: int, max_age: float) -> discord.Member | None:
        """The member of a server; None if the user is not one.

        Raises:
            NotSent, SendUncertain: Discord could not be asked.
        """
        known = guild.get_member(user) if self._channels.client().intents.members else None
        return known if known is not None else await self._fetched_member(guild, user, max_age)

    async def _fetched_member(self, guild: discord.Guild, user: int, max_age: float) -> discord.Member | None:
        at, member = self._members.get((guild.id, user)) or (-max_age, None)
        if self._clock.now() - at >= max_age:
            member = await _fetch_member(guild, user)
            self._members.put((guild.id, user), (self._clock.now(), member))
        return member


class ServedAutocomplete:
    """Autocomplete that offers nothing on servers for which the bot is not set up, or whose channel is not known.

    In direct messages it offers to members of a server that the bot is set up for. A person who is not known yet is looked up
    meanwhile, so that the next character that they type gets the offers.
    """

    def __init__(self, autocomplete: Autocomplete, channels: ChannelCache, standings: DiscordStandings) -> None:
        self._autocomplete = autocomplete
        self._channels = channels
        self._standings = standings
        self._lookups = BackgroundTasks("a member could not be looked up")

    async def stop(self) -> None:
        """Stop looking up members."""
        await self._lookups.stop()

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Models, as `Autocomplete.models` specifies."""
        return self._autocomplete.models(place, search, scope=scope, limit=limit) if self._is_served(place) else ()

    def teams(self, place: Place) -> Sequence[str]:
        """Teams, as `Autocomplete.teams` specifies."""
        return self._autocomplete.teams(place) if self._is_served(place) else ()

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """Agents, as `Autocomplete.agents` specifies."""
        return self._autocomplete.agents(place, team) if self._is_served(place) else ()

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """Active runs, as `Autocomplete.runs` specifies."""
        return self._autocomplete.runs(place) if self._is_served(place) else ()

    def _is_served(self, place: Place) -> bool:
        user = direct_user_id(place.channel)
        if user is not None:
            is_member = self._standings.is_known_member(user)
            if is_member is None:
                self._lookups.start(self._standings.load_member(user))
            return is_member is True
        guild = self._channels.guild_of(place.channel)
        return guild is not None and self._standings.is_served(guild)


def _joined(guild: discord.Guild, me: int) -> float:
    """Time at which the bot joined a server, in seconds since the epoch; a server that does not report it comes last."""
    member = guild.get_member(me)
    joined = member.joined_at if member is not None else None
    return joined.timestamp() if joined is not None else math.inf


async def _fetch_member(guild: discord.Guild, user: int) -> discord.Member | None:
    try:
        async with bounded_attempt():
            return await guild.fetch_member(user)
    except SendRejected as failure:
        cause = failure.__cause__
        if isinstance(cause, discord.HTTPException) and cause.code in (_UNKNOWN_MEMBER, _UNKNOWN_USER):
            return None
        raise


async def _is_in_thread(thread: discord.Thread, user: int) -> bool:
    try:
        async with bounded_attempt():
            await thread.fetch_member(user)
    except SendRejected:
        return False
    return True
