"""Conversations: the runs that share a thread. The newest one takes what is written there; the next turn follows on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from orchestrator_bridge.chat.inbound import MessageReceived, Place
from orchestrator_bridge.engine.run_states import RunStates
from orchestrator_bridge.run.conversation import Continuation
from orchestrator_bridge.run.follow_up import continuation
from orchestrator_bridge.run.presentation.posts import end_key, run_key
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, Target

SAME_CLOCK = 5.0
"""Seconds: an estimate of the difference of two clocks that is not above this is taken for the time that posts take."""


class Conversations:
    """Looks up conversations by their threads, and lets one person at a time begin the next turn of one."""

    def __init__(self, store: Store, states: RunStates) -> None:
        self._store = store
        self._states = states
        self._locks: WeakValueDictionary[Place, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def newest_turn(self, place: Place, known: Target) -> AsyncIterator[RunState]:
        """The newest run of the thread `place`, or that of `known` where the thread is not registered.

        Until the context ends nobody else begins a turn: two messages at once are one turn and guidance for it, in their order.

        Raises:
            StoreError: its log cannot be read.
        """
        lock = self._locks.setdefault(place, asyncio.Lock())
        async with lock:
            newest = await self._store.find_target(place) or known
            yield await self._states.get(newest.run)

    async def run_in(self, place: Place) -> RunState | None:
        """The newest run of a thread of the bot; None for any other place.

        Raises:
            StoreError: its log cannot be read.
        """
        found = await self._store.find_target(place) if place.thread is not None else None
        return await self._states.get(found.run) if found is not None and found.question is None else None

    async def thread_of(self, run: RunState) -> Place:
        """The thread of a run's conversation; its channel if its first card was never posted."""
        first = run.continues.first if run.continues else run.run
        card = await self._store.sent_post(run_key(first))
        return replace(run.place, thread=card.thread if card else None)

    async def continuation_of(self, run: RunState) -> Continuation:
        """The conversation as the next turn after a run that has ended gets it."""
        place = await self.thread_of(run)
        said = await self._store.messages_in(place) if place.thread is not None else []
        ended_at = await self._ended_at(run)
        return continuation(run, place.thread, [message for message in said if message.at > ended_at])

    async def is_after_end(self, run: RunState, message: MessageReceived) -> bool:
        """True if a message was written after people could read that the run has ended."""
        return message.at > await self._ended_at(run)

    async def _ended_at(self, run: RunState) -> float:
        """The time of the post that says that a run has ended, by the platform's clock; else an estimate from our clock."""
        posted = await self._store.sent_post(end_key(run))
        if posted is not None:
            return posted.at
        behind = await self._store.clock_offset(run.place.platform) or 0.0
        return run.at - (behind if abs(behind) > SAME_CLOCK else 0.0)
