"""Hears messages: those to our cards, in our threads and to us by name are handed to the bridge, each until it is stored."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
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
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    Place,
)
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.lru_map import LruMap

_PEOPLE = re.compile(r"<@!?(\d+)>")
_GROUPS = re.compile(r"<@&(\d+)>")
_SINGLE_WORD_COMMANDS = frozenset({"help", "runs", "questions", "models", "team", "cost"})
"""Commands that may be given by a mention and one word; everything else that follows a mention is a task."""

_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)


def is_from_person(message: discord.Message, me: int, listed: frozenset[str]) -> bool:
    """Whether a person wrote it, or a bot that is listed: never we ourselves, no webhook, no notice of Discord's."""
    if message.author.id == me or message.type not in _USER_MESSAGE_TYPES:
        return False
    return not (message.author.bot or message.webhook_id) or str(message.author.id) in listed


def to_message_received(message: discord.Message, place: Place, me: int) -> MessageReceived:
    """A message in this version.

    A reply to a question's card in a channel, beside the card's thread, names the question: it is not said in the thread, which
    can so be read whole without the channel.
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
    """The words, with people and roles by their names and without a mention of us at either end."""
    people = {str(user.id): user.display_name for user in message.mentions}
    groups = {str(role.id): role.name for role in message.role_mentions}
    people[str(me)] = ""
    text = _PEOPLE.sub(
        lambda found: f"@{people[found[1]]}" if people.get(found[1]) else _member_name(found, people), message.content
    )
    return _GROUPS.sub(lambda found: f"@{groups[found[1]]}" if found[1] in groups else found[0], text).strip(" ")


def _member_name(found: re.Match[str], people: dict[str, str]) -> str:
    return "" if found[1] in people else found[0]


def message_attachments(message: discord.Message) -> tuple[Attachment, ...]:
    """The files of a message, each found again by its message."""
    place = f"{message.channel.id}/{message.id}"
    return tuple(to_attachment(file, f"{place}/{file.id}") for file in message.attachments)


def to_attachment(file: discord.Attachment, ref: str) -> Attachment:
    """One file."""
    kind = (file.content_type or "application/octet-stream").partition(";")[0]
    return Attachment(name=file.filename, media_type=kind, size=file.size, ref=ref)


def mentions_bot(message: discord.Message, me: int) -> bool:
    """Whether the words name us: a reply to us that only notifies us does not."""
    return str(me) in _PEOPLE.findall(message.content)


def to_command_received(message: discord.Message, me: int) -> CommandReceived:
    """A message that is addressed to us: a task, or a command of one word."""
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
    """A task that replies to somebody's message is about that message."""
    replied = replied_message(message)
    if replied is None or replied.author.id == me:
        return text
    return f"{text}\n\n{quoted_message(replied, me)}".strip()


def quoted_message(message: discord.Message, me: int) -> str:
    """Somebody's message inside of a task."""
    lines = message_text(message, me).splitlines() or ["(no words)"]
    return "\n".join([f"{message.author.display_name} wrote:", *(f"> {line}" for line in lines)])


def newest_open_card(messages: list[discord.Message], me: int) -> str | None:
    """The newest of our messages here that still has controls, newest first given: what a plain word is about."""
    return next((str(one.id) for one in messages if one.author.id == me and one.components), None)


_LOG = logging.getLogger(__name__)

REMEMBERED = 10_000
"""Messages of which we know where they stand: Discord tells of a deletion without the message's place."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds between two tries to store what was said; Discord does not say it again by itself."""
RECENT_MESSAGES = 25
"""Messages looked through for the question that a plain word in direct messages is about."""


@dataclass(frozen=True, slots=True)
class MessageLocation:
    """Where a message stands: `inside` of a thread, or beside it as a reply to the thread's card."""

    place: Place
    inside: bool


