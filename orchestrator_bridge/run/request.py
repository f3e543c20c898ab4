"""The request of a model call: the conversation and the tools that it shows, as of a position of the log."""

from __future__ import annotations

from orchestrator_bridge.model.port import Message, Request, ToolSpec
from orchestrator_bridge.question.judge import DECIDE_TOOL
from orchestrator_bridge.run.actions import CallModel
from orchestrator_bridge.run.pieces import NOTHING_OMITTED, Omitted
from orchestrator_bridge.run.prompts import final_messages, judge_messages, news_for, peer_messages, work_messages
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.tools import available_tools


def make_request(state: RunState, call: CallModel, seen: int, left: Omitted = NOTHING_OMITTED) -> Request:
    """The request of a call, showing the log up to `seen` but for what is `left` out."""
    spec = state.agents[call.agent].spec
    judge = _judge(state, call)
    return Request(
        agent=call.agent,
        model=judge or state.agents[call.agent].model,
        messages=_messages(state, call, seen, left),
        tools=_tools(state, call, seen),
        max_output=None if judge else spec.max_output,
        parameters={} if judge else spec.parameters,
        timeout=state.team.bounds.call_timeout,
    )


def consumed(state: RunState, call: CallModel, seen: int) -> tuple[int, ...]:
    """The positions of the news that an agent reads in a call; a side call reads a copy and consumes nothing."""
    agent = state.agents[call.agent]
    return () if call.purpose in ("peer", "judge") else tuple(news.seq for news in news_for(state, agent, agent.seen_seq, seen))


def _messages(state: RunState, call: CallModel, seen: int, left: Omitted) -> tuple[Message, ...]:
    agent = state.agents[call.agent]
    match call.purpose:
        case "work":
            return work_messages(state, agent, seen, left)
        case "final":
            return final_messages(state, agent, seen, left)
        case "peer":
            return peer_messages(state, agent, state.questions[call.question or 0], left)
        case "judge":
            return judge_messages(state, state.questions[call.question or 0])


def _judge(state: RunState, call: CallModel) -> str | None:
    """The model that judges, where it is not the agent's own."""
    return state.questions[call.question or 0].policy.judge if call.purpose == "judge" else None


def _tools(state: RunState, call: CallModel, seen: int) -> tuple[ToolSpec, ...]:
    if call.purpose == "judge":
        return (DECIDE_TOOL,)
    return available_tools(state, state.agents[call.agent], seen) if call.purpose == "work" else ()
