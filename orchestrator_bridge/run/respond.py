"""Taking an agent's turn: its tool uses, each with exactly one result, all asks first, then at most one answer or vote."""

from __future__ import annotations

from orchestrator_bridge.frozen import replace
from orchestrator_bridge.model.port import ToolCall
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.run.change import update_agent
from orchestrator_bridge.run.events import Responded
from orchestrator_bridge.run.state import (
    AgentState,
    Answer,
    Call,
    PendingAsk,
    RunState,
    ToolUse,
    Turn,
    Use,
    Vote,
    standing_answers,
)
from orchestrator_bridge.run.tooling import READ, READ_RESULT, over_limit, tools_of
from orchestrator_bridge.run.tools import (
    CastVote,
    InvalidToolCall,
    NewAnswer,
    ParsedToolCall,
    ToolRequest,
    available_tools,
    may_answer,
    parse_tool_call,
)

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
