"""The adapter of Discord keeps the whole contract, over real connections to a fake Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.adapter import AdapterContract
from tests.contract.adapter_rig import Rig
from tests.support.fake_discord.fixture import a_rig


class TestDiscordKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with a_rig() as rig:
            yield rig
