"""Contract suite for adapters of chat platforms. It needs the extra `townhall[testing]`, and is imported by tests only.

    from orchestrator_bridge.chat.testing import AdapterContract, PlatformDriver

    class TestMatrix(AdapterContract, lacks={"redeliver"}):
        @pytest.fixture
        async def driver(self) -> AsyncIterator[PlatformDriver]:
            ...  # yield a started driver; stop its adapter afterwards

pytest-asyncio must run in mode `auto`.
"""

import pytest

# Before the modules are imported: their assertions show both sides on failure, as in a test file.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("contract", "delivery", "driver", "inbound", "outbound", "thread_context"))
)

from orchestrator_bridge.chat.testing.contract import AdapterContract  # noqa: E402  # after the line above
from orchestrator_bridge.chat.testing.driver import (  # noqa: E402
    HOSTILE,
    RUN,
    TIMEOUT,
    Feature,
    PlatformDriver,
    VisibleMessage,
    closed,
    long_answer,
    needs,
    question,
)

__all__ = [
    "HOSTILE",
    "RUN",
    "TIMEOUT",
    "AdapterContract",
    "Feature",
    "PlatformDriver",
    "VisibleMessage",
    "closed",
    "long_answer",
    "needs",
    "question",
]
