"""Discord channels, threads and users as `Place` and `Author`, and a cache of channels.

A card in a text channel opens a thread, which has the card's id. Where there are no threads (voice channels, inside a thread,
direct messages), people reply to the card itself. So `Place.thread` is the card's id everywhere, and `Place.channel` is where the
card stands; a thread that the bot did not open counts as a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import discord

from adapters.discord.client import DiscordClient
from adapters.discord.connection import DiscordConnection
from adapters.discord.errors import bounded_attempt
from adapters.discord.markers import is_turn_footer, parse_question_number
from adapters.discord.posted_cards import card_footer
from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.inbound import Author, Place, ThreadPosition
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

GuildOf = Callable[[str], int | None]

REMEMBERED = 2000
"""Channels cached here because the client itself does not keep them: archived threads and direct messages."""

NOT_STARTED = "the connection to Discord is not open"


def thread_kind(channel: object) -> ThreadKind:
    """The form in which a card in this channel collects replies: a thread, a forum post, or replies to its message."""
    kind = getattr(channel, "type", None)
    return _THREAD_KINDS.get(kind, "replies") if isinstance(kind, discord.ChannelType) else "replies"


def to_author(user: discord.User | discord.Member | discord.ClientUser) -> Author:
    """A Discord user as `Author`, with the roles on this server."""
    roles = [str(role.id) for role in user.roles if not role.is_default()] if isinstance(user, discord.Member) else []
    return Author(platform=PLATFORM, id=str(user.id), name=str(user.display_name), roles=tuple(roles))


def direct_user_id(channel: str) -> int | None:
    """The user id of a direct-message channel such as `@42`; None for another channel."""
    return int(channel[1:]) if channel.startswith("@") and channel[1:].isdecimal() else None


def direct_place(user: str | int) -> Place:
    """The direct messages with a user."""
    return Place(platform=PLATFORM, channel=f"@{user}")


def channel_place(channel: AnyChannel, person: int) -> Place:
    """The place of a command by `person`. A thread counts as a channel, since no thread can be opened in it."""
    if isinstance(channel, discord.abc.PrivateChannel):
        return direct_place(person)
    return Place(platform=PLATFORM, channel=str(getattr(channel, "id", 0)))


def command_place(channel: AnyChannel, person: int, me: int, *, task: bool = False) -> Place:
    """The place of a command by `person`. In our own thread it is about the thread's card, unless it is a `task`: that has its
    cards where it is given."""
    if isinstance(channel, discord.Thread) and channel.owner_id == me and not task:
        return Place(platform=PLATFORM, channel=str(channel.parent_id), thread=str(channel.id))
    return channel_place(channel, person)


def interaction_place(interaction: discord.Interaction[Any], me: int, *, task: bool = False) -> Place | None:
    """The place of an interaction. Discord may leave the channel out and give its id alone; None without either."""
    channel: Any = interaction.channel
    if interaction.guild_id is None:
        return direct_place(interaction.user.id)
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return command_place(channel, interaction.user.id, me, task=task)
    return Place(platform=PLATFORM, channel=str(interaction.channel_id)) if interaction.channel_id else None


def message_place(message: discord.Message, me: int, *, card_thread: bool = False) -> Place | None:
    """The place of a message that is addressed to a card or is in one of our threads; None for any other message.

    `card_thread`: a person opened the message's thread on one of our cards.
    """
    anchor = _replied_card(message, me)
    channel = message.channel
    if isinstance(channel, discord.Thread):
        # In our own thread everything is meant for its card. In any other thread only replies to a card are, as in a channel.
        if (channel.owner_id == me or card_thread) and not (anchor and _is_card(message)):
            return Place(platform=PLATFORM, channel=str(channel.parent_id), thread=str(channel.id))
        return Place(platform=PLATFORM, channel=str(channel.id), thread=anchor) if anchor else None
    if anchor is None:
        return None
    where = direct_place(message.author.id).channel if message.guild is None else str(channel.id)
    return Place(platform=PLATFORM, channel=where, thread=anchor)


def _replied_card(message: discord.Message, me: int) -> str | None:
    """The card that a message replies to: the message of ours that it names, or the card which that message answers."""
    replied = replied_message(message)
    if replied is None or replied.author.id != me:
        return None
    # Where there are no threads, notes of a run are replies to its card, so a reply to a note belongs to the note's card.
    card = replied.reference.message_id if replied.reference and replied.type is discord.MessageType.reply else None
    return str(card or replied.id)


def replied_message(message: discord.Message) -> discord.Message | None:
    """The message that this one replies to, if Discord included it."""
    if message.reference is None or message.type is not discord.MessageType.reply:
        return None
    resolved = message.reference.resolved
    return resolved if isinstance(resolved, discord.Message) else None


def message_thread(message: discord.Message, *quoted: discord.Message) -> ThreadPosition | None:
    """The thread in which a message gives a task, or the chain that it continues; `quoted` messages are a part of the task."""
    return _position(message.channel, message.author.id, message.id, message, quoted)


def interaction_thread(interaction: discord.Interaction[Any], *quoted: discord.Message) -> ThreadPosition | None:
    """The same for a command. One in the menu of a message that is a reply continues that message's chain."""
    if interaction.channel is None:
        return None
    chained = next(iter(quoted), None)
    return _position(interaction.channel, interaction.user.id, interaction.id, chained, quoted)


