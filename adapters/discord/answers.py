"""Answers to commands and clicks. Each is acknowledged at once, before anything is looked up or stored; the words come later.

The acknowledgement is a line that only the person sees and that the words replace, so that a lost reply of Discord's cannot
double them. Discord takes words for 15 minutes; after that they go as a direct message.
"""

from __future__ import annotations

import logging
from typing import Any

import discord

from adapters.discord.attempt import bounded_attempt
from adapters.discord.memory import LruMap
from adapters.discord.shown import DiscordMessage
from orchestrator_bridge.chat import Confirmation
from orchestrator_bridge.clock import Clock

_LOG = logging.getLogger(__name__)

TOKEN_LIFETIME = 870.0
"""Seconds for which an interaction's words can be changed, with some to spare."""
REMEMBERED = 2000


class InteractionResponses:
    """The interactions that wait for words, by their ids, and what was offered to be confirmed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: LruMap[str, discord.Interaction[Any]] = LruMap(REMEMBERED)
        self._answered: LruMap[str, bool] = LruMap(REMEMBERED)
        self._confirmations: LruMap[str, Confirmation] = LruMap(REMEMBERED)

    async def acknowledge(self, interaction: discord.Interaction[Any]) -> None:
        """Tell Discord and the person that it was heard; a failure costs the words, not the deed."""
        self._open.put(str(interaction.id), interaction)
        try:
            async with bounded_attempt():
                await interaction.response.defer(ephemeral=True, thinking=True)
        except Exception as failure:
            _LOG.warning("interaction %s could not be acknowledged: %s", interaction.id, failure)

    async def respond(self, interaction: str, shown: DiscordMessage) -> bool:
        """Say something to whoever waits; False if nobody does any more.

        Raises:
            Unsent, Doubtful, Rejected: it could not be said.
        """
        waiting = self._open.get(interaction)
        if waiting is None or self._clock.now() - waiting.created_at.timestamp() > TOKEN_LIFETIME:
            return False
        async with bounded_attempt():
            if self._answered.get(interaction):
                await waiting.followup.send(
                    shown.content,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    ephemeral=True,
                    allowed_mentions=shown.allowed_mentions,
                )
            else:
                await waiting.edit_original_response(
                    content=shown.content or None,
                    embeds=list(shown.embeds),
                    view=shown.view(),
                    allowed_mentions=shown.allowed_mentions,
                )
        self._answered.put(interaction, True)
        return True

    async def finish(self, interaction: str, text: str) -> None:
        """The last word where nobody said any: nobody is left looking at a line that promises one."""
        if self._answered.get(interaction):
            return
        waiting = self._open.get(interaction)
        if waiting is None:
            return
        try:
            async with bounded_attempt():
                await waiting.edit_original_response(content=text)
        except Exception as failure:
            _LOG.warning("interaction %s could not be answered: %s", interaction, failure)

    def store_confirmation(self, interaction: str, confirm: Confirmation) -> None:
        """Remember what a yes to this command's word would mean."""
        self._confirmations.put(interaction, confirm)

    def take_confirmation(self, interaction: str) -> Confirmation | None:
        """What a yes means; once."""
        return self._confirmations.pop(interaction)
