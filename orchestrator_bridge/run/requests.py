"""Requests of model calls: the conversation and the tools as of a log position, cut to the model's context window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from orchestrator_bridge.model.interface import Message, Request
from orchestrator_bridge.question.system_questions import DECIDE_TOOL
from orchestrator_bridge.run.agent_tools import available_tools, useful_tools
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.prompts import (
    NOTHING_OMITTED,
    Omitted,
    final_messages,
    judge_messages,
    messages_for,
    peer_messages,
    segments,
    work_messages,
)
from orchestrator_bridge.run.state import RunState


def make_request(state: RunState, call: CallModel, seen: int, omitted: Omitted = NOTHING_OMITTED) -> Request:
    """The request of a call, showing the log up to `seen` without the `omitted` pieces."""
    spec = state.agents[call.agent].spec
    judge = state.questions[call.question or 0].policy.judge if call.purpose == "judge" else None
    agent = state.agents[call.agent]
    # The agent's own parameters and limits are for its own model and not for a judge's.
    return Request(
        agent=call.agent,
        model=judge or state.agents[call.agent].model,
        messages=_messages(state, call, seen, omitted),
        tools=(DECIDE_TOOL,) if call.purpose == "judge" else available_tools(state, state.agents[call.agent]),
        tool_choice="none" if call.purpose in ("final", "peer") else "auto",
        max_output=None if judge else spec.max_output,
        room=state.agents[call.agent].cuts,
        parameters={} if judge else spec.parameters,
        useful_tools=useful_tools(state, agent, seen) if call.purpose == "work" else (),
        timeout=state.team.bounds.call_timeout,
        server_tools=() if judge else state.team.server_tools_of(spec),
        conversation=f"townhall-{state.run}-{call.agent}",
    )


def consumed(state: RunState, call: CallModel, seen: int) -> tuple[int, ...]:
    """The positions of the messages that an agent reads in a call; a side call reads a copy and consumes nothing."""
    agent = state.agents[call.agent]
    if call.purpose in ("peer", "judge"):
        return ()
    return tuple(message.seq for message in messages_for(state, agent, agent.seen_seq, seen))


def _messages(state: RunState, call: CallModel, seen: int, omitted: Omitted) -> tuple[Message, ...]:
    agent = state.agents[call.agent]
    match call.purpose:
        case "work":
            return work_messages(state, agent, seen, omitted)
        case "final":
            return final_messages(state, agent, seen, omitted)
        case "peer":
            return peer_messages(state, agent, state.questions[call.question or 0], omitted)
        case "judge":
            return judge_messages(state, state.questions[call.question or 0])
        case _:
            assert_never(call.purpose)


Excess = Callable[[Request], int]
"""Returns the tokens by which a prompt is too long; 0 if it fits."""


def fit_request(state: RunState, call: CallModel, seen: int, excess: Excess) -> tuple[Request, int]:
    """The request of a call, cut until it fits, and the number of pieces that are left out.

    If leaving out everything possible is not enough, the shortest request is returned, which the provider will refuse.
    """
    whole = make_request(state, call, seen)
    if not excess(whole):
        return whole, 0
    order = segments(state, state.agents[call.agent], call.purpose, seen)

    def cut(count: int) -> Request:
        if not count:
            return whole
        request = make_request(state, call, seen, frozenset(order[:count]))
        pieces = "one piece of it is" if count == 1 else f"{count} pieces of it are"
        text = f"This conversation is longer than your model takes: {pieces} not shown, or marked as left out."
        return replace(request, messages=(*request.messages, Message(role="user", text=text)))

    # The more pieces are left out, the shorter the request: bisection finds the smallest number that is enough, since counting
    # the tokens of a long prompt is slow.
    count = bisect_left(range(len(order)), True, key=lambda number: not excess(cut(number)))
    return cut(count), count
