"""Contract of model selections."""

from __future__ import annotations

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.run.records import ModelSelected
from orchestrator_bridge.store.interface import ModelSelection, Store

HERE = Place(platform="slack", channel="C1")
THERE = Place(platform="slack", channel="C2")


def pick(model: str, scope: str = "channel", place: Place = HERE) -> ModelSelected:
    return ModelSelected(place=place, scope=scope, model=model, by="Ana", at=1.0)


class PickContract:
    """Picks by channel and scope."""

    async def test_the_newest_selection_of_a_channel_and_scope_applies(self, store: Store) -> None:
        await store.append(rows=[pick("one"), pick("two", "agent:a"), pick("three", place=THERE)])
        await store.append(rows=[pick("four")])
        assert await store.model_selections() == [
            ModelSelection(place=HERE, scope="agent:a", model="two"),
            ModelSelection(place=HERE, scope="channel", model="four"),
            ModelSelection(place=THERE, scope="channel", model="three"),
        ]

    async def test_a_selection_in_a_thread_applies_to_its_channel(self, store: Store) -> None:
        await store.append(rows=[pick("one", place=Place(platform="slack", channel="C1", thread="t"))])
        assert await store.model_selections() == [ModelSelection(place=HERE, scope="channel", model="one")]

    async def test_a_withdrawn_selection_no_longer_applies(self, store: Store) -> None:
        await store.append(rows=[pick("one")])
        await store.append(rows=[pick("")])
        assert await store.model_selections() == []
