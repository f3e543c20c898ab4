"""Taking an agent's turn: its tool uses, each with exactly one result, all asks first, then at most one answer or vote."""

from __future__ import annotations

from orchestrator_bridge.frozen import replace
from orchestrator_bridge.model.port import ToolCall
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.run.change import with_agent
from orchestrator_bridge.run.events import Responded
from orchestrator_bridge.run.state import AgentState, Answer, Call, PendingAsk, RunState, ToolUse, Turn, Use, Vote, standing
from orchestrator_bridge.run.tooling import READ, READ_RESULT, over_limit, tools_of
from orchestrator_bridge.run.tools import CastVote, Mistake, NewAnswer, Reading, Wanted, may_answer, offered, read_use

_EMPTY = "Your response was empty. Use one of your tools."
_PROSE = "Words without a tool reach nobody. Use one of your tools."
_SECOND = "Not taken: a response may hold one answer or vote, and the first one was taken."

Decided = NewAnswer | CastVote | None


def take_turn(state: RunState, event: Responded, call: Call) -> RunState:
    """The state after a landed call of an agent's own work."""
    agent = state.agents[call.agent]
    readings = _read(state, agent, event.tool_calls, call)
    decided = _decided(readings) or _prose_answer(state, agent, event)
    uses = _uses(readings, event, agent, decided)
    tools = {
        use.id: ToolUse(agent=call.agent, use=use.id, tool=read.tool, arguments=read.arguments)
        for use, read in zip(uses, readings, strict=True)
        if isinstance(read, Wanted)
    }
    asks = {
        use.id: PendingAsk(agent=call.agent, use=use.id, ask=read)
        for use, read in zip(uses, readings, strict=True)
        if isinstance(read, Ask)
    }
    turn = Turn(seen_from=agent.seen, seen=call.seen, text=event.text, uses=uses, nudge=_nudge(event, decided), kept=event.kept)
    state = with_agent(
        state,
        call.agent,
        turns=(*agent.turns, turn),
        seen=call.seen,
        rests=decided is not None,
        malformed=0 if tools else _malformed(agent, decided, readings),
        tool_calls=agent.tool_calls + sum(bool(use.tool.server) for use in tools.values()),
    )
    return _decide(replace(state, asks={**state.asks, **asks}, uses={**state.uses, **tools}), call, decided)


def _malformed(agent: AgentState, decided: Decided, readings: list[Reading]) -> int:
    """Responses in a row without a use that was taken; whether asks are taken is known when they have been asked."""
    if decided is not None:
        return 0
    open_yet = any(isinstance(read, Ask) or (isinstance(read, Mistake) and read.excused) for read in readings)
    return agent.malformed if open_yet else agent.malformed + 1


def _read(state: RunState, agent: AgentState, calls: tuple[ToolCall, ...], call: Call) -> list[Reading]:
    tools = offered(state, agent, call.seen)
    labels = tuple(standing(state, call.seen))
    own = {**{tool.called: tool for tool in tools_of(state, agent)}, READ_RESULT: READ}
    readings: list[Reading] = []
    for one in calls:
        reading = read_use(one, tools, labels, own)
        if isinstance(reading, Mistake) and one.name in state.first_seen and one.name not in own:
            reading = Mistake(f"Not called: {one.name} is not there for now. Go on without it.", excused=True)
        wanted = sum(isinstance(earlier, Wanted) and earlier.tool is not READ for earlier in readings)
        limit = over_limit(state, agent, wanted) if isinstance(reading, Wanted) and reading.tool is not READ else ""
        readings.append(Mistake(limit) if limit else reading)
    return readings


def _decided(readings: list[Reading]) -> Decided:
    return next((read for read in readings if isinstance(read, NewAnswer | CastVote)), None)


def _prose_answer(state: RunState, agent: AgentState, event: Responded) -> Decided:
    """An agent's first words without any tool are plainly its answer; later ones may be a mere remark."""
    first = not event.tool_calls and agent.answers == 0 and may_answer(state, agent)
    return NewAnswer(content=event.text) if first and event.text.strip() else None


def _uses(readings: list[Reading], event: Responded, agent: AgentState, decided: Decided) -> tuple[Use, ...]:
    return tuple(
        Use(id=f"{event.action}/{index}", name=one.name, arguments=one.arguments, result=_result(read, agent, decided))
        for index, (one, read) in enumerate(zip(event.tool_calls, readings, strict=True))
    )


def _result(read: Reading, agent: AgentState, decided: Decided) -> str | None:
    match read:
        case Mistake():
            return read.text
        case Ask() | Wanted():
            return None
        case _ if read is not decided:
            return _SECOND
        case NewAnswer():
            return f"Your answer stands as {agent.label}."
        case CastVote():
            return f"Your vote for {read.agent_id} is noted."


def _nudge(event: Responded, decided: Decided) -> str:
    if event.tool_calls or decided is not None:
        return ""
    return _PROSE if event.text.strip() else _EMPTY


def _decide(state: RunState, call: Call, decided: Decided) -> RunState:
    agent = state.agents[call.agent]
    match decided:
        case NewAnswer():
            answer = Answer(label=agent.label, agent=call.agent, text=decided.content, seq=state.seq, seen=call.seen)
            state = replace(state, answers=(*state.answers, answer))
            return with_agent(state, call.agent, answers=agent.answers + 1, vote=None)
        case CastVote():
            vote = Vote(label=decided.agent_id, reason=decided.reason, seen=call.seen)
            return with_agent(state, call.agent, vote=vote)
        case None:
            return state
