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

from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.engine.supervisor import RunSupervisor
from orchestrator_bridge.question.model import Ask, Question
from orchestrator_bridge.question.screening import is_reusable, is_same_wording
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import OutcomeDelivered
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Corrupted, ExternalQuestionSummary, ExternalRun, SchemaTooNew, Store
from orchestrator_bridge.team.team import Team

_LOG = logging.getLogger(__name__)

OwnerKey = tuple[str, str, Place, str]

REUSE_FOR = 86_400.0
"""Seconds in which the same question is known again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionRequest:
    """A question as an agent outside puts it: to whom, where, on whose behalf. `action` is unique."""

    external_agent: ExternalAgent
    team: Team
    place: Place
    by: Author
    ask: Ask
    action: str

    @property
    def owner(self) -> OwnerKey:
        """What the agent asks in this place, of this team, goes into one run."""
        return self.external_agent.token, self.external_agent.agent, self.place, self.team.name


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionResult:
    """What became of it: a question of a run, or (`question` is None) why there is none."""

    run: int
    question: int | None = None
    refusal: str = ""


class ExternalAgents:
    """Asks for agents outside, and waits for them."""

    def __init__(self, store: Store, clock: Clock, runs: RunSupervisor) -> None:
        self._store = store
        self._clock = clock
        self._runs = runs
        self._open_runs: dict[OwnerKey, int] = {}
        self._watchers: dict[int, set[_RunWatch]] = defaultdict(set)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._asking: set[asyncio.Task[SubmissionResult]] = set()

    def recover(self, runs: Iterable[ExternalRun]) -> None:
        """Take in the runs that an earlier process began."""
        self._open_runs |= {(one.outside.token, one.outside.agent, one.place, one.team): one.run for one in runs}

    def update(self, state: RunState) -> None:
        """A run has moved on."""
        for watch in self._watchers.get(state.run, ()):
            watch.update(state)
        if state.end is not None and state.outside is not None:
            self._forget((state.outside.token, state.outside.agent, state.place, state.team.name), state.run)

    def _forget(self, whose: OwnerKey, run: int) -> None:
        if self._open_runs.get(whose) == run:
            del self._open_runs[whose]

    def lock_for(self, token: str) -> asyncio.Lock:
        """Held while something is begun for a token, so that its limits and what it has begun already are looked at once."""
        return self._locks[token]

    # Asking ---------------------------------------------------------------------------------------------------------------

    async def ask(self, request: QuestionRequest, allowed: Callable[[], Awaitable[None]]) -> SubmissionResult:
        """Ask, or find the same question. `allowed` is awaited before a new one is made, and raises where it may not be.

        Whoever is cancelled here gives up waiting, and nothing else.

        Raises:
            StoreError: it could not be stored, and is not asked.
        """
        asking = asyncio.create_task(self._ask(request, allowed), name=f"ask for {request.external_agent.agent}")
        self._asking.add(asking)
        asking.add_done_callback(self._on_asked)
        return await asyncio.shield(asking)

    def _on_asked(self, asking: asyncio.Task[SubmissionResult]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled() and asking.exception() is not None:
            _LOG.info("a question of an agent outside was not asked: %s", asking.exception())

    async def stop(self) -> None:
        """Give up what is not stored yet."""
        for one in list(self._asking):
            one.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, request: QuestionRequest, allowed: Callable[[], Awaitable[None]]) -> SubmissionResult:
        async with self.lock_for(request.external_agent.token):
            known = await self._find_same(request)
            if known is not None:
                return known
            await allowed()
            taken = None
            while taken is None:
                taken = await self._submit(request)
            return taken

    async def _submit(self, request: QuestionRequest) -> SubmissionResult | None:
        """Put it into the agent's run; None if that has ended just now."""
        run, asked = self._open_runs.get(request.owner), inputs.ExternalQuestion(action=request.action, ask=request.ask)
        if run is None:
            run = self._open_runs[request.owner] = await self._runs.start_run(
                task=f"What {request.external_agent.title} asks.",
                team=_without_tools(request.team),
                place=request.place,
                by=request.by,
                outside=replace(request.external_agent, asks=True),
                first=asked,
            )
        else:
            self._runs.deliver(run, asked)
        try:
            state = await self.wait_until(
                run, lambda state: state.end is not None or _submission_result(state, request.action) is not None
            )
        except (Corrupted, SchemaTooNew):  # it is set aside, and that was told
            self._forget(request.owner, run)
            raise
        taken = _submission_result(state, request.action)
        if taken is None:
            self._forget(request.owner, run)
        return taken

    async def _find_same(self, request: QuestionRequest) -> SubmissionResult | None:
        """The same question, open, or ended in a way that answers this one too."""
        since = self._clock.now() - REUSE_FOR
        outside, place = request.external_agent, request.place
        for one in await self._store.external_questions(outside.token, outside.agent, place, since):
            if is_same_wording(request.ask, one.text):
                question = (await self._runs.state(one.run)).questions.get(one.question)
                if question is not None and is_same_wording(request.ask, question.ask) and _usable(one, question):
                    return SubmissionResult(run=one.run, question=one.question)
        return None

    # Waiting --------------------------------------------------------------------------------------------------------------

    async def wait_until(self, run: int, predicate: Callable[[RunState], bool], deadline: float | None = None) -> RunState:
        """Wait until this is so of a run, or until a time of our clock; returns the run as it then is.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        watch = _RunWatch()
        self._watchers[run].add(watch)
        try:
            watch.update(await self._runs.state(run))
            seen = asyncio.ensure_future(watch.wait_until(predicate))
            late = asyncio.ensure_future(sleep_until(self._clock, deadline) if deadline is not None else asyncio.Event().wait())
            try:
                await asyncio.wait([seen, late], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (seen, late):
                    task.cancel()
            return watch.state
        finally:
            self._watchers[run].discard(watch)
            if not self._watchers[run]:
                del self._watchers[run]

    async def mark_outcome_delivered(self, question: int) -> None:
        """The agent that asked is given the outcome now: the same question later is a new one, unless people have answered it.

        Raises:
            StoreError: it could not be stored.
        """
        await self._store.append(rows=[OutcomeDelivered(question=question, at=self._clock.now())])

    def cancel(self, run: int, question: int) -> None:
        """Close a question that its agent does not want answered any more."""
        self._runs.deliver(run, inputs.ExternalCancel(question=question))


class _RunWatch:
    """A run, watched."""

    def __init__(self) -> None:
        self._state: RunState | None = None
        self._changed = asyncio.Event()

    @property
    def state(self) -> RunState:
        """The run as it was last seen."""
        assert self._state is not None
        return self._state

    def update(self, state: RunState) -> None:
        """The run is like this, unless something newer is known."""
        if self._state is None or state.seq >= self._state.seq:
            self._state = state
            self._changed.set()

    async def wait_until(self, predicate: Callable[[RunState], bool]) -> None:
        while not predicate(self.state):
            self._changed.clear()
            await self._changed.wait()


def _without_tools(team: Team) -> Team:
    """The team as peers and rules: what is asked is answered without its own tools."""
    return team.model_copy(update={"tools": (), "agents": tuple(agent.model_copy(update={"tools": ()}) for agent in team.agents)})


def _submission_result(state: RunState, action: str) -> SubmissionResult | None:
    """What became of what the guest asked; None before that is known."""
    guest = state.agents.get(state.external_agent or "")
    use = next((use for turn in guest.turns for use in turn.uses if use.id == action), None) if guest else None
    if use is None or action in state.asks:
        return None
    for question in state.questions.values():
        if question.action == action or any(one.action == action for one in question.joined):
            return SubmissionResult(run=state.run, question=question.id)
    return SubmissionResult(run=state.run, refusal=use.result or "")


def _usable(known: ExternalQuestionSummary, question: Question) -> bool:
    return question.open or not known.told or is_reusable(question)
