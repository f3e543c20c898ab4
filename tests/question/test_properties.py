"""Properties for any inputs in any order: one outcome, no reply in time lost, no influence without permission to answer.

What happens is a set of facts. They arrive in any order, some twice, while the clock jumps about and the process restarts. An
oracle that knows nothing of the core's shape says who has spoken in time, and what.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Outcome, deadline
from orchestrator_bridge.question.schedule import Due, due, next_due
from orchestrator_bridge.question.settlement import settle
from orchestrator_bridge.team.directory import Mentioned
from tests.support.question_builders import ANA, BEN, EXPIRY, POSTED, STRANGER, posted
from tests.support.question_inputs import (
    CLOCK,
    KINDS,
    Fact,
    HandOverFact,
    MessageFact,
    apply_fact,
    apply_facts,
    facts,
    questions,
    restarted,
)
from tests.support.question_oracle import deadline_after, expected_replies, replied_in_time


def same_but_for_the_time(first: Outcome | None, other: Outcome | None) -> bool:
    return (first and first.model_copy(update={"at": 0.0})) == (other and other.model_copy(update={"at": 0.0}))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_order_of_arrival_and_doubles_change_nothing(data: st.DataObject) -> None:
    question = data.draw(questions())
    heard = data.draw(facts(question.ask.kind))
    assert apply_facts(question, data.draw(st.permutations([*heard, *heard]))) == apply_facts(question, heard)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_there_is_one_outcome_and_it_follows_from_what_was_known(data: st.DataObject) -> None:
    question = start = data.draw(questions())
    arriving = data.draw(facts(question.ask.kind))
    known: list[Fact] = []
    outcomes = []
    for fact, now in [*zip(arriving, data.draw(st.lists(CLOCK, min_size=8, max_size=8)), strict=False), (None, EXPIRY + 5000)]:
        if fact is not None and question.open:
            known.append(fact)
        after = apply_fact(question, fact) if fact else question
        assert question.open or after is question
        question = restarted(after) if data.draw(st.booleans()) and after.open else after
        if outcome := settle(question, now):
            outcomes.append(outcome)
            assert settle(apply_facts(start, data.draw(st.permutations(known))), now) == outcome
            question = transitions.settled(question, outcome)
    assert outcomes == [question.outcome]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_known_reply_in_time_is_ignored(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = apply_facts(question, heard := data.draw(facts(question.ask.kind)))
    outcome = settle(question, EXPIRY + 5000)
    assert outcome is not None
    told = {reply.author.id for reply in outcome.replies if not reply.late}
    assert told == replied_in_time(question, heard)
    said = {reply.author.id: reply for reply in outcome.replies if not reply.late}
    for author, voice in expected_replies(question, heard).items():
        assert [(message, text) for message, text, _ in said[author].parts] == list(voice.typed)
        assert said[author].choice == voice.clicked if said[author].clicked else voice.typed
    answered = outcome.status == "answered"
    if question.policy.quorum == "first" and question.humans and question.ask.kind in ("choice", "text"):
        assert answered == any(author.startswith("terminal:") for author in told)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_more_time_is_granted_if_it_was_requested_in_time(data: st.DataObject) -> None:
    question = data.draw(questions())
    heard = data.draw(facts(question.ask.kind))
    assert deadline(apply_facts(question, heard)) == deadline_after(question, heard)


def named(fact: Fact) -> tuple[Mentioned, ...]:
    return fact.mentions if isinstance(fact, MessageFact) else (fact.to,) if isinstance(fact, HandOverFact) else ()


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_people_without_permission_to_answer_change_nothing(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    heard = data.draw(facts(kind))
    heard = [fact for fact in heard if STRANGER not in (person.who for person in named(fact))]
    mine = [
        fact for fact in heard if getattr(fact, "author", None) != STRANGER and getattr(fact, "message", "")[:8] != "Stranger"
    ]
    asked = posted(ANA, BEN, kind=kind, quorum=2)
    strange, clean = apply_facts(asked, heard), apply_facts(asked, mine)
    now = data.draw(CLOCK)
    assert strange.replies == clean.replies
    assert settle(strange, now) == settle(clean, now)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_nothing_is_due_before_the_next_due_time_and_something_is_then(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = apply_facts(question, data.draw(facts(question.ask.kind)))
    if data.draw(st.booleans()):
        question = transitions.reminded(question)
    then = next_due(question)
    for before in (math.nextafter(then, -math.inf), then - 1, data.draw(CLOCK)):
        if before < then and then > 0:
            assert (settle(question, before), due(question, before)) == (None, Due())
    assert settle(question, then) or due(question, then)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_outcome_stays_the_same_as_time_goes_by(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = apply_facts(question, data.draw(facts(question.ask.kind)))
    early, late = sorted((data.draw(CLOCK), data.draw(CLOCK)))
    outcome = settle(question, early)
    if outcome is not None:
        assert same_but_for_the_time(outcome, settle(question, late))


@pytest.mark.parametrize("now", [-1e12, 0.0, POSTED, 1e15])
def test_a_clock_that_jumps_anywhere_breaks_nothing(now: float) -> None:
    question = posted(ANA)
    outcome = settle(question, now)
    assert (outcome is not None) == (now > EXPIRY)
    assert due(question, now).expired == (now > EXPIRY)
