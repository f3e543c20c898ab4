"""Messages from the gateway as inbound events: replies to cards, messages in our threads, and mentions of the bot."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace

import discord

from adapters.discord.channels import (
    ChannelCache,
    channel_place,
    direct_place,
    message_place,
    replied_message,
    replied_question,
    to_author,
)
from adapters.discord.errors import bounded_attempt
from adapters.discord.sender import UnreadableNotices
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import (
    Attachment,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    Place,
)
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

_PEOPLE = re.compile(r"<@!?(\d+)>")
_ROLES = re.compile(r"<@&(\d+)>")
_SINGLE_WORD_COMMANDS = frozenset({"help", "runs", "questions", "models", "team", "cost"})
"""Commands that can be given by a mention and one word; any other text after a mention is a task."""

_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)

REMEMBERED = 10_000
"""Messages whose place is known: Discord reports a deletion without the thread or card of the message."""

RETRY = Backoff(first=1.0, longest=60.0)
"""Delays between attempts to store a message; Discord does not send an event again."""

RECENT_MESSAGES = 25
"""Direct messages that are searched for the question that an unaddressed message answers."""


def is_from_person(message: discord.Message, me: int, listed: frozenset[str]) -> bool:
    """True if a person or a listed bot wrote a message; the bot itself, webhooks and system messages are excluded."""
    if message.author.id == me or message.type not in _USER_MESSAGE_TYPES:
        return False
    return not (message.author.bot or message.webhook_id) or str(message.author.id) in listed


def to_message_received(message: discord.Message, place: Place, me: int) -> MessageReceived:
    """The current version of a message.

    A reply in the channel to a question's card that has a thread names the question instead of the thread: the thread's own
    history is then complete without the channel's.
    """
    question = replied_question(message, me)
    return MessageReceived(
        place=place if question is None else replace(place, thread=None),
        question=question,
        message=str(message.id),
        author=to_author(message.author),
        text=message_text(message, me),
        at=message.created_at.timestamp(),
        edit=message.edited_at.isoformat() if message.edited_at else "",
        mentions=tuple(to_author(user) for user in message.mentions if user.id != me),
        attachments=message_attachments(message),
    )


def message_text(message: discord.Message, me: int) -> str:
    """The text, with people and roles by name and without mentions of the bot."""
    people = {str(user.id): f"@{user.display_name}" for user in message.mentions} | {str(me): ""}
    roles = {str(role.id): f"@{role.name}" for role in message.role_mentions}
    text = _PEOPLE.sub(lambda found: people.get(found[1], found[0]), message.content)
    return _ROLES.sub(lambda found: roles.get(found[1], found[0]), text).strip(" ")


def message_attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, each referred to by its message, since addresses of files expire."""
    place = f"{message.channel.id}/{message.id}"
    return tuple(to_attachment(file, f"{place}/{file.id}") for file in message.attachments)


def to_attachment(file: discord.Attachment, ref: str) -> Attachment:
    """One file."""
    kind = (file.content_type or "application/octet-stream").partition(";")[0]
    return Attachment(name=file.filename, media_type=kind, size=file.size, ref=ref)


def mentions_bot(message: discord.Message, me: int) -> bool:
    """True if the text mentions the bot. A reply to the bot that only notifies it does not."""
    return str(me) in _PEOPLE.findall(message.content)


def to_command_received(message: discord.Message, me: int) -> CommandReceived:
    """A message addressed to the bot, as a task or a one-word command."""
    text = message_text(message, me).strip()
    alone = text.lower().lstrip("/")
    return CommandReceived(
        place=channel_place(message.channel, message.author.id),
        interaction=str(message.id),
        author=to_author(message.author),
        name=alone if alone in _SINGLE_WORD_COMMANDS else "ask",
        text="" if alone in _SINGLE_WORD_COMMANDS else _with_quote(message, text, me),
        at=message.created_at.timestamp(),
        attachments=message_attachments(message),
    )


def _with_quote(message: discord.Message, text: str, me: int) -> str:
    """A task; if it replies to another person's message, with that message."""
    replied = replied_message(message)
    if replied is None or replied.author.id == me:
        return text
    return f"{text}\n\n{quoted_message(replied, me)}".strip()


def quoted_message(message: discord.Message, me: int) -> str:
    """A message quoted in a task."""
    lines = message_text(message, me).splitlines() or ["(no text)"]
    return "\n".join([f"{message.author.display_name} wrote:", *(f"> {line}" for line in lines)])


