"""One voice each: what a question makes of messages, edits, deletions, clicks and passes."""

from __future__ import annotations

import itertools

import pytest

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Delivery, Question
from orchestrator_bridge.question.settlement import settle
from orchestrator_bridge.question.voices import unparsed_reply
from tests.support.question_builders import (
    ANA,
    BEN,
    DEADLINE,
    EXPIRY,
    POSTED,
    SKEPTIC,
    STRANGER,
    clicked,
    posted,
    typed,
    unposted,
)


def said(question: Question) -> list[tuple[str, str, str | None]]:
    return [(reply.author.name, reply.text, reply.choice) for reply in question.replies]


def test_several_messages_of_a_person_are_joined_in_order_of_time() -> None:
    question = posted(ANA)
    question = typed(question, ANA, "because it is small", after=12, message="m9")
    question = typed(question, ANA, "sqlite", after=10, message="m10")
    question = typed(question, ANA, "and quick", after=14, message="m1")
    [reply] = question.replies
    assert reply.text == "sqlite\nbecause it is small\nand quick"
    assert (reply.choice, reply.key, reply.at) == ("lite", "m1", POSTED + 14)
    assert [part[0] for part in reply.parts] == ["m10", "m9", "m1"]


def test_the_same_input_twice_changes_nothing() -> None:
    question = typed(posted(ANA), ANA, "sqlite")
    assert typed(question, ANA, "sqlite") is question
    click = clicked(question, ANA, "pg")
    assert clicked(click, ANA, "pg") is click
    passed = transitions.passed(question, ANA, POSTED + 20)
    assert transitions.passed(passed, ANA, POSTED + 20) is passed
    deleted = transitions.reply_deleted(question, "Ana@10.0")
    assert transitions.reply_deleted(deleted, "Ana@10.0") is deleted


def test_an_edit_replaces_its_own_part() -> None:
    question = typed(posted(ANA), ANA, "sqlite", message="m1")
    question = typed(question, ANA, "it is small", after=12, message="m2")
    question = typed(question, ANA, "postgres", message="m1", edit="1")
    assert said(question) == [("Ana", "postgres\nit is small", "pg")]


def test_an_older_edit_that_arrives_late_does_not_win() -> None:
    edits = [("", "one"), ("2", "two"), ("10", "ten")]
    for order in itertools.permutations(edits):
        question = posted(ANA, kind="text")
        for edit, text in order:
            question = typed(question, ANA, text, message="m1", edit=edit)
        assert said(question) == [("Ana", "ten", None)]


def test_edits_can_be_told_apart_by_their_time_alone() -> None:
    newer = transitions.reply_received(posted(ANA, kind="text"), author=ANA, message="m1", text="new", at=POSTED + 20)
    assert said(transitions.reply_received(newer, author=ANA, message="m1", text="old", at=POSTED + 10)) == [("Ana", "new", None)]


def test_an_edited_message_keeps_its_place() -> None:
    question = typed(posted(ANA, kind="text"), ANA, "first", after=10, message="m1")
    question = typed(question, ANA, "second", after=12, message="m2")
    question = typed(question, ANA, "FIRST", after=30, message="m1", edit="1")
    assert said(question) == [("Ana", "FIRST\nsecond", None)]


def test_an_edit_to_nothing_withdraws_the_message() -> None:
    question = typed(posted(ANA, kind="text"), ANA, "first", message="m1")
    assert typed(question, ANA, " ", message="m1", edit="1").replies == ()


def test_a_deletion_withdraws_the_message_whichever_arrives_first() -> None:
    heard = typed(typed(posted(ANA), ANA, "sqlite", message="m1"), ANA, "postgres", after=20, message="m2")
    assert said(transitions.reply_deleted(heard, "m2")) == [("Ana", "sqlite", "lite")]
    deleted_first = transitions.reply_deleted(posted(ANA), "m1")
    assert typed(deleted_first, ANA, "sqlite", message="m1").replies == ()


def test_a_click_replaces_what_was_typed_before_it() -> None:
    question = typed(posted(ANA), ANA, "sqlite", after=10)
    question = clicked(question, ANA, "pg", after=20)
    assert said(question) == [("Ana", "Postgres", "pg")]
    assert said(typed(question, ANA, "a word that was under way", after=15)) == [("Ana", "Postgres", "pg")]


def test_a_later_click_replaces_an_earlier_one_in_any_order() -> None:
    for afters in ((10, 20), (20, 10)):
        question = posted(ANA)
        for after in afters:
            question = clicked(question, ANA, {10: "pg", 20: "lite"}[after], after=after)
        assert said(question) == [("Ana", "SQLite", "lite")]


def test_words_after_a_click_are_a_remark_on_it() -> None:
    question = typed(clicked(posted(ANA), ANA, "pg"), ANA, "but only after 6 pm", after=20)
    [reply] = question.replies
    assert (reply.text, reply.choice, reply.clicked) == ("but only after 6 pm", "pg", True)


def test_words_after_a_click_that_name_an_option_change_the_choice() -> None:
    question = typed(clicked(posted(ANA), ANA, "pg"), ANA, "no wait, 2", after=20)
    [reply] = question.replies
    assert (reply.text, reply.choice, reply.clicked) == ("no wait, 2", "lite", False)


def test_a_confirm_can_be_clicked() -> None:
    assert said(clicked(posted(ANA, kind="confirm"), ANA, "no")) == [("Ana", "No", "no")]


@pytest.mark.parametrize(("kind", "choice"), [("choice", "gone"), ("confirm", "pg"), ("text", "yes"), ("number", "1")])
def test_a_click_on_an_unknown_option_changes_nothing(kind: str, choice: str) -> None:
    question = posted(ANA, kind=kind)  # type: ignore[arg-type]
    assert clicked(question, ANA, choice) is question


