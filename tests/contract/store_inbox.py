"""Contract of the inbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent, InputClosed, MessageDeleted
from orchestrator_bridge.run.records import InboxEntryHandled
from orchestrator_bridge.store.interface import Conflict, Store
from tests.contract.store_values import ALICE, CHANNEL, guided, said, thread

HEARD: list[InboundEvent] = [
    said("m1"),
    said("m1", "yes, but", edit="2"),
    MessageDeleted(place=thread("t1"), message="m1", at=5.0),
    ControlUsed(place=thread("t1"), interaction="i1", question=3, press="option", author=ALICE, at=5.0, value="a"),
    CommandReceived(place=CHANNEL, interaction="i1", author=ALICE, name="ask", text="why?", at=6.0),
    InputClosed(place=CHANNEL, interaction="i2", at=7.0),
]


class InboxContract:
    async def test_everything_heard_waits_in_the_order_in_which_it_came(self, store: Store) -> None:
        assert [await store.receive(inbound, at=1.0) for inbound in HEARD] == HEARD
        assert await store.unhandled_events() == HEARD

    @pytest.mark.parametrize("inbound", HEARD, ids=lambda inbound: inbound.key)
    async def test_a_redelivery_is_known(self, store: Store, inbound: InboundEvent) -> None:
        assert await store.receive(inbound, at=1.0) == inbound
        assert not await store.receive(inbound, at=2.0)
        assert await store.unhandled_events() == [inbound]

    async def test_of_the_same_thing_heard_many_times_at_once_one_is_new(self, store: Store) -> None:
        new = await asyncio.gather(*(store.receive(said("m1"), at=1.0) for _ in range(30)))
        assert [event for event in new if event is not None] == [said("m1")]

    async def test_what_was_dealt_with_waits_no_more_and_stays_known(self, store: Store) -> None:
        await store.receive(said("m1"), at=1.0)
        await store.receive(said("m2"), at=1.0)
        await store.append(rows=[InboxEntryHandled(key=said("m1").key, why="not for us")])
        assert await store.unhandled_events() == [said("m2")]
        assert not await store.receive(said("m1"), at=2.0)
        assert await store.unhandled_events() == [said("m2")]

    async def test_it_is_dealt_with_only_if_what_follows_from_it_is_written(self, store: Store) -> None:
        await store.receive(said("m1"), at=1.0)
        with pytest.raises(Conflict):
            await store.append(run=1, after=5, events=[guided("yes")], rows=[InboxEntryHandled(key=said("m1").key)])
        assert await store.unhandled_events() == [said("m1")]

    async def test_what_stands_in_a_thread_is_found_dealt_with_or_not(self, store: Store) -> None:
        elsewhere = (thread("t1/m1"), thread("t"), CHANNEL)
        for inbound in (*HEARD, said("m2"), *(replace(said("m3"), place=place) for place in elsewhere)):
            await store.receive(inbound, at=1.0)
        await store.append(rows=[InboxEntryHandled(key=said("m2").key)])
        assert await store.messages_in(thread("t1")) == [said("m2")]

    async def test_every_version_of_what_stands_in_a_thread_is_found(self, store: Store) -> None:
        for inbound in HEARD[:2]:
            await store.receive(inbound, at=1.0)
        assert {message.text for message in await store.messages_in(thread("t1"))} == {"yes", "yes, but"}

    async def test_half_a_character_does_not_stop_a_message(self, store: Store) -> None:
        stored = await store.receive(said("m1", "cut \ud83d off"), at=1.0)
        assert await store.unhandled_events() == [stored] == [said("m1", "cut \ufffd off")]
