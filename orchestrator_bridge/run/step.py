"""Starting calls: as long as budgets bear what they may cost, and as soon as their routes take them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.model.interface import Request, Throttled
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import Action, AppendEvent, AskApproval, AskQuestion, CallModel, UseTool, WaitUntil, decide
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.run.requests import consumed, fit_request
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.termination import own_budget
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.budgets import BudgetStatus

# What a run asks before it starts a call: what the call may cost, whether budgets bear it, and whether it may go now.
#
# The rules are elsewhere; what is shared by all runs is behind this.


class CallAdmission(Protocol):
    """Lets calls go. What it has let go must be started, or be taken back."""

    def price(self, request: Request) -> Decimal | None:
        """The most that a call is expected to cost, in US dollars; None if nobody knows."""
        ...

    def tokens(self, request: Request) -> int:
        """The tokens that a call is expected to take, in and out. An estimate."""
        ...

    def excess_tokens(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows."""
        ...

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """How the budgets stand that all runs of a place share. `unstored`: the rows of the transaction that asks."""
        ...

    def try_acquire(self, run: int, action: str, request: Request) -> Throttled | None:
        """Go now (None), or wait: whoever is held is told when it may ask again."""
        ...

    def cancel(self, run: int, action: str, attempt: int) -> None:
        """A call that might go will not be made after all."""
        ...

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        """A call that goes may cost so much, from now on for all runs."""
        ...


NO_COST = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallToStart:
    """A call to be made as soon as its start is stored. `consumed`: positions of the news that its prompt shows."""

    action: str
    attempt: int
    request: Request
    consumed: tuple[int, ...]


@dataclass(kw_only=True, slots=True)
class AdmissionResult:
    """What became of the calls that were to be started: by action, those that go, and those that are held."""

    admitted: dict[str, CallToStart] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)


def admit_calls(
    transaction: Transaction,
    calls: Sequence[CallModel],
    admission: CallAdmission,
    questions: QuestionService,
    starts: AdmissionResult,
) -> None:
    """Log the start of every call that may go now. The first that a budget does not bear stops this one and all others."""
    seen = transaction.state.seq
    for call in calls:
        request, left_out = fit_request(transaction.state, call, seen, admission.excess_tokens)
        price = admission.price(request)
        standings = (
            own_budget(transaction.state),
            *admission.budget_statuses(transaction.state.place, transaction.now, transaction.rows),
        )
        short = next((one for one in standings if not one.allows(price or NO_COST)), None)
        if short is not None:
            _stop(transaction, questions, short, price)
            return
        hold = admission.try_acquire(transaction.state.run, call.action, request)
        if hold is not None:
            starts.held.add(call.action)
            _hold(transaction, call, request, hold)
            continue
        admission.reserve(transaction.state.run, call.action, call.attempt, transaction.state.place, price or NO_COST)
        starts.held.discard(call.action)
        read = consumed(transaction.state, call, seen)
        starts.admitted[call.action] = CallToStart(action=call.action, attempt=call.attempt, request=request, consumed=read)
        transaction.add(
            e.CallStarted(
                at=transaction.now,
                action=call.action,
                attempt=call.attempt,
                agent=call.agent,
                purpose=call.purpose,
                model=request.model,
                seen=seen,
                reserved=price,
                tokens=admission.tokens(request),
                left_out=left_out,
                question=call.question,
            )
        )
        _warn(transaction, standings, price)


def _stop(transaction: Transaction, questions: QuestionService, short: BudgetStatus, price: Decimal | None) -> None:
    """Ask for more where the team wants that and nobody has said no, else end the run."""
    if transaction.state.team.on_budget == "ask" and short.budget not in transaction.state.refused:
        questions.ask_for_more(transaction, short, price)
    else:
        transaction.add(e.BoundReached(at=transaction.now, bound=short.budget, limit=short.limit))


def _warn(transaction: Transaction, standings: Sequence[BudgetStatus], price: Decimal | None) -> None:
    """Tell people, once for each budget, that it is nearly used up."""
    for one in standings:
        if one.near_limit(price or NO_COST) and (one.budget, one.limit) not in transaction.state.warned:
            used = one.used + (price or NO_COST)
            transaction.add(e.BudgetNeared(at=transaction.now, budget=one.budget, limit=one.limit, used=used))


