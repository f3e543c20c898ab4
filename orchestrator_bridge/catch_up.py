"""After a start and at an expiry: hear what was said while nobody listened, before anything is judged too late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_bridge.chat import Adapter, Place, Said, Sending
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.receiver import Receiver
from orchestrator_bridge.run.show import question_card, question_key
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import Armed, Store

_LOG = logging.getLogger(__name__)

AT_ONCE = 8
"""Threads that are read at the same time."""


class CatchUp:
    """Reads the threads of open questions, and shows questions again where an earlier process's screen is gone."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        receiver: Receiver,
        arm: Callable[[Armed], None],
        state: Callable[[int], Awaitable[RunState]],
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._receiver = receiver
        self._arm = arm
        self._state = state

    async def start(self, armed: Sequence[Armed]) -> None:
        """Read the threads of open questions, arming each one's deadline when its thread is read."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(question: Armed) -> None:
            async with gate:
                await self._read_question(question.question)
            self._arm(question)

        if any(adapter.capabilities.findable for adapter in self._adapters.values()):
            await asyncio.gather(*(one(question) for question in armed))
        else:
            for question in armed:
                self._arm(question)

    async def show_again(self, armed: Sequence[Armed]) -> None:
        """Show open questions once more on platforms that have forgotten what an earlier process showed."""
        forgetful = {name: adapter for name, adapter in self._adapters.items() if adapter.capabilities.forgets}
        for one in armed if forgetful else ():
            state = await self._state(one.run)
            adapter = forgetful.get(state.place.platform)
            shown = await self._store.sent(question_key(one.question))
            question = state.questions[one.question]
            if adapter is not None and shown is not None and question.open:
                key = f"{question_key(one.question)}:again"
                place = replace(state.place, thread=shown.thread)
                await adapter.send(Sending(key=key, place=place, post=question_card(state, question), replaces=shown))

    async def read(self, question: Question) -> None:
        """Hear a question's thread to its end."""
        if question.delivery is not None:
            await self._read(question.delivery.place, question.delivery.posted_at)

    async def _read_question(self, question: int) -> None:
        known = await self._store.question(question)
        if known is not None and known.place is not None and known.posted_at is not None:
            await self._read(known.place, known.posted_at)

    async def _read(self, place: Place, after: float) -> None:
        """Hear all that was said in a thread; what is known already changes nothing."""
        adapter = self._adapters.get(place.platform)
        if adapter is None or not adapter.capabilities.findable:
            return
        try:
            said: Sequence[Said] = await adapter.read(place, after)
        except Exception as error:
            _LOG.warning("a thread on %s could not be read, replies in it may be missed: %s", place.platform, error)
            return
        for one in said:
            await self._receiver.receive(one)
        await self._receiver.idle()
