"""Carrying a run on as far as it goes without anybody: settle, record what follows, ask, start calls. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import Action, AppendEvent, AskApproval, AskQuestion, CallModel, UseTool, WaitUntil
from orchestrator_bridge.run.admission import CallAdmission
from orchestrator_bridge.run.batch import Transaction
from orchestrator_bridge.run.decide import decide
from orchestrator_bridge.run.desk import QuestionService
from orchestrator_bridge.run.start import AdmissionResult, CallToStart, admit_calls
from orchestrator_bridge.run.state import RunState, ToolUse


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