def test_those_who_are_not_asked_change_nothing_unless_anyone_may_answer() -> None:
    question = typed(posted(ANA), STRANGER, "sqlite")
    assert (said(question), settle(question, EXPIRY - 1)) == ([], None)
    assert said(typed(posted(ANA, responders="anyone"), STRANGER, "sqlite")) == [("Stranger", "sqlite", "lite")]


def test_agents_may_advise_but_not_answer_themselves() -> None:
    question = posted(ANA)
    assert transitions.may_answer(question, SKEPTIC)
    assert not transitions.may_answer(question, SKEPTIC.model_copy(update={"id": "agent:builder"}))


def test_not_me_revokes_earlier_words_and_later_words_count_again() -> None:
    question = transitions.passed(typed(posted(ANA, BEN), ANA, "sqlite", after=10), ANA, POSTED + 20)
    assert (said(question), list(question.passed)) == ([], [ANA.id])
    question = typed(question, ANA, "well then: postgres", after=30)
    assert (said(question), question.passed) == ([("Ana", "well then: postgres", "pg")], frozenset())


def test_not_me_without_a_time_revokes_no_words() -> None:
    question = transitions.passed(typed(posted(ANA), ANA, "sqlite"), ANA)
    assert (said(question), question.passed) == ([("Ana", "sqlite", "lite")], frozenset())


def test_only_those_asked_can_pass() -> None:
    assert transitions.passed(posted(ANA), BEN).passed == frozenset()


def test_an_agent_without_words_passes() -> None:
    question = typed(posted(ANA, SKEPTIC), SKEPTIC, " ")
    assert (said(question), list(question.passed)) == ([], [SKEPTIC.id])


def test_more_time_is_granted_up_to_the_policy() -> None:
    question = transitions.extended(posted(ANA, extend_max="1h"), 2400)
    assert question.extended == 2400
    assert transitions.extended(question, 2400).extended == 3600
    assert transitions.extended(question, -50) is question


def test_more_time_requested_after_the_deadline_is_not_granted_whenever_it_arrives() -> None:
    first, second, third = (60, "a", DEADLINE - 1), (60, "b", DEADLINE + 50), (60, "c", DEADLINE + 500)
    for wishes in ((first, second, third), (third, second, first)):
        question = posted(ANA)
        for wish in wishes:
            question = transitions.extended(question, *wish)
        assert question.extended == 120


def test_the_first_delivery_stays() -> None:
    question = posted(ANA)
    assert question.delivery is not None
    later = Delivery(place=question.delivery.place, message="copy", posted_at=POSTED + 60, noted_at=POSTED + 60)
    copied = transitions.posted(question, later)
    assert (copied.delivery, copied.copied) == (question.delivery, (later,))
    assert transitions.posted(copied, later) is copied


def test_a_reply_after_the_deadline_is_marked_late_and_more_time_makes_it_count() -> None:
    question = typed(posted(ANA), ANA, "sqlite", after=1801)
    assert [reply.late for reply in question.replies] == [True]
    assert [reply.late for reply in transitions.extended(question, 60).replies] == [False]


def test_an_edit_after_the_deadline_keeps_the_reply_that_was_in_time() -> None:
    question = typed(posted(ANA), ANA, "sqlite", after=1790, message="m1")
    question = typed(question, ANA, "postgres", after=1801, message="m1", edit="1")
    assert said(question) == [("Ana", "sqlite", "lite")]


def test_replies_that_arrive_before_the_delivery_is_known_are_judged_by_it() -> None:
    early = typed(unposted(ANA), ANA, "sqlite", after=1801)
    assert [reply.late for reply in early.replies] == [False]
    delivery = posted(ANA).delivery
    assert delivery is not None
    assert [reply.late for reply in transitions.posted(early, delivery).replies] == [True]


def test_words_are_sanitised_before_they_are_stored() -> None:
    question = typed(posted(ANA, kind="text"), ANA, "\x1b[31mred\u202e\x00")
    assert question.heard[0].text == "red"


def test_an_invalid_reply_is_stored_and_can_be_explained() -> None:
    question = typed(posted(ANA, kind="confirm"), ANA, "what does it cost?")
    assert said(question) == [("Ana", "what does it cost?", None)]
    problem = unparsed_reply(question, ANA.id)
    assert problem is not None
    assert "yes or a no" in problem.hint
    assert unparsed_reply(question, BEN.id) is None
    assert unparsed_reply(typed(question, ANA, "yes", after=20), ANA.id) is None


def test_a_settled_question_is_not_changed_by_anything() -> None:
    question = posted(ANA)
    outcome = settle(question, EXPIRY)
    assert outcome is not None
    ended = transitions.settled(question, outcome)
    assert ended.outcome == outcome
    assert typed(ended, ANA, "sqlite") is ended
    assert transitions.reply_deleted(ended, "m1") is ended
    assert transitions.passed(ended, ANA) is ended
    assert transitions.became_unreachable(ended, ANA.id) is ended
    assert transitions.extended(ended, 60) is ended
    assert transitions.reminded(ended) is ended
    assert transitions.settled(ended, outcome.model_copy(update={"decision": "another"})) is ended


def test_a_question_survives_being_stored() -> None:
    question = clicked(typed(posted(ANA, BEN, SKEPTIC), BEN, "2 please"), ANA, "pg")
    question = transitions.passed(
        transitions.reply_deleted(transitions.became_unreachable(question, SKEPTIC.id), "gone"), BEN, POSTED + 5
    )
    assert Question.model_validate_json(question.model_dump_json()) == question
