"""Whole lives of questions: inputs arrive in any order while the clock jumps and the process restarts; due steps are taken.

The desk's part is played here: it reminds, escalates, wakes, lets fallbacks begin, and notes each once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import AskKind, FallbackStage, JudgeVerdict, Outcome, Question
from orchestrator_bridge.question.schedule import due, next_due
from orchestrator_bridge.question.settlement import begin_fallback, fallback_reason, settle
from tests.support.question_builders import ANA, BEN, CY, EXPIRY, POSTED, SKEPTIC, clicked, posted, typed
from tests.support.question_inputs import CLOCK, KINDS, POLICIES, Fact, apply_fact, facts, mentioned, restarted

CHAINS: st.SearchStrategy[tuple[str, ...]] = st.permutations(["default_option", "agents", "judge"]).flatmap(
    lambda chain: st.integers(0, 3).map(lambda kept: (*chain[:kept], "assume"))
)
STEPS = ({"after": 60, "to": "@cy"}, {"after": 900, "to": "@ben"})
NIGHT_ENDS = POSTED + 500
FOREVER = POSTED + 1e9


@st.composite
def lives(draw: st.DrawFn) -> Question:
    policy: dict[str, Any] = {**draw(POLICIES), "fallback": draw(CHAINS), "escalate": draw(st.sampled_from([(), STEPS]))}
    kind: AskKind = draw(KINDS)
    question = posted(*draw(st.sampled_from([(ANA,), (ANA, BEN), (ANA, SKEPTIC)])), kind=kind, **policy)
    sleeps = {ANA.id: NIGHT_ENDS + 7} if draw(st.booleans()) else {}
    return question.model_copy(update={"others": ("skeptic", "critic"), "asleep": sleeps})


class Life:
    """One question, with a count of what was done about it."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.done: Counter[str] = Counter()
        self.outcomes: list[Outcome] = []

    def hears(self, fact: Fact) -> None:
        before = self.question
        self.question = apply_fact(before, fact)
        assert before.open or self.question is before

    def looks(self, now: float) -> None:
        """Do what is due, one thing after the other, until nothing is."""
        while self.question.open and (step := self._step(now)):
            self.done[step] += 1
            assert self.done.total() < 50, self.done

    def _step(self, now: float) -> str:
        question = self.question
        outcome, now_due = settle(question, now), due(question, now)
        if outcome is not None:
            return self._ends(outcome)
        if now_due.start_fallback:
            return self._falls(begin_fallback(question, now, fallback_reason(question)))
        if now_due.wake:
            self.question = transitions.quiet_hours_ended(question, now_due.wake)
            return "woken"
        if now_due.remind:
            self.question = transitions.reminded(question)
            return "reminded"
        if now_due.escalate:
            self.question = transitions.escalated(question, [mentioned((CY, BEN)[question.escalated])])
            return f"escalated {question.escalated}"
        assert next_due(question) > now
        return ""

    def _falls(self, fallen: Outcome | FallbackStage) -> str:
        if isinstance(fallen, Outcome):
            return self._ends(fallen)
        self.question = transitions.fallback_began(self.question, fallen)
        return f"fell to {fallen.step}"

    def _ends(self, outcome: Outcome) -> str:
        self.outcomes.append(outcome)
        self.question = transitions.settled(self.question, outcome)
        return "settled"

    def judges(self, verdict: JudgeVerdict) -> None:
        """A judge speaks, perhaps of a fallback that is over."""
        before = self.question.stage.verdict if self.question.stage else None
        self.question = transitions.judged(self.question, verdict)
        assert before is None or (self.question.stage and self.question.stage.verdict == before)


