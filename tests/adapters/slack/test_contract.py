"""The Slack adapter fulfils the adapter contract, over Socket Mode and HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.chat.testing import AdapterContract, PlatformDriver
from tests.support.fake_slack.fixture import slack_driver, slack_http_driver


class TestSlackOverSocketModeKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with slack_driver() as driver:
            yield driver


class TestSlackOverHttpKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with slack_http_driver() as driver:
            yield driver
