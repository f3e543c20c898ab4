"""One step of a run: settle questions, append what follows, ask, admit calls and start tools, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.model.interface import Request, Throttled
from orchestrator_bridge.question.decisions import Recollection
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import Action, AppendEvent, AskApproval, AskQuestion, CallModel, UseTool, WaitUntil, decide
from orchestrator_bridge.run.questions.asking import NOTHING_RECALLED
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.run.requests import consumed, fit_request
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.termination import own_budget
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.budgets import BudgetStatus

NO_COST = Decimal(0)


class CallAdmission(Protocol):
    """Decides if a call may start, by budgets and rate limits that all runs share. A call that is admitted is started or
    cancelled."""

    def price(self, request: Request) -> Decimal | None:
        """The most that a call is expected to cost, in US dollars; None if nobody knows."""
        ...

    def tokens(self, request: Request) -> int:
        """The estimated tokens of a call, in and out."""
        ...

    def excess_tokens(self, request: Request) -> int:
        """The tokens by which a prompt is too long for its model; 0 if it fits, or nobody knows."""
        ...

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """The status of the budgets that all runs of a place share. `unstored`: the records of the current transaction."""
        ...

    def try_acquire(self, run: int, action: str, request: Request) -> Throttled | None:
        """Admit a call (None), or say why and until when it has to wait."""
        ...

    def cancel(self, run: int, action: str, attempt: int) -> None:
        """Return what an admitted call has acquired: it will not be made."""
        ...

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        """Reserve the price of an admitted call in the shared budgets, from now on for all runs."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CallToStart:
    """A call to be made once its start is stored. `consumed`: positions of the messages that its prompt shows."""

    action: str
    attempt: int
    request: Request
    consumed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """The work of a step, to be done once its transaction is stored.

    `starts`: calls to make; `held`: actions of calls that wait for admission; `uses`: tools to call; `recalls`: asks for which
    earlier decisions are to be looked up.
    """

    starts: tuple[CallToStart, ...]
    held: frozenset[str]
    uses: tuple[ToolUse, ...] = ()
    recalls: tuple[AskQuestion, ...] = ()


@dataclass(kw_only=True, slots=True)
class AdmissionResult:
    """The calls admitted and held so far in a step, by action."""

    admitted: dict[str, CallToStart] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)


def step(
    transaction: Transaction,
    questions: QuestionService,
    admission: CallAdmission,
    read_to_end: Collection[int],
    recalled: Mapping[str, Recollection] | None = None,
) -> StepResult:
    """Add events until only calls, tools, people and the clock are outstanding.

    Expired questions stay in `transaction.questions_to_sync` until their threads are among `read_to_end`. Asks for which earlier
    decisions must be looked up first stay in `StepResult.recalls` until they are in `recalled` by their action; with None nothing
    is looked up.
    """
    admissions = AdmissionResult()
    uses: dict[str, ToolUse] = {}
    recalls: tuple[AskQuestion, ...] = ()
    # Every part of a pass can make another pass necessary: a question that nobody can answer settles at once, a budget that is
    # used up ends the run or asks a question. So all are looked at again until a pass has nothing left to do.
    while transaction.state.end is None:
        transaction.questions_to_sync = questions.process_due(transaction, read_to_end)
        settle_immediate(transaction)
        actions = transaction.pending_actions
        pending = [action for action in actions if isinstance(action, AskQuestion)]
        recalls = _to_recall(transaction.state, pending, recalled)
        asks = [ask for ask in pending if ask not in recalls]
        new_calls = (action for action in actions if isinstance(action, CallModel) and not action.is_under_way)
        calls = [call for call in new_calls if call.action not in admissions.held]
        for ask in asks:
            questions.ask(transaction, ask, (recalled or {}).get(ask.action, NOTHING_RECALLED))
        admit_calls(transaction, calls, admission, questions, admissions)
        started = _start_tools(transaction, questions, actions)
        uses |= {use.use: use for use in started}
        if not (asks or calls or started or any(isinstance(action, AskApproval) for action in actions)):
            break
    return replace(_step_result(transaction.state, admissions, uses, admission), recalls=recalls)


def _to_recall(
    state: RunState, asks: Sequence[AskQuestion], recalled: Mapping[str, Recollection] | None
) -> tuple[AskQuestion, ...]:
    """The asks for which earlier decisions have not been looked up. External agents ask without memory: they run elsewhere, and
    what they are shown leaves the channel."""
    if recalled is None or state.team.memory == "off" or state.external_agent is not None:
        return ()
    return tuple(ask for ask in asks if ask.action not in recalled)


def settle_immediate(transaction: Transaction) -> None:
    """Append the events that follow at once from what has happened so far."""
    while events := [action.event for action in transaction.pending_actions if isinstance(action, AppendEvent)]:
        for event in events:
            transaction.add(replace(event, at=transaction.now))


