from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.adapter import AdapterContract
from tests.contract.adapter_rig import Rig
from tests.support.fake_slack.fixture import a_rig, an_http_rig


class TestSlackOverSocketModeKeepsTheContract(AdapterContract, lacks={"unpost"}):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with a_rig() as rig:
            yield rig


class TestSlackOverHttpKeepsTheContract(AdapterContract, lacks={"unpost"}):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with an_http_rig() as rig:
            yield rig
