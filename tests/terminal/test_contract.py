from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.adapter import AdapterContract
from tests.contract.adapter_rig import Rig
from tests.terminal.desk import a_desk
from tests.terminal.pipes import PipeRig, a_pipe


class TestATerminalWithoutKeysKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        with a_pipe() as pipe:
            rig = PipeRig(pipe)
            await rig.start()
            yield rig
            await rig.adapter.stop()


class TestATerminalWithKeysKeepsTheContract(AdapterContract):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with a_desk() as rig:
            yield rig
