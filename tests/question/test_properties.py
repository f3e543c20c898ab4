"""Whatever is heard in whatever order: one outcome, nothing in time lost, nobody who may not answer changes it.

What happens is a set of facts: versions of messages, clicks, deletions, passes, more time. They arrive in any order, some
twice, while the clock jumps about. An oracle that knows nothing of the core's shape says who has spoken in time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.chat import Author
from orchestrator_bridge.question import hear
from orchestrator_bridge.question.due import Due, deadline, due, next_due
from orchestrator_bridge.question.settle import settle
from orchestrator_bridge.question.values import AskKind, Mentioned, Outcome, Question, Responder
from tests.question.builders import ANA, BEN, CY, EXPIRY, POSTED, SKEPTIC, STRANGER, posted, unposted

ASKED = (ANA, BEN, CY, SKEPTIC)
TEXTS = {
    "choice": ("2", "sqlite please", "neither", "hm?"),
    "confirm": ("yes", "no", "hm?"),
    "number": ("12", "hm?"),
    "text": ("a", "b"),
}


@dataclass(frozen=True)
class Say:
    author: Responder
    message: str
    edit: str
    text: str
    at: float
    mentions: tuple[Mentioned, ...] = ()


@dataclass(frozen=True)
class Click:
    author: Responder
    message: str
    choice: str
    at: float


@dataclass(frozen=True)
class Delete:
    message: str


@dataclass(frozen=True)
class Pass:
    author: Responder
    at: float


@dataclass(frozen=True)
class Leave:
    author: Responder


@dataclass(frozen=True)
class HandOver:
    author: Responder
    to: Mentioned
    at: float


@dataclass(frozen=True)
class More:
    key: str
    seconds: int
    at: float


Fact = Say | Click | Delete | Pass | Leave | HandOver | More


def tell(question: Question, fact: Fact) -> Question:
    match fact:
        case Say():
            return hear.replied(
                question,
                author=fact.author,
                message=fact.message,
                text=fact.text,
                at=fact.at,
                edit=fact.edit,
                mentions=fact.mentions,
            )
        case Click():
            return hear.replied(question, author=fact.author, message=fact.message, text="", at=fact.at, choice=fact.choice)
        case Delete():
            return hear.unreplied(question, fact.message)
        case Pass():
            return hear.passed(question, fact.author, fact.at)
        case Leave():
            return hear.left(question, fact.author.id)
        case HandOver():
            return hear.passed(question, fact.author, fact.at, fact.to)
        case More():
            return hear.extended(question, fact.seconds, fact.key, fact.at)


def tell_all(question: Question, facts: Iterable[Fact]) -> Question:
    for fact in facts:
        question = tell(question, fact)
    return question


TIMES = st.sampled_from([POSTED + after for after in (1, 5, 9, 30, 700, 1799, 1800, 1801, 1802.5, 1900, 2400)])
CLOCK = st.sampled_from([POSTED + after for after in (-50, 0, 6, 20, 600, 1500, 1799, 1801, 1803, 1900, 5000)])
AUTHORS = st.sampled_from([*ASKED, STRANGER])


def says(kind: AskKind, authors: st.SearchStrategy[Responder] = AUTHORS) -> st.SearchStrategy[Say]:
    return st.builds(
        lambda author, number, edit, text, at: Say(author, f"{author.name}-{number}", edit, text, at),
        authors,
        st.integers(1, 3),
        st.sampled_from(["", "2", "10"]),
        st.sampled_from(TEXTS[kind]),
        TIMES,
    )


def mentioned(one: Responder) -> Mentioned:
    return Mentioned(who=one, author=Author(platform="terminal", id=one.id, name=one.name))


PEOPLE = st.sampled_from([ANA, BEN, CY, STRANGER])
handings = st.builds(
    lambda author, number, to, at: Say(author, f"{author.name}-{number}", "", f"@{to.name}?", at, (mentioned(to),)),
    PEOPLE,
    st.integers(1, 3),
    PEOPLE,
    TIMES,
) | st.builds(lambda author, to, at: HandOver(author, mentioned(to), at), PEOPLE, PEOPLE, TIMES)
wishes = st.builds(
    lambda key, seconds, at: More(f"{key}-{seconds}-{at}", seconds, at), st.integers(1, 9), st.integers(1, 1000), TIMES
)


def clicks(kind: AskKind, authors: st.SearchStrategy[Responder] = AUTHORS) -> st.SearchStrategy[Click]:
    choices = st.sampled_from(["yes", "no"] if kind == "confirm" else ["pg", "lite"])
    return st.builds(
        lambda author, choice, at: Click(author, f"click-{author.name}-{at}-{choice}", choice, at), authors, choices, TIMES
    )


def facts(kind: AskKind) -> st.SearchStrategy[list[Fact]]:
    deletions = st.builds(lambda author, number: Delete(f"{author.name}-{number}"), AUTHORS, st.integers(1, 3))
    rest = deletions | st.builds(Pass, AUTHORS, TIMES) | st.builds(Leave, AUTHORS) | wishes
    return st.lists(says(kind) | says(kind) | clicks(kind) | rest | handings, max_size=9)


POLICIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "quorum": st.sampled_from(["first", 2, "majority", "all"]),
        "responders": st.sampled_from(["asked", "anyone"]),
        "remind_after": st.sampled_from([0, 600]),
        "extend_max": st.sampled_from([0, 1200]),
        "settle_delay": st.sampled_from([0, 5]),
    }
)
KINDS: st.SearchStrategy[AskKind] = st.sampled_from(["choice", "confirm", "number", "text"])


@st.composite
def questions(draw: st.DrawFn) -> Question:
    asked = draw(st.sampled_from([(ANA,), (ANA, BEN), (ANA, BEN, CY), ASKED, (SKEPTIC,), ()]))
    make = draw(st.sampled_from([posted, posted, posted, unposted])) if asked else unposted
    return make(*asked, kind=draw(KINDS), **draw(POLICIES))


def same_but_for_the_time(one: Outcome | None, other: Outcome | None) -> bool:
    return (one and one.model_copy(update={"at": 0.0})) == (other and other.model_copy(update={"at": 0.0}))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_order_of_arrival_and_doubles_change_nothing(data: st.DataObject) -> None:
    question = data.draw(questions())
    heard = data.draw(facts(question.ask.kind))
    assert tell_all(question, data.draw(st.permutations([*heard, *heard]))) == tell_all(question, heard)


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
        after = tell(question, fact) if fact else question
        assert question.open or after is question
        question = after
        if outcome := settle(question, now):
            outcomes.append(outcome)
            assert settle(tell_all(start, data.draw(st.permutations(known))), now) == outcome
            question = hear.settled(question, outcome)
    assert outcomes == [question.outcome]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_reply_in_time_that_was_known_is_ignored(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = tell_all(question, heard := data.draw(facts(question.ask.kind)))
    outcome = settle(question, EXPIRY + 5000)
    assert outcome is not None
    told = {reply.author.id for reply in outcome.replies if not reply.late}
    assert told == spoken_in_time(question, heard)
    answered = outcome.status == "answered"
    if question.policy.quorum == "first" and question.humans and question.ask.kind in ("choice", "text"):
        assert answered == any(author.startswith("terminal:") for author in told)


Spoken = Say | Click | Pass | HandOver


def spoken_in_time(question: Question, heard: Sequence[Fact]) -> set[str]:
    """By the facts alone: who said something by the deadline that was not deleted, nor followed by a pass or handing over."""
    said = standing(question, heard)
    allowed = welcome(question, said)
    words = (fact for fact in said if isinstance(fact, Say | Click) and not leaves(fact) and fact.author.id in allowed)
    return {fact.author.id for fact in words if fact.at >= left_at(fact.author, said)}


def standing(question: Question, heard: Sequence[Fact]) -> list[Spoken]:
    """What was said in time, in the newest version of each message."""
    end = deadline(question) if question.delivery else math.inf
    deleted = {fact.message for fact in heard if isinstance(fact, Delete)}
    newest: dict[str, tuple[tuple[int, float, str], Spoken]] = {}
    for fact in heard:
        if not isinstance(fact, Spoken) or (fact.author.kind == "human" and fact.at > end) or not clickable(question, fact):
            continue
        rank = (int(fact.edit or 0), fact.at, fact.text) if isinstance(fact, Say) else (0, fact.at, "")
        name = message(fact)
        if name not in deleted and (name not in newest or rank > newest[name][0]):
            newest[name] = (rank, fact)
    return [fact for _, fact in newest.values()]


def message(fact: Spoken) -> str:
    if isinstance(fact, Say | Click):
        return fact.message
    return f"pass:{fact.author.id}:{fact.at!r}:{fact.to.who.id if isinstance(fact, HandOver) else ''}"


def clickable(question: Question, fact: Spoken) -> bool:
    options = {"choice": ("pg", "lite"), "confirm": ("yes", "no")}.get(question.ask.kind, ())
    return not isinstance(fact, Click) or fact.choice in options


def leaves(fact: Spoken) -> bool:
    if isinstance(fact, Say):
        return fact.author.kind == "human" and any(one.who.id != fact.author.id for one in fact.mentions)
    return not isinstance(fact, Click)


def left_at(author: Responder, said: Sequence[Spoken]) -> float:
    return max((fact.at for fact in said if fact.author.id == author.id and leaves(fact)), default=-math.inf)


def handed_to(fact: Spoken) -> str | None:
    if isinstance(fact, HandOver):
        return fact.to.who.id
    return fact.mentions[0].who.id if isinstance(fact, Say) and leaves(fact) else None


def welcome(question: Question, said: Sequence[Spoken]) -> set[str]:
    """Who may answer: agents, those asked, and in order of time those to whom one of these has handed over."""
    since = {one.id: -math.inf for one in (*question.asked, SKEPTIC)}
    if question.policy.responders == "anyone":
        since |= dict.fromkeys((STRANGER.id, ANA.id, BEN.id, CY.id), -math.inf)
    handings = [(fact.author.id, fact.at, to) for fact in said if (to := handed_to(fact)) is not None]
    for _ in handings:
        for by, at, to in handings:
            if since.get(by, math.inf) <= at:
                since[to] = min(at, since.get(to, math.inf))
    return set(since)


def named(fact: Fact) -> tuple[Mentioned, ...]:
    return fact.mentions if isinstance(fact, Say) else (fact.to,) if isinstance(fact, HandOver) else ()


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_nobody_who_may_not_answer_changes_anything(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    heard = data.draw(facts(kind))
    heard = [fact for fact in heard if STRANGER not in (one.who for one in named(fact))]
    mine = [
        fact for fact in heard if getattr(fact, "author", None) != STRANGER and getattr(fact, "message", "")[:8] != "Stranger"
    ]
    asked = posted(ANA, BEN, kind=kind, quorum=2)
    strange, clean = tell_all(asked, heard), tell_all(asked, mine)
    now = data.draw(CLOCK)
    assert strange.replies == clean.replies
    assert settle(strange, now) == settle(clean, now)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_nothing_is_new_before_the_next_time_to_look_and_something_is_then(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = tell_all(question, data.draw(facts(question.ask.kind)))
    if data.draw(st.booleans()):
        question = hear.reminded(question)
    then = next_due(question)
    for before in (math.nextafter(then, -math.inf), then - 1, data.draw(CLOCK)):
        if before < then and then > 0:
            assert (settle(question, before), due(question, before)) == (None, Due())
    assert settle(question, then) or due(question, then)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_outcome_stays_the_same_as_time_goes_by(data: st.DataObject) -> None:
    question = data.draw(questions())
    question = tell_all(question, data.draw(facts(question.ask.kind)))
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
