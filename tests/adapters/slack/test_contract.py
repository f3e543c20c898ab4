"""The Slack adapter fulfils the adapter contract, over Socket Mode and HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.chat.testing import AdapterContract, PlatformDriver
from tests.support.fake_slack.fixture import a_rig, an_http_rig


class TestSlackOverSocketModeKeepsTheContract(AdapterContract, lacks={"delete_post"}):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with a_rig() as rig:
            yield rig


class TestSlackOverHttpKeepsTheContract(AdapterContract, lacks={"delete_post"}):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with an_http_rig() as rig:
            yield rig
