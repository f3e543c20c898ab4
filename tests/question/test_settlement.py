"""Settlement of a question: quorum, deadline, fallbacks, and the decision of several replies."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Option, Outcome, Question
from orchestrator_bridge.question.schedule import due
from orchestrator_bridge.question.settlement import begin_fallback, cancelled_outcome, settle
from tests.support.question_builders import (
    ANA,
    BEN,
    CRITIC,
    CY,
    DEADLINE,
    EXPIRY,
    POSTED,
    POSTGRES,
    SKEPTIC,
    SQLITE,
    STRANGER,
    clicked,
    posted,
    typed,
    unposted,
)

NOW = POSTED + 60
FOURTH = Option(id="none", label="Nothing")


def settled(question: Question, now: float = NOW) -> Outcome:
    outcome = settle(question, now)
    assert outcome is not None
    return outcome


def test_a_click_settles_at_once() -> None:
    outcome = settled(clicked(posted(ANA), ANA, "lite", after=10), POSTED + 10)
    assert (outcome.status, outcome.decision, outcome.choice, outcome.decided_by) == ("answered", "SQLite", "lite", "human")
    assert [reply.author for reply in outcome.replies] == [ANA]


def test_a_click_settles_at_once_even_if_our_clock_is_behind_the_platforms() -> None:
    assert settle(clicked(posted(ANA), ANA, "lite", after=10), POSTED - 5) is not None


def test_typed_words_settle_when_their_last_part_is_old_enough() -> None:
    question = typed(posted(ANA), ANA, "sqlite", after=10)
    question = typed(question, ANA, "because it is small", after=14)
    assert settle(question, POSTED + 18.9) is None
    outcome = settled(question, POSTED + 19)
    assert (outcome.decision, outcome.choice) == ("SQLite (“sqlite\nbecause it is small”)", "lite")


def test_the_last_word_typed_just_before_the_deadline_decides_without_the_others() -> None:
    question = posted(ANA, BEN, CY, quorum="all").model_copy(update={"decider": CY})
    question = typed(question, CY, "sqlite", after=DEADLINE - POSTED - 1)
    for now in (EXPIRY, EXPIRY + 60):
        assert settled(question, now).choice == "lite"
        assert not due(question, now).start_fallback


def test_own_words_answer_a_choice() -> None:
    outcome = settled(typed(posted(ANA), ANA, "neither, use files"))
    assert (outcome.status, outcome.decision, outcome.choice) == ("answered", "neither, use files", None)


@pytest.mark.parametrize(
    ("quorum", "asked", "enough"),
    [
        ("first", 3, 1),
        (1, 3, 1),
        (2, 3, 2),
        (3, 3, 3),
        (9, 3, 3),
        ("majority", 2, 2),
        ("majority", 3, 2),
        ("all", 1, 1),
        ("all", 3, 3),
    ],
)
def test_the_quorum_gives_the_number_of_replies_required(quorum: Any, asked: int, enough: int) -> None:
    people = (ANA, BEN, CY)[:asked]
    question = posted(*people, quorum=quorum)
    for count, person in enumerate(people, 1):
        question = clicked(question, person, "pg", after=count)
        assert (settle(question, NOW) is not None) == (count >= enough)


def test_all_means_everyone_who_has_not_passed() -> None:
    question = clicked(posted(ANA, BEN, quorum="all"), ANA, "pg")
    assert settle(question, NOW) is None
    outcome = settled(transitions.passed(question, BEN))
    assert (outcome.status, outcome.why) == ("answered", "1 of 2 replied, nobody else can answer")


def test_a_quorum_that_cannot_be_met_any_more_becomes_all() -> None:
    question = clicked(posted(ANA, BEN, CY, quorum=2), ANA, "pg")
    assert settle(transitions.passed(question, BEN), NOW) is None
    assert settled(transitions.became_unreachable(transitions.passed(question, BEN), CY.id)).choice == "pg"


def test_a_majority_is_one_of_those_asked() -> None:
    question = posted(ANA, BEN, CY, quorum="majority", responders="anyone")
    question = clicked(clicked(question, STRANGER, "pg"), ANA, "pg")
    assert settle(question, NOW) is None
    assert settled(clicked(question, BEN, "pg")).choice == "pg"


def test_anyone_may_fill_a_number_where_anyone_may_answer() -> None:
    question = clicked(posted(ANA, BEN, quorum=2, responders="anyone"), STRANGER, "pg")
    assert settled(clicked(question, ANA, "pg")).status == "answered"


def test_an_invalid_reply_does_not_count_towards_the_quorum() -> None:
    question = typed(posted(ANA, kind="confirm"), ANA, "what does it cost?")
    assert settle(question, NOW) is None
    outcome = settled(question, EXPIRY)
    assert (outcome.status, outcome.why) == ("fallen_back", "no reply in 30 min was a valid answer")
    assert [reply.text for reply in outcome.replies] == ["what does it cost?"]


def test_peers_advise_where_people_are_asked() -> None:
    question = typed(posted(ANA, SKEPTIC, CRITIC), SKEPTIC, "1, since it scales")
    question = typed(question, CRITIC, "1")
    assert settle(question, DEADLINE) is None
    outcome = settled(clicked(question, ANA, "lite"))
    assert (outcome.decided_by, outcome.choice) == ("human", "lite")
    assert {reply.author.name for reply in outcome.replies} == {"Ana", "skeptic", "critic"}


def test_peers_decide_at_once_where_only_agents_are_asked() -> None:
    question = typed(unposted(SKEPTIC, CRITIC), SKEPTIC, "2")
    assert settle(question, POSTED) is None
    outcome = settled(typed(question, CRITIC, "2 is enough"), POSTED)
    assert (outcome.status, outcome.decided_by, outcome.choice) == ("answered", "agent", "lite")


@pytest.mark.parametrize(("peer_quorum", "enough"), [("first", 1), ("majority", 2), ("all", 2)])
def test_peers_have_a_quorum_of_their_own(peer_quorum: str, enough: int) -> None:
    question = posted(SKEPTIC, CRITIC, peer_quorum=peer_quorum, quorum=1)
    for count, agent in enumerate((SKEPTIC, CRITIC), 1):
        question = typed(question, agent, "2")
        assert (settle(question, NOW) is not None) == (count >= enough)


def test_a_peers_own_words_count_whatever_the_kind() -> None:
    assert settled(typed(posted(SKEPTIC, kind="confirm"), SKEPTIC, "It depends on the load.")).status == "answered"


def test_agents_that_fail_leave_nobody_to_ask() -> None:
    question = transitions.passed(transitions.passed(posted(SKEPTIC, CRITIC), SKEPTIC), CRITIC)
    assert settled(question).why == "everybody passed"


def test_a_question_to_nobody_falls_back_at_once() -> None:
    assert settled(unposted(), POSTED - 10).why == "nobody can be reached"
    assert settled(unposted(responders="anyone"), POSTED - 10).why == "nobody can be reached"


def test_when_everybody_has_passed_it_falls_back_at_once() -> None:
    question = typed(transitions.passed(posted(ANA, BEN, SKEPTIC), ANA), SKEPTIC, "1")
    assert settle(question, NOW) is None
    outcome = settled(transitions.passed(question, BEN))
    assert (outcome.why, outcome.decided_by, outcome.choice) == ("everybody passed", "fallback:default_option", "pg")
    assert [reply.author.name for reply in outcome.replies] == ["skeptic"]


def test_when_nobody_can_be_reached_it_falls_back_at_once() -> None:
    question = transitions.became_unreachable(transitions.passed(posted(ANA, BEN), ANA), BEN.id)
    assert settled(question).why == "nobody can be reached"


def test_a_person_who_left_after_replying_is_not_waited_for() -> None:
    question = transitions.became_unreachable(typed(posted(ANA), ANA, "sqlite", after=10), ANA.id)
    assert settled(question, POSTED + 10).choice == "lite"


def test_nobody_answers() -> None:
    question = posted(ANA)
    assert settle(question, EXPIRY - 0.1) is None
    outcome = settled(question, EXPIRY)
    assert (outcome.status, outcome.why, outcome.decision) == ("fallen_back", "nobody answered in 30 min", "Postgres")


def test_a_reply_at_the_deadline_counts_and_a_later_one_does_not() -> None:
    in_time = typed(posted(ANA), ANA, "sqlite, I think", after=1800)
    assert settle(in_time, EXPIRY - 0.1) is None
    assert settled(in_time, EXPIRY).choice == "lite"
    late = typed(posted(ANA), ANA, "sqlite", after=1800.1)
    outcome = settled(late, EXPIRY + 60)
    assert (outcome.status, outcome.replies[0].late) == ("fallen_back", True)


def test_a_quorum_met_in_time_answers_however_late_it_is_evaluated() -> None:
    question = clicked(typed(posted(ANA, BEN, quorum=2), ANA, "sqlite", after=1799), BEN, "lite", after=5)
    assert settled(question, EXPIRY + 86400).status == "answered"


def test_too_few_replies_are_part_of_the_fallbacks_outcome() -> None:
    question = clicked(posted(ANA, BEN, CY, quorum=2), ANA, "lite")
    outcome = settled(question, EXPIRY)
    assert (outcome.status, outcome.why, outcome.choice) == ("fallen_back", "only 1 of 2 answered in 30 min", "pg")
    assert [reply.choice for reply in outcome.replies] == ["lite"]


def test_more_time_moves_the_deadline() -> None:
    question = transitions.extended(posted(ANA), 600)
    assert settle(question, EXPIRY + 599) is None
    assert settled(question, EXPIRY + 600).why == "nobody answered in 40 min"


def test_a_question_that_cannot_be_posted_falls_back_after_the_same_time() -> None:
    question = unposted(ANA)
    assert settle(question, question.asked_at + 1799) is None
    assert settled(question, question.asked_at + 1800).why == "undeliverable"


def test_replies_of_people_wait_until_the_time_of_the_delivery_is_known() -> None:
    early = clicked(unposted(ANA), ANA, "lite")
    assert settle(early, POSTED + 100) is None
    delivery = posted(ANA).delivery
    assert delivery is not None
    assert settled(transitions.posted(early, delivery), POSTED + 100).choice == "lite"
    assert settled(early, early.asked_at + 1800).choice == "lite"


@pytest.mark.parametrize(
    ("chain", "options", "decided_by", "decision"),
    [
        (("default_option", "assume"), (POSTGRES, SQLITE), "fallback:default_option", "Postgres"),
        (("default_option", "assume"), (SQLITE, FOURTH), "fallback:assume", "I take Postgres."),
        (("default_option", "fail"), (SQLITE, FOURTH), "fallback:fail", "The run ends, as its policy says."),
        (("assume",), (POSTGRES, SQLITE), "fallback:assume", "I take Postgres."),
        (("fail",), (POSTGRES, SQLITE), "fallback:fail", "The run ends, as its policy says."),
        (("assume", "fail"), (POSTGRES, SQLITE), "fallback:assume", "I take Postgres."),
    ],
)
def test_the_first_fallback_that_can_decide_does(chain: Any, options: tuple[Option, ...], decided_by: str, decision: str) -> None:
    outcome = settled(posted(ANA, options=options, fallback=chain), EXPIRY)
    assert (outcome.status, outcome.decided_by, outcome.decision) == ("fallen_back", decided_by, decision)


def test_a_question_can_fall_back_early_with_a_reason_of_the_caller() -> None:
    outcome = begin_fallback(posted(ANA), NOW, "it could not be posted: the channel is gone")
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.choice, outcome.why) == ("fallen_back", "pg", "it could not be posted: the channel is gone")


def test_replies_that_agree_decide_together() -> None:
    question = clicked(clicked(posted(ANA, BEN, quorum=2), ANA, "pg"), BEN, "pg")
    assert (settled(question).decision, settled(question).choice) == ("Postgres", "pg")


def test_words_added_to_an_option_are_reported_with_names() -> None:
    question = typed(clicked(posted(ANA, BEN, quorum=2), ANA, "pg"), BEN, "1, but version 16")
    assert settled(question).decision == "Postgres (Ben: “1, but version 16”)"


def test_the_most_frequent_choice_decides_and_the_others_are_named() -> None:
    question = posted(ANA, BEN, CY, quorum="all")
    question = clicked(clicked(typed(question, ANA, "neither"), BEN, "lite"), CY, "lite")
    outcome = settled(question)
    assert outcome.choice == "lite"
    assert outcome.decision == "SQLite, by 2 of 3: Ben and Cy say SQLite; Ana says “neither”"


def test_a_tie_has_no_choice() -> None:
    outcome = settled(clicked(clicked(posted(ANA, BEN, quorum=2), ANA, "lite", after=1), BEN, "pg", after=2))
    assert (outcome.status, outcome.choice) == ("answered", None)
    assert outcome.decision == "Replies differ: Ana says SQLite; Ben says Postgres"


def test_numbers_are_counted_and_never_averaged() -> None:
    question = typed(typed(posted(ANA, BEN, quorum=2, kind="number"), ANA, "about 10", after=1), BEN, "20", after=2)
    outcome = settled(question)
    assert (outcome.number, outcome.decision) == (None, "Replies differ: Ana says “about 10”; Ben says “20”")
    agreed = settled(typed(question, BEN, "sorry, 10", after=3))
    assert (agreed.number, agreed.decision) == (10, "10")


def test_free_texts_that_differ_are_listed_with_names() -> None:
    question = typed(typed(posted(ANA, BEN, quorum=2, kind="text"), ANA, "Monday", after=1), BEN, "monday", after=2)
    assert settled(question).decision == "Monday"
    contradiction = typed(question, BEN, "or rather never", after=3)
    assert settled(contradiction).decision == "Replies differ: Ana says “Monday”; Ben says “monday\nor rather never”"


def test_a_confirm_is_decided_by_what_was_understood() -> None:
    outcome = settled(typed(posted(ANA, kind="confirm"), ANA, "ja, aber erst morgen"))
    assert (outcome.choice, outcome.decision) == ("yes", "Yes (“ja, aber erst morgen”)")


def test_a_settled_question_has_no_second_outcome() -> None:
    question = clicked(posted(ANA), ANA, "lite")
    ended = transitions.settled(question, settled(question))
    assert settle(ended, EXPIRY) is None


def test_a_cancelled_question_keeps_its_replies() -> None:
    outcome = cancelled_outcome(typed(posted(ANA), ANA, "sqlite"), NOW, "the run has ended")
    assert (outcome.status, outcome.decided_by, outcome.why, outcome.at) == ("cancelled", "nobody", "the run has ended", NOW)
    assert [reply.text for reply in outcome.replies] == ["sqlite"]
