"""Private replies: to an interaction if it is still open, else as a direct message, else by a hint beside the message."""

from __future__ import annotations

import logging
from dataclasses import replace

from adapters.discord.channels import ChannelCache, direct_place, message_url
from adapters.discord.components import confirm_components
from adapters.discord.errors import DIRECT_MESSAGES_CLOSED, has_code
from adapters.discord.markers import nonce
from adapters.discord.render import DiscordMessage, render_private_reply
from adapters.discord.responses import InteractionResponses
from adapters.discord.sender import MessageApi
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, MessageReceived
from orchestrator_bridge.chat.outbound import PrivateReply

_LOG = logging.getLogger(__name__)

CLOSED = "I cannot send you direct messages, so I could not answer you. Use a slash command: only you see its answer."

AnsweredEvent = MessageReceived | CommandReceived | ControlUsed


class PrivateReplies:
    """Sends private replies, for one adapter."""

    def __init__(self, channels: ChannelCache, messages: MessageApi, responses: InteractionResponses) -> None:
        self._channels = channels
        self._messages = messages
        self._responses = responses

    async def reply(self, event: AnsweredEvent, reply: PrivateReply) -> None:
        """Answer the author of an event, as `Adapter.reply_privately` specifies: a failure is logged."""
        try:
            await self._reply(event, reply)
        except Exception as failure:
            _LOG.warning("the private reply to %s was not delivered: %s", event.author.id, failure)

    async def _reply(self, event: AnsweredEvent, reply: PrivateReply) -> None:
        shown = self._render(event, reply)
        if not isinstance(event, MessageReceived) and await self._responses.respond(event.interaction, shown):
            return
        key = nonce(f"{event.key} {shown.fingerprint}")
        try:
            channel, _ = await self._messages.reply_target(direct_place(event.author.id))
            await self._messages.post_message(channel, shown, key)
        except SendRejected as failure:
            if not has_code(failure, DIRECT_MESSAGES_CLOSED) or event.place.channel.startswith("@"):
                raise
            await self._hint(event, key)

    async def _hint(self, event: AnsweredEvent, key: str) -> None:
        """Say in the channel that the answer could not be sent; the answer itself is for its author alone."""
        channel, card = await self._messages.reply_target(event.place)
        message = event.interaction if isinstance(event, CommandReceived) else card
        await self._messages.post_message(channel, DiscordMessage(content=CLOSED), key, int(message) if message else None)

    def _render(self, event: AnsweredEvent, reply: PrivateReply) -> DiscordMessage:
        shown = render_private_reply(reply, lambda place, message: message_url(place, message, self._channels.guild_of))
        if reply.confirm is None or not isinstance(event, CommandReceived) or not event.interaction.isdecimal():
            return shown
        offers = (reply.confirm, *((reply.alternative,) if reply.alternative else ()))
        self._responses.store_offer(event, offers)
        buttons = confirm_components(int(event.interaction), [offer.label for offer in offers])
        return replace(shown, controls=(*shown.controls, *buttons))
