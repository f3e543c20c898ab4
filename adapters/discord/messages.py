"""Messages from the gateway as inbound events: replies to cards, messages in our threads, and words addressed to the bot.

Words are addressed to the bot by a mention of it or of its own role, or in direct messages. They are a command if they name one;
otherwise the bridge judges whether they are a task.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import discord

from adapters.discord.channels import (
    PLATFORM,
    ChannelCache,
    command_place,
    direct_place,
    message_place,
    message_thread,
    replied_message,
    replied_question,
    thread_kind,
    to_author,
)
from adapters.discord.content import (
    begins_with_mention,
    everything_in,
    mentions_bot,
    message_attachments,
    message_words,
    quoted_message,
    reply_attachments,
)
from adapters.discord.errors import bounded_attempt
from adapters.discord.markers import parse_question_number
from adapters.discord.open_cards import OpenCards
from adapters.discord.permissions import missing_permissions_in, missing_permissions_text
from adapters.discord.posted_cards import card_controls, card_footer
from adapters.discord.proxies import Repost, Reposts, is_reposted
from adapters.discord.replies import PrivateReplies
from adapters.discord.sender import AuthorNotices
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.command_line import EDIT, REMARK, TASK, TypedCommand, is_plain_command, parse_typed_command
from orchestrator_bridge.chat.inbound import (
    Author,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    Place,
)
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)

REMEMBERED = 10_000
"""Messages whose place is known: Discord reports a deletion without the thread or card of the message."""

NOT_STARTED = "I could not store your message, so nothing has started yet. I keep trying; you need not repeat it."

UNREADABLE = (
    "I cannot read your messages there, because the Message Content intent is off. Use the buttons, or mention me in your reply. "
    "The operator of this bot can switch the intent on in Discord's developer portal (Bot, Privileged Gateway Intents)."
)

UNDECIDED = (
    "Your message and somebody else's were reposted at the same time, and I cannot tell them apart, so they do not count. "
    "Please write it again, or use the buttons."
)

RETRY = Backoff(first=1.0, longest=60.0)
"""Delays between attempts to store a message; Discord does not send an event again."""

RECENT_MESSAGES = 25
"""Direct messages that are searched for the question that an unaddressed message answers."""


def unnamed_author(message: discord.Message) -> Author:
    """The author of a reposted message whom Discord does not name: the bridge knows the person from an earlier version, or drops
    it."""
    return Author(platform=PLATFORM, id="", name=message.author.display_name)


def is_from_person(message: discord.Message, me: int, listed: frozenset[str]) -> bool:
    """True if a person or a listed bot wrote a message; the bot itself, webhooks and system messages are excluded."""
    if message.author.id == me or message.type not in _USER_MESSAGE_TYPES:
        return False
    return not (message.author.bot or message.webhook_id) or str(message.author.id) in listed


def to_message_received(message: discord.Message, place: Place, me: int, person: Author | None = None) -> MessageReceived:
    """The current version of a message. `person`: the author of a reposted message.

    A reply in the channel to a question's card that has a thread names the question instead of the thread: the thread's own
    history is then complete without the channel's.
    """
    question = replied_question(message, me)
    return MessageReceived(
        place=place if question is None else replace(place, thread=None),
        question=question,
        message=str(message.id),
        author=person or to_author(message.author),
        text=message_words(message, me, reposted=person is not None),
        at=message.created_at.timestamp(),
        edit=message.edited_at.isoformat() if message.edited_at else "",
        mentions=tuple(to_author(user) for user in message.mentions if user.id != me),
        attachments=reply_attachments(message),
        addressed=message.guild is None or mentions_bot(message, me) or _replies_to(message, me),
    )


def _replies_to(message: discord.Message, me: int) -> bool:
    replied = replied_message(message)
    return replied is not None and replied.author.id == me


def to_command_received(message: discord.Message, me: int, typed: TypedCommand) -> CommandReceived:
    """A typed command. A task or remark that replies to another person's message is about that message and its files."""
    is_task = typed.name in (TASK, REMARK, "ask")
    replied = replied_message(message) if is_task else None
    about = replied if replied is not None and replied.author.id != me else None
    card_thread = command_place(message.channel, message.author.id, me)
    return CommandReceived(
        place=command_place(message.channel, message.author.id, me, task=is_task),
        interaction=str(message.id),
        author=to_author(message.author),
        name=typed.name,
        text=typed.text,
        at=message.created_at.timestamp(),
        options=(("about", quoted_message(about, me)),) if about is not None else (),
        attachments=(*message_attachments(message), *(message_attachments(about) if about is not None else ())),
        mentions=tuple(to_author(user) for user in message.mentions if user.id != me),
        thread=message_thread(message, *([about] if about is not None else [])) if is_task else None,
        card_thread=card_thread if card_thread.thread is not None else None,
    )


def to_edit_received(message: discord.Message, me: int) -> CommandReceived:
    """The edit of a message that gave a command: the command itself is given once."""
    event = to_command_received(message, me, TypedCommand(name=EDIT, text=message_words(message, me)))
    return replace(event, interaction=f"{message.id}/{message.edited_at.isoformat() if message.edited_at else ''}")


