"""What the events of model calls mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.model.interface import ToolCall
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Ask, JudgeVerdict, to_platform_time
from orchestrator_bridge.question.system_questions import parse_verdict
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.agent_tools import (
    CastVote,
    InvalidToolCall,
    NewAnswer,
    ParsedToolCall,
    ToolRequest,
    available_tools,
    may_answer,
    parse_tool_call,
)
from orchestrator_bridge.run.events import Responded
from orchestrator_bridge.run.reducer import tools as on_tool
from orchestrator_bridge.run.reducer.helpers import (
    agent_responder,
    charge_unknown,
    remove_call,
    update_agent,
    update_call,
    update_question,
)
from orchestrator_bridge.run.state import (
    AgentState,
    Answer,
    Call,
    Failure,
    PendingAsk,
    RunState,
    ToolUse,
    Turn,
    Use,
    Vote,
    converged,
    leader,
    standing_answers,
)
from orchestrator_bridge.run.tool_policy import READ, READ_RESULT, over_limit, tools_of

_EMPTY = "Your response was empty. Use one of your tools."
_PROSE = "Words without a tool reach nobody. Use one of your tools."
_SECOND = "Not taken: a response may hold one answer or vote, and the first one was taken."

Decided = NewAnswer | CastVote | None


def apply_turn(state: RunState, event: Responded, call: Call) -> RunState:
    """The state after a landed call of an agent's own work."""
    agent = state.agents[call.agent]
    readings = _read(state, agent, event.tool_calls, call)
    decided = _decided(readings) or _prose_answer(state, agent, event)
    uses = _uses(readings, event, agent, decided)
    tools = {
        use.id: ToolUse(agent=call.agent, use=use.id, tool=read.tool, arguments=read.arguments)
        for use, read in zip(uses, readings, strict=True)
        if isinstance(read, ToolRequest)
    }
    asks = {
        use.id: PendingAsk(agent=call.agent, use=use.id, ask=read)
        for use, read in zip(uses, readings, strict=True)
        if isinstance(read, Ask)
    }
    turn = Turn(
        seen_from_seq=agent.seen_seq,
        seen_seq=call.seen_seq,
        text=event.text,
        uses=uses,
        correction=_correction(event, decided),
        provider_state=event.kept,
    )
    state = update_agent(
        state,
        call.agent,
        turns=(*agent.turns, turn),
        seen_seq=call.seen_seq,
        idle=decided is not None,
        malformed=0 if tools else _malformed(agent, decided, readings),
        tool_calls=agent.tool_calls + sum(bool(use.tool.server) for use in tools.values()),
    )
    return _decide(replace(state, asks={**state.asks, **asks}, uses={**state.uses, **tools}), call, decided)


def _malformed(agent: AgentState, decided: Decided, readings: list[ParsedToolCall]) -> int:
    """Responses in a row without a use that was taken; whether asks are taken is known when they have been asked."""
    if decided is not None:
        return 0
    open_yet = any(isinstance(read, Ask) or (isinstance(read, InvalidToolCall) and read.excused) for read in readings)
    return agent.malformed if open_yet else agent.malformed + 1


def _read(state: RunState, agent: AgentState, calls: tuple[ToolCall, ...], call: Call) -> list[ParsedToolCall]:
    tools = available_tools(state, agent, call.seen_seq)
    labels = tuple(standing_answers(state, call.seen_seq))
    own = {**{tool.model_name: tool for tool in tools_of(state, agent)}, READ_RESULT: READ}
    readings: list[ParsedToolCall] = []
    for one in calls:
        reading = parse_tool_call(one, tools, labels, own)
        if isinstance(reading, InvalidToolCall) and one.name in state.first_seen and one.name not in own:
            reading = InvalidToolCall(f"Not called: {one.name} is not there for now. Go on without it.", excused=True)
        wanted = sum(isinstance(earlier, ToolRequest) and earlier.tool is not READ for earlier in readings)
        limit = over_limit(state, agent, wanted) if isinstance(reading, ToolRequest) and reading.tool is not READ else ""
        readings.append(InvalidToolCall(limit) if limit else reading)
    return readings


