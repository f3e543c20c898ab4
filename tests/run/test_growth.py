"""The work of a run with many questions grows with their number and no faster. Work is counted in calls, never in seconds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer import apply, fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.team import Limits
from tests.support.policy_simulator import simulator
from tests.support.run_simulator import RunSimulator, ask

MANY = Limits(per_agent=1000, per_run=1000)
ROOMS = 60


def asked_about_rooms(count: int) -> RunSimulator:
    """A run that asks one similar question after the other."""
    played = simulator(1, limits=MANY, calls=10_000)
    for room in range(1, count + 1):
        played.says("one", ask(f"Which colour shall the walls of room {room} have?", to=("@ana",)))
        played.post_question(room)
        played.replies(room, f"blue {room}")
    return played


def calls_of(state: RunState, events: Sequence[e.Event]) -> int:
    """The number of calls of Python functions that folding takes."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for event in events:
            state = apply(state, event)
    finally:
        sys.setprofile(before)
    return calls


def test_the_last_of_many_similar_questions_costs_what_an_early_one_did() -> None:
    events = asked_about_rooms(ROOMS).events
    ends = [place + 1 for place, event in enumerate(events) if isinstance(event, e.QuestionSettled)]
    early, last = ((ends[room - 2], ends[room - 1]) for room in (10, ROOMS))
    first, then = (calls_of(fold(events[:start]), events[start:end]) for start, end in (early, last))
    assert then <= first * 1.1


def test_an_agent_is_shown_few_of_many_similar_outcomes() -> None:
    played = asked_about_rooms(10)
    result = played.state.agents["one"].turns[-1].uses[0].result
    assert result is not None
    assert [f"room {room} " in result for room in range(1, 10)] == [False] * 6 + [True] * 3


def test_an_event_from_before_similar_questions_were_stored_shows_all_of_them() -> None:
    events = asked_about_rooms(6).events
    state = fold(e.load(e.VERSION, e.dump(event).replace(b'"similar":', b'"unknown":')) for event in events)
    result = state.agents["one"].turns[-1].uses[0].result
    assert result is not None
    assert all(f"room {room} " in result for room in range(1, 6))