def addressed_command(message: discord.Message, me: int) -> TypedCommand:
    """The command, task or remark in a message that mentions the bot."""
    text, addressed = message_words(message, me).strip(), begins_with_mention(message, me)
    command = parse_typed_command(text)
    if command is not None and (addressed or is_plain_command(text)):
        return command
    return _task(message, me, TASK if addressed else REMARK)


def _task(message: discord.Message, me: int, name: str) -> TypedCommand:
    text = everything_in(message, me).strip()
    empty = not (text or message_attachments(message) or replied_message(message))
    return TypedCommand(name="help" if empty else name, text=text)


def unlisted_text(message: discord.Message) -> str:
    """The notice to a person whose message was reposted by an application that the team file does not list."""
    return (
        "Another app reposted your message and deleted the original, so it does not count. Use the buttons, or write without "
        "that app. The operator of this bot can let its messages count as yours: in the team file, "
        f'`message_proxies = ["{message.application_id}"]`.'
    )


@dataclass(frozen=True, slots=True)
class MessageLocation:
    """The place of a message: `inside` its thread, or beside it as a reply to the card."""

    place: Place
    inside: bool


class MessageListener:
    """Delivers messages to the bridge, for one adapter.

    `listed` are bots whose messages count like those of people; `proxies` are applications that repost people's messages.
    """

    def __init__(
        self,
        channels: ChannelCache,
        clock: Clock,
        listed: frozenset[str],
        proxies: frozenset[str],
        notices: AuthorNotices,
        cards: OpenCards,
        replies: PrivateReplies,
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._listed = listed
        self._proxies = proxies
        self._reposts = Reposts(clock)
        self._notices = notices
        self._cards = cards
        self._replies = replies
        self._locations: LruMap[int, MessageLocation] = LruMap(REMEMBERED)
        self._card_threads: LruMap[int, bool] = LruMap(REMEMBERED)

    async def on_message(self, message: discord.Message, on_event: InboundHandler) -> None:
        """Deliver a new or edited message if it is meant for the bot."""
        me = self._channels.client().me
        if not is_from_person(message, me, self._listed):
            if is_reposted(message):
                await self._on_reposted(message, on_event)
            return
        self._reposts.remember(message)
        event = await self._to_inbound(message, me)
        match event:
            case None:
                return
            case CommandReceived():
                await self._on_command(event, message, on_event)
            case MessageReceived():
                await self._on_reply(event, message, on_event)

    async def _on_command(self, event: CommandReceived, message: discord.Message, on_event: InboundHandler) -> None:
        """Deliver a command. A run that could not be shown for lack of permissions is refused here."""
        missing = missing_permissions_in(message.channel) if event.name in (TASK, REMARK, "ask") else ()
        if missing:
            await self._replies.reply(event, PrivateReply(text=missing_permissions_text(missing), tone="warning"))
        else:
            await self.deliver(event, on_event)

    async def _on_reply(self, event: MessageReceived, message: discord.Message, on_event: InboundHandler) -> None:
        if not (event.text or event.attachments):
            if not self._channels.can_read_messages and message.guild is not None:
                self._notices.notify(event.author, UNREADABLE)
            return
        # A later deletion event names only the message, so its place is remembered now.
        place = await self._place(message, self._channels.client().me) or event.place
        self._locations.put(message.id, MessageLocation(place, inside=event.question is None))
        await self.deliver(event, on_event)

    async def _on_reposted(self, message: discord.Message, on_event: InboundHandler) -> None:
        """Handle a message that an application posts for somebody. Its edits change what the bridge has of it, if anything."""
        if message.edited_at is None:
            repost = await self._reposts.on_reposted(message)
        else:
            repost = Repost(message, (unnamed_author(message),))
        if repost is not None:
            await self._deliver_repost(repost, on_event)

    async def _deliver_repost(self, repost: Repost, on_event: InboundHandler) -> None:
        """Deliver a reposted message in one of our threads. A command in it was given by its original already."""
        message, me = repost.message, self._channels.client().me
        place = await self._place(message, me)
        if place is None or begins_with_mention(message, me):
            return
        if str(message.application_id) not in self._proxies:
            _LOG.info("a message was reposted by the application %s, which the team file does not list", message.application_id)
            self._explain(repost, unlisted_text(message))
        elif len(repost.people) > 1:
            self._explain(repost, UNDECIDED)
        elif message.edited_at is None and self._cards.is_run(place):
            return  # the original was guidance, which the agents have read: they would read it twice
        else:
            await self._on_reply(to_message_received(message, place, me, repost.people[0]), message, on_event)

    def _explain(self, repost: Repost, text: str) -> None:
        for person in repost.people:
            if person.id:
                self._notices.notify(person, text)

    async def on_message_deleted(self, message: int, on_event: InboundHandler) -> None:
        """Deliver a deletion, if the message was delivered; before it, the copy that replaces the message."""
        repost = await self._reposts.on_deleted(message)
        if repost is not None:
            await self._deliver_repost(repost, on_event)
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

    async def deliver(self, event: InboundEvent, on_event: InboundHandler) -> None:
        """Deliver an event to the bridge, with retries until it is stored."""
        failures = 0
        while not await self._try_deliver(event, on_event):
            if failures == 0 and isinstance(event, CommandReceived):
                await self._replies.reply(event, PrivateReply(text=NOT_STARTED, tone="warning"))
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
        known = self._locations.get(message.id) if message.edited_at else None
        place = known.place if known is not None and known.inside else await self._place(message, me)
        if message.guild is None:
            return await self._direct_to_inbound(message, me, place)
        addressed = begins_with_mention(message, me)
        if place is not None:
            # In our threads everything but a command to the bot is a reply.
            command = parse_typed_command(message_words(message, me)) if addressed else None
            return to_message_received(message, place, me) if command is None else _commanded(message, me, command)
        return _commanded(message, me, addressed_command(message, me)) if mentions_bot(message, me) else None

    async def _direct_to_inbound(
        self, message: discord.Message, me: int, place: Place | None
    ) -> MessageReceived | CommandReceived | None:
        """In direct messages people seldom reply to a particular message, and need not mention the bot.

        Words answer the only open question there, or guide the run there, unless they are a command. Where several questions are
        open, the bridge asks which one they answer.
        """
        text, addressed = message_words(message, me).strip(), begins_with_mention(message, me)
        command = parse_typed_command(text)
        if command is not None and (addressed or (place is None and text.startswith("/"))):
            return _commanded(message, me, command)
        if place is None:
            cards = await self._open_questions(message, me)
            if len(cards) == 1 and not (is_plain_command(text) and not _offers(cards[0], text)):
                place = replace(direct_place(message.author.id), thread=str(cards[0].id))
            elif not cards and (command is None or command.name == "ask"):
                place = self._newest_card(direct_place(message.author.id))
        if place is not None:
            return to_message_received(message, place, me)
        return _commanded(message, me, command or _task(message, me, TASK))

    def _newest_card(self, place: Place) -> Place | None:
        """The newest open card in the direct messages with a person: that of a run, or of a question further up."""
        return max(self._cards.in_channels([place.channel]), key=lambda card: int(card.thread or 0), default=None)

    async def _place(self, message: discord.Message, me: int) -> Place | None:
        return message_place(message, me, card_thread=await self._is_card_thread(message.channel, me))

    async def _is_card_thread(self, channel: object, me: int) -> bool:
        """True if a person opened this thread on one of our cards, perhaps before the bot did.

        A thread has the id of the message that it was opened on, so that message is looked up, once for each thread.
        """
        if not isinstance(channel, discord.Thread) or channel.owner_id == me:
            return False
        if self._cards.find(channel.id) is not None:
            return True
        known = self._card_threads.get(channel.id)
        if known is None:
            known = await self._starts_with_card(channel, me)
            self._card_threads.put(channel.id, known)
        return known

    async def _starts_with_card(self, thread: discord.Thread, me: int) -> bool:
        try:
            parent: Any = await self._channels.get(thread.parent_id)
            if thread_kind(parent) != "thread":
                return False
            async with bounded_attempt():
                starter = await parent.fetch_message(thread.id)
        except SendRejected:
            return False  # the thread was not opened on a message, or it was deleted
        except NotSent as failure:
            _LOG.warning("the first message of thread %s cannot be looked up: %s", thread.id, failure)
            return False
        return bool(starter.author.id == me and card_footer(starter) is not None)

    async def _channel(self, message: discord.Message) -> discord.abc.MessageableChannel:
        """The channel of a message; a thread that was archived a moment ago is not known to the client yet."""
        try:
            return await self._channels.get(message.channel.id)  # type: ignore[return-value]  # whatever holds a message
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the channel of message %s cannot be looked up: %s", message.id, failure)
            return message.channel

    async def _open_questions(self, message: discord.Message, me: int) -> list[discord.Message]:
        """The cards of open questions in the newest direct messages: the cards of ours that still have components."""
        try:
            async with bounded_attempt():
                recent = [earlier async for earlier in message.channel.history(limit=RECENT_MESSAGES, before=message)]
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the direct messages with %s cannot be read: %s", message.author.id, failure)
            return []
        return [earlier for earlier in recent if earlier.author.id == me and _is_open_question(earlier)]


def _commanded(message: discord.Message, me: int, command: TypedCommand) -> CommandReceived:
    return to_edit_received(message, me) if message.edited_at else to_command_received(message, me, command)


def _is_open_question(message: discord.Message) -> bool:
    numbered = parse_question_number(card_footer(message)) is not None
    return numbered and any(card_controls(message))


def _offers(card: discord.Message, text: str) -> bool:
    """True if an option of a question's card contains these words, which then answer it."""
    labels = [str(getattr(control, "label", "")) for control in card_controls(card)]
    return any(text.strip(" .!/").casefold() in label.casefold() for label in labels)
