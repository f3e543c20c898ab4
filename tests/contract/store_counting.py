"""Contract of token calibration: the ratio of reported to estimated prompt tokens."""

from __future__ import annotations

import pytest

from orchestrator_bridge.model.estimator import Ratio
from orchestrator_bridge.run.records import PromptTokensObserved
from orchestrator_bridge.store.interface import Store


def counted(counted: int, reported: int, model: str = "xai/grok-4.3", by: str = "estimate") -> PromptTokensObserved:
    return PromptTokensObserved(model=model, by=by, counted=counted, reported=reported, at=1.0)


class CountingContract:
    async def test_a_store_learns_as_the_process_does(self, store: Store) -> None:
        calls = [(100, 110), (250, 300), (90, 95)]
        ratio = Ratio()
        for ours, theirs in calls:
            ratio = ratio.updated(ours, theirs)
        await store.append(rows=[counted(*call) for call in calls])
        (found,) = await store.token_calibrations()
        assert (found.model, found.by, found.ratio.calls) == ("xai/grok-4.3", "estimate", 3)
        assert found.ratio.value == pytest.approx(ratio.value)
        assert found.ratio.counted == pytest.approx(ratio.counted)

    async def test_models_and_ways_of_counting_are_learned_apart(self, store: Store) -> None:
        await store.append(rows=[counted(100, 200), counted(100, 300, by="o200k_base"), counted(100, 400, model="openai/gpt-5")])
        found = {(calibration.model, calibration.by): calibration.ratio.value for calibration in await store.token_calibrations()}
        assert found == {
            ("openai/gpt-5", "estimate"): 4.0,
            ("xai/grok-4.3", "estimate"): 2.0,
            ("xai/grok-4.3", "o200k_base"): 3.0,
        }
