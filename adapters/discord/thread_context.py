"""The thread in which a task was given: a thread, a forum post, or a chain of replies in a channel.

A chain is read message by message, from each to the one that it replies to: the channel around it is not read. In voice and stage
channels nothing is read, where messages accompany what is said.
"""

from __future__ import annotations

from typing import Any

import discord

from adapters.discord.channels import AnyChannel, ChannelCache, replied_id, thread_kind
from adapters.discord.content import everything_in, message_attachments
from adapters.discord.errors import bounded_attempt
from adapters.discord.history import read_history
from adapters.discord.permissions import missing_permissions
from adapters.discord.posted_cards import card_footer
from adapters.discord.proxies import is_reposted
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import ThreadPosition
from orchestrator_bridge.chat.thread_context import Speaker, ThreadMessage, ThreadPage

COUNTED = 1000
"""Messages of a thread that are read to count those that are left out; Discord returns 100 in one response."""

LONGEST_CHAIN = 500
"""Messages of a chain of replies that are followed."""

_TYPES = frozenset(
    {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }
)
"""Types of messages that somebody wrote; all others are Discord's own, such as a join or a pinned message."""

_NO_CONTENT = "I may not read messages: the operator of this bot can allow it with the Message Content intent"
_NO_HISTORY = "I may not read earlier messages: an administrator of the server can allow me Read Message History there"
_NO_MESSAGE = "there is no such message in this thread"


class DiscordThreadReader:
    """Reader of threads and chains, for one adapter. `proxies` are applications that repost messages of people."""

    def __init__(self, channels: ChannelCache, proxies: frozenset[str]) -> None:
        self._channels = channels
        self._proxies = proxies

    async def read(self, thread: ThreadPosition, count: int, before: str) -> ThreadPage:
        """Read a page, as `SupportsThreadContext.read_context` specifies."""
        if before and not before.isdecimal():
            raise SendRejected(f"found: {before!r} as the id of a message", _NO_MESSAGE)
        channel = await self._channels.resolve(thread.place.channel)
        self._check_readable(channel)
        if thread.chain:
            return await self._read_chain(channel, thread, count, before)
        return await self._read_thread(channel, thread, count, before)

    def _check_readable(self, channel: AnyChannel) -> None:
        """Refuse where Discord would return no messages, or messages without words, as if there were none.

        Sources: docs.discord.com/developers/resources/message#get-channel-messages and
        docs.discord.com/developers/events/gateway#message-content-intent.
        """
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return
        if not self._channels.can_read_messages:
            raise SendRejected("the Message Content intent is switched off", _NO_CONTENT)
        try:
            missing = missing_permissions(channel.permissions_for(channel.guild.me), ("read_message_history",))
        except discord.ClientException:  # a thread whose channel is hidden from the bot
            missing = ("read_message_history",)
        if missing:
            raise SendRejected(f"Read Message History is missing in channel {channel.id}", _NO_HISTORY)

    async def _read_thread(self, channel: AnyChannel, thread: ThreadPosition, count: int, before: str) -> ThreadPage:
        limit, read = min(int(before or thread.before), int(thread.before)), 0
        shown: list[ThreadMessage] = []
        async for message in read_history(channel, before=discord.Object(limit), oldest_first=False, limit=COUNTED):
            read += 1
            if (found := self._shown(message, thread)) is not None:
                shown.append(found)
        starter = await self._starter(channel, thread) if isinstance(channel, discord.Thread) else None
        if starter is not None and int(starter.id) < limit and all(message.id != starter.id for message in shown):
            shown.append(starter)
        newest, rest = shown[:count], shown[count:]
        if read < COUNTED:
            return _page(newest, left_out=max(0, len(rest) - 1), first=rest[-1] if rest else None)
        return _page(newest, left_out=None, first=starter if starter in rest else None)

    async def _starter(self, channel: discord.Thread, thread: ThreadPosition) -> ThreadMessage | None:
        """The message that a thread was opened on, which has the thread's id. It stands in the parent channel, or in the thread
        itself if that is a forum post."""
        parent: Any = await self._channels.get(channel.parent_id)
        holder = channel if thread_kind(parent) == "post" else parent
        try:
            async with bounded_attempt():
                message = await holder.fetch_message(channel.id)
        except SendRejected:
            return None  # the thread was not opened on a message, or it was deleted
        return self._shown(message, thread)

    async def _read_chain(self, channel: AnyChannel, thread: ThreadPosition, count: int, before: str) -> ThreadPage:
        newest: list[ThreadMessage] = []
        is_passed = not before
        message: discord.Message | None = await self._fetch(channel, int(thread.before))
        for _ in range(LONGEST_CHAIN):
            message = await self._replied(channel, message) if message is not None else None
            if message is None or len(newest) == count:
                break
            shown = self._shown(message, thread)
            if is_passed and shown is not None:
                newest.append(shown)
            is_passed = is_passed or str(message.id) == before
        if not is_passed:
            raise SendRejected(f"message {before} is not in the chain of message {thread.before}", _NO_MESSAGE)
        return _page(newest, left_out=None if message is not None else 0)

    async def _replied(self, channel: AnyChannel, message: discord.Message) -> discord.Message | None:
        """The message that a message replies to; Discord includes it in the response for the reply itself."""
        replied = replied_id(message)
        if replied is None or message.reference is None:
            return None
        if isinstance(message.reference.resolved, discord.Message):
            return message.reference.resolved
        if isinstance(message.reference.resolved, discord.DeletedReferencedMessage):
            return None
        try:
            return await self._fetch(channel, replied)
        except SendRejected:
            return None  # it was deleted

    async def _fetch(self, channel: AnyChannel, message: int) -> discord.Message:
        if not isinstance(channel, discord.abc.Messageable):
            raise SendRejected(f"channel {getattr(channel, 'id', '?')} holds no messages")
        async with bounded_attempt():
            return await channel.fetch_message(message)

    def _shown(self, message: discord.Message, thread: ThreadPosition) -> ThreadMessage | None:
        """A message as agents may read it; None for cards of ours, messages of Discord itself, and those without content."""
        me = self._channels.client().me
        is_own = message.author.id == me
        is_card = is_own and card_footer(message) is not None
        if is_card or message.type not in _TYPES or str(message.id) in thread.omitted:
            return None
        text, attachments = everything_in(message, me), message_attachments(message)
        if not text.strip() and not attachments:
            return None
        is_bot = (message.author.bot or message.webhook_id) and not self._is_proxied(message)
        speaker: Speaker = "townhall" if is_own else "bot" if is_bot else "person"
        return ThreadMessage(
            id=str(message.id),
            author=message.author.display_name,
            speaker=speaker,
            at=message.created_at.timestamp(),
            text=text,
            attachments=attachments,
        )

    def _is_proxied(self, message: discord.Message) -> bool:
        return is_reposted(message) and str(message.application_id) in self._proxies


def _page(newest_first: list[ThreadMessage], *, left_out: int | None, first: ThreadMessage | None = None) -> ThreadPage:
    return ThreadPage(messages=tuple(reversed(newest_first)), left_out=left_out, first=first)
