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

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """As `Adapter.send` says."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._card(outbound, outbound.post)
            case Note() | FinalAnswer():
                messages = self.rendered(outbound.post)
                if outbound.replaces is not None:
                    return await self._post.edit_text(outbound.place, outbound.replaces, messages[0])
                return await self.texts(outbound, messages, done=[])
            case Acknowledgement():
                return await self._receipt(outbound, outbound.post)

    def card(self, outbound: OutboundPost) -> tuple[Shown, str]:
        """A card as it looks, and the name of its thread."""
        if isinstance(outbound.post, RunCard):
            return run_card(outbound.post, outbound.key), run_name(outbound.post)
        assert isinstance(outbound.post, QuestionCard)
        return question_card(outbound.post, outbound.key, typed=self._typed()), question_name(outbound.post)

    def rendered(self, post: Note | FinalAnswer) -> list[Shown]:
        """The messages of a post without a card."""
        return note(post) if isinstance(post, Note) else final_answer(post)

    # Cards ----------------------------------------------------------------------------------------------------------------

    async def _card(self, outbound: OutboundPost, card: RunCard | QuestionCard) -> PostedMessage:
        if outbound.replaces is not None:
            return await self._replace(outbound, card, outbound.replaces)
        shown, name = self.card(outbound)
        channel, form = await self._post.form(outbound.place)
        if form == "post":
            made = await self._post.open_post(channel, name, shown)
            return posted(made.message, made.thread.id)
        message = await self._post.say(channel, shown, nonce(outbound.key))
        if form == "thread":
            await self._post.open_thread(message, name)
        return posted(message)

    async def _replace(self, outbound: OutboundPost, card: RunCard | QuestionCard, replaced: PostedMessage) -> PostedMessage:
        """Edit a card. Discord takes few edits of messages older than an hour: progress is then left out, an end waits."""
        try:
            await self._post.edit(outbound.place, replaced, self.card(outbound)[0])
        except NotSent as failure:
            if card.ended or not is_code(failure, OLD_EDITS):
                raise
            _LOG.info("a card's progress is left out: %s", failure)
        return replaced

    # Words ----------------------------------------------------------------------------------------------------------------

    async def texts(self, outbound: OutboundPost, messages: list[Shown], done: list[discord.Message]) -> PostedMessage:
        """Post what is left of several messages, in order; those `done` stand already."""
        channel, reply_to = await self._post.spot(outbound.place)
        made = list(done)
        for part, shown in enumerate(messages[len(done) :], len(done)):
            try:
                made.append(await self._post.say(channel, shown, nonce(outbound.key, part), reply_to))
            except (NotSent, SendRejected) as failure:
                if not made:
                    raise
                raise SendUncertain(f"only {len(made)} of {len(messages)} messages were posted: {failure}") from failure
        return PostedMessage(message=str(made[0].id), thread=outbound.place.thread, at=made[0].created_at.timestamp())

    async def _receipt(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> PostedMessage:
        """A reaction where it was said; words, if there are any, to the person alone."""
        await self._react(outbound.place, int(acknowledgement.message), SIGNS[acknowledgement.sign])
        if acknowledgement.text:
            await self._privately(outbound, acknowledgement)
        return PostedMessage(
            message=acknowledgement.message, thread=outbound.place.thread, at=snowflake_time(acknowledgement.message)
        )

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

    async def _privately(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> None:
        shown = note(Note(text=acknowledgement.text))[0]
        try:
            channel, _ = await self._post.spot(direct(acknowledgement.author.id))
            await self._post.say(channel, shown, nonce(outbound.key))
        except SendRejected as failure:
            if not is_code(failure, CLOSED_TO_US):
                raise
            await self._openly(outbound, acknowledgement)

    async def _openly(self, outbound: OutboundPost, acknowledgement: Acknowledgement) -> None:
        """Whoever takes no direct messages finds the words where she wrote."""
        channel, reply_to = await self._post.spot(outbound.place)
        text = f"{clean(acknowledgement.author.name)}: {acknowledgement.text}"
        await self._post.say(channel, note(Note(text=text))[0], nonce(outbound.key, 1), reply_to)


def posted(message: discord.Message, thread: int | None = None) -> PostedMessage:
    """What became of a card. Its thread has its id, and so have the replies to it where there is no thread."""
    return PostedMessage(message=str(message.id), thread=str(thread or message.id), at=message.created_at.timestamp())


def snowflake_time(message: str) -> float:
    """When a message was made, by Discord's clock, in seconds."""
    return discord.utils.snowflake_time(int(message)).timestamp()