VERDICTS = st.sampled_from([JudgeVerdict(decision="Postgres", choice="pg", reason="It runs."), JudgeVerdict(reason="no idea")])
JUMPS = st.floats(-3000, 6000)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_question_ends_once_and_no_step_is_taken_twice(data: st.DataObject) -> None:
    life = Life(data.draw(lives()))
    inputs: list[Fact | JudgeVerdict] = [
        *data.draw(facts(life.question.ask.kind)),
        *data.draw(st.lists(VERDICTS, max_size=2)),
    ]
    for deed in data.draw(st.permutations(inputs)):
        life.judges(deed) if isinstance(deed, JudgeVerdict) else life.hears(deed)
        if data.draw(st.booleans()):
            life.question = restarted(life.question)
        life.looks(data.draw(CLOCK) + data.draw(JUMPS))
    for later in range(8):
        life.looks(FOREVER + 1000 * later)
    assert [life.question.outcome] == life.outcomes
    assert all(count == 1 for step, count in life.done.items() if step != "woken"), life.done
    assert life.done["woken"] <= 1
    told = life.outcomes[0]
    assert told.decided_by == "nobody" or told.decided_by.startswith("fallback:") or told.status == "answered"
    assert (told.status == "answered") == (told.decided_by in ("human", "agent"))
    if told.decided_by == "human":
        assert any(reply.author.kind == "human" and not reply.late for reply in told.replies)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_restart_at_any_moment_changes_nothing(data: st.DataObject) -> None:
    question = data.draw(lives())
    arriving = data.draw(facts(question.ask.kind))
    times = data.draw(st.lists(CLOCK, min_size=len(arriving), max_size=len(arriving)))
    lived, again = Life(question), Life(question)
    for fact, now in zip(arriving, times, strict=True):
        for life in (lived, again):
            life.hears(fact)
            life.looks(now)
        again.question = restarted(again.question)
    assert (lived.question, lived.done) == (again.question, again.done)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_process_that_was_down_decides_like_one_that_was_up(data: st.DataObject) -> None:
    """Replies in time decide, whether they arrive one after the other or all at once long after the deadline."""
    policy = {**data.draw(POLICIES), "quorum": "all", "responders": "asked"}
    question = posted(*data.draw(st.sampled_from([(ANA,), (ANA, BEN)])), **policy)
    choices = {person.id: data.draw(st.sampled_from(["pg", "lite", ""])) for person in (ANA, BEN)}
    clicks = [(person, choices[person.id], data.draw(st.sampled_from([5.0, 900.0, 1799.0, 1801.0]))) for person in (ANA, BEN)]
    up, down = Life(question), Life(question)
    for person, choice, after in sorted(clicks, key=lambda click: click[2]):
        up.looks(POSTED + after)
        if choice:
            up.question = clicked(up.question, person, choice, after=after)
            down.question = clicked(down.question, person, choice, after=after)
        up.looks(POSTED + after)
    up.looks(EXPIRY)
    down.looks(EXPIRY + 86_400)
    assert (up.outcomes[0].status, up.outcomes[0].choice) == (down.outcomes[0].status, down.outcomes[0].choice)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_majority_that_settles_early_is_one_that_the_rest_could_not_have_changed(data: st.DataObject) -> None:
    people = (ANA, BEN, CY, *(CY.model_copy(update={"id": f"terminal:{n}", "name": f"P{n}"}) for n in range(2)))
    asked = people[: data.draw(st.integers(2, 5))]
    question = posted(*asked, quorum="majority")
    order = data.draw(st.permutations(asked))
    for person in order[: data.draw(st.integers(0, 2))]:
        question = transitions.passed(question, person, POSTED + 1)
    for person in order:
        if settle(question, POSTED + 60):
            break
        if person.id not in question.passed:
            question = clicked(question, person, data.draw(st.sampled_from(["pg", "lite"])))
    early = settle(question, POSTED + 60)
    rest = [
        person
        for person in asked
        if person.id not in question.passed and person.id not in {r.author.id for r in question.replies}
    ]
    if early is None or early.status != "answered":
        return
    for choices in itertools.product(["pg", "lite"], repeat=len(rest)):
        full = question
        for person, choice in zip(rest, choices, strict=True):
            full = clicked(full, person, choice, after=20)
        outcome = settle(full, POSTED + 60)
        assert outcome is not None
        assert outcome.choice == early.choice


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_typed_words_decide_no_sooner_than_their_settle_delay(data: st.DataObject) -> None:
    question = posted(ANA, BEN, kind="text", settle_delay=30, quorum=data.draw(st.sampled_from(["first", "all"])))
    for person in (ANA, BEN):
        for after in data.draw(st.lists(st.integers(1, 100), max_size=3, unique=True)):
            question = typed(question, person, "words", after=after)
    now = POSTED + data.draw(st.integers(0, 200))
    outcome = settle(question, now)
    if outcome is not None:
        last = {reply.author.id: reply.at for reply in outcome.replies}
        ripe = [at + 30 <= now for at in last.values()]
        assert all(ripe) if question.policy.quorum == "all" else any(ripe)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_last_withdrawal_by_time_counts(data: st.DataObject) -> None:
    """The model applies withdrawals in order of time; the question gets them in any order."""
    people, out, asked = (ANA, BEN, CY), set[str](), {ANA.id, BEN.id}
    withdrawals = [
        (person, data.draw(st.sampled_from([None, *(other for other in people if other is not person)])), POSTED + after)
        for after in sorted(data.draw(st.lists(st.integers(1, 99), max_size=5, unique=True)))
        for person in [data.draw(st.sampled_from(people))]
    ]
    question = posted(ANA, BEN)
    for person, to, at in data.draw(st.permutations(withdrawals)):
        question = transitions.passed(question, person, at, mentioned(to) if to else None)
    for person, to, _ in withdrawals:
        if person.id in asked:
            out.add(person.id)
            if to:
                asked.add(to.id)
                out.discard(to.id)
    assert question.passed == out