def _position(
    channel: Any, person: int, before: int, chained: discord.Message | None, quoted: tuple[discord.Message, ...]
) -> ThreadPosition | None:
    omitted = tuple(str(message.id) for message in quoted)
    if isinstance(channel, discord.Thread):
        return ThreadPosition(place=channel_place(channel, person), before=str(before), omitted=omitted)
    if isinstance(channel, discord.VoiceChannel | discord.StageChannel) or chained is None or not _has_earlier(chained, quoted):
        return None
    return ThreadPosition(place=channel_place(channel, person), before=str(chained.id), chain=True, omitted=omitted)


def _has_earlier(message: discord.Message, quoted: tuple[discord.Message, ...]) -> bool:
    """True if a message replies to one that is not a part of the task, or if that one is and replies to another."""
    replied = replied_id(message)
    known = next((other for other in quoted if other.id == replied), None)
    return replied is not None and (known is None or replied_id(known) is not None)


def replied_id(message: discord.Message) -> int | None:
    """The message of the same channel that a message replies to."""
    reference = message.reference
    if reference is None or message.type is not discord.MessageType.reply or reference.channel_id != message.channel.id:
        return None
    return reference.message_id


def replied_question(message: discord.Message, me: int) -> int | None:
    """The number of the question whose card a message replies to, in a channel with threads."""
    replied = replied_message(message)
    if replied is None or replied.author.id != me or thread_kind(message.channel) != "thread":
        return None
    return parse_question_number(card_footer(replied))


def _is_card(message: discord.Message) -> bool:
    replied = replied_message(message)
    if replied is None:
        return False
    # A task given inside our own thread has its cards there: a reply to such a card belongs to it, not to the thread.
    # The card of a next turn stands in the thread of its conversation and opens none: a reply to it is meant for the thread.
    footer = card_footer(replied)
    if is_turn_footer(footer):
        return False
    return footer is not None or replied.type is discord.MessageType.reply


def message_url(place: Place, message: str, guild_of: GuildOf) -> str | None:
    """The web address of a message on a server; None for direct messages and unknown channels."""
    guild = None if place.channel.startswith("@") else guild_of(place.channel)
    return f"https://discord.com/channels/{guild}/{place.channel}/{message}" if guild else None


class ChannelCache:
    """Channels of the current client."""

    def __init__(self, connection: DiscordConnection) -> None:
        self._connection = connection
        self._known: LruMap[int, AnyChannel] = LruMap(REMEMBERED)

    def client(self) -> DiscordClient:
        """The current client.

        Raises:
            NotSent: there is no connection.
        """
        client = self._connection.client
        if client is None or client.is_closed():
            raise NotSent(NOT_STARTED)
        return client

    @property
    def can_read_messages(self) -> bool:
        """True if the text of messages in channels is delivered; without a client it is assumed."""
        client = self._connection.client
        return client is None or client.intents.message_content

    async def resolve(self, channel: str) -> AnyChannel:
        """The channel of a `Place.channel`.

        Raises:
            NotSent: it cannot be looked up now.
            SendRejected: it was deleted, or the bot may not see it.
        """
        person = direct_user_id(channel)
        if person is not None:
            return await self.direct_channel(person)
        return await self.get(int(channel))

    async def get(self, id_: int) -> AnyChannel:
        """A channel or thread by id. Raises as `resolve` does."""
        known = self.client().get_channel(id_) or self._known.get(id_)
        if known is not None:
            return known
        async with bounded_attempt():
            found = await self.client().fetch_channel(id_)
        return self._remember(found)

    async def direct_channel(self, person: int) -> discord.DMChannel:
        """The direct messages with a user. Raises as `resolve` does."""
        async with bounded_attempt():
            channel = await self.client().create_dm(discord.Object(person))
        self._remember(channel)
        return channel

    def thread_kind(self, channel: int) -> ThreadKind:
        """The form in which a card in this channel collects replies, from memory."""
        client = self._connection.client
        return thread_kind(client.get_channel(channel) if client is not None else None)

    def is_cached(self, id_: int) -> bool:
        """True if the gateway has named this channel or thread."""
        client = self._connection.client
        return client is not None and client.get_channel(id_) is not None

    def forget(self, id_: int) -> None:
        """Drop a cached channel, so that it is looked up again."""
        self._known.pop(id_)

    def guild_of(self, channel: str) -> int | None:
        """The server of a channel, from memory."""
        client = self._connection.client
        known = client.get_channel(int(channel)) if client is not None and channel.isdecimal() else None
        return known.guild.id if isinstance(known, discord.abc.GuildChannel | discord.Thread) else None

    def _remember(self, channel: AnyChannel) -> AnyChannel:
        self._known.put(getattr(channel, "id", 0), channel)
        return channel
