"""The request of a model call: the conversation and the tools that it shows, as of a position of the log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from orchestrator_bridge.model.interface import Message, Request, ToolSpec
from orchestrator_bridge.question.system_questions import DECIDE_TOOL
from orchestrator_bridge.run.agent_tools import available_tools
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.prompts import (
    NOTHING_OMITTED,
    Omitted,
    final_messages,
    judge_messages,
    news_for,
    peer_messages,
    segments,
    work_messages,
)
from orchestrator_bridge.run.state import RunState


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


Excess = Callable[[Request], int]
"""By how many tokens a prompt is too long; 0 if it fits."""


def fit_request(state: RunState, call: CallModel, seen: int, excess: Excess) -> tuple[Request, int]:
    """The request of a call, cut until it fits, and how many pieces are left out.

    Where all that can be left out is not enough it comes back as short as it gets: whoever makes the call will refuse it.
    """
    whole = make_request(state, call, seen)
    if not excess(whole):
        return whole, 0
    order = segments(state, state.agents[call.agent], call.purpose, seen)

    def cut(count: int) -> Request:
        return _told(make_request(state, call, seen, frozenset(order[:count])), count) if count else whole

    # The more is left out the shorter it is: the least that is enough is found by halving.
    count = bisect_left(range(len(order)), True, key=lambda number: not excess(cut(number)))
    return cut(count), count


def _told(request: Request, count: int) -> Request:
    pieces = "one piece of it is" if count == 1 else f"{count} pieces of it are"
    text = f"This conversation is longer than your model takes: {pieces} not shown, or marked as left out."
    return replace(request, messages=(*request.messages, Message(role="user", text=text)))
