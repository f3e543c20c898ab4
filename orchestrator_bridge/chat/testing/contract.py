"""The contract suite as one class, without the tests of features that a platform lacks."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from orchestrator_bridge.chat.testing.delivery import DeliveryContract, LifecycleContract
from orchestrator_bridge.chat.testing.driver import FEATURES, Feature, PlatformDriver, required_features
from orchestrator_bridge.chat.testing.inbound import InboundContract
from orchestrator_bridge.chat.testing.outbound import OutboundContract
from orchestrator_bridge.chat.testing.thread_context import ThreadContextContract


class AdapterContract(InboundContract, OutboundContract, ThreadContextContract, DeliveryContract, LifecycleContract):
    """Tests that every adapter passes, so that the bridge can rely on it. Subclass it and define a fixture `driver`.

    Name in `lacks` each feature that the platform does not have: the tests that need it are left out of the subclass. One test
    checks that `lacks` is true, so that no test is left out for another reason.
    """

    lacks: AbstractSet[Feature] = frozenset()

    def __init_subclass__(cls, lacks: AbstractSet[Feature] = frozenset()) -> None:
        super().__init_subclass__()
        cls.lacks = frozenset(lacks)
        for name in dir(cls):
            if required_features(getattr(cls, name)) & cls.lacks:
                setattr(cls, name, None)

    async def test_exactly_the_features_in_lacks_are_missing(self, driver: PlatformDriver) -> None:
        lacking = {feature for feature in FEATURES if getattr(type(driver), feature) is getattr(PlatformDriver, feature)}
        if not driver.adapter.capabilities.can_read_history:
            lacking.add("history")
        assert lacking == self.lacks
