"""Tells Discord of our commands, only when they changed since it was told last: it counts how often it is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from pathlib import Path

import discord

from adapters.discord.attempt import bounded_attempt
from adapters.discord.commands import DiscordCommandTree
from orchestrator_bridge.chat import NotSent, SendRejected, SendUncertain

_LOG = logging.getLogger(__name__)


class CommandSync:
    """`file` remembers what Discord was told; `guild` is a server that gets the commands at once, while developing."""

    def __init__(self, file: Path | None, guild: int | None) -> None:
        self._file = file
        self._guild = guild

    async def sync(self, tree: DiscordCommandTree) -> None:
        """Tell Discord if something changed; what goes wrong is logged, and tried again at the next start."""
        guild = discord.Object(self._guild) if self._guild is not None else None
        if guild is not None:
            tree.copy_global_to(guild=guild)
        told = _fingerprint(tree, guild)
        if told == await asyncio.to_thread(self._read_fingerprint):
            return
        try:
            async with bounded_attempt(60.0):
                await tree.sync(guild=guild)
        except (NotSent, SendUncertain, SendRejected) as failure:
            _LOG.warning("the commands could not be made known to Discord: %s", failure)
        else:
            _LOG.info("the commands were made known to Discord")
            await asyncio.to_thread(self._write_fingerprint, told)

    def _read_fingerprint(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip() if self._file else ""
        except OSError:
            return ""  # none yet: telling once more does no harm

    def _write_fingerprint(self, told: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write_text(f"{told}\n", encoding="utf-8")
        except OSError as error:
            _LOG.warning("%s cannot be written, so the commands are made known again at the next start: %s", self._file, error)


def _fingerprint(tree: DiscordCommandTree, guild: discord.Object | None) -> str:
    """The same for the same commands of the same application on the same server."""
    commands = [command.to_dict(tree) for command in tree.get_commands(guild=guild)]
    whole = json.dumps([tree.client.application_id, guild and guild.id, commands], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()