def _decided(readings: list[ParsedToolCall]) -> Decided:
    return next((read for read in readings if isinstance(read, NewAnswer | CastVote)), None)


def _prose_answer(state: RunState, agent: AgentState, event: Responded) -> Decided:
    """An agent's first words without any tool are plainly its answer; later ones may be a mere remark."""
    first = not event.tool_calls and agent.answers == 0 and may_answer(state, agent)
    return NewAnswer(content=event.text) if first and event.text.strip() else None


def _uses(readings: list[ParsedToolCall], event: Responded, agent: AgentState, decided: Decided) -> tuple[Use, ...]:
    return tuple(
        Use(id=f"{event.action}/{index}", name=one.name, arguments=one.arguments, result=_result(read, agent, decided))
        for index, (one, read) in enumerate(zip(event.tool_calls, readings, strict=True))
    )


def _result(read: ParsedToolCall, agent: AgentState, decided: Decided) -> str | None:
    match read:
        case InvalidToolCall():
            return read.text
        case Ask() | ToolRequest():
            return None
        case _ if read is not decided:
            return _SECOND
        case NewAnswer():
            return f"Your answer stands as {agent.label}."
        case CastVote():
            return f"Your vote for {read.agent_id} is noted."


def _correction(event: Responded, decided: Decided) -> str:
    if event.tool_calls or decided is not None:
        return ""
    return _PROSE if event.text.strip() else _EMPTY


def _decide(state: RunState, call: Call, decided: Decided) -> RunState:
    agent = state.agents[call.agent]
    match decided:
        case NewAnswer():
            answer = Answer(label=agent.label, agent=call.agent, text=decided.content, seq=state.seq, seen_seq=call.seen_seq)
            state = replace(state, answers=(*state.answers, answer))
            return update_agent(state, call.agent, answers=agent.answers + 1, vote=None)
        case CastVote():
            vote = Vote(label=decided.agent_id, reason=decided.reason, seen_seq=call.seen_seq)
            return update_agent(state, call.agent, vote=vote)
        case None:
            return state


FINAL_TRIES = 3
"""How often a winner may hand in an empty final text before its answer is taken as it stands."""


def _on_resumed(state: RunState, _: e.Resumed) -> RunState:
    """Calls that were out are lost and have to be started again."""
    lost = [call for call in state.calls.values() if call.phase == "out"]
    state = charge_unknown(state, lost)
    state = replace(state, calls={**state.calls, **{call.action: replace(call, phase="due", reserved=None) for call in lost}})
    return on_tool.mark_lost(state)


def _on_call_held(state: RunState, event: e.CallHeld) -> RunState:
    """It is waited for like a call under way, but nothing of it was spent, and it will show what is new when it starts."""
    earlier = state.calls.get(event.action)
    waits = earlier if earlier and earlier.phase == "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=waits.seen_seq if waits else state.seq,
        started_at=waits.started_at if waits else event.at,
        question=event.question,
        phase="held",
        why=event.why,
        seconds_left=None if event.until is None else max(0.0, event.until - event.at),
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=waits.timed_out_waiting if waits else False,
    )
    return update_call(state, call)


def _on_call_started(state: RunState, event: e.CallStarted) -> RunState:
    earlier = state.calls.get(event.action)
    known = earlier if earlier and earlier.phase != "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=event.seen,
        started_at=known.started_at if known else event.at,
        reserved=event.reserved,
        question=event.question,
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=known.timed_out_waiting if known else False,
    )
    spent = replace(state.spent, calls=state.spent.calls + 1, priced=state.spent.priced and event.reserved is not None)
    return update_call(replace(state, spent=spent), call)


def _on_call_failed(state: RunState, event: e.CallFailed) -> RunState:
    call = state.calls.get(event.action)
    if call is None:
        return state
    state = charge_unknown(state, [call] if event.billed is None else [])
    state = replace(state, reported=state.reported | {event.found})
    if event.retry_at is not None:
        resting = replace(call, phase="resting", retry_at=event.retry_at, failures=call.failures + 1, reserved=None)
        return update_call(state, resting)
    if call.purpose == "judge":
        return _given_up(remove_call(state, event.action), call, event)
    agent = state.agents[call.agent]
    if agent.has_backup:
        state = update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))
    if agent.has_backup or call.model != agent.model:
        return update_call(state, replace(call, phase="due", failures=0, reserved=None))
    return _given_up(remove_call(state, event.action), call, event)


