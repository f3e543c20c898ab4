"""Responses to interactions, in time: an interaction is stored, then acknowledged, then answered.

Discord drops an interaction that has no response within 3 seconds, and does not send it again. Storing takes less than a
millisecond, so it comes first; then the interaction is acknowledged with a placeholder that only the person sees. If storing
takes longer than `ACKNOWLEDGE_WITHIN`, the placeholder says that nothing is stored yet.

The answer replaces the placeholder, so that a lost response to our request cannot show the answer twice. Discord accepts answers
for 15 minutes; later ones are sent as direct messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import discord

from adapters.discord.channels import to_author
from adapters.discord.errors import bounded_attempt
from adapters.discord.render import DiscordMessage
from orchestrator_bridge.chat.inbound import CommandReceived, InboundEvent, InboundHandler
from orchestrator_bridge.chat.outbound import Confirmation
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

ACKNOWLEDGE_WITHIN = 2.0
"""Seconds after which an interaction is acknowledged even if it is not stored yet: Discord drops it after 3."""

TOKEN_LIFETIME = 870.0
"""Seconds for which an interaction can be answered: 15 minutes, less a margin."""

REMEMBERED = 2000

NOT_STORED_YET = "Received, but not stored yet. If it cannot be stored, this message tells you."
STORED = "Received and stored."
NOT_STORED = "I could not store this. Please try again in a minute."


@dataclass(slots=True)
class _OpenInteraction:
    interaction: discord.Interaction[Any]
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False


class InteractionResponses:
    """Interactions that wait for an answer, by id, and the commands that wait for a confirmation.

    `acknowledge_within` is in seconds, as `ACKNOWLEDGE_WITHIN`.
    """

    def __init__(self, clock: Clock, acknowledge_within: float = ACKNOWLEDGE_WITHIN) -> None:
        self._clock = clock
        self._acknowledge_within = acknowledge_within
        self._open: LruMap[str, _OpenInteraction] = LruMap(REMEMBERED)
        self._offers: LruMap[str, tuple[CommandReceived, Sequence[Confirmation]]] = LruMap(REMEMBERED)

    async def store(
        self, interaction: discord.Interaction[Any], event: InboundEvent, on_event: InboundHandler, last: str | None = None
    ) -> bool:
        """Store the event of an interaction, then acknowledge the interaction; False if the event could not be stored.

        `last` is shown if the bridge gives no answer.
        """
        key = str(interaction.id)
        opened = _OpenInteraction(interaction)
        self._open.put(key, opened)
        storing = asyncio.ensure_future(on_event(event))
        in_time, _ = await asyncio.wait([storing], timeout=self._acknowledge_within)
        await self._acknowledge(opened, None if in_time else NOT_STORED_YET)
        try:
            await storing
        except Exception:
            _LOG.exception("interaction %s could not be stored", event.key)
            last, stored = NOT_STORED, False
        else:
            last, stored = last or (None if in_time else STORED), True
        if last is not None:
            await self.finish(key, last)
        return stored

    async def refuse(self, interaction: discord.Interaction[Any], text: str) -> None:
        """Acknowledge an interaction that is not stored, with the reason."""
        await self._acknowledge(_OpenInteraction(interaction), text)

    async def _acknowledge(self, opened: _OpenInteraction, text: str | None) -> None:
        """Acknowledge an interaction. If that fails, the action still takes effect, and its answer is a direct message."""
        response = opened.interaction.response
        try:
            async with bounded_attempt():
                if text is None:
                    await response.defer(ephemeral=True, thinking=True)
                else:
                    await response.send_message(text, ephemeral=True)
        except Exception as failure:
            self._open.pop(str(opened.interaction.id))
            _LOG.warning("interaction %s could not be acknowledged: %s", opened.interaction.id, failure)
        finally:
            opened.acknowledged.set()

    async def respond(self, interaction: str, shown: DiscordMessage) -> bool:
        """Answer an interaction; False if it is no longer open.

        Raises:
            NotSent, SendUncertain, SendRejected: the answer was not delivered.
        """
        waiting = self._open.get(interaction)
        if waiting is None or self._clock.now() - waiting.interaction.created_at.timestamp() > TOKEN_LIFETIME:
            return False
        await waiting.acknowledged.wait()
        if self._open.get(interaction) is None:
            return False
        async with bounded_attempt():
            # The first answer replaces the placeholder; further ones are messages of their own.
            if waiting.answered:
                await waiting.interaction.followup.send(
                    shown.content,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    ephemeral=True,
                    allowed_mentions=shown.allowed_mentions,
                )
            else:
                await waiting.interaction.edit_original_response(
                    content=shown.content or None,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    allowed_mentions=shown.allowed_mentions,
                )
        waiting.answered = True
        return True

    async def finish(self, interaction: str, text: str) -> None:
        """Replace the placeholder of an interaction that nobody has answered."""
        waiting = self._open.get(interaction)
        if waiting is None or waiting.answered:
            return
        try:
            async with bounded_attempt():
                await waiting.interaction.edit_original_response(content=text)
        except Exception as failure:
            _LOG.warning("interaction %s could not be answered: %s", interaction, failure)

    def store_offer(self, command: CommandReceived, offers: Sequence[Confirmation]) -> None:
        """Store what the buttons of the reply to a command give; one of them can be used."""
        self._offers.put(command.interaction, (command, offers))

    def restore_offer(self, number: int, taken: CommandReceived) -> None:
        """Put back an offer that was taken but could not be stored: the person is asked to try again."""
        offer = Confirmation(label="", name=taken.name, text=taken.text, options=taken.options)
        self._offers.put(str(number), (taken, (offer,)))

    def take_offer(self, number: int, button: str, interaction: discord.Interaction[Any]) -> CommandReceived | None:
        """The command that a button of the offer with this number gives, with the place and files of the first one; None if it
        was taken already, or if it is somebody else's."""
        command, offers = self._offers.get(str(number)) or (None, ())
        if command is None or command.author.id != str(interaction.user.id):
            return None
        # What was put back after a failure is the one command that was selected, whatever button is pressed now.
        chosen = int(button) if button.isdecimal() else 0
        offer = offers[min(chosen, len(offers) - 1)]
        self._offers.pop(str(number))  # an offer can be used once
        return replace(
            command,
            interaction=str(interaction.id),
            author=to_author(interaction.user) if isinstance(interaction.user, discord.Member) else command.author,
            at=interaction.created_at.timestamp(),
            name=offer.name,
            text=offer.text,
            options=offer.options,
        )
