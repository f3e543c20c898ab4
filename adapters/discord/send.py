"""Renders each kind of post and brings it to where it belongs."""

from __future__ import annotations

import logging
from collections.abc import Callable

import discord

from adapters.discord.cards import question_thread_name, render_question_card, render_run_card, run_thread_name
from adapters.discord.failures import DIRECT_MESSAGES_CLOSED, OLD_EDITS, UNKNOWN_MESSAGE, has_code
from adapters.discord.marks import nonce
from adapters.discord.places import direct_place
from adapters.discord.post import MessageApi
from adapters.discord.shown import DiscordMessage
from adapters.discord.words import render_final_answer, render_note
from orchestrator_bridge.chat import (
    Acknowledgement,
    FinalAnswer,
    Note,
    NotSent,
    OutboundPost,
    Place,
    PostedMessage,
    QuestionCard,
    RunCard,
    SendRejected,
    SendUncertain,
)
from orchestrator_bridge.text import clean

_LOG = logging.getLogger(__name__)

ACKNOWLEDGEMENT_EMOJI = {"taken": "✅", "late": "⌛", "refused": "🚫", "passed": "👋"}
"""The reaction on a message for what became of it."""


class DiscordSender:
    """Sends for one adapter. `can_read_messages` says whether words in channels can be read, so that cards do not promise it."""

    def __init__(self, messages: MessageApi, can_read_messages: Callable[[], bool]) -> None:
        self._messages = messages
        self._can_read_messages = can_read_messages

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """As `Adapter.send` says."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._send_card(outbound, outbound.post)
            case Note() | FinalAnswer():
                messages = self.render_messages(outbound.post)
                if outbound.replaces is not None:
                    return await self._messages.edit_text(outbound.place, outbound.replaces, messages[0])
                return await self.post_messages(outbound, messages, done=[])
            case Acknowledgement():
                return await self._acknowledge(outbound, outbound.post)

    def render_card(self, outbound: OutboundPost) -> tuple[DiscordMessage, str]:
        """A card as it looks, and the name of its thread."""
        if isinstance(outbound.post, RunCard):
            return render_run_card(outbound.post, outbound.key), run_thread_name(outbound.post)
        assert isinstance(outbound.post, QuestionCard)
        return render_question_card(outbound.post, outbound.key, typed=self._can_read_messages()), question_thread_name(
            outbound.post
        )

    def render_messages(self, post: Note | FinalAnswer) -> list[DiscordMessage]:
        """The messages of a post without a card."""
        return render_note(post) if isinstance(post, Note) else render_final_answer(post)

    # Cards ----------------------------------------------------------------------------------------------------------------

    async def _send_card(self, outbound: OutboundPost, card: RunCard | QuestionCard) -> PostedMessage:
        if outbound.replaces is not None:
            return await self._edit_card(outbound, card, outbound.replaces)
        shown, name = self.render_card(outbound)
        channel, form = await self._messages.thread_kind_at(outbound.place)
        if form == "post":
            made = await self._messages.create_forum_post(channel, name, shown)
            return to_posted(made.message, made.thread.id)
        message = await self._messages.post_message(channel, shown, nonce(outbound.key))
        if form == "thread":
            await self._messages.create_thread(message, name)
        return to_posted(message)

    async def _edit_card(self, outbound: OutboundPost, card: RunCard | QuestionCard, replaced: PostedMessage) -> PostedMessage:
        """Edit a card. Discord takes few edits of messages older than an hour: progress is then left out, an end waits."""
        try:
            await self._messages.edit_card(outbound.place, replaced, self.render_card(outbound)[0])
        except NotSent as failure:
            if card.ended or not has_code(failure, OLD_EDITS):
                raise
            _LOG.info("a card's progress is left out: %s", failure)
        return replaced

    # Words ----------------------------------------------------------------------------------------------------------------

    async def post_messages(
        self, outbound: OutboundPost, messages: list[DiscordMessage], done: list[discord.Message]
    ) -> PostedMessage:
        """Post what is left of several messages, in order; those `done` stand already."""
        channel, reply_to = await self._messages.reply_target(outbound.place)
        made = list(done)
        for part, shown in enumerate(messages[len(done) :], len(done)):
            try:
                made.append(await self._messages.post_message(channel, shown, nonce(outbound.key, part), reply_to))
            except (NotSent, SendRejected) as failure:
                if not made:
                    raise
                raise SendUncertain(f"only {len(made)} of {len(messages)} messages were posted: {failure}") from failure
        return PostedMessage(message=str(made[0].id), thread=outbound.place.thread, at=made[0].created_at.timestamp())

    async def _acknowledge(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> PostedMessage:
        """A reaction where it was said; words, if there are any, to the person alone."""
        await self._react(outbound.place, int(acknowledgement.message), ACKNOWLEDGEMENT_EMOJI[acknowledgement.sign])
        if acknowledgement.text:
            await self._acknowledge_directly(outbound, acknowledgement)
        return PostedMessage(
            message=acknowledgement.message, thread=outbound.place.thread, at=snowflake_time(acknowledgement.message)
        )

    async def _react(self, place: Place, message: int, sign: str) -> None:
        """In the card's thread, or in the channel where somebody replied to the card itself."""
        channel, _ = await self._messages.reply_target(place)
        try:
            await self._messages.add_reaction(channel, message, sign)
        except SendRejected as failure:
            home, _ = await self._messages.thread_kind_at(place)
            if home is channel or not has_code(failure, UNKNOWN_MESSAGE):
                raise
            await self._messages.add_reaction(home, message, sign)

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
        """Whoever takes no direct messages finds the words where she wrote."""
        channel, reply_to = await self._messages.reply_target(outbound.place)
        text = f"{clean(acknowledgement.author.name)}: {acknowledgement.text}"
        await self._messages.post_message(channel, render_note(Note(text=text))[0], nonce(outbound.key, 1), reply_to)


def to_posted(message: discord.Message, thread: int | None = None) -> PostedMessage:
    """What became of a card. Its thread has its id, and so have the replies to it where there is no thread."""
    return PostedMessage(message=str(message.id), thread=str(thread or message.id), at=message.created_at.timestamp())


def snowflake_time(message: str) -> float:
    """When a message was made, by Discord's clock, in seconds."""
    return discord.utils.snowflake_time(int(message)).timestamp()