class MessageListener:
    """Hears for one adapter. `listed` are bots that are heard like people; `on_unreadable` is told who wrote what we may not
    read."""

    def __init__(
        self, channels: ChannelCache, clock: Clock, listed: frozenset[str], on_unreadable: Callable[[Author, Place], None]
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._listed = listed
        self._on_unreadable = on_unreadable
        self._locations: LruMap[int, MessageLocation] = LruMap(REMEMBERED)

    async def on_message(self, message: discord.Message, on_event: InboundHandler) -> None:
        """Hear a message, new or edited, if it concerns us."""
        me = self._channels.client().me
        if not is_from_person(message, me, self._listed):
            return
        heard = await self._to_inbound(message, me)
        if isinstance(heard, MessageReceived) and not (heard.text or heard.attachments):
            if not self._channels.client().intents.message_content and message.guild is not None:
                self._on_unreadable(heard.author, heard.place)
            return
        if isinstance(heard, MessageReceived):
            self._locations.put(
                message.id, MessageLocation(message_place(message, me) or heard.place, inside=heard.question is None)
            )
        if heard is not None:
            await self.deliver(heard, on_event)

    async def on_message_deleted(self, message: int, on_event: InboundHandler) -> None:
        """Hear that a message was deleted, if we heard it."""
        heard = self._locations.pop(message)
        if heard is not None:
            await self.deliver(MessageDeleted(place=heard.place, message=str(message), at=self._clock.now()), on_event)

    async def on_card_deleted(self, place: Place, on_event: InboundHandler) -> None:
        """Hear that somebody deleted a card of ours, which its place's thread is named after."""
        await self.deliver(MessageDeleted(place=place, message=str(place.thread), at=self._clock.now()), on_event)

    async def on_history_message(self, message: MessageReceived, on_event: InboundHandler) -> None:
        """Hear what a history holds."""
        if message.question is None:
            self._locations.put(int(message.message), MessageLocation(message.place, inside=True))
        await self.deliver(message, on_event)

    async def deliver(self, event: MessageReceived | MessageDeleted | CommandReceived, on_event: InboundHandler) -> None:
        """Give it to the bridge until it is stored."""
        tries = 0
        while not await self._try_deliver(event, on_event):
            await sleep_until(self._clock, self._clock.now() + RETRY_DELAYS[min(tries, len(RETRY_DELAYS) - 1)])
            tries += 1

    def known_messages(self, place: Place) -> frozenset[int]:
        """The messages that were heard in a thread and have not been deleted since, as far as they are remembered."""
        return frozenset(message for message, heard in self._locations.items() if heard == MessageLocation(place, inside=True))

    async def _try_deliver(self, event: InboundEvent, on_event: InboundHandler) -> bool:
        try:
            await on_event(event)
        except Exception:
            _LOG.exception("%s could not be stored, which is tried again", event.key)
            return False
        return True

    async def _to_inbound(self, message: discord.Message, me: int) -> MessageReceived | CommandReceived | None:
        if isinstance(message.channel, discord.PartialMessageable) and message.guild is not None:
            message.channel = await self._channel(message)
        place = message_place(message, me)
        if place is None and message.guild is None:
            place = await self._direct_message_card(message, me)
            return to_message_received(message, place, me) if place else to_command_received(message, me)
        if place is not None:
            return to_message_received(message, place, me)
        return to_command_received(message, me) if mentions_bot(message, me) else None

    async def _channel(self, message: discord.Message) -> discord.abc.MessageableChannel:
        """A thread that was archived a moment ago is not known to the client yet."""
        try:
            return await self._channels.get(message.channel.id)  # type: ignore[return-value]  # whatever holds a message
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the channel of message %s is not known: %s", message.id, failure)
            return message.channel

    async def _direct_message_card(self, message: discord.Message, me: int) -> Place | None:
        """A plain word in direct messages answers the newest question there that is open."""
        try:
            async with bounded_attempt():
                recent = [one async for one in message.channel.history(limit=RECENT_MESSAGES, before=message)]
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the direct messages with %s cannot be read: %s", message.author.id, failure)
            return None
        card = newest_open_card(recent, me)
        return (
            Place(platform=direct_place(0).platform, channel=direct_place(message.author.id).channel, thread=card)
            if card
            else None
        )
