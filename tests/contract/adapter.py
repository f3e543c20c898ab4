"""The contract of adapters: what every platform's adapter keeps, so that the bridge can rely on it.

    from tests.contract.adapter import AdapterContract

    class TestDiscordKeepsTheContract(AdapterContract):
        @pytest.fixture
        async def rig(self) -> AsyncIterator[Rig]:
            ...  # a started rig; stop it afterwards

Outside this repository, call `pytest.register_assert_rewrite("tests.contract")` before that import, as tests/conftest.py does
here, so that failures are told in full. Tests of what a platform does not have are skipped, by its capabilities or by its rig.
"""

from __future__ import annotations

from tests.contract.adapter_ends import Ends
from tests.contract.adapter_fails import Fails
from tests.contract.adapter_hears import Hears
from tests.contract.adapter_shows import Shows


class AdapterContract(Hears, Shows, Fails, Ends):
    """All of it."""
