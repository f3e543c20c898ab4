"""Decisions on acts, for every combination of facts."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.adapter import Membership, Standing
from orchestrator_bridge.team.authority import Act, Facts, Verdict, decide, refusal_text

STANDINGS = st.builds(
    Standing, membership=st.sampled_from(get_args(Membership)), sees=st.sampled_from([True, False, None]), served=st.booleans()
)
FACTS = st.builds(
    Facts,
    standing=STANDINGS,
    own=st.booleans(),
    asked=st.booleans(),
    named=st.booleans(),
    permitted=st.booleans(),
    in_direct_messages=st.booleans(),
)
ACTS = st.sampled_from(Act)
IN_PLACES = frozenset({Act.START_RUN, Act.SELECT_MODEL, Act.SEE_TEAM})
ON_RUNS = frozenset({Act.SEE_RUN, Act.CANCEL_RUN})
ON_QUESTIONS = frozenset({Act.SEE_QUESTION, Act.ANSWER, Act.EXTEND, Act.CANCEL_QUESTION})


@given(ACTS, FACTS)
def test_nothing_unknown_is_allowed(act: Act, facts: Facts) -> None:
    unknown = replace(facts, standing=Standing(served=facts.standing.served), own=False, asked=False)
    if act is not Act.SEE_ALL_COSTS:
        assert decide(act, unknown) is not Verdict.ALLOWED


@given(st.sampled_from(sorted(ON_RUNS | ON_QUESTIONS)), FACTS)
def test_what_a_person_cannot_see_does_not_exist_for_them(act: Act, facts: Facts) -> None:
    elsewhere = replace(facts, standing=replace(facts.standing, sees=False), own=False, asked=False)
    assert decide(act, elsewhere) is Verdict.HIDDEN


@given(st.sampled_from(sorted(IN_PLACES)), FACTS)
def test_nothing_begins_on_a_server_that_is_not_served_or_in_a_place_that_is_not_seen(act: Act, facts: Facts) -> None:
    assert decide(act, replace(facts, standing=replace(facts.standing, served=False))) is Verdict.NOT_SERVED
    assert decide(act, replace(facts, standing=replace(facts.standing, sees=False))) is not Verdict.ALLOWED


@given(ACTS, FACTS)
def test_who_is_permitted_more_is_never_allowed_less(act: Act, facts: Facts) -> None:
    if decide(act, facts) is Verdict.ALLOWED:
        for more in (
            replace(facts, own=True),
            replace(facts, asked=True),
            replace(facts, named=True),
            replace(facts, permitted=True),
        ):
            assert decide(act, more) is Verdict.ALLOWED


@given(st.sampled_from(sorted(ON_RUNS)), FACTS)
def test_in_direct_messages_people_act_on_their_own_runs_only(act: Act, facts: Facts) -> None:
    verdict = decide(act, replace(facts, in_direct_messages=True))
    assert (verdict is Verdict.ALLOWED) == facts.own


@given(ACTS, FACTS)
def test_an_act_that_is_allowed_includes_seeing(act: Act, facts: Facts) -> None:
    if act in ON_QUESTIONS and decide(act, facts) is Verdict.ALLOWED:
        assert decide(Act.SEE_QUESTION, facts) is Verdict.ALLOWED
    if act in ON_RUNS and decide(act, facts) is Verdict.ALLOWED:
        assert decide(Act.SEE_RUN, facts) is Verdict.ALLOWED


@pytest.mark.parametrize(("act", "verdict"), list(product(Act, Verdict)))
def test_every_refusal_has_a_reason(act: Act, verdict: Verdict) -> None:
    assert bool(refusal_text(act, verdict, "run 3")) == (verdict is not Verdict.ALLOWED)
