"""After a start and at an expiry: hear what was said, edited and deleted while nobody listened, before anything is judged.

Read are the threads of open questions and of the runs that live, and no others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_bridge.chat import (
    Adapter,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    NotSent,
    OutboundPost,
    Place,
    PostedMessage,
)
from orchestrator_bridge.clock import Clock, sleep_until
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.run.post import question_key, run_key
from orchestrator_bridge.run.show_question import advice, question_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import Armed, Store, StoreError

_LOG = logging.getLogger(__name__)

AT_ONCE = 8
"""Threads that are read at the same time."""

READ_FOR, PAUSE = 60.0, 1.0
"""Seconds for which an expired question's thread is tried while its platform cannot be asked, and between two tries."""

STARTS_IN = 10.0
"""Seconds after the start within which threads are tried again: a refused request is no reason to judge by half of what was said,
a platform that is down none to hold up everything."""


class CatchUp:
    """Reads the threads of open questions, and shows questions again where an earlier process's screen is gone.

    What is read goes to `receive`, and `heard` waits until it has reached its run. `sure` waits until it is known of an earlier
    process's doubtful cards whether they arrived, `known` until it is of one of any process. `arm` sets a question's deadline:
    nothing else can have set it before, for nothing is judged in a run before its threads are read.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        adapters: Mapping[str, Adapter],
        receive: InboundHandler,
        *,
        heard: Callable[[], Awaitable[None]],
        sure: Callable[[], Awaitable[None]],
        known: Callable[[str], Awaitable[None]],
        arm: Callable[[int, int, float], None],
        state: Callable[[int], Awaitable[RunState]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._receive = receive
        self._heard = heard
        self._sure = sure
        self._known = known
        self._arm = arm
        self._state = state
        self._read_by = 0.0
        self._left: dict[int, list[Armed]] = {}
        self._reading: dict[int, asyncio.Future[None]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    def expect(self, armed: Sequence[Armed], busy: Sequence[int] = ()) -> None:
        """These questions were open, and these runs were at work, when the process started, which is now."""
        self._read_by = self._clock.now() + STARTS_IN
        for run in busy:
            self._left.setdefault(run, [])
        for one in armed:
            self._left.setdefault(one.run, []).append(one)

    async def start(self) -> None:
        """Catch up on every run with open questions, a few at a time; a run that is woken meanwhile does not wait in line."""
        await asyncio.gather(*(self._work_through() for _ in range(AT_ONCE)))

    async def _work_through(self) -> None:
        while self._left:
            await self.before(next(iter(self._left)))

    async def stop(self) -> None:
        """Stop reading; the next start catches up."""
        reading = list(self._reading.values())
        for one in reading:
            one.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def before(self, run: int) -> None:
        """Before anything is judged in a run for the first time: its posts are sure, its questions' threads read, then armed."""
        if run in self._left:
            questions = self._left.pop(run)
            self._reading[run] = asyncio.ensure_future(self._catch_up(run, questions))
        if run in self._reading:
            await asyncio.shield(self._reading[run])
            self._reading.pop(run, None)

    async def _catch_up(self, run: int, questions: Sequence[Armed]) -> None:
        if self._can_ask:
            if questions:
                await self._sure()
            for one in questions:
                await self._read_question(one.question)
            await self._read_run(run)
        for one in questions:
            self._arm(one.run, one.question, one.fires_at)

    @property
    def _can_ask(self) -> bool:
        return any(adapter.capabilities.can_read_history for adapter in self._adapters.values())

    async def show_again(self, armed: Sequence[Armed]) -> None:
        """Show open questions once more on platforms that have forgotten what an earlier process showed."""
        forgetful = {name: adapter for name, adapter in self._adapters.items() if adapter.capabilities.loses_history_on_restart}
        for one in armed if forgetful else ():
            try:
                state = await self._state(one.run)
                shown = await self._store.sent(question_key(one.question))
            except StoreError as error:
                _LOG.info("question %s is not shown again: %s", one.question, error)
                continue
            adapter = forgetful.get(state.place.platform)
            question = state.questions[one.question]
            if adapter is not None and shown is not None and question.open:
                await self._show_again(adapter, replace(state.place, thread=shown.thread), state, question, shown)

    async def _show_again(
        self, adapter: Adapter, place: Place, state: RunState, question: Question, shown: PostedMessage
    ) -> None:
        """The question's card, and what agents have said in its thread: people decide with that in view."""
        key = f"{question_key(question.id)}:again"
        await adapter.send(OutboundPost(key=key, place=place, post=question_card(state, question), replaces=shown))
        for number, note in enumerate(advice(question)):
            await adapter.send(OutboundPost(key=f"{key}:{number}", place=place, post=note))

    async def read(self, question: Question) -> None:
        """Hear a question's threads to their ends, or know whether it has one; a platform that is down is tried for a while.

        Raises:
            StoreError: something was said that could not be stored.
        """
        if question.delivery is None:
            await self._known(question_key(question.id))
            return
        until = self._clock.now() + READ_FOR
        for copy in (question.delivery, *question.copied):
            try:
                await self._try(copy.place, copy.posted_at, until)
            except NotSent as error:
                _LOG.warning("replies to question %s may be missed: %s", question.id, error)

    async def _read_run(self, run: int) -> None:
        """Read a run's own thread after the start: what people told its agents meanwhile reaches them before their next call."""
        try:
            card = await self._store.sent(run_key(run))
            if card is not None:
                place = replace((await self._state(run)).place, thread=card.thread)
                await self._try(place, card.at, self._read_by)
        except NotSent as error:
            _LOG.warning("the thread of run %s could not be heard, guidance in it may be missed: %s", run, error)
        except StoreError as error:
            _LOG.info("the thread of run %s is not read: %s", run, error)

    async def _read_question(self, question: int) -> None:
        """Read a question's thread after the start; where that fails it is read again when the question expires."""
        try:
            known = await self._store.question(question)
            if known is not None and known.place is not None and known.posted_at is not None:
                await self._try(known.place, known.posted_at, self._read_by)
        except (StoreError, NotSent) as error:
            _LOG.warning("the thread of question %s could not be heard and is read again at its end: %s", question, error)

    async def _try(self, place: Place, after: float, until: float) -> None:
        """Read a thread, again and again while its platform cannot be asked, until a time of our clock.

        Raises:
            Unsent: the platform could not be asked by then.
            StoreError: something was said that could not be stored.
        """
        while True:
            try:
                async with self._gate:
                    return await self._read(place, after)
            except NotSent as error:
                if self._clock.now() >= until:
                    raise
                await sleep_until(self._clock, self._clock.now() + (error.retry_after or PAUSE))

    async def _read(self, place: Place, after: float) -> None:
        """Hear all that was said in a thread, and what of it was edited or deleted; what is known already changes nothing.

        Raises:
            Unsent: the platform cannot be asked just now.
            StoreError: something was said that could not be stored.
        """
        adapter = self._adapters.get(place.platform)
        if adapter is None or not adapter.capabilities.can_read_history:
            return
        # Looked up first: what arrives while the thread is read is not missing in it.
        known = await self._store.heard_in(place)
        try:
            said: Sequence[MessageReceived] = await adapter.read_thread(place, after)
        except NotSent:
            raise
        except Exception as error:
            _LOG.warning("a thread on %s could not be read, replies in it may be missed: %s", place.platform, error)
            return
        heard: Sequence[MessageReceived | MessageDeleted] = (*said, *self._deleted(known, said, after))
        for one in heard:
            await self._receive(one)
        await self._heard()

    def _deleted(
        self, known: Sequence[MessageReceived], said: Sequence[MessageReceived], after: float
    ) -> Sequence[MessageDeleted]:
        """What was heard in a thread and does not stand there any more."""
        stands = {one.message for one in said}
        places = {one.message: one.place for one in known if one.at >= after and one.message not in stands}
        return [MessageDeleted(place=place, message=message, at=self._clock.now()) for message, place in places.items()]
