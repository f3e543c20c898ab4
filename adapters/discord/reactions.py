"""Reactions to question cards as answers: an emoji that can only mean one option counts like a click on its button.

The event names only the message, so the card is read, and its own components say which question and options it has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import discord

from adapters.discord.channels import ChannelCache, to_author
from adapters.discord.components import DiscordControl, parse_control
from adapters.discord.errors import bounded_attempt
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import Author, ControlUsed, Place
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.emoji import chosen_option, is_answer_emoji

_LOG = logging.getLogger(__name__)


class ReactionReader:
    """Reads reactions, for one adapter. `listed` are bots whose reactions count like those of people."""

    def __init__(self, channels: ChannelCache, clock: Clock, listed: frozenset[str]) -> None:
        self._channels = channels
        self._clock = clock
        self._listed = listed

    async def to_control_used(self, event: discord.RawReactionActionEvent, card: Place) -> ControlUsed | None:
        """The answer that a reaction to an open card gives; None if it is none."""
        emoji = event.emoji.name or ""
        if event.emoji.is_custom_emoji() or not is_answer_emoji(emoji) or event.user_id == self._channels.client().me:
            return None
        try:
            async with bounded_attempt():
                options = await self._options(event)
                choice = chosen_option(emoji, [option.value for option in options])
                author = await self._author(event) if choice is not None else None
        except (NotSent, SendRejected) as failure:
            _LOG.warning("a reaction cannot be read as an answer: %s", failure)
            return None
        if choice is None or author is None:
            return None
        now = self._clock.now()
        return ControlUsed(
            place=card,
            # The event has no id of its own, and Discord does not deliver it again.
            interaction=f"reaction/{event.message_id}/{event.user_id}/{now:.6f}",
            question=options[0].number,
            press="option",
            author=author,
            at=now,
            value=choice,
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
    for row in message.components:
        for component in row.children if isinstance(row, discord.ActionRow) else ():
            control = parse_control(component.custom_id or "")
            match component:
                case discord.SelectMenu(options=entries) if control is not None and control.kind == "select":
                    yield from (DiscordControl(kind="option", number=control.number, value=entry.value) for entry in entries)
                case _ if control is not None and control.kind == "option":
                    yield control
