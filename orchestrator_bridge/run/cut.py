"""Cutting a conversation that is too long for its model, before the call: as little as is needed, by the order of `pieces`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from orchestrator_bridge.model.port import Message, Request
from orchestrator_bridge.run.actions import CallModel
from orchestrator_bridge.run.pieces import segments
from orchestrator_bridge.run.request import make_request
from orchestrator_bridge.run.state import RunState

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
