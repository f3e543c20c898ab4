"""Renders each kind of post and brings it to where it belongs."""

from __future__ import annotations

import logging
from collections.abc import Callable

import discord

from adapters.discord.cards import question_card, question_name, run_card, run_name
from adapters.discord.failures import CLOSED_TO_US, OLD_EDITS, UNKNOWN_MESSAGE, is_code
from adapters.discord.marks import nonce
from adapters.discord.places import direct
from adapters.discord.post import Post
from adapters.discord.shown import Shown
from adapters.discord.words import final_answer, note
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

SIGNS = {"taken": "✅", "late": "⌛", "refused": "🚫", "passed": "👋"}
"""The reaction on a message for what became of it."""


class Send:
    """Sends for one adapter. `typed` says whether words in channels can be read, so that cards do not promise it."""

    def __init__(self, post: Post, typed: Callable[[], bool]) -> None:
        self._post = post
        self._typed = typed

    async def send(self, sending: OutboundPost) -> PostedMessage:
        """As `Adapter.send` says."""
        match sending.post:
            case RunCard() | QuestionCard():
                return await self._card(sending, sending.post)
            case Note() | FinalAnswer():
                messages = self.rendered(sending.post)
                if sending.replaces is not None:
                    return await self._post.edit_text(sending.place, sending.replaces, messages[0])
                return await self.texts(sending, messages, done=[])
            case Acknowledgement():
                return await self._receipt(sending, sending.post)

    def card(self, sending: OutboundPost) -> tuple[Shown, str]:
        """A card as it looks, and the name of its thread."""
        if isinstance(sending.post, RunCard):
            return run_card(sending.post, sending.key), run_name(sending.post)
        assert isinstance(sending.post, QuestionCard)
        return question_card(sending.post, sending.key, typed=self._typed()), question_name(sending.post)

    def rendered(self, post: Note | FinalAnswer) -> list[Shown]:
        """The messages of a post without a card."""
        return note(post) if isinstance(post, Note) else final_answer(post)

    # Cards ----------------------------------------------------------------------------------------------------------------

    async def _card(self, sending: OutboundPost, card: RunCard | QuestionCard) -> PostedMessage:
        if sending.replaces is not None:
            return await self._replace(sending, card, sending.replaces)
        shown, name = self.card(sending)
        channel, form = await self._post.form(sending.place)
        if form == "post":
            made = await self._post.open_post(channel, name, shown)
            return posted(made.message, made.thread.id)
        message = await self._post.say(channel, shown, nonce(sending.key))
        if form == "thread":
            await self._post.open_thread(message, name)
        return posted(message)

    async def _replace(self, sending: OutboundPost, card: RunCard | QuestionCard, replaced: PostedMessage) -> PostedMessage:
        """Edit a card. Discord takes few edits of messages older than an hour: progress is then left out, an end waits."""
        try:
            await self._post.edit(sending.place, replaced, self.card(sending)[0])
        except NotSent as failure:
            if card.ended or not is_code(failure, OLD_EDITS):
                raise
            _LOG.info("a card's progress is left out: %s", failure)
        return replaced

    # Words ----------------------------------------------------------------------------------------------------------------

    async def texts(self, sending: OutboundPost, messages: list[Shown], done: list[discord.Message]) -> PostedMessage:
        """Post what is left of several messages, in order; those `done` stand already."""
        channel, reply_to = await self._post.spot(sending.place)
        made = list(done)
        for part, shown in enumerate(messages[len(done) :], len(done)):
            try:
                made.append(await self._post.say(channel, shown, nonce(sending.key, part), reply_to))
            except (NotSent, SendRejected) as failure:
                if not made:
                    raise
                raise SendUncertain(f"only {len(made)} of {len(messages)} messages were posted: {failure}") from failure
        return PostedMessage(message=str(made[0].id), thread=sending.place.thread, at=made[0].created_at.timestamp())

    async def _receipt(self, sending: OutboundPost, receipt: Acknowledgement) -> PostedMessage:
        """A reaction where it was said; words, if there are any, to the person alone."""
        await self._react(sending.place, int(receipt.message), SIGNS[receipt.sign])
        if receipt.text:
            await self._privately(sending, receipt)
        return PostedMessage(message=receipt.message, thread=sending.place.thread, at=snowflake_time(receipt.message))

    async def _react(self, place: Place, message: int, sign: str) -> None:
        """In the card's thread, or in the channel where somebody replied to the card itself."""
        channel, _ = await self._post.spot(place)
        try:
            await self._post.react(channel, message, sign)
        except SendRejected as failure:
            home, _ = await self._post.form(place)
            if home is channel or not is_code(failure, UNKNOWN_MESSAGE):
                raise
            await self._post.react(home, message, sign)

    async def _privately(self, sending: OutboundPost, receipt: Acknowledgement) -> None:
        shown = note(Note(text=receipt.text))[0]
        try:
            channel, _ = await self._post.spot(direct(receipt.author.id))
            await self._post.say(channel, shown, nonce(sending.key))
        except SendRejected as failure:
            if not is_code(failure, CLOSED_TO_US):
                raise
            await self._openly(sending, receipt)

    async def _openly(self, sending: OutboundPost, receipt: Acknowledgement) -> None:
        """Whoever takes no direct messages finds the words where she wrote."""
        channel, reply_to = await self._post.spot(sending.place)
        text = f"{clean(receipt.author.name)}: {receipt.text}"
        await self._post.say(channel, note(Note(text=text))[0], nonce(sending.key, 1), reply_to)


def posted(message: discord.Message, thread: int | None = None) -> PostedMessage:
    """What became of a card. Its thread has its id, and so have the replies to it where there is no thread."""
    return PostedMessage(message=str(message.id), thread=str(thread or message.id), at=message.created_at.timestamp())


def snowflake_time(message: str) -> float:
    """When a message was made, by Discord's clock, in seconds."""
    return discord.utils.snowflake_time(int(message)).timestamp()
