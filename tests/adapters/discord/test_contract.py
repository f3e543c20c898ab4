"""The Discord adapter fulfils the adapter contract, over real connections to a fake Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.chat.testing import AdapterContract, PlatformDriver
from tests.support.fake_discord.fixture import discord_driver


class TestDiscordKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with discord_driver() as driver:
            yield driver
