"""Inputs of a question, as facts that hypothesis draws: versions of messages, clicks, deletions, passes, more time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import AskKind, Question
from orchestrator_bridge.team.directory import Mentioned, Responder
from tests.support.question_builders import ANA, BEN, CY, POSTED, SKEPTIC, STRANGER, posted, unposted

ASKED = (ANA, BEN, CY, SKEPTIC)
TEXTS = {
    "choice": ("2", "sqlite please", "neither", "hm?"),
    "confirm": ("yes", "no", "hm?"),
    "number": ("12", "hm?"),
    "text": ("a", "b"),
}


@dataclass(frozen=True)
class MessageFact:
    author: Responder
    message: str
    edit: str
    text: str
    at: float
    mentions: tuple[Mentioned, ...] = ()


@dataclass(frozen=True)
class ClickFact:
    author: Responder
    message: str
    choice: str
    at: float


@dataclass(frozen=True)
class DeleteFact:
    message: str


@dataclass(frozen=True)
class PassFact:
    author: Responder
    at: float


@dataclass(frozen=True)
class DeclineFact:
    author: Responder


@dataclass(frozen=True)
class HandOverFact:
    author: Responder
    to: Mentioned
    at: float


@dataclass(frozen=True)
class ExtensionFact:
    key: str
    seconds: int
    at: float


Fact = MessageFact | ClickFact | DeleteFact | PassFact | DeclineFact | HandOverFact | ExtensionFact


def apply_fact(question: Question, fact: Fact) -> Question:
    match fact:
        case MessageFact():
            return transitions.reply_received(
                question,
                author=fact.author,
                message=fact.message,
                text=fact.text,
                at=fact.at,
                edit=fact.edit,
                mentions=fact.mentions,
            )
        case ClickFact():
            return transitions.reply_received(
                question, author=fact.author, message=fact.message, text="", at=fact.at, choice=fact.choice
            )
        case DeleteFact():
            return transitions.reply_deleted(question, fact.message)
        case PassFact():
            return transitions.passed(question, fact.author, fact.at)
        case DeclineFact():
            return transitions.became_unreachable(question, fact.author.id)
        case HandOverFact():
            return transitions.passed(question, fact.author, fact.at, fact.to)
        case ExtensionFact():
            return transitions.extended(question, fact.seconds, fact.key, fact.at)


def apply_facts(question: Question, facts: Iterable[Fact]) -> Question:
    for fact in facts:
        question = apply_fact(question, fact)
    return question


TIMES = st.sampled_from([POSTED + after for after in (1, 5, 9, 30, 700, 1799, 1800, 1801, 1802.5, 1900, 2400)])
CLOCK = st.sampled_from([POSTED + after for after in (-50, 0, 6, 20, 600, 1500, 1799, 1801, 1803, 1900, 5000)])
AUTHORS = st.sampled_from([*ASKED, STRANGER])


def message_facts(kind: AskKind, authors: st.SearchStrategy[Responder] = AUTHORS) -> st.SearchStrategy[MessageFact]:
    return st.builds(
        lambda author, number, edit, text, at: MessageFact(author, f"{author.name}-{number}", edit, text, at),
        authors,
        st.integers(1, 3),
        st.sampled_from(["", "2", "10"]),
        st.sampled_from(TEXTS[kind]),
        TIMES,
    )


def mentioned(responder: Responder) -> Mentioned:
    return Mentioned(who=responder, author=Author(platform="terminal", id=responder.id, name=responder.name))


PEOPLE = st.sampled_from([ANA, BEN, CY, STRANGER])
handings = st.builds(
    lambda author, number, to, at: MessageFact(author, f"{author.name}-{number}", "", f"@{to.name}?", at, (mentioned(to),)),
    PEOPLE,
    st.integers(1, 3),
    PEOPLE,
    TIMES,
) | st.builds(lambda author, to, at: HandOverFact(author, mentioned(to), at), PEOPLE, PEOPLE, TIMES)
wishes = st.builds(
    lambda key, seconds, at: ExtensionFact(f"{key}-{seconds}-{at}", seconds, at), st.integers(1, 9), st.integers(1, 1000), TIMES
)


def click_facts(kind: AskKind, authors: st.SearchStrategy[Responder] = AUTHORS) -> st.SearchStrategy[ClickFact]:
    choices = st.sampled_from(["yes", "no"] if kind == "confirm" else ["pg", "lite"])
    return st.builds(
        lambda author, choice, at: ClickFact(author, f"click-{author.name}-{at}-{choice}", choice, at), authors, choices, TIMES
    )


def facts(kind: AskKind) -> st.SearchStrategy[list[Fact]]:
    deletions = st.builds(lambda author, number: DeleteFact(f"{author.name}-{number}"), AUTHORS, st.integers(1, 3))
    rest = deletions | st.builds(PassFact, AUTHORS, TIMES) | st.builds(DeclineFact, AUTHORS) | wishes
    return st.lists(message_facts(kind) | message_facts(kind) | click_facts(kind) | rest | handings, max_size=9)


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
    question = make(*asked, kind=draw(KINDS), **draw(POLICIES))
    decider = draw(st.sampled_from([None, None, CY])) if question.humans else None
    return question.model_copy(update={"decider": decider})


def restarted(question: Question) -> Question:
    """The question after it was serialized and parsed again."""
    return Question.model_validate_json(question.model_dump_json())