def newest_open_card(messages: list[discord.Message], me: int) -> str | None:
    """The first message of ours that still has components; the messages are ordered newest first."""
    return next((str(message.id) for message in messages if message.author.id == me and message.components), None)


@dataclass(frozen=True, slots=True)
class MessageLocation:
    """The place of a message: `inside` its thread, or beside it as a reply to the card."""

    place: Place
    inside: bool


class MessageListener:
    """Delivers messages to the bridge, for one adapter. `listed` are bots whose messages count like those of people."""

    def __init__(self, channels: ChannelCache, clock: Clock, listed: frozenset[str], unreadable: UnreadableNotices) -> None:
        self._channels = channels
        self._clock = clock
        self._listed = listed
        self._unreadable = unreadable
        self._locations: LruMap[int, MessageLocation] = LruMap(REMEMBERED)

    async def on_message(self, message: discord.Message, on_event: InboundHandler) -> None:
        """Deliver a new or edited message if it is meant for the bot."""
        me = self._channels.client().me
        if not is_from_person(message, me, self._listed):
            return
        event = await self._to_inbound(message, me)
        if event is None:
            return
        if isinstance(event, MessageReceived):
            if not (event.text or event.attachments):
                if not self._channels.can_read_messages and message.guild is not None:
                    self._unreadable.notify(event.author)
                return
            # A later deletion event names only the message, so its place is remembered now.
            place = message_place(message, me) or event.place
            self._locations.put(message.id, MessageLocation(place, inside=event.question is None))
        await self.deliver(event, on_event)

    async def on_message_deleted(self, message: int, on_event: InboundHandler) -> None:
        """Deliver a deletion, if the message was delivered."""
        location = self._locations.pop(message)
        if location is not None:
            await self.deliver(MessageDeleted(place=location.place, message=str(message), at=self._clock.now()), on_event)

    async def on_card_deleted(self, place: Place, on_event: InboundHandler) -> None:
        """Deliver the deletion of a card, whose id is its place's thread."""
        await self.deliver(MessageDeleted(place=place, message=str(place.thread), at=self._clock.now()), on_event)

    async def on_history_message(self, message: MessageReceived, on_event: InboundHandler) -> None:
        """Deliver a message that was read from a history."""
        if message.question is None:
            self._locations.put(int(message.message), MessageLocation(message.place, inside=True))
        await self.deliver(message, on_event)

    async def deliver(self, event: MessageReceived | MessageDeleted | CommandReceived, on_event: InboundHandler) -> None:
        """Deliver an event to the bridge, with retries until it is stored."""
        failures = 0
        while not await self._try_deliver(event, on_event):
            await sleep_until(self._clock, self._clock.now() + RETRY.delay(failures))
            failures += 1

    def known_messages(self, place: Place) -> frozenset[int]:
        """The messages that were delivered from a thread and not deleted since, as far as they are remembered."""
        wanted = MessageLocation(place, inside=True)
        return frozenset(message for message, location in self._locations.items() if location == wanted)

    async def _try_deliver(self, event: InboundEvent, on_event: InboundHandler) -> bool:
        try:
            await on_event(event)
        except Exception:
            _LOG.exception("%s could not be stored, retrying", event.key)
            return False
        return True

    async def _to_inbound(self, message: discord.Message, me: int) -> MessageReceived | CommandReceived | None:
        if isinstance(message.channel, discord.PartialMessageable) and message.guild is not None:
            message.channel = await self._channel(message)
        place = message_place(message, me)
        # In direct messages people seldom reply to a particular message: text answers the newest open question, or is a task.
        if place is None and message.guild is None:
            place = await self._direct_message_card(message, me)
            return to_message_received(message, place, me) if place else to_command_received(message, me)
        if place is not None:
            return to_message_received(message, place, me)
        return to_command_received(message, me) if mentions_bot(message, me) else None

    async def _channel(self, message: discord.Message) -> discord.abc.MessageableChannel:
        """The channel of a message; a thread that was archived a moment ago is not known to the client yet."""
        try:
            return await self._channels.get(message.channel.id)  # type: ignore[return-value]  # whatever holds a message
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the channel of message %s cannot be looked up: %s", message.id, failure)
            return message.channel

    async def _direct_message_card(self, message: discord.Message, me: int) -> Place | None:
        """The newest open question in the direct messages, which an unaddressed message there answers."""
        try:
            async with bounded_attempt():
                recent = [earlier async for earlier in message.channel.history(limit=RECENT_MESSAGES, before=message)]
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the direct messages with %s cannot be read: %s", message.author.id, failure)
            return None
        card = newest_open_card(recent, me)
        return replace(direct_place(message.author.id), thread=card) if card else None
