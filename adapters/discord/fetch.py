"""Files that people attached. Their addresses last a day, so a file is found by its message."""

from __future__ import annotations

import discord

from adapters.discord.attempt import bounded_attempt
from adapters.discord.rooms import ChannelCache
from orchestrator_bridge.chat import Attachment, SendRejected


async def fetch_attachment(rooms: ChannelCache, attachment: Attachment) -> bytes:
    """The content of a file.

    Raises:
        NotSent: Discord cannot be asked just now.
        SendRejected: the file is gone.
    """
    address = attachment.ref if "://" in attachment.ref else await _attachment_url(rooms, attachment)
    async with bounded_attempt(60.0):
        return await rooms.client().http.get_from_cdn(address)


async def _attachment_url(rooms: ChannelCache, attachment: Attachment) -> str:
    """Where the file of a message is today. `ref` is channel/message/file."""
    where, message, file = attachment.ref.split("/")
    channel = await rooms.get(int(where))
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"{attachment.name}: its channel holds no messages")
    async with bounded_attempt():
        found = await channel.fetch_message(int(message))
    for one in found.attachments:
        if str(one.id) == file:
            return one.url
    raise SendRejected(f"{attachment.name}: the file was taken out of its message")
