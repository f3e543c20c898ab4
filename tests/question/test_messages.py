"""Texts about a question, for agents and for people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import Outcome, Question
from orchestrator_bridge.question.settlement import cancelled_outcome, settle
from orchestrator_bridge.team.directory import Responder
from tests.support.question_builders import (
    ANA,
    BEN,
    CRITIC,
    CY,
    DEADLINE,
    EXPIRY,
    POSTED,
    SKEPTIC,
    SQLITE,
    clicked,
    posted,
    typed,
    unposted,
)


def end(question: Question, now: float = EXPIRY) -> Question:
    outcome = settle(question, now)
    assert outcome is not None
    return transitions.settled(question, outcome)


def result(question: Question) -> dict[str, Any]:
    told = json.loads(messages.tool_result(question))
    assert isinstance(told, dict)
    return told


def test_the_agent_gets_the_whole_outcome() -> None:
    question = typed(posted(ANA, SKEPTIC), SKEPTIC, "1, since it scales", after=5)
    assert result(end(typed(question, ANA, "sqlite, we know it"))) == {
        "question": 3,
        "status": "answered",
        "decision": "SQLite (“sqlite, we know it”)",
        "choice": "lite",
        "decided_by": "human",
        "replies": [
            {"by": "skeptic", "kind": "agent", "text": "1, since it scales", "choice": "pg", "at": "1970-01-12T13:46:45Z"},
            {"by": "Ana", "kind": "human", "text": "sqlite, we know it", "choice": "lite", "at": "1970-01-12T13:46:50Z"},
        ],
    }


def test_a_fallback_is_never_reported_as_the_decision_of_a_person() -> None:
    told = result(end(typed(posted(ANA, SKEPTIC), SKEPTIC, "2")))
    assert (told["status"], told["decided_by"], told["note"]) == (
        "fallen_back",
        "fallback:default_option",
        "No person decided this.",
    )
    assert told["why"] == "nobody answered in 30 min"
    assert [reply["by"] for reply in told["replies"]] == ["skeptic"]


def test_a_decision_of_agents_is_reported_as_theirs() -> None:
    told = result(end(typed(posted(SKEPTIC), SKEPTIC, "2")))
    assert (told["decided_by"], told["note"]) == ("agent", "Agents decided this, not a person.")


def test_a_number_is_given_as_a_number() -> None:
    told = result(end(typed(posted(ANA, kind="number"), ANA, "about 12")))
    assert (told["decision"], told["number"], told["replies"][0]["number"]) == ("about 12", 12, 12)


def test_replies_after_the_deadline_are_reported_as_late() -> None:
    told = result(end(typed(posted(ANA), ANA, "sqlite", after=1801)))
    assert told["replies"][0]["late"] is True


def test_an_open_question_is_reported_as_open() -> None:
    assert result(posted(ANA)) == {"question": 3, "status": "open"}


def test_a_time_outside_of_the_calendar_stays_a_number() -> None:
    question = transitions.reply_received(unposted(SKEPTIC), author=SKEPTIC, message="m", text="2", at=1e18)
    assert result(end(question))["replies"][0]["at"] == "1e+18"


def test_an_outcome_that_comes_later_quotes_the_question() -> None:
    note = messages.outcome_note(end(clicked(posted(ANA), ANA, "lite")))
    assert note.startswith("The outcome of your question 3 (“Which database?”):\n{")
    assert '"decision": "SQLite"' in note


def test_a_late_reply_quotes_the_question_and_says_how_it_ended() -> None:
    note = messages.late_note(end(posted(ANA)), "Ana\u202e\nBoss", "use \x1b[31mSQLite")
    assert note == (
        "A late reply from Ana Boss to your question 3 (“Which database?”):\n\nuse SQLite\n\n"
        "It had already ended: Nobody answered in 30 min; fallback: the recommended option, Postgres"
    )


def outcome(**fields: Any) -> Outcome:
    return Outcome.model_validate(
        {"status": "fallen_back", "decision": "", "decided_by": "fallback:assume", "at": POSTED, **fields}
    )


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (end(clicked(posted(ANA), ANA, "pg")), "Answered by Ana: Postgres"),
        (end(clicked(clicked(posted(ANA, BEN, quorum=2), ANA, "pg"), BEN, "pg")), "Answered by Ana and Ben: Postgres"),
        (end(typed(typed(posted(ANA, SKEPTIC), SKEPTIC, "2"), ANA, "1\nplease")), "Answered by Ana: Postgres (“1 please”)"),
        (
            end(typed(typed(posted(SKEPTIC, CRITIC), SKEPTIC, "2"), CRITIC, "2")),
            "Answered by the agents critic and skeptic: SQLite",
        ),
        (end(posted(ANA)), "Nobody answered in 30 min; fallback: the recommended option, Postgres"),
        (end(posted(ANA, fallback=("assume",))), "Nobody answered in 30 min; fallback: the agent's assumption, I take Postgres."),
        (end(posted(ANA, fallback=("fail",))), "Nobody answered in 30 min; fallback: the run ends without a result"),
        (
            end(clicked(posted(ANA, BEN, quorum=2), ANA, "lite")),
            "Only 1 of 2 answered in 30 min; fallback: the recommended option, Postgres",
        ),
        (end(transitions.passed(posted(ANA), ANA)), "Everybody passed; fallback: the recommended option, Postgres"),
        (end(unposted()), "Nobody can be reached; fallback: the recommended option, Postgres"),
        (end(unposted(ANA)), "It could not be posted in 30 min; fallback: the recommended option, Postgres"),
        (posted(ANA), ""),
    ],
)
def test_one_line_says_how_a_question_ended(question: Question, line: str) -> None:
    assert messages.closing_line(question) == line


def test_a_cancelled_question_says_why() -> None:
    question = posted(ANA)
    question = transitions.settled(question, cancelled_outcome(question, POSTED, "the run has ended"))
    assert messages.closing_line(question) == "Cancelled: the run has ended"


def test_the_line_stays_short_however_long_the_reply() -> None:
    question = end(typed(posted(ANA, kind="text"), ANA, "word " * 1000))
    assert len(messages.closing_line(question)) < 330


def test_a_crowd_is_not_listed_in_full() -> None:
    crowd = [Responder(kind="human", id=f"terminal:{number}", name=f"P{number}") for number in range(8)]
    question = posted(*crowd, quorum="all")
    for person in crowd:
        question = clicked(question, person, "pg")
    assert messages.closing_line(end(question)) == "Answered by P0, P1, P2, P3 and 4 others: Postgres"


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (posted(ANA), "Without an answer, builder takes the recommended option: Postgres."),
        (posted(ANA, kind="text"), "Without an answer, builder goes by its assumption: I take Postgres."),
        (posted(ANA, BEN, quorum=2, fallback=("fail",)), "Without enough answers, the run ends without a result."),
    ],
)
def test_people_see_what_happens_without_an_answer(question: Question, line: str) -> None:
    assert messages.expiry_line(question) == line
    assert messages.reminder_line(question) == f"Still open: Which database? {line}"


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (posted(ANA), "Ana"),
        (posted(ANA, BEN), "Ana and Ben (one answer decides)"),
        (posted(ANA, BEN, CY, quorum=2), "Ana, Ben and Cy (2 answers decide)"),
        (posted(ANA, BEN, quorum=5), "Ana and Ben (all of them decide)"),
        (posted(ANA, BEN, quorum="all"), "Ana and Ben (all of them decide)"),
        (posted(ANA, responders="anyone"), "Ana or anyone here"),
        (posted(ANA, SKEPTIC, CRITIC), "Ana, with advice from skeptic and critic"),
        (posted(SKEPTIC, CRITIC), "the agent skeptic and the agent critic"),
        (unposted(), "nobody who can be reached"),
    ],
)
def test_people_see_whom_a_question_asks(question: Question, line: str) -> None:
    assert messages.audience_line(question) == line


def test_a_question_becomes_a_card_and_closes_with_its_outcome() -> None:
    ana = Author(platform="terminal", id="ana", name="Ana")
    card = messages.build_question_card(posted(ANA), task="Pick a database", mentions=[ana])
    assert (card.question, card.run, card.agent, card.text, card.answer_kind) == (3, 1, "builder", "Which database?", "choice")
    assert [(option.id, option.label, option.recommended) for option in card.options] == [
        ("pg", "Postgres", True),
        ("lite", "SQLite", False),
    ]
    assert (card.mentions, card.task, card.expires_at, card.closed) == ((ana,), "Pick a database", DEADLINE, None)
    closed = messages.build_question_card(end(clicked(posted(ANA), ANA, "pg")), task="", mentions=[])
    assert closed.closed == "Answered by Ana: Postgres"


def test_a_confirm_shows_yes_and_no_and_other_kinds_no_options() -> None:
    assert [
        option.label for option in messages.build_question_card(posted(ANA, kind="confirm"), task="", mentions=[]).options
    ] == [
        "Yes",
        "No",
    ]
    assert messages.build_question_card(posted(ANA, kind="text"), task="", mentions=[]).options == ()


def test_the_label_of_an_option_is_found_by_its_id() -> None:
    assert messages.label_of(posted(ANA), SQLITE.id) == "SQLite"
    assert messages.label_of(posted(ANA), "gone") is None
    assert messages.label_of(posted(ANA, kind="confirm"), "yes") == "Yes"


def test_the_card_of_a_question_that_needs_several_answers_shows_those_so_far() -> None:
    asked = posted(ANA, BEN, quorum=2)

    def progress(question: Question) -> str:
        return messages.build_question_card(question, "", ()).progress

    assert progress(asked) == ""
    assert progress(clicked(asked, ANA, "pg")) == "1 of 2 answers: Ana."
    assert progress(clicked(posted(ANA, BEN), ANA, "pg")) == ""