def _hold(transaction: Transaction, call: CallModel, request: Request, hold: Throttled) -> None:
    """Log that a call waits, once for each reason."""
    known = transaction.state.calls.get(call.action)
    if known is None or known.phase != "held" or known.why != hold.why:
        transaction.add(_held(call, request, hold, transaction.now))


def _held(call: CallModel, request: Request, hold: Throttled, now: float) -> e.CallHeld:
    return e.CallHeld(
        at=now,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        purpose=call.purpose,
        model=request.model,
        why=hold.why,
        until=hold.until,
        question=call.question,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """What is to be done once it is stored. `held`: the calls that wait until they are let in; `uses`: tools to be called."""

    starts: tuple[CallToStart, ...]
    held: frozenset[str]
    uses: tuple[ToolUse, ...] = ()


def settle_immediate(transaction: Transaction) -> None:
    """Record what follows at once from what has happened so far."""
    while records := [action for action in transaction.pending_actions if isinstance(action, AppendEvent)]:
        for record in records:
            transaction.add(replace(record.event, at=transaction.now))


def step(
    transaction: Transaction, questions: QuestionService, admission: CallAdmission, read_to_end: Collection[int]
) -> StepResult:
    """Go on until nothing but calls, people and the clock is outstanding.

    Questions that have expired wait in `transaction.questions_to_sync` until their threads are among `read_to_end`.
    """
    starts = AdmissionResult()
    uses: dict[str, ToolUse] = {}
    while transaction.state.end is None:
        transaction.questions_to_sync = questions.process_due(transaction, read_to_end)
        settle_immediate(transaction)
        actions = transaction.pending_actions
        asks = [action for action in actions if isinstance(action, AskQuestion)]
        calls = [one for one in actions if isinstance(one, CallModel) and not one.is_under_way and one.action not in starts.held]
        for ask in asks:
            questions.ask(transaction, ask)
        admit_calls(transaction, calls, admission, questions, starts)
        tools = _use_tools(transaction, questions, actions)
        uses |= {use.use: use for use in tools}
        if not (asks or calls or tools or any(isinstance(action, AskApproval) for action in actions)):
            break
    return _step_result(transaction.state, starts, uses, admission)


def _step_result(state: RunState, starts: AdmissionResult, uses: Mapping[str, ToolUse], admission: CallAdmission) -> StepResult:
    for action in starts.admitted.keys() - state.calls.keys():
        admission.cancel(state.run, action, starts.admitted.pop(action).attempt)
    held = (action for action in starts.held if action in state.calls and state.calls[action].phase == "held")
    live = tuple(use for action, use in uses.items() if action in state.uses)
    return StepResult(starts=tuple(starts.admitted.values()), held=frozenset(held), uses=live)


def _use_tools(transaction: Transaction, questions: QuestionService, actions: Sequence[Action]) -> list[ToolUse]:
    """Ask people where they have to be asked, and log the start of what may be called."""
    started = []
    for action in actions:
        use = transaction.state.uses.get(action.action) if isinstance(action, UseTool | AskApproval) else None
        if use is None:
            continue
        if isinstance(action, AskApproval):
            questions.request_approval(transaction, use)
        else:
            started.append(use)
            transaction.add(_tool_started(transaction, use))
    return started


def _tool_started(transaction: Transaction, use: ToolUse) -> e.ToolStarted:
    tool = use.tool
    who = use.approved_by or transaction.state.approved.get((tool.model_name, tool.digest), "")
    return e.ToolStarted(
        at=transaction.now,
        action=use.use,
        agent=use.agent,
        server=tool.server,
        tool=tool.name,
        arguments=use.arguments,
        approved_by=who,
    )


def timer_events(state: RunState, now: float) -> Sequence[e.Event]:
    """What the clock has done to a run by now."""
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, WaitUntil) and action.until <= now]


def next_timer(state: RunState) -> float | None:
    """When, by our clock, it does something next."""
    return min((action.until for action in decide(state) if isinstance(action, WaitUntil)), default=None)