def _given_up(state: RunState, call: Call, event: e.CallFailed) -> RunState:
    if call.purpose == "final":
        return replace(state, final_failure=event.found) if _still_wins(state, call) else state
    if call.purpose == "peer":
        return _peer_out(state, call)
    if call.purpose == "judge":
        return _judged(state, call, JudgeVerdict(reason=event.found))
    return update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))


def _peer_out(state: RunState, call: Call) -> RunState:
    question = state.questions[call.question or 0]
    return update_question(state, transitions.passed(question, agent_responder(call.agent)))


def _on_retry_due(state: RunState, event: e.RetryDue) -> RunState:
    call = state.calls.get(event.action)
    return update_call(state, replace(call, phase="due")) if call and call.phase == "resting" else state


def _on_straggler_due(state: RunState, event: e.StragglerDue) -> RunState:
    call = state.calls.get(event.action)
    return update_call(state, replace(call, timed_out_waiting=True)) if call else state


def _on_responded(state: RunState, event: e.Responded) -> RunState:
    call = state.calls.get(event.action)
    state = _noticed(_book(state, event, call), event)
    if call is None:
        return state
    state = remove_call(state, event.action)
    if call.purpose == "peer":
        return _peer_replied(state, event, call)
    if call.purpose == "judge":
        return _judged(state, call, parse_verdict(state.questions[call.question or 0].ask, event.tool_calls, event.text))
    if call.purpose == "final":
        return _final_written(state, event, call)
    return apply_turn(state, event, call)


def _book(state: RunState, event: e.Responded, call: Call | None) -> RunState:
    """What it cost; where nobody knows that, what was reserved for it."""
    reserved = call.reserved if call and event.cost is None else None
    spent = replace(
        state.spent,
        tokens=state.spent.tokens + event.usage.total,
        cost=state.spent.cost + (event.cost or 0),
        unknown=state.spent.unknown + (reserved or 0),
        priced=state.spent.priced and event.cost is not None,
    )
    return replace(state, spent=spent)


def _noticed(state: RunState, event: e.Responded) -> RunState:
    news = bool(event.notice) and event.notice not in state.notices
    return replace(state, notices=(*state.notices, event.notice)) if news else state


def _peer_replied(state: RunState, event: e.Responded, call: Call) -> RunState:
    question = state.questions[call.question or 0]
    if not event.text.strip():
        return _peer_out(state, call)
    at = to_platform_time(question, event.at)
    return update_question(
        state,
        transitions.reply_received(question, author=agent_responder(call.agent), message=event.action, text=event.text, at=at),
    )


def _judged(state: RunState, call: Call, verdict: JudgeVerdict) -> RunState:
    return update_question(state, transitions.judged(state.questions[call.question or 0], verdict))


def _final_written(state: RunState, event: e.Responded, call: Call) -> RunState:
    """The final text ends the run if the vote still stands; else it is taken for what it saw, as its author's new answer."""
    text = event.text.strip()
    state = replace(state, finals=state.finals + 1)
    if _still_wins(state, call):
        return _finals(state, call, text)
    if not text:
        return state
    author = state.agents[call.agent]
    answer = Answer(label=author.label, agent=call.agent, text=text, seq=state.seq, seen_seq=call.seen_seq)
    return replace(state, answers=(*state.answers, answer))


def _still_wins(state: RunState, call: Call) -> bool:
    winner = leader(state)
    return winner is not None and winner.agent == call.agent and converged(state)


def _finals(state: RunState, call: Call, text: str) -> RunState:
    if text:
        return replace(state, final_text=text)
    if state.finals < FINAL_TRIES:
        return state
    return replace(state, final_failure=f"{call.agent} handed in an empty final text {FINAL_TRIES} times")


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.Resumed: _on_resumed,
    e.CallHeld: _on_call_held,
    e.CallStarted: _on_call_started,
    e.Responded: _on_responded,
    e.CallFailed: _on_call_failed,
    e.RetryDue: _on_retry_due,
    e.StragglerDue: _on_straggler_due,
}
