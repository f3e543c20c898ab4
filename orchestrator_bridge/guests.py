"""Agents outside: what they ask becomes questions of runs of their own, and outlives whoever waits for the outcome.

A run is begun with an agent's first question and ends by itself with its last one; until then what the agent asks in the same
place goes into it. A client that has lost patience asks again: the same question is asked once, while it is open and until its
outcome was told, and as long as people's answer to it can be used again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.clock import Clock, sleep_until
from orchestrator_bridge.outside import ExternalAgent
from orchestrator_bridge.question.same import as_asked, reusable
from orchestrator_bridge.question.values import Ask, Question
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.runs import Runs
from orchestrator_bridge.store.port import Damaged, GuestQuestion, Started, Store, TooNew
from orchestrator_bridge.store.rows import OutcomeTold
from orchestrator_bridge.team import Team

_LOG = logging.getLogger(__name__)

Whose = tuple[str, str, Place, str]

REMEMBERED = 86_400.0
"""Seconds in which the same question is known again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A question as an agent outside puts it: to whom, where, on whose behalf. `action` is unique."""

    outside: ExternalAgent
    team: Team
    place: Place
    by: Author
    ask: Ask
    action: str

    @property
    def whose(self) -> Whose:
        """What the agent asks in this place, of this team, goes into one run."""
        return self.outside.token, self.outside.agent, self.place, self.team.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of it: a question of a run, or (`question` is None) why there is none."""

    run: int
    question: int | None = None
    refusal: str = ""


