"""The conversation of every call, worked out from the log alone, to be held against what the model server was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.openai.request import body_of
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.reducer import apply, initial_state
from orchestrator_bridge.run.requests import make_request
from tests.support.fake_models.replies import ModelCall

_ROUTE = Route(name="local", provider="own", id="local")


def conversations(log: Sequence[e.Event]) -> dict[str, list[str]]:
    """The conversation of each attempt, by action. It is what `call_started` promises at its place in the log."""
    first = log[0]
    assert isinstance(first, e.RunStarted)
    state, told = initial_state(first), dict[str, list[str]]()
    for event in log[1:]:
        if isinstance(event, e.CallStarted):
            call = CallModel(
                action=event.action, agent=event.agent, purpose=event.purpose, attempt=event.attempt, question=event.question
            )
            told.setdefault(event.action, []).append(_key(body_of(make_request(state, call, event.seen), _ROUTE)["messages"]))
        state = apply(state, event)
    return told


def of_request(asked: ModelCall) -> str:
    """The conversation that a request shows."""
    return _key(list(asked.messages))


def request_of(event: e.Responded) -> int | None:
    """The number of the request that brought a response: players put it into tool calls' ids (`r17_0`) or texts (`#17`)."""
    marks = [call.id for call in event.tool_calls] or re.findall(r"#\d+", event.text)
    found = re.search(r"\d+", marks[0]) if marks else None
    return int(found[0]) if found else None


def _key(messages: object) -> str:
    return json.dumps(messages, sort_keys=True)
