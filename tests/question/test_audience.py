"""Audience of a question: permission to answer, deciders, and delegation."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.inbound import Author, Group
from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import Outcome, Question
from orchestrator_bridge.question.settlement import settle
from orchestrator_bridge.team.directory import Mentioned, Responder
from tests.support.question_builders import ANA, BEN, CY, EXPIRY, POSTED, STRANGER, clicked, posted, typed, unposted

NOW = POSTED + 60
BACKEND = Group(platform="slack", id="S1", name="backend")


def at(person: Responder) -> Mentioned:
    return Mentioned(who=person, author=Author(platform="terminal", id=person.id, name=person.name))


def says(question: Question, by: Responder, text: str, to: Responder | None = None, after: float = 10.0, **more: str) -> Question:
    mentions = (at(to),) if to else ()
    message = more.get("message", f"{by.name}@{after}")
    return transitions.reply_received(
        question, author=by, message=message, text=text, at=POSTED + after, mentions=mentions, edit=more.get("edit", "")
    )


def settled(question: Question, now: float = NOW) -> Outcome:
    outcome = settle(question, now)
    assert outcome is not None
    return outcome


def test_not_me_can_be_typed_and_edited_into_an_answer() -> None:
    question = says(posted(ANA, BEN), ANA, "not me", message="m1")
    assert question.passed == {ANA.id}
    question = says(question, ANA, "sqlite", message="m1", edit="1", after=12)
    assert (question.passed, [reply.choice for reply in question.replies]) == (frozenset(), ["lite"])


def test_a_mention_of_somebody_else_delegates_the_question() -> None:
    question = says(posted(ANA), ANA, "@Ben knows that", BEN)
    assert [person.name for person in question.humans] == ["Ana", "Ben"]
    assert (question.passed, messages.audience_line(question)) == (frozenset({ANA.id}), "Ben")
    assert settle(question, NOW) is None
    assert settled(clicked(question, BEN, "lite", after=30)).choice == "lite"


def test_a_delegate_replaces_the_delegator_in_the_quorum() -> None:
    question = says(posted(ANA, BEN, quorum="all"), ANA, "@Cy?", CY)
    question = clicked(question, BEN, "pg", after=20)
    assert settle(question, NOW) is None
    assert settled(clicked(question, CY, "pg", after=30)).status == "answered"


def test_a_question_can_be_delegated_further_and_back() -> None:
    question = says(posted(ANA), ANA, "@Ben?", BEN, after=10)
    question = says(question, BEN, "@Ana?", ANA, after=20)
    assert question.passed == {BEN.id}
    assert settled(clicked(question, ANA, "pg", after=30)).choice == "pg"


def test_a_deleted_mention_revokes_the_delegation() -> None:
    question = transitions.reply_deleted(says(posted(ANA), ANA, "@Ben?", BEN, message="m1"), "m1")
    assert (question.passed, question.handed) == (frozenset(), ())
    assert settle(clicked(question, BEN, "pg"), NOW) is None


def test_words_from_before_the_delegation_count() -> None:
    question = clicked(posted(ANA), BEN, "lite", after=5)
    assert settle(question, NOW) is None
    assert settled(says(question, ANA, "@Ben?", BEN)).choice == "lite"


def test_a_stranger_cannot_delegate() -> None:
    question = says(posted(ANA), STRANGER, "@Ben?", BEN)
    assert (question.handed, question.replies) == ((), ())


def test_a_mention_beside_an_answer_is_not_a_delegation() -> None:
    question = says(posted(ANA), ANA, "2, as @Ben does", BEN)
    assert (question.handed, question.replies[0].choice) == ((), "lite")


def test_a_button_delegates_like_a_mention() -> None:
    question = transitions.passed(posted(ANA), ANA, POSTED + 5, at(BEN))
    assert settled(clicked(question, BEN, "pg", after=9)).choice == "pg"


def test_holders_of_a_role_that_may_answer_may() -> None:
    question = posted(ANA, responders="role:backend")
    assert settle(clicked(question, STRANGER, "pg"), NOW) is None
    assert settled(clicked(question, STRANGER.model_copy(update={"roles": ("role:backend",)}), "pg")).choice == "pg"


def test_the_team_file_may_let_somebody_answer_everything() -> None:
    assert settled(clicked(posted(ANA), STRANGER.model_copy(update={"roles": ("*",)}), "pg")).choice == "pg"


@pytest.mark.parametrize("quorum", ["first", 3, "majority", "all"])
def test_for_a_role_with_unknown_members_one_answer_decides_and_the_card_says_so(quorum: str | int) -> None:
    question = posted(ANA, quorum=quorum).model_copy(update={"groups": (BACKEND,), "asked": ()})
    said = " (one answer decides: the members of the role are unknown)" if quorum != "first" else ""
    assert messages.audience_line(question) == f"the role backend{said}"
    assert settle(question, EXPIRY - 1) is None
    holder = STRANGER.model_copy(update={"roles": ("role:backend",)})
    assert settled(clicked(question, holder, "pg")).choice == "pg"


def test_a_role_that_cannot_be_reached_is_not_waited_for() -> None:
    question = unposted().model_copy(update={"groups": (BACKEND,)})
    assert settle(question, POSTED) is None
    assert settled(transitions.became_unreachable(question, "role:backend")).why == "nobody can be reached"


def test_the_final_decider_decides_alone_and_at_once() -> None:
    question = posted(ANA, BEN, quorum="all").model_copy(update={"decider": CY})
    question = clicked(clicked(question, ANA, "pg"), BEN, "pg")
    assert settle(question, EXPIRY - 1) is None
    outcome = settled(clicked(question, CY, "lite", after=50))
    assert (outcome.choice, outcome.why) == ("lite", "Cy has the last word")
    assert {reply.author.name for reply in outcome.replies} == {"Ana", "Ben", "Cy"}


def test_without_the_last_word_the_quorum_stands_at_the_deadline() -> None:
    question = clicked(posted(ANA).model_copy(update={"decider": CY}), ANA, "pg")
    outcome = settled(question, EXPIRY)
    assert (outcome.choice, outcome.why) == ("pg", "Cy, who has the last word, did not answer in time")


def test_the_last_word_is_delegated_with_the_question_and_ends_with_a_pass() -> None:
    question = clicked(posted(ANA).model_copy(update={"decider": CY}), ANA, "pg")
    assert settled(transitions.passed(question, CY, POSTED + 20)).choice == "pg"
    handed = transitions.passed(question, CY, POSTED + 20, at(BEN))
    assert settle(handed, EXPIRY - 1) is None
    assert settled(clicked(handed, BEN, "lite", after=30)).choice == "lite"


def test_a_majority_of_options_waits_until_the_rest_can_no_longer_change_it() -> None:
    crowd = [Responder(kind="human", id=f"terminal:{number}", name=f"P{number}") for number in range(5)]
    question = posted(*crowd, quorum="majority")
    for person, choice in zip(crowd, ("pg", "lite", "pg"), strict=False):
        question = clicked(question, person, choice)
    assert settle(question, NOW) is None
    assert settled(clicked(question, crowd[3], "pg")).choice == "pg"
    assert settled(question, EXPIRY).choice == "pg"
    passed = transitions.passed(transitions.passed(question, crowd[3]), crowd[4])
    assert settled(passed).choice == "pg"


@pytest.mark.parametrize(("handed", "ends"), [(False, True), (True, False)])
def test_in_a_majority_delegates_replace_and_those_who_pass_are_not_waited_for(handed: bool, ends: bool) -> None:
    question = posted(ANA, BEN, CY, quorum="majority")
    question = clicked(clicked(question, ANA, "pg"), BEN, "lite")
    assert settle(question, NOW) is None
    left = transitions.passed(question, CY, POSTED + 20, at(STRANGER) if handed else None)
    assert (settle(left, NOW) is not None) is ends
    if handed:
        assert settled(clicked(left, STRANGER, "lite", after=30)).choice == "lite"


def test_with_an_unknown_audience_a_majority_is_the_first_answer_as_the_card_says() -> None:
    question = posted(ANA, quorum="majority").model_copy(update={"groups": (BACKEND,)})
    assert "(one answer decides: the members of the role are unknown)" in messages.audience_line(question)
    holder = STRANGER.model_copy(update={"roles": ("role:backend",)})
    assert settled(clicked(question, holder, "pg")).choice == "pg"


def test_a_majority_of_agents_waits_as_well_while_the_rest_can_change_it() -> None:
    peers = [Responder(kind="agent", id=f"agent:p{number}", name=f"p{number}") for number in range(3)]
    question = typed(typed(posted(*peers, peer_quorum="majority"), peers[0], "1"), peers[1], "2")
    assert settle(question, NOW) is None
    assert settled(typed(question, peers[2], "2")).choice == "lite"


def test_a_majority_in_words_settles_without_waiting_for_the_rest() -> None:
    question = posted(ANA, BEN, CY, quorum="majority", kind="text")
    question = typed(typed(question, ANA, "Monday", after=1), BEN, "Tuesday", after=2)
    assert settled(question).decision == "Replies differ: Ana says “Monday”; Ben says “Tuesday”"


def test_people_of_an_escalation_stand_in_for_somebody_silent() -> None:
    question = transitions.escalated(clicked(posted(ANA, BEN, quorum="all"), ANA, "pg"), [at(CY)])
    assert settle(question, NOW) is None
    assert settled(clicked(question, CY, "pg", after=50)).status == "answered"
    assert settled(clicked(question, BEN, "pg", after=50)).status == "answered"


def test_when_all_people_asked_have_passed_those_of_the_escalation_are_waited_for() -> None:
    question = transitions.passed(transitions.escalated(posted(ANA), [at(CY)]), ANA)
    assert settle(question, NOW) is None
    assert settled(transitions.passed(question, CY)).why == "everybody passed"
