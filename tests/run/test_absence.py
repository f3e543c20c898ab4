"""People who leave the server or workspace while a question waits for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.presentation.posts import question_key
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.team.team import Escalation
from tests.support.policy_simulator import BEN, card, notes, pinged, simulator
from tests.support.run_simulator import RunSimulator, ask

WHY = "is not on this server"


def asked(*to: str, **policy: Any) -> RunSimulator:
    """A run whose one posted question asks these people."""
    played = simulator(1, **policy)
    played.says("one", ask("Which?", to=to or ("@ana",)))
    played.post_question(1)
    return played


def gone(*people: str, question: int = 1) -> inputs.PeopleAbsent:
    return inputs.PeopleAbsent(question=question, people=tuple((person, WHY) for person in people))


def test_somebody_who_left_is_no_longer_waited_for_and_the_thread_says_so() -> None:
    played = asked("@ana", "@ben", quorum="all")
    played.deliver(gone("@ana"))
    assert notes(played)[-1].text == "ana is not on this server, so question 1 no longer waits for ana."
    assert played.state.questions[1].open
    assert (card(played).asked, [author.id for author in card(played).mentions]) == ("ben", ["U2"])
    played.replies(1, "the second", by=BEN)
    assert '"decided_by": "human"' in played.prompt("one")
    assert "1 of 2 replied, nobody else can answer" in played.prompt("one")


def test_the_reply_of_somebody_who_left_afterwards_counts() -> None:
    played = asked("@ana", "@ben", quorum="all")
    played.replies(1, "the first")
    played.deliver(gone("@ben"))
    assert '"decided_by": "human"' in played.prompt("one")
    assert "the first" in played.prompt("one")


def test_when_nobody_is_left_the_next_people_are_asked_at_once() -> None:
    played = asked("@ana", escalate=(Escalation(after=300, to=("@nobody",)), Escalation(after=900, to=("@lead",))))
    played.deliver(gone("@ana"))
    assert pinged(played)[-1] == ["U3"]
    assert card(played).asked == "lead"
    assert played.state.questions[1].open
    played.passes(901)
    assert sum(isinstance(event, e.Escalated) for event in played.events) == 2


def test_when_nobody_is_left_and_there_is_nobody_else_the_fallback_decides_at_once() -> None:
    played = asked("@ana", "@ben", escalate=(Escalation(after=300, to=("@ben",)),))
    played.deliver(gone("@ana", "@ben"))
    assert not played.state.questions[1].open
    assert card(played).closed == "Nobody can be reached; fallback: the agent's assumption, I take the first."
    assert "ben is not on this server" in notes(played)[-1].text


def test_somebody_is_reported_gone_once_and_only_if_the_question_asks_them() -> None:
    played = asked("@ana", "@ben")
    played.deliver(gone("@ana", "@eve"), gone("@ana"), gone("@ana", question=7))
    assert [event.responder.id for event in played.events if isinstance(event, e.Passed)] == ["@ana"]
    before = len(played.rows)
    played.deliver(gone("@ana"))
    assert played.rows[before:] == []


@pytest.mark.parametrize("ended", ["question", "run"])
def test_what_has_ended_does_not_change_any_more(ended: str) -> None:
    played = asked("@ana")
    if ended == "run":
        played.deliver(inputs.CancelRun(by=BEN, key="k"))
    else:
        played.replies(1, "yes")
    count = len(played.events)
    played.deliver(gone("@ana"))
    assert len(played.events) == count


def test_a_departure_is_in_the_log_and_folds_to_the_same_state() -> None:
    played = asked("@ana", "@ben", quorum="all")
    played.deliver(gone("@ana"))
    stored = [(e.VERSION, e.dump(event)) for event in played.events]
    assert json.loads(next(text for _, text in stored if b'"event":"passed"' in text))["why"] == WHY
    again = fold(e.load(version, text) for version, text in stored)
    assert again.questions[1] == played.state.questions[1]
    assert any(post.anchor == question_key(1) and ":gone:@ana" in post.key for post in played.posts())
