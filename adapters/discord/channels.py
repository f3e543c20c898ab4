"""Who and where, in the bridge's words.

A card in a text channel opens a thread, which has the card's id. Where there are no threads (voice channels, inside a thread,
direct messages) the card itself is what others reply to. So `Place.thread` is the card's id everywhere, and its channel is where
the card stands: a thread that is not ours counts as a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import discord

from adapters.discord.client import DiscordClient
from adapters.discord.errors import bounded_attempt
from adapters.discord.markers import parse_question_number, parse_reference_code
from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.common.lru_map import LruMap

PLATFORM = "discord"

ThreadKind = Literal["thread", "post", "replies"]
AnyChannel = discord.abc.GuildChannel | discord.Thread | discord.abc.PrivateChannel | discord.PartialMessageable

_THREAD_KINDS: dict[discord.ChannelType, ThreadKind] = {
    discord.ChannelType.text: "thread",
    discord.ChannelType.news: "thread",
    discord.ChannelType.forum: "post",
    discord.ChannelType.media: "post",
}


def thread_kind(channel: object) -> ThreadKind:
    """What a card becomes in a channel: a message with a thread, a forum's post, or a message and the replies to it."""
    kind = getattr(channel, "type", None)
    return _THREAD_KINDS.get(kind, "replies") if isinstance(kind, discord.ChannelType) else "replies"


def to_author(user: discord.User | discord.Member | discord.ClientUser) -> Author:
    """Somebody on Discord, with the roles held here."""
    roles = [str(role.id) for role in user.roles if not role.is_default()] if isinstance(user, discord.Member) else []
    return Author(platform=PLATFORM, id=str(user.id), name=user.display_name, roles=tuple(roles))


def direct_user_id(channel: str) -> int | None:
    """The person whose direct messages the channel `@42` is; None if it is another channel."""
    return int(channel[1:]) if channel.startswith("@") and channel[1:].isdecimal() else None


def direct_place(user: str | int) -> Place:
    """The direct messages with somebody."""
    return Place(platform=PLATFORM, channel=f"@{user}")


def channel_place(channel: AnyChannel, person: int) -> Place:
    """The place of a command: a thread counts as a channel, since nothing can be opened in it. `person` gave the command."""
    if isinstance(channel, discord.abc.PrivateChannel):
        return direct_place(person)
    return Place(platform=PLATFORM, channel=str(getattr(channel, "id", 0)))


def message_place(message: discord.Message, me: int) -> Place | None:
    """Where a message belongs to if it is said to us: to one of our cards, or into one of our threads. Else None."""
    anchor = _replied_card(message, me)
    channel = message.channel
    if isinstance(channel, discord.Thread):
        if channel.owner_id == me and not (anchor and _is_card(message)):
            return Place(platform=PLATFORM, channel=str(channel.parent_id), thread=str(channel.id))
        return Place(platform=PLATFORM, channel=str(channel.id), thread=anchor) if anchor else None
    if anchor is None:
        return None
    where = direct_place(message.author.id).channel if message.guild is None else str(channel.id)
    return Place(platform=PLATFORM, channel=where, thread=anchor)


def _replied_card(message: discord.Message, me: int) -> str | None:
    """The card that a message replies to: our message that it names, or the one which that answers."""
    replied = replied_message(message)
    if replied is None or replied.author.id != me:
        return None
    further = replied.reference.message_id if replied.reference and replied.type is discord.MessageType.reply else None
    return str(further or replied.id)


def replied_message(message: discord.Message) -> discord.Message | None:
    """The message that this one replies to, if Discord sent it along."""
    if message.reference is None or message.type is not discord.MessageType.reply:
        return None
    resolved = message.reference.resolved
    return resolved if isinstance(resolved, discord.Message) else None


def replied_question(message: discord.Message, me: int) -> int | None:
    """The number of the question to whose card a message replies in a channel that has threads."""
    replied = replied_message(message)
    if replied is None or replied.author.id != me or thread_kind(message.channel) != "thread":
        return None
    return next((number for embed in replied.embeds if (number := parse_question_number(embed.footer.text)) is not None), None)


def _is_card(message: discord.Message) -> bool:
    replied = replied_message(message)
    if replied is None:
        return False
    return any(parse_reference_code(embed.footer.text) for embed in replied.embeds) or replied.type is discord.MessageType.reply


GuildOf = Callable[[str], int | None]


def message_url(place: Place, message: str, guild_of: GuildOf) -> str | None:
    """The address of a message in a channel of a server; None for direct messages and unknown channels."""
    guild = None if place.channel.startswith("@") else guild_of(place.channel)
    return f"https://discord.com/channels/{guild}/{place.channel}/{message}" if guild else None


REMEMBERED = 2000
"""Channels kept that the client itself forgets: threads that are archived, direct messages."""

NOT_STARTED = "the connection to Discord is not there, or was stopped"


class ChannelCache:
    """The channels of whatever client there is."""

    def __init__(self, client: Callable[[], DiscordClient | None]) -> None:
        self._client = client
        self._known: LruMap[int, AnyChannel] = LruMap(REMEMBERED)

    def client(self) -> DiscordClient:
        """The client.

        Raises:
            NotSent: there is none just now.
        """
        client = self._client()
        if client is None or client.is_closed():
            raise NotSent(NOT_STARTED)
        return client

    async def resolve(self, channel: str) -> AnyChannel:
        """A channel by its name in a `Place`.

        Raises:
            NotSent: it cannot be looked up just now.
            SendRejected: it is gone, or we may not see it.
        """
        person = direct_user_id(channel)
        if person is not None:
            return await self.direct_channel(person)
        return await self.get(int(channel))

    async def get(self, id_: int) -> AnyChannel:
        """A channel or thread by its id; raises as `resolve` does."""
        known = self.client().get_channel(id_) or self._known.get(id_)
        if known is not None:
            return known
        async with bounded_attempt():
            found = await self.client().fetch_channel(id_)
        return self._remember(found)

    async def direct_channel(self, person: int) -> discord.DMChannel:
        """The direct messages with somebody; raises as `resolve` does."""
        async with bounded_attempt():
            channel = await self.client().create_dm(discord.Object(person))
        self._remember(channel)
        return channel

    def thread_kind(self, channel: int) -> ThreadKind:
        """What a card becomes in a channel, from memory."""
        client = self._client()
        return thread_kind(client.get_channel(channel) if client is not None else None)

    def forget(self, id_: int) -> None:
        """Look it up anew next time."""
        self._known.pop(id_)

    def guild_of(self, channel: str) -> int | None:
        """The server that a channel is on, from memory."""
        client = self._client()
        known = client.get_channel(int(channel)) if client is not None and channel.isdecimal() else None
        return known.guild.id if isinstance(known, discord.abc.GuildChannel | discord.Thread) else None

    def _remember(self, channel: AnyChannel) -> AnyChannel:
        self._known.put(getattr(channel, "id", 0), channel)
        return channel
