from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.chat.testing import AdapterContract, Feature, PlatformDriver
from tests.support.terminal_pipe import PipeRig, open_pipe
from tests.support.terminal_user import start_terminal_user

ONE_WAY: frozenset[Feature] = frozenset(
    {
        "choose",
        "finish",
        "ask_in_thread",
        "edit",
        "delete_message",
        "delete_post",
        "react",
        "redeliver",
        "reconnect",
        "fail_next_read",
        "lose_confirmation",
        "leave",
        "history",
    }
)
"""What no terminal has: what was typed and shown stays as it is, and nobody can be asked about it."""


class TestATerminalWithoutKeysKeepsTheContract(AdapterContract, lacks=ONE_WAY):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        with open_pipe() as pipe:
            driver = PipeRig(pipe)
            await driver.start()
            yield driver
            await driver.adapter.stop()


class TestATerminalWithKeysKeepsTheContract(AdapterContract, lacks=ONE_WAY | {"fail_next", "reject_next"}):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        async with start_terminal_user() as driver:
            yield driver
