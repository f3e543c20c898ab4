"""Reactions to question cards as answers: an emoji that can only mean one option counts like a click on its button.

The event names only the message, so the card is read, and its own components say which question and options it has. Removing a
reaction withdraws its answer. For closed cards the reactions of this process are remembered, so that the person learns that the
removal changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Literal
from weakref import WeakValueDictionary

import discord

from adapters.discord.channels import ChannelCache, to_author
from adapters.discord.components import DiscordControl, parse_control
from adapters.discord.errors import bounded_attempt
from adapters.discord.messages import MessageListener
from adapters.discord.posted_cards import card_controls
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Author, ControlUsed, InboundHandler, Place
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.emoji import chosen_option, is_answer_emoji
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)


REMEMBERED = 1000
"""Reactions whose card and question are remembered: a card that is closed no longer says which they were."""


class ReactionReader:
    """Reads reactions, for one adapter. `listed` are bots whose reactions count like those of people."""

    def __init__(self, channels: ChannelCache, clock: Clock, listed: frozenset[str]) -> None:
        self._channels = channels
        self._clock = clock
        self._listed = listed
        self._locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        self._answered: LruMap[tuple[int, int, str], tuple[Place, int]] = LruMap(REMEMBERED)

    async def added(
        self, event: discord.RawReactionActionEvent, card: Place, listener: MessageListener, on_event: InboundHandler
    ) -> None:
        """Deliver the answer that a reaction to an open card gives, if it gives one."""
        async with self._in_order(event):
            emoji = event.emoji.name or ""
            if not self._may_answer(event) or (found := await self._read(event)) is None:
                return
            options, author = found
            choice = chosen_option(emoji, [option.value for option in options])
            if choice is None:
                return
            self._answered.put((event.message_id, event.user_id, emoji), (card, options[0].number))
            await listener.deliver(self._used(event, card, options[0].number, "option", choice, author), on_event)

    async def removed(
        self, event: discord.RawReactionActionEvent, card: Place | None, listener: MessageListener, on_event: InboundHandler
    ) -> None:
        """Deliver the withdrawal of a reaction that may have answered the question of a card."""
        async with self._in_order(event):
            emoji = event.emoji.name or ""
            known = self._answered.get((event.message_id, event.user_id, emoji))
            if not self._may_answer(event) or (known is None and card is None):
                return
            if known is not None:
                (place, question), author = known, await self._known_author(event)
            else:
                assert card is not None
                found = await self._read(event)
                place, (question, author) = card, (found[0][0].number, found[1]) if found else (0, None)
            if author is not None:
                await listener.deliver(self._used(event, place, question, "withdraw", emoji, author), on_event)

    def _in_order(self, event: discord.RawReactionActionEvent) -> asyncio.Lock:
        """Lock of a person's reactions to a message: a removal must not overtake the reaction that it removes."""
        return self._locks.setdefault((event.message_id, event.user_id), asyncio.Lock())

    def _may_answer(self, event: discord.RawReactionActionEvent) -> bool:
        emoji = event.emoji.name or ""
        return not event.emoji.is_custom_emoji() and is_answer_emoji(emoji) and event.user_id != self._channels.client().me

    async def _read(self, event: discord.RawReactionActionEvent) -> tuple[list[DiscordControl], Author] | None:
        """The options of the card and the person; None if the message is no open card, or cannot be read."""
        try:
            async with bounded_attempt():
                options = await self._options(event)
                author = await self._author(event) if options else None
        except (NotSent, SendRejected) as failure:
            _LOG.warning("a reaction cannot be read as an answer: %s", failure)
            return None
        return (options, author) if author is not None else None

    async def _known_author(self, event: discord.RawReactionActionEvent) -> Author | None:
        try:
            async with bounded_attempt():
                return await self._author(event)
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the person who removed a reaction cannot be looked up: %s", failure)
            return None

    def _used(
        self,
        event: discord.RawReactionActionEvent,
        card: Place,
        question: int,
        press: Literal["option", "withdraw"],
        value: str,
        author: Author,
    ) -> ControlUsed:
        now = self._clock.now()
        # The event has no id of its own, and Discord does not deliver it again.
        interaction = f"reaction/{event.message_id}/{event.user_id}/{now:.6f}"
        return ControlUsed(
            place=card,
            interaction=interaction if press == "option" else f"{interaction}/removed",
            question=question,
            press=press,
            author=author,
            at=now,
            value=value,
        )

    async def _options(self, event: discord.RawReactionActionEvent) -> list[DiscordControl]:
        channel: Any = await self._channels.get(event.channel_id)
        message = await channel.fetch_message(event.message_id)
        return list(card_options(message)) if message.author.id == self._channels.client().me else []

    async def _author(self, event: discord.RawReactionActionEvent) -> Author | None:
        user = event.member or await self._channels.client().fetch_user(event.user_id)
        return to_author(user) if not user.bot or str(user.id) in self._listed else None


def card_options(message: discord.Message) -> Iterator[DiscordControl]:
    """The options of a question's card, in order: its buttons, or the entries of its select."""
    for component in card_controls(message):
        control = parse_control(component.custom_id)
        match component:
            case discord.SelectMenu(options=entries) if control is not None and control.kind == "select":
                yield from (DiscordControl(kind="option", number=control.number, value=entry.value) for entry in entries)
            case _ if control is not None and control.kind == "option":
                yield control
