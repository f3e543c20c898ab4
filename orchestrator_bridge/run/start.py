"""Starting calls: as long as budgets bear what they may cost, and as soon as their routes take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from orchestrator_bridge.model.limits.road import Throttled
from orchestrator_bridge.model.port import Request
from orchestrator_bridge.money.standing import BudgetStatus
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import CallModel
from orchestrator_bridge.run.admission import CallAdmission
from orchestrator_bridge.run.batch import Transaction
from orchestrator_bridge.run.bounds import own_budget
from orchestrator_bridge.run.cut import fit_request
from orchestrator_bridge.run.desk import QuestionService
from orchestrator_bridge.run.request import consumed

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
