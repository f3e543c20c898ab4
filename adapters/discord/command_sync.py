"""Registration of the slash commands with Discord, repeated until it succeeds.

Discord limits how often commands may be registered (200 new ones a day for each server), and bots are restarted often during
development, so a registration that has not changed is not repeated.

Commands are registered either globally, or on one server, where they appear at once. Discord shows both kinds side by side, so
the other kind is removed: else every command would be listed twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from pathlib import Path

import discord

from adapters.discord.commands import DiscordCommandTree
from adapters.discord.errors import bounded_attempt
from adapters.discord.localisations import LOCALISATIONS, CommandTranslator
from orchestrator_bridge.chat.adapter import DeliveryError, NotSent
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

RETRY = Backoff(first=5.0, longest=600.0)
"""Delays between attempts to register the commands."""


class CommandSync:
    """Registration for one adapter.

    `file` stores the fingerprint of the last registration; `guild` is the only server that receives the commands, for
    development.
    """

    def __init__(self, file: Path | None, guild: int | None, clock: Clock) -> None:
        self._file = file
        self._guild = guild
        self._clock = clock

    async def sync(self, tree: DiscordCommandTree) -> None:
        """Register the commands if they have changed, with retries until Discord accepts them."""
        await tree.set_translator(CommandTranslator())
        guild = discord.Object(self._guild) if self._guild is not None else None
        if guild is not None:
            tree.copy_global_to(guild=guild)
        fingerprint = _fingerprint(tree, guild)
        if fingerprint == await asyncio.to_thread(self._read_fingerprint):
            return
        failures = 0
        while (failure := await self._try_register(tree, guild)) is not None:
            delay = failure.retry_after if isinstance(failure, NotSent) and failure.retry_after else RETRY.delay(failures)
            _LOG.error("the slash commands are not registered, so people cannot use them; retrying in %.0f s: %s", delay, failure)
            await sleep_until(self._clock, self._clock.now() + delay)
            failures += 1
        _LOG.info("the slash commands were registered with Discord")
        await asyncio.to_thread(self._write_fingerprint, fingerprint)

    async def _try_register(self, tree: DiscordCommandTree, guild: discord.Object | None) -> DeliveryError | None:
        """Register the commands, and remove those of an earlier choice of servers; returns the failure, if any."""
        try:
            async with bounded_attempt(60.0):
                await tree.sync(guild=guild)
            await (_remove_from_servers(tree) if guild is None else _remove_global(tree))
        except DeliveryError as failure:
            return failure
        return None

    def _read_fingerprint(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip() if self._file else ""
        except OSError:
            return ""  # none yet: registering again does no harm

    def _write_fingerprint(self, fingerprint: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write_text(f"{fingerprint}\n", encoding="utf-8")
        except OSError as error:
            _LOG.warning("%s cannot be written, so the next start registers the commands again: %s", self._file, error)


async def _remove_global(tree: DiscordCommandTree) -> None:
    """Remove the global commands: those of the only server replace them."""
    async with bounded_attempt(60.0):
        for command in await tree.fetch_commands():
            await command.delete()


async def _remove_from_servers(tree: DiscordCommandTree) -> None:
    """Remove the commands of single servers: the global ones replace them."""
    for server in tree.client.guilds:
        async with bounded_attempt(60.0):
            if await tree.fetch_commands(guild=server):
                await tree.sync(guild=server)  # the tree has no commands for a server of its own, so none remain


def _fingerprint(tree: DiscordCommandTree, guild: discord.Object | None) -> str:
    """Hash of the commands in all languages, the application and the server. The version makes bots of earlier releases, which
    left commands twice, register once more."""
    commands = [command.to_dict(tree) for command in tree.get_commands(guild=guild)]
    localised = {locale: dict(texts) for locale, texts in LOCALISATIONS.items()}
    text = json.dumps([2, tree.client.application_id, guild and guild.id, commands, localised], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
