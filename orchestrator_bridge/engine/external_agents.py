"""External agents (MCP clients): their questions become questions of runs of their own, and outlive the client's connection.

A run starts with an agent's first question and ends by itself with its last one; until then, what the agent asks in the same
place goes into that run. A client that has timed out asks again. So the same question is asked of people once: while it is open,
until its outcome was delivered, and as long as the answer that people gave can be reused.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.engine.run_states import OwnerKey, RunIndex, RunStates, RunWatchers
from orchestrator_bridge.engine.supervisor import RunSupervisor
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.question.screening import is_reusable, is_same_wording
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import OutcomeDelivered
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Corrupted, SchemaTooNew, Store
from orchestrator_bridge.team.team import Team

REUSE_FOR = 86_400.0
"""Seconds for which an earlier question with the same words is found again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionRequest:
    """A question of an external agent: the team and the place that it goes to, on whose behalf. `action` is unique.

    Runs from before `since` (seconds since the epoch) belong to an earlier token of the same name.
    """

    external_agent: ExternalAgent
    team: Team
    place: Place
    by: Author
    ask: Ask
    action: str
    since: float = 0.0

    @property
    def owner(self) -> OwnerKey:
        """The key of the run that takes the question."""
        return self.external_agent.token, self.external_agent.agent, self.place, self.team.name


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionResult:
    """The question that a request became; `question` is None if it was refused, for the reason in `refusal`."""

    run: int
    question: int | None = None
    refusal: str = ""


class ExternalAgents:
    """Submits the questions of external agents, and waits for their outcomes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        mailbox: Mailbox,
        states: RunStates,
        index: RunIndex,
        watchers: RunWatchers,
        supervisor: RunSupervisor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._mailbox = mailbox
        self._states = states
        self._index = index
        self._watchers = watchers
        self._supervisor = supervisor
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._submitting = BackgroundTasks()

    def lock_for(self, token: str) -> asyncio.Lock:
        """The lock of a token: held while something is started for it, so that its quota is checked for one request at a time."""
        return self._locks[token]

    async def ask(self, request: QuestionRequest, check_quota: Callable[[], Awaitable[None]]) -> SubmissionResult:
        """Ask a question, or find the same one. `check_quota` is awaited before a new question, and raises if it is not allowed.

        A caller that is cancelled stops waiting; the question is asked all the same.

        Raises:
            StoreError: the question could not be stored, and is not asked.
        """
        return await self._submitting.run_shielded(self._ask(request, check_quota))

    async def stop(self) -> None:
        """Give up requests that are not stored yet."""
        await self._submitting.stop()

    async def _ask(self, request: QuestionRequest, check_quota: Callable[[], Awaitable[None]]) -> SubmissionResult:
        async with self.lock_for(request.external_agent.token):
            known = await self._find_same(request)
            if known is not None:
                return known
            await check_quota()
            result = None
            while result is None:
                result = await self._submit(request)
            return result

    async def _submit(self, request: QuestionRequest) -> SubmissionResult | None:
        """Add a question to the agent's run, or start that run with it. None if the run ended in the meantime.

        A question that is refused starts no run.
        """
        question = inputs.ExternalQuestion(action=request.action, ask=request.ask)
        run = self._index.external_run(request.owner)
        if run is None or (await self._states.get(run)).started_at < request.since:
            started = await self._supervisor.start_external_run(
                task=f"What {request.external_agent.title} asks.",
                team=_without_tools(request.team),
                place=request.place,
                by=request.by,
                outside=replace(request.external_agent, asks=True),
                first=question,
            )
            return _submission_result(started, request.action)
        self._mailbox.deliver(run, question)
        try:
            state = await self.wait_until(
                run, lambda state: state.end is not None or _submission_result(state, request.action) is not None
            )
        except (Corrupted, SchemaTooNew):  # the run is quarantined: the next question starts another one
            self._index.forget_external(request.owner, run)
            raise
        result = _submission_result(state, request.action)
        if result is None:
            self._index.forget_external(request.owner, run)
        return result

    async def _find_same(self, request: QuestionRequest) -> SubmissionResult | None:
        """Find the same question, open or with an outcome that answers this one too."""
        since = max(self._clock.now() - REUSE_FOR, request.since)
        agent, place = request.external_agent, request.place
        for known in await self._store.external_questions(agent.token, agent.agent, place, since):
            if is_same_wording(request.ask, known.text):
                run = await self._states.get(known.run)
                question = run.questions.get(known.question)
                if question is None or run.started_at < request.since or not is_same_wording(request.ask, question.ask):
                    continue
                if question.open or not known.told or is_reusable(question):
                    return SubmissionResult(run=known.run, question=known.question)
        return None

    async def wait_until(self, run: int, predicate: Callable[[RunState], bool], deadline: float | None = None) -> RunState:
        """Wait until `predicate` is true of a run, or until `deadline` (seconds since the epoch). Returns the newest state.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        return await self._watchers.wait_until(run, predicate, deadline)

    async def mark_outcome_delivered(self, question: int) -> None:
        """Note that the agent has got the outcome. The same question later is a new one, unless people's answer is reusable.

        Raises:
            StoreError: it could not be stored.
        """
        await self._store.append(rows=[OutcomeDelivered(question=question, at=self._clock.now())])

    def cancel(self, run: int, question: int) -> None:
        """Close a question that its agent has cancelled."""
        self._mailbox.deliver(run, inputs.ExternalCancel(question=question))


def _without_tools(team: Team) -> Team:
    """The team without its tools: an external question is answered from what its members know."""
    return team.model_copy(update={"tools": (), "agents": tuple(agent.model_copy(update={"tools": ()}) for agent in team.agents)})


def _submission_result(state: RunState, action: str) -> SubmissionResult | None:
    """The question or refusal that a request has led to; None before the run has handled it."""
    agent = state.agents.get(state.external_agent or "")
    use = next((use for turn in agent.turns for use in turn.uses if use.id == action), None) if agent else None
    if use is None or action in state.asks:
        return None
    for question in state.questions.values():
        if question.action == action or any(joined.action == action for joined in question.joined):
            return SubmissionResult(run=state.run, question=question.id)
    return SubmissionResult(run=state.run, refusal=use.result or "")
