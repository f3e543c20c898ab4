"""The contract of adapters: what every platform's adapter keeps, so that the bridge can rely on it.

    from tests.contract.adapter import AdapterContract

    class TestDiscordKeepsTheContract(AdapterContract, lacks={"redeliver"}):
        @pytest.fixture
        async def rig(self) -> AsyncIterator[Rig]:
            ...  # a started rig; stop it afterwards

Outside this repository, call `pytest.register_assert_rewrite("tests.contract")` before that import, as tests/conftest.py does
here, so that failures are told in full. What a platform does not have is said once, in `lacks`; the tests that need it are not
part of its contract, and one test sees to it that `lacks` is true.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from tests.contract.adapter_ends import Ends
from tests.contract.adapter_fails import Fails
from tests.contract.adapter_hears import Hears
from tests.contract.adapter_rig import FEATURES, Feature, Rig, needed_by
from tests.contract.adapter_shows import Shows


class AdapterContract(Hears, Shows, Fails, Ends):
    """All of it, without what a platform lacks."""

    lacks: AbstractSet[Feature] = frozenset()

    def __init_subclass__(cls, lacks: AbstractSet[Feature] = frozenset()) -> None:
        super().__init_subclass__()
        cls.lacks = frozenset(lacks)
        for name in dir(cls):
            if needed_by(getattr(cls, name)) & cls.lacks:
                setattr(cls, name, None)

    async def test_what_is_said_to_be_lacking_is_lacking_and_nothing_else(self, rig: Rig) -> None:
        lacking = {feature for feature in FEATURES if getattr(type(rig), feature) is getattr(Rig, feature)}
        if not rig.adapter.capabilities.can_read_history:
            lacking.add("find")
        assert lacking == self.lacks