def _step_result(
    state: RunState, admissions: AdmissionResult, uses: Mapping[str, ToolUse], admission: CallAdmission
) -> StepResult:
    """The work that is still wanted at the end of a step: later events may have ended the run or dropped a call."""
    for action in admissions.admitted.keys() - state.calls.keys():
        admission.cancel(state.run, action, admissions.admitted.pop(action).attempt)
    held = (action for action in admissions.held if action in state.calls and state.calls[action].phase == "held")
    wanted = tuple(use for action, use in uses.items() if action in state.uses)
    return StepResult(starts=tuple(admissions.admitted.values()), held=frozenset(held), uses=wanted)


def admit_calls(
    transaction: Transaction,
    calls: Sequence[CallModel],
    admission: CallAdmission,
    questions: QuestionService,
    admissions: AdmissionResult,
) -> None:
    """Log the start of every call that may start now. The first one that exceeds a budget stops itself and all after it.

    All calls of a step show the log up to the same position, so that agents which start side by side see the same.
    """
    seen = transaction.state.seq
    for call in calls:
        state = transaction.state
        request, left_out = fit_request(state, call, seen, admission.excess_tokens)
        price = admission.price(request)
        # Budgets are checked before the rate limiter, whose slot would otherwise be taken by a call that is not made.
        budgets = (own_budget(state), *admission.budget_statuses(state.place, transaction.now, transaction.rows))
        exceeded = next((budget for budget in budgets if not budget.allows(price or NO_COST)), None)
        if exceeded is not None:
            _stop_at_budget(transaction, questions, exceeded, price)
            return
        throttled = admission.try_acquire(state.run, call.action, request)
        if throttled is not None:
            admissions.held.add(call.action)
            _hold(transaction, call, request, throttled)
            continue
        # Reserved now and not when the transaction is stored: a run that is admitted meanwhile must not spend the same money.
        admission.reserve(state.run, call.action, call.attempt, state.place, price or NO_COST)
        admissions.held.discard(call.action)
        read = consumed(state, call, seen)
        admissions.admitted[call.action] = CallToStart(action=call.action, attempt=call.attempt, request=request, consumed=read)
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
        _warn_of_budgets(transaction, budgets, price)


def _stop_at_budget(transaction: Transaction, questions: QuestionService, exceeded: BudgetStatus, price: Decimal | None) -> None:
    """Ask for more budget if the team is configured to and nobody has refused it, else end the run."""
    if transaction.state.team.on_budget == "ask" and exceeded.budget not in transaction.state.refused:
        questions.ask_for_more(transaction, exceeded, price)
    else:
        transaction.add(e.BoundReached(at=transaction.now, bound=exceeded.budget, limit=exceeded.limit))


def _warn_of_budgets(transaction: Transaction, budgets: Sequence[BudgetStatus], price: Decimal | None) -> None:
    """Tell people, once for each budget and limit, that it is nearly used up."""
    for status in budgets:
        if status.near_limit(price or NO_COST) and (status.budget, status.limit) not in transaction.state.warned:
            used = status.used + (price or NO_COST)
            transaction.add(e.BudgetNeared(at=transaction.now, budget=status.budget, limit=status.limit, used=used))


def _hold(transaction: Transaction, call: CallModel, request: Request, throttled: Throttled) -> None:
    """Log that a call waits, once for each reason."""
    known = transaction.state.calls.get(call.action)
    if known is not None and known.phase == "held" and known.why == throttled.why:
        return
    transaction.add(
        e.CallHeld(
            at=transaction.now,
            action=call.action,
            attempt=call.attempt,
            agent=call.agent,
            purpose=call.purpose,
            model=request.model,
            why=throttled.why,
            until=throttled.until,
            question=call.question,
        )
    )


def _start_tools(transaction: Transaction, questions: QuestionService, actions: Sequence[Action]) -> list[ToolUse]:
    """Log the start of tool uses that may be called, and ask people to approve the others."""
    started = []
    for action in actions:
        use = transaction.state.uses.get(action.action) if isinstance(action, UseTool | AskApproval) else None
        if use is None:
            continue
        if isinstance(action, AskApproval):
            questions.request_approval(transaction, use)
            continue
        started.append(use)
        approved_for_run = transaction.state.approved.get((use.tool.model_name, use.tool.digest), "")
        transaction.add(
            e.ToolStarted(
                at=transaction.now,
                action=use.use,
                agent=use.agent,
                server=use.tool.server,
                tool=use.tool.name,
                arguments=use.arguments,
                approved_by=use.approved_by or approved_for_run,
            )
        )
    return started


def timer_events(state: RunState, now: float) -> Sequence[e.Event]:
    """The events whose time has come by now."""
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, WaitUntil) and action.until <= now]


def next_timer(state: RunState) -> float | None:
    """The time, by our clock, of the next event that a timer brings; None if there is none."""
    return min((action.until for action in decide(state) if isinstance(action, WaitUntil)), default=None)