class Guests:
    """Asks for agents outside, and waits for them."""

    def __init__(self, store: Store, clock: Clock, runs: Runs) -> None:
        self._store = store
        self._clock = clock
        self._runs = runs
        self._live: dict[Whose, int] = {}
        self._watches: dict[int, set[_Watch]] = defaultdict(set)
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._asking: set[asyncio.Task[Taken]] = set()

    def recover(self, runs: Iterable[Started]) -> None:
        """Take in the runs that an earlier process began."""
        self._live |= {(one.outside.token, one.outside.agent, one.place, one.team): one.run for one in runs}

    def note(self, state: RunState) -> None:
        """A run has moved on."""
        for watch in self._watches.get(state.run, ()):
            watch.show(state)
        if state.end is not None and state.outside is not None:
            self._forget((state.outside.token, state.outside.agent, state.place, state.team.name), state.run)

    def _forget(self, whose: Whose, run: int) -> None:
        if self._live.get(whose) == run:
            del self._live[whose]

    def turn(self, token: str) -> asyncio.Lock:
        """Held while something is begun for a token, so that its limits and what it has begun already are looked at once."""
        return self._turns[token]

    # Asking ---------------------------------------------------------------------------------------------------------------

    async def ask(self, wanted: Wanted, allowed: Callable[[], Awaitable[None]]) -> Taken:
        """Ask, or find the same question. `allowed` is awaited before a new one is made, and raises where it may not be.

        Whoever is cancelled here gives up waiting, and nothing else.

        Raises:
            StoreError: it could not be stored, and is not asked.
        """
        asking = asyncio.create_task(self._ask(wanted, allowed), name=f"ask for {wanted.outside.agent}")
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    def _asked(self, asking: asyncio.Task[Taken]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled() and asking.exception() is not None:
            _LOG.info("a question of an agent outside was not asked: %s", asking.exception())

    async def stop(self) -> None:
        """Give up what is not stored yet."""
        for one in list(self._asking):
            one.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, wanted: Wanted, allowed: Callable[[], Awaitable[None]]) -> Taken:
        async with self.turn(wanted.outside.token):
            known = await self._known(wanted)
            if known is not None:
                return known
            await allowed()
            taken = None
            while taken is None:
                taken = await self._put(wanted)
            return taken

    async def _put(self, wanted: Wanted) -> Taken | None:
        """Put it into the agent's run; None if that has ended just now."""
        run, asked = self._live.get(wanted.whose), f.Asked(action=wanted.action, ask=wanted.ask)
        if run is None:
            run = self._live[wanted.whose] = await self._runs.begin(
                task=f"What {wanted.outside.title} asks.",
                team=_without_tools(wanted.team),
                place=wanted.place,
                by=wanted.by,
                outside=replace(wanted.outside, asks=True),
                first=asked,
            )
        else:
            self._runs.deliver(run, asked)
        try:
            state = await self.until(run, lambda state: state.end is not None or _taken(state, wanted.action) is not None)
        except (Damaged, TooNew):  # it is set aside, and that was told
            self._forget(wanted.whose, run)
            raise
        taken = _taken(state, wanted.action)
        if taken is None:
            self._forget(wanted.whose, run)
        return taken

    async def _known(self, wanted: Wanted) -> Taken | None:
        """The same question, open, or ended in a way that answers this one too."""
        since = self._clock.now() - REMEMBERED
        outside, place = wanted.outside, wanted.place
        for one in await self._store.guest_questions(outside.token, outside.agent, place, since):
            if as_asked(wanted.ask, one.text):
                question = (await self._runs.state(one.run)).questions.get(one.question)
                if question is not None and as_asked(wanted.ask, question.ask) and _usable(one, question):
                    return Taken(run=one.run, question=one.question)
        return None

    # Waiting --------------------------------------------------------------------------------------------------------------

    async def until(self, run: int, true: Callable[[RunState], bool], until: float | None = None) -> RunState:
        """Wait until this is so of a run, or until a time of our clock; returns the run as it then is.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        watch = _Watch()
        self._watches[run].add(watch)
        try:
            watch.show(await self._runs.state(run))
            seen = asyncio.ensure_future(watch.until(true))
            late = asyncio.ensure_future(sleep_until(self._clock, until) if until is not None else asyncio.Event().wait())
            try:
                await asyncio.wait([seen, late], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (seen, late):
                    task.cancel()
            return watch.state
        finally:
            self._watches[run].discard(watch)
            if not self._watches[run]:
                del self._watches[run]

    async def told(self, question: int) -> None:
        """The agent that asked is given the outcome now: the same question later is a new one, unless people have answered it.

        Raises:
            StoreError: it could not be stored.
        """
        await self._store.append(rows=[OutcomeTold(question=question, at=self._clock.now())])

    def retract(self, run: int, question: int) -> None:
        """Close a question that its agent does not want answered any more."""
        self._runs.deliver(run, f.Retracted(question=question))


class _Watch:
    """A run, watched."""

    def __init__(self) -> None:
        self._state: RunState | None = None
        self._moved = asyncio.Event()

    @property
    def state(self) -> RunState:
        """The run as it was last seen."""
        assert self._state is not None
        return self._state

    def show(self, state: RunState) -> None:
        """The run is like this, unless something newer is known."""
        if self._state is None or state.seq >= self._state.seq:
            self._state = state
            self._moved.set()

    async def until(self, true: Callable[[RunState], bool]) -> None:
        while not true(self.state):
            self._moved.clear()
            await self._moved.wait()


def _without_tools(team: Team) -> Team:
    """The team as peers and rules: what is asked is answered without its own tools."""
    return team.model_copy(update={"tools": (), "agents": tuple(agent.model_copy(update={"tools": ()}) for agent in team.agents)})


def _taken(state: RunState, action: str) -> Taken | None:
    """What became of what the guest asked; None before that is known."""
    guest = state.agents.get(state.guest or "")
    use = next((use for turn in guest.turns for use in turn.uses if use.id == action), None) if guest else None
    if use is None or action in state.asks:
        return None
    for question in state.questions.values():
        if question.action == action or any(one.action == action for one in question.joined):
            return Taken(run=state.run, question=question.id)
    return Taken(run=state.run, refusal=use.result or "")


def _usable(known: GuestQuestion, question: Question) -> bool:
    return question.open or not known.told or reusable(question)
