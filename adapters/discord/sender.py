"""Outbound posts: each post as the requests that create or edit its messages, in a channel, thread, forum or direct message.

Two Discord rules shape this. A message has a nonce, so a lost response can be repeated without a second copy (see `markers`); a
forum post has none, so its one request is never repeated blindly. And archived or locked threads refuse messages and edits: they
are reopened first, which needs Manage Threads when the thread is locked.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, assert_never

import discord
from discord.channel import ThreadWithMessage

from adapters.discord.card_threads import ARCHIVE_AFTER, CardThreads
from adapters.discord.channels import AnyChannel, ChannelCache, ThreadKind, direct_place, message_url, thread_kind
from adapters.discord.containers import card_container
from adapters.discord.errors import (
    ARCHIVED,
    DIRECT_MESSAGES_CLOSED,
    INVALID_FORM,
    LOCKED,
    NO_ACCESS,
    NO_PERMISSION,
    OLD_EDITS,
    TOO_LARGE,
    UNKNOWN_MESSAGE,
    bounded_attempt,
    has_code,
)
from adapters.discord.forum_tags import CardState, card_state, tags_of_post
from adapters.discord.markers import nonce
from adapters.discord.render import (
    DiscordMessage,
    question_thread_name,
    render_final_answer,
    render_note,
    render_question_card,
    render_run_card,
    run_thread_name,
)
from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    FinalAnswer,
    Note,
    OutboundPost,
    PostedMessage,
    QuestionCard,
    RunCard,
)
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.lru_map import LruMap
from orchestrator_bridge.common.text import clean

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

REMEMBERED = 5000

ABSENT_RETRY_AFTER, ABSENT_FOR = 300.0, 7 * 86_400.0
"""Seconds between two attempts to close a card in a channel that shuts the bot out, and seconds for which it is tried."""

ACKNOWLEDGEMENT_EMOJI = {"taken": "✅", "late": "⌛", "refused": "🚫", "passed": "👋"}
"""The reaction for each result of a reply."""


class MessageApi:
    """Requests that create and edit messages, for one adapter. `timeout` is that of a response, in seconds, as in
    `bounded_attempt`."""

    def __init__(self, channels: ChannelCache, threads: CardThreads, timeout: float) -> None:
        self._channels = channels
        self._threads = threads
        self._timeout = timeout
        self._fingerprints: LruMap[int, str] = LruMap(REMEMBERED)

    async def thread_kind_at(self, place: Place) -> tuple[AnyChannel, ThreadKind]:
        """A place's channel, and the form in which a card collects replies there."""
        channel = await self._channels.resolve(place.channel)
        return channel, thread_kind(channel)

    async def reply_target(self, place: Place) -> tuple[AnyChannel, int | None]:
        """The channel or thread for a message at a place, and the message that it replies to, if any."""
        channel, form = await self.thread_kind_at(place)
        if place.thread is None:
            return channel, None
        card = int(place.thread)
        if form == "replies" or (form == "thread" and not await self._threads.is_open(card, channel)):
            return channel, card
        return await self._channels.get(card), None

    async def post_message(
        self, channel: AnyChannel, shown: DiscordMessage, nonce: str, reply_to: int | None = None
    ) -> discord.Message:
        """Post a message, once for each nonce; where Discord does not accept its form, in a plain one."""
        try:
            return await self._post(channel, shown, nonce, reply_to)
        except SendRejected as failure:
            if not (has_code(failure, INVALID_FORM) or has_code(failure, TOO_LARGE)):
                raise
            _LOG.warning("Discord refuses the form of a message, a plain one is sent: %s", failure)
        return await self._post(channel, shown.plain, nonce, reply_to)

    async def _post(self, channel: AnyChannel, shown: DiscordMessage, nonce: str, reply_to: int | None) -> discord.Message:
        where = _messageable(channel)
        reference = (
            discord.MessageReference(message_id=reply_to, channel_id=where.id, fail_if_not_exists=False) if reply_to else None
        )

        async def request() -> discord.Message:
            sent: discord.Message = await where.send(
                shown.content or None,
                embeds=list(shown.embeds),
                view=shown.view(),
                nonce=nonce,
                allowed_mentions=shown.allowed_mentions,
                reference=reference,
                files=_files(shown),
            )
            return sent

        message = await self._with_open_thread(channel, request)
        self._fingerprints.put(message.id, shown.fingerprint)
        return message

    async def create_forum_post(self, forum: AnyChannel, name: str, shown: DiscordMessage, state: CardState) -> ThreadWithMessage:
        """Open a forum post in one request. It takes no nonce, so the request is not repeated before history was read."""
        if not isinstance(forum, discord.ForumChannel):
            raise SendRejected(f"channel {getattr(forum, 'id', '?')} is no forum")
        async with bounded_attempt(self._timeout, repeatable=False):
            made: ThreadWithMessage = await forum.create_thread(
                name=name,
                content=shown.content,
                embeds=list(shown.embeds),
                view=shown.view(),
                allowed_mentions=shown.allowed_mentions,
                auto_archive_duration=ARCHIVE_AFTER,
                applied_tags=tags_of_post(forum, state),
            )
        return made

    async def tag_forum_post(self, place: Place, posted: PostedMessage, state: CardState) -> None:
        """Show the state of a card by the tags of its forum post, if the place is a forum. A failure changes nothing else."""
        try:
            forum, _ = await self.thread_kind_at(place)
            thread = await self._channels.get(int(posted.thread or posted.message))
            if not isinstance(forum, discord.ForumChannel) or not isinstance(thread, discord.Thread):
                return
            tags = tags_of_post(forum, state, thread.applied_tags)
            if {tag.id for tag in tags} != {tag.id for tag in thread.applied_tags}:
                async with bounded_attempt(self._timeout):
                    await thread.edit(applied_tags=tags)
        except (NotSent, SendRejected, SendUncertain) as failure:
            _LOG.info("the tags of a forum post stay as they are: %s", failure)

    async def open_thread(self, message: discord.Message, name: str) -> None:
        """Open the thread of a card, later if it takes long."""
        await self._threads.open(message, name)

    async def edit_card(self, place: Place, posted: PostedMessage, shown: DiscordMessage) -> None:
        """Edit a card, unless its content is the same. In a forum the card stands in its own thread."""
        message = int(posted.message)
        if self._fingerprints.get(message) == shown.fingerprint:
            return
        channel, form = await self.thread_kind_at(place)
        where = await self._channels.get(int(posted.thread or message)) if form == "post" else channel
        card = _messageable(where).get_partial_message(message)
        await self._edit(where, card, shown)
        self._fingerprints.put(message, shown.fingerprint)

    async def edit_in_thread(self, place: Place, posted: PostedMessage, shown: DiscordMessage) -> None:
        """Edit a card that stands in a thread, unless its content is the same."""
        message_id = int(posted.message)
        if self._fingerprints.get(message_id) == shown.fingerprint:
            return

        async def edit(channel: AnyChannel) -> None:
            await self._edit(channel, _messageable(channel).get_partial_message(message_id), shown)

        await self._in_thread_or_channel(place, edit)
        self._fingerprints.put(message_id, shown.fingerprint)

    async def convert_card(self, message: discord.Message, shown: DiscordMessage) -> None:
        """Edit a card that was just posted into a container. If that fails, it stays as it is until its next edit."""
        if not message.components:
            return  # Discord did not accept its form, so that it has no controls either
        try:
            await self._edit(message.channel, message, shown)
        except (NotSent, SendRejected, SendUncertain) as failure:
            _LOG.info("card %s stays an embed for now: %s", message.id, failure)

    async def _edit(self, channel: AnyChannel, card: Any, shown: DiscordMessage) -> None:
        """Edit a card, as a container; one that Discord does not accept as such, as text with an embed."""
        try:
            await self._with_open_thread(
                channel,
                lambda: card.edit(content=None, embeds=[], view=card_container(shown), allowed_mentions=shown.allowed_mentions),
            )
        except SendRejected as failure:
            if not has_code(failure, INVALID_FORM):
                raise
            _LOG.warning("Discord refuses a card as a container, it is edited as an embed: %s", failure)
            await self._with_open_thread(
                channel,
                lambda: card.edit(
                    content=shown.content, embeds=list(shown.embeds), view=shown.view(), allowed_mentions=shown.allowed_mentions
                ),
            )

    async def edit_text(self, place: Place, posted: PostedMessage, shown: DiscordMessage) -> PostedMessage:
        """Edit a message without an embed."""

        async def edit(channel: AnyChannel) -> None:
            message = _messageable(channel).get_partial_message(int(posted.message))
            await self._with_open_thread(
                channel, lambda: message.edit(content=shown.content, allowed_mentions=shown.allowed_mentions)
            )

        await self._in_thread_or_channel(place, edit)
        return posted

    async def react(self, place: Place, message: int, emoji: str) -> None:
        """React to a message in the card's thread, or in the channel if it is a reply to the card itself."""

        async def react(channel: AnyChannel) -> None:
            target = _messageable(channel).get_partial_message(message)
            await self._with_open_thread(channel, lambda: target.add_reaction(emoji))

        await self._in_thread_or_channel(place, react)

    async def _in_thread_or_channel(self, place: Place, act: Callable[[AnyChannel], Awaitable[None]]) -> None:
        """Act on a message in a card's thread; if it is not there, in the channel, where replies to the card are."""
        channel, _ = await self.reply_target(place)
        try:
            await act(channel)
        except SendRejected as failure:
            home, _ = await self.thread_kind_at(place)
            if home is channel or not has_code(failure, UNKNOWN_MESSAGE):
                raise
            await act(home)

    async def _with_open_thread(self, channel: AnyChannel, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; if the thread is archived or locked, reopen it and repeat the request."""
        # Discord archives a thread after a week of silence. A new message reopens it, an edit or a reaction does not, and a
        # locked thread refuses all of them. It is reopened only after a refusal: otherwise each post would cost two requests.
        try:
            async with bounded_attempt(self._timeout):
                return await request()
        except SendRejected as failure:
            if not (has_code(failure, ARCHIVED) or has_code(failure, LOCKED)) or not isinstance(channel, discord.Thread):
                raise
        async with bounded_attempt(self._timeout):
            await channel.edit(archived=False, locked=False)
        async with bounded_attempt(self._timeout):
            return await request()


def _messageable(channel: AnyChannel) -> Any:
    """The channel as one that takes messages.

    Raises:
        SendRejected: it takes none, such as a category.
    """
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"channel {getattr(channel, 'id', '?')} takes no messages: it is a {type(channel).__name__}")
    return channel


def _files(shown: DiscordMessage) -> list[discord.File]:
    if shown.text_file is None:
        return []
    name, text = shown.text_file
    return [discord.File(io.BytesIO(text.encode()), filename=name)]


class DiscordSender:
    """Sends posts, for one adapter."""

    def __init__(self, channels: ChannelCache, messages: MessageApi) -> None:
        self._channels = channels
        self._messages = messages

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Send a post, as `Adapter.send` specifies."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._send_card(outbound, outbound.post)
            case Note() | FinalAnswer():
                messages = self.render_messages(outbound)
                if outbound.replaces is not None:
                    return await self._messages.edit_text(outbound.place, outbound.replaces, messages[0])
                return await self.post_messages(outbound, messages, done=[])
            case Acknowledgement():
                return await self._acknowledge(outbound, outbound.post)
            case _:
                assert_never(outbound.post)

    def render_card(self, card: RunCard | QuestionCard, key: str) -> tuple[DiscordMessage, str]:
        """A card's message, and the name of its thread. `key` is the outbox key."""
        match card:
            case RunCard():
                return render_run_card(card, key), run_thread_name(card)
            case QuestionCard():
                return render_question_card(card, key, typed=self._channels.can_read_messages), question_thread_name(card)
            case _:
                assert_never(card)

    def render_messages(self, outbound: OutboundPost) -> list[DiscordMessage]:
        """The messages of a post without a card, the last with the address of the message that they are about."""
        post, link = outbound.post, outbound.link
        if isinstance(post, FinalAnswer):
            return render_final_answer(post)
        messages = render_note(post) if isinstance(post, Note) else []
        url = message_url(link.place, link.message, self._channels.guild_of) if link else None
        return messages if url is None else [*messages[:-1], replace(messages[-1], content=f"{messages[-1].content}\n{url}")]

    async def _send_card(self, outbound: OutboundPost, card: RunCard | QuestionCard) -> PostedMessage:
        if outbound.replaces is not None:
            return await self._edit_card(outbound, card, outbound.replaces)
        shown, name = self.render_card(card, outbound.key)
        if is_turn(outbound):
            return await self.post_messages(outbound, [shown], done=[])
        channel, form = await self._messages.thread_kind_at(outbound.place)
        if form == "post":
            made = await self._messages.create_forum_post(channel, name, shown, card_state(card))
            await self._convert(card, made.message, shown)
            return to_posted(made.message, made.thread.id)
        message = await self._messages.post_message(channel, shown, nonce(outbound.key))
        if form == "thread":
            await self._messages.open_thread(message, name)
        await self._convert(card, message, shown)
        return to_posted(message)

    async def _convert(self, card: RunCard | QuestionCard, message: discord.Message, shown: DiscordMessage) -> None:
        # The card of a run is converted by its first edit, some seconds later; a question's may stand for hours without one.
        if isinstance(card, QuestionCard) and not card.ended:
            await self._messages.convert_card(message, shown)

    async def _edit_card(self, outbound: OutboundPost, card: RunCard | QuestionCard, replaced: PostedMessage) -> PostedMessage:
        """Edit a card.

        Discord limits edits of messages older than an hour. A progress update is then dropped; the final state is retried.
        """
        shown = self.render_card(card, outbound.key)[0]
        try:
            if is_turn(outbound):
                await self._messages.edit_in_thread(outbound.place, replaced, shown)
            else:
                await self._messages.edit_card(outbound.place, replaced, shown)
                if card.ended:
                    await self._messages.tag_forum_post(outbound.place, replaced, card_state(card))
        except NotSent as failure:
            if card.ended or not has_code(failure, OLD_EDITS):
                raise
            _LOG.info("an update of a card is dropped: %s", failure)
        except SendRejected as failure:
            absent = has_code(failure, NO_ACCESS) or has_code(failure, NO_PERMISSION)
            if not (card.ended and absent and time.time() < outbound.since + ABSENT_FOR):
                raise
            raise NotSent(f"the card is closed once I may edit it: {failure}", ABSENT_RETRY_AFTER) from failure
        return replaced

    async def post_messages(
        self, outbound: OutboundPost, messages: list[DiscordMessage], done: list[discord.Message]
    ) -> PostedMessage:
        """Post the remaining messages of a post, in order; those in `done` exist already."""
        channel, reply_to = await self._messages.reply_target(outbound.place)
        made = list(done)
        for part, shown in enumerate(messages[len(done) :], len(done)):
            try:
                made.append(await self._messages.post_message(channel, shown, nonce(outbound.key, part), reply_to))
            except (NotSent, SendRejected) as failure:
                if not made:
                    raise
                # A retry of the whole post would repeat the parts that stand once their nonces have expired.
                raise SendUncertain(f"only {len(made)} of {len(messages)} messages were posted: {failure}") from failure
        return PostedMessage(message=str(made[0].id), thread=outbound.place.thread, at=made[0].created_at.timestamp())

    async def _acknowledge(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> PostedMessage:
        """React to a reply; a text, if there is one, goes to its author alone."""
        await self._messages.react(outbound.place, int(acknowledgement.message), ACKNOWLEDGEMENT_EMOJI[acknowledgement.sign])
        if acknowledgement.text:
            await self._acknowledge_directly(outbound, acknowledgement)
        return PostedMessage(
            message=acknowledgement.message, thread=outbound.place.thread, at=snowflake_time(acknowledgement.message)
        )

    async def _acknowledge_directly(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> None:
        shown = render_note(Note(text=acknowledgement.text))[0]
        try:
            channel, _ = await self._messages.reply_target(direct_place(acknowledgement.author.id))
            await self._messages.post_message(channel, shown, nonce(outbound.key))
        except SendRejected as failure:
            if not has_code(failure, DIRECT_MESSAGES_CLOSED):
                raise
            await self._acknowledge_in_thread(outbound, acknowledgement)

    async def _acknowledge_in_thread(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> None:
        """Answer in the thread of the reply, for a person who accepts no direct messages."""
        channel, reply_to = await self._messages.reply_target(outbound.place)
        text = f"{clean(acknowledgement.author.name)}: {acknowledgement.text}"
        await self._messages.post_message(channel, render_note(Note(text=text))[0], nonce(outbound.key, 1), reply_to)


class AuthorNotices:
    """Explains to authors, once each, why their messages do not count."""

    def __init__(self, messages: MessageApi) -> None:
        self._messages = messages
        self._notified: set[tuple[str, str]] = set()
        self._tasks = BackgroundTasks()

    def notify(self, author: Author, text: str) -> None:
        """Send a notice as a direct message in the background, unless the author has it."""
        if (author.id, text) not in self._notified:
            self._notified.add((author.id, text))
            self._tasks.start(self._send(author, text))

    async def stop(self) -> None:
        """Cancel the notices that are being sent."""
        await self._tasks.stop()

    async def _send(self, author: Author, text: str) -> None:
        try:
            channel, _ = await self._messages.reply_target(direct_place(author.id))
            await self._messages.post_message(channel, DiscordMessage(content=text), nonce(f"notice {author.id} {text}"))
        except Exception as failure:
            _LOG.warning("a notice to %s was not delivered: %s", author.id, failure)


def is_turn(outbound: OutboundPost) -> bool:
    """True for the card of a next turn, which is a message in the thread of its conversation."""
    return isinstance(outbound.post, RunCard) and outbound.post.continues is not None and outbound.place.thread is not None


def to_posted(message: discord.Message, thread: int | None = None) -> PostedMessage:
    """The result of posting a card. Its thread has its id; so do replies to it where there is no thread."""
    return PostedMessage(message=str(message.id), thread=str(thread or message.id), at=message.created_at.timestamp())


def snowflake_time(message: str) -> float:
    """The creation time of a message by Discord's clock, in seconds since the epoch."""
    return discord.utils.snowflake_time(int(message)).timestamp()
