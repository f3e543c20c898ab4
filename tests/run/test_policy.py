"""The question policy in a run: who is asked, whom it reaches next, what decides in silence, what people are spared."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.model.errors import InvalidApiKey
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.presentation.posts import closing_key, copy_key, question_key
from orchestrator_bridge.run.records import QuestionMessageLinked
from orchestrator_bridge.team.team import Escalation, FallbackStep, Limits, Permissions, PersonSpec, RoutingRule
from tests.support.policy_simulator import (
    ANA,
    BEN,
    EVE,
    LEAD,
    NIGHT,
    OPTIONS,
    PEOPLE,
    SLEEPS,
    card,
    notes,
    pinged,
    receipts,
    simulator,
    told,
)
from tests.support.run_simulator import RunSimulator, ask, use

CHAIN = (FallbackStep(use="agents", within=60), FallbackStep(use="judge", within=60), FallbackStep(use="assume"))


def test_a_question_is_routed_by_its_words_and_named_people_are_asked_as_named() -> None:
    routes = (RoutingRule(words=("database*",), to=("role:dba",)), RoutingRule(agents=("two",), to=("@lead",)))
    played = simulator(2, routes=routes)
    played.says("one", ask("Which database?"), ask("Which databases, @ana?", to=("@ana",)))
    played.says("two", ask("When?"), ask("Which database?"))
    assert [card(played, number).mentions[0].id for number in (1, 2, 3)] == ["U2", "U1", "U3"]
    assert len(played.state.questions) == 3


def test_a_mention_hands_the_question_over_and_pings_the_other_in_a_new_message() -> None:
    played = simulator()
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.types(1, "@Ben knows that", mentions=(BEN,))
    assert pinged(played) == [["U1"], ["U2"]]
    assert notes(played)[-1].text == "ana hands this question over to you: Which?"
    assert card(played).asked == "ben"
    assert receipts(played)[-1].text.startswith("ben is asked in your place.")
    played.replies(1, "the second", by=BEN)
    assert '"by": "ben"' in played.prompt("one")


def test_not_me_hands_over_by_a_button_too() -> None:
    played = simulator()
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.presses(1, "pass", "U2")
    assert card(played).asked == "ben"
    played.presses(1, "write", "@lead should decide", by=BEN)
    assert card(played).asked == "lead"
    played.presses(1, "pass", by=LEAD)
    assert "everybody passed" in played.prompt("one").lower()


def test_declining_in_words_is_undone_by_a_later_reply() -> None:
    played = simulator()
    played.says("one", ask("Which?", to=("@ana", "@ben")))
    played.post_question(1)
    played.types(1, "not my area")
    assert (receipts(played)[-1].sign, card(played).asked) == ("passed", "ben")
    played.replies(1, "well then, the second")
    assert "the second" in played.prompt("one")


def test_escalation_asks_others_in_new_messages_and_leaves_those_alone_who_have_answered() -> None:
    steps = (Escalation(after=600, to=("@lead",)), Escalation(after=1200, to=("@lead", "@ana", "role:oncall")))
    played = simulator(quorum=2, escalate=steps, remind_after=0)
    played.says("one", ask("Which?", to=("@ana", "@ben")))
    played.post_question(1)
    played.passes(599)
    assert pinged(played) == [["U1", "U2"]]
    played.passes(1)
    assert pinged(played)[1:] == [["U3"]]
    assert "lead" in card(played).asked
    played.types(1, "the first")
    played.passes(600)
    assert pinged(played)[2:] == [["U3"]]
    assert notes(played)[-1].groups[0].id == "S1"
    played.replies(1, "the first", by=Author(platform="slack", id="U7", name="Otto", roles=("S1",)))
    assert '"decision": "the first"' in played.prompt("one")


def test_after_a_long_sleep_every_step_that_was_missed_is_taken_once() -> None:
    steps = (Escalation(after=60, to=("@ben",)), Escalation(after=120, to=("@lead",)))
    played = simulator(escalate=steps, remind_after=0)
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.now += 500
    played.restart()
    played.restart()
    assert pinged(played)[1:] == [["U2"], ["U3"]]


def test_urgency_scales_escalation_too() -> None:
    played = simulator(escalate=(Escalation(after=600, to=("@lead",)),), remind_after=0)
    played.says("one", ask("Which?", urgency="high"))
    played.post_question(1)
    played.passes(200)
    assert pinged(played)[1:] == [["U3"]]


def test_more_time_in_words_moves_deadline_reminder_and_escalation() -> None:
    played = simulator(escalate=(Escalation(after=900, to=("@lead",)),))
    played.says("one", ask("Which?"))
    played.post_question(1)
    before = card(played).expires_at
    played.types(1, "gib mir eine Stunde")
    assert card(played).expires_at == before + 3600
    assert receipts(played)[-1].text == "Question 1 waits 1 h longer."
    played.passes(3600 + 599)
    assert len(pinged(played)) == 1


def test_a_reminder_pings_each_person_once_however_often_they_are_asked() -> None:
    played = simulator()
    played.says("one", ask("Which?", to=("@ben", "role:dba", "@ana", "humans")))
    played.post_question(1)
    played.passes(700)
    assert pinged(played) == [["U2", "U1"], ["U2", "U1"]]


@pytest.mark.parametrize("words", ["@bob knows that", "ask @bob please", "@bob"])
def test_an_unknown_name_neither_hands_over_nor_counts_as_an_answer(words: str) -> None:
    played = simulator()
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.replies(1, words)
    assert receipts(played)[-1].text.startswith("Nobody here is called @bob: the question stays with you.")
    assert played.state.questions[1].open


def test_more_time_during_a_fallback_is_refused_since_an_answer_still_counts() -> None:
    played = simulator(2, expire_after=100, remind_after=0, fallback=CHAIN)
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.passes(104)
    played.types(1, "give me an hour")
    assert receipts(played)[-1].text == "The time is up, but question 1 is still open: if you answer now, it counts."
    played.replies(1, "the second")
    assert '"decided_by": "human"' in played.prompt("one")


@pytest.mark.parametrize("words", ["not me", "give me an hour"])
def test_actions_for_open_questions_reach_no_agent_after_the_end(words: str) -> None:
    played = simulator(2)
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.replies(1, "the second")
    played.types(1, words)
    assert receipts(played)[-1].text == "Too late: Answered by ana: the second"
    assert "A late reply" not in told(played, "one")


def silent(size: int = 2, **policy: Any) -> RunSimulator:
    """A run in which nobody has answered question 1 in time."""
    played = simulator(size, fallback=CHAIN, expire_after=100, remind_after=0, **policy)
    played.says("one", ask("Which one?", kind="choice", options=OPTIONS))
    played.post_question(1)
    played.passes(104)
    return played


def test_the_other_agents_decide_with_what_people_said_and_the_thread_says_so() -> None:
    played = silent()
    assert "peer:1:two" in played.calls_under_way
    assert (
        notes(played)[-1].text.startswith("Nobody answered in 1 min 40 s, so two is asked now")
        or "so two is asked now" in notes(played)[-1].text
    )
    played.says("peer:1:two", text="2, it is what we run.")
    assert '"decided_by": "fallback:agents"' in played.prompt("one")
    assert "No person decided this." in played.prompt("one")
    assert "the agent two, MySQL" in (card(played).closed or "")


def test_when_the_agents_fail_a_judge_is_called_with_its_own_model_and_tool() -> None:
    played = silent(judge="test/judge")
    played.fails("peer:1:two", InvalidApiKey("gone"))
    started = [event for event in played.events if isinstance(event, e.CallStarted)][-1]
    assert (started.purpose, started.model) == ("judge", "test/judge")
    assert "Which one?" in played.prompt("judge:1")
    assert "- my: MySQL" in played.prompt("judge:1")
    played.says("judge:1", use("decide", decision="MySQL", choice="my", reason="It runs already."))
    assert '"decided_by": "fallback:judge"' in played.prompt("one")
    assert "the judge model, MySQL (It runs already.)" in (card(played).closed or "")


def test_a_judge_that_is_lost_in_a_crash_is_called_again_and_one_that_is_slow_is_given_up() -> None:
    played = silent()
    played.says("peer:1:two", text="")
    assert "judge:1" in played.calls_under_way
    played.restart()
    assert played.state.calls["judge:1"].attempt == 2
    played.passes(61)
    assert "judge:1" not in played.state.calls
    assert '"decided_by": "fallback:assume"' in played.prompt("one")


def test_a_person_who_answers_while_the_agents_think_wins() -> None:
    played = silent()
    played.replies(1, "1")
    assert "peer:1:two" not in played.state.calls
    assert '"decided_by": "human"' in played.prompt("one")


def test_a_duplicate_of_an_open_question_joins_it() -> None:
    played = simulator(2)
    played.says("one", ask("Which one?"))
    played.says("two", ask("which  one"))
    assert len(played.state.questions) == 1
    played.post_question(1)
    played.replies(1, "the second")
    assert set(played.calls_under_way) == {"one", "two"}
    assert all('"decision": "the second"' in played.prompt(name) for name in ("one", "two"))


def test_an_agent_that_joins_without_waiting_gets_the_outcome_later() -> None:
    played = simulator(2)
    played.says("one", ask("Which one?"))
    played.says("two", ask("Which one?", wait=False))
    played.post_question(1)
    played.replies(1, "the second")
    assert "The outcome of your question 1" in told(played, "two")


def test_an_answered_question_is_not_asked_again_unless_a_person_wants_it() -> None:
    played = simulator(2)
    played.says("one", ask("Which one?"))
    played.post_question(1)
    played.replies(1, "the second")
    played.says("two", ask("Which one?"))
    assert "This was asked before, as question 1" in played.prompt("two")
    assert "two asked this too" in notes(played)[-1].text
    played.types(1, "ask again")
    assert (len(played.state.questions), receipts(played)[-1].text) == (2, "Asked again as question 2.")
    played.post_question(2)
    played.replies(2, "the first, after all")
    assert "the first, after all" in told(played, "one")
    played.says("two", ask("Which one?"))
    assert "the first, after all" in played.prompt("two")


@pytest.mark.parametrize(
    ("question", "ends"), [({"kind": "confirm"}, "yes"), ({"kind": "choice", "options": OPTIONS}, ""), ({}, "cancel")]
)
def test_confirms_fallbacks_and_cancelled_questions_are_not_reused(question: dict[str, Any], ends: str) -> None:
    played = simulator(2, expire_after=60)
    played.says("one", ask("Go?", **question))
    played.post_question(1)
    if ends == "cancel":
        played.person_commands(1, "cancel")
    elif ends:
        played.replies(1, ends)
    played.passes(0 if ends else 70)
    played.says("two", ask("Go?", **question))
    assert len(played.state.questions) == 2


def test_a_duplicate_is_found_also_where_some_people_were_left_out() -> None:
    played = simulator(2, people={**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}, now=NIGHT, asleep="next")
    played.says("one", ask("Which one?", to=("@ana", "@ben")))
    played.says("two", ask("Which one?", to=("@ben", "@ana")))
    assert list(played.state.questions) == [1]
    played = simulator(2, limits=Limits(open_per_person=1))
    played.says("one", ask("First?", wait=False), ask("Second?", to=("@ana", "@ben")))
    played.says("two", ask("Second?", to=("@ana", "@ben")))
    assert list(played.state.questions) == [1, 2]


def test_outcomes_of_similar_questions_are_shown_with_who_decided_them() -> None:
    played = simulator(2)
    played.says("one", ask("Which database shall we use?"))
    played.post_question(1)
    played.replies(1, "PostgreSQL")
    played.says("two", ask("Which database shall we use for tests?"))
    played.post_question(2)
    played.replies(2, "SQLite")
    assert '"ended": "Answered by ana: PostgreSQL"' in played.prompt("two")


def test_a_question_that_asks_for_a_secret_is_refused() -> None:
    played = simulator()
    played.says("one", ask("What is the password of the database?"))
    assert "Not asked: this asks for 'password'" in played.prompt("one")
    assert not played.state.questions


def test_an_overloaded_person_is_not_asked_and_the_question_says_so() -> None:
    played = simulator(2, limits=Limits(open_per_person=1))
    played.says("one", ask("First?"))
    played.says("two", ask("Second?", to=("@ana", "@ben")), ask("Third?"))
    assert card(played, 2).asked == "ben; ana has enough open questions and is not asked"
    played.post_question(1)
    played.post_question(2)
    played.replies(2, "yes", by=BEN)
    assert "ana has 1 open question already, the most that one person gets." in played.prompt("two")


def test_an_overloaded_person_is_not_asked_by_escalation_either() -> None:
    steps = (Escalation(after=60, to=("@lead", "@ben")),)
    played = simulator(2, limits=Limits(open_per_person=1), escalate=steps, remind_after=0)
    played.says("one", ask("First?", to=("@lead",)))
    played.says("two", ask("Second?"))
    played.post_question(1)
    played.post_question(2)
    played.passes(60)
    assert pinged(played)[2:] == [["U3", "U2"]]
    assert (card(played, 1).asked, card(played, 2).asked) == ("lead and ben (one answer decides)", "ana")


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(open_per_agent=1), "you have 1 open question, the most"),
        (Limits(open_per_run=1), "this run has 1 open question, the most"),
        (Limits(open_per_channel=1), "this channel has 1 open question, the most"),
    ],
)
def test_every_limit_is_reported_to_the_agent_at_once(limits: Limits, why: str) -> None:
    played = simulator(limits=limits)
    played.says("one", ask("First?", wait=False), ask("Second?", wait=False))
    assert why in played.prompt("one")
    assert "Go by your assumption: I take the first." in played.prompt("one")


def test_a_team_that_asks_a_lot_stays_within_the_limits() -> None:
    """Six agents that ask four questions with every breath, while people are silent. Who only asks in vain is retired."""
    played = simulator(6, limits=Limits(per_agent=50, per_run=500), calls=1000, expire_after=300)
    tries, most = 0, 0
    for _ in range(30):
        for name in [name for name in played.calls_under_way if name in played.state.agents]:
            tries += 4
            played.says(name, *(ask(f"Is it {tries} or {number}?", to=("@ana", "@ben"), wait=False) for number in range(4)))
            open_questions = [question for question in played.state.questions.values() if question.open]
            for question in open_questions:
                if question.delivery is None:
                    played.post_question(question.id)
            most = max(most, sum(question.open for question in played.state.questions.values()))
        played.passes(50)
    assert tries > 70
    assert most == 3
    assert len(played.state.questions) == sum("U2" in names for names in pinged(played)) <= 3 * (1 + 1500 // 300)


def asked_for_command(**more: Any) -> RunSimulator:
    played = simulator(2, **more)
    played.says("one", ask("Which one?", kind="choice", options=OPTIONS, to=("@ben",)))
    played.post_question(1)
    return played


def test_a_question_can_be_answered_extended_declined_and_handed_over_by_command() -> None:
    played = asked_for_command()
    assert played.person_commands(1, "more 2h", by=BEN) == "Question 1 waits 2 h longer."
    assert played.person_commands(1, "more soon", by=BEN).startswith("'soon' is not a duration")
    assert played.person_commands(1, "9", by=BEN).startswith("There is no option 9")
    assert played.person_commands(1, "pass @lead", by=BEN).startswith("lead is asked in your place.")
    assert played.person_commands(1, "2 please", by=LEAD) == "You answered question 1."
    assert '"choice": "my"' in played.prompt("one")
    assert played.person_commands(1, "pass", by=LEAD).startswith("Too late: Answered by lead")
    assert played.person_commands(7, "pass") == "There is no question 7."


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("more an hour", "Question 1 waits 1 h longer."),
        ("more until tomorrow", "Question 1 waits 1 d longer."),
        ("more", "Question 1 waits 1 h longer."),
        ("more 30", "30 has no unit: write 30m or 30h."),
        ("give me 2 more hours", "Question 1 waits 2 h longer."),
        ("pass please", "Everybody passed"),
        ("pass @bob", "Nobody here is called @bob. To decline without naming anybody, say “pass”."),
        ("pass @ben", "Question 1 is with you already. Name somebody else, or say “pass”."),
        ("pass over to @lead", "lead is asked in your place."),
        ("pass <@U3>", "lead is asked in your place."),
        ("pass <@U7|Otto>", "Otto is asked in your place."),
        ("again", "Question 1 is open: answer it there."),
        ("Cancel, please", "You may not close question 1"),
        ("hold on", "No hurry: the question stays open."),
    ],
)
def test_a_command_does_what_it_says_or_says_why_not(words: str, told: str) -> None:
    played = asked_for_command(permissions=Permissions(cancel=()))
    said = played.person_commands(1, words, by=BEN)
    assert said.startswith(told) or (card(played).closed or "").startswith(told), said
    assert not any("pass" in reply.text or "again" in reply.text for reply in played.state.questions[1].replies)


def test_a_person_selected_in_a_command_is_handed_the_question() -> None:
    played = asked_for_command()
    otto = Author(platform="slack", id="U7", name="Otto van Loon")
    assert played.person_commands(1, "pass @Otto van Loon", by=BEN, mentions=(otto,)).startswith(
        "Otto van Loon is asked in your place."
    )
    assert pinged(played)[-1] == ["U7"]


@pytest.mark.parametrize("words", ["more 1h", "pass", "pass @lead", "cancel", "not me"])
def test_after_its_end_a_command_changes_nothing_and_reaches_no_agent(words: str) -> None:
    played = asked_for_command()
    played.person_commands(1, "2", by=BEN)
    assert played.person_commands(1, words, by=BEN) == "Too late: Answered by ben: MySQL"
    assert "A late reply" not in told(played, "one")


@pytest.mark.parametrize("value", ["@nobody", "@ben", "U2"])
def test_declining_for_an_unknown_person_takes_nobody_off(value: str) -> None:
    played = asked_for_command()
    played.presses(1, "pass", value, by=BEN)
    assert card(played).asked == "ben"


def test_only_people_who_may_answer_extend_or_close() -> None:
    permissions = Permissions(cancel=("@lead",), answer=("channel:war-room",), extend=("role:dba",))
    played = asked_for_command(permissions=permissions)
    assert played.person_commands(1, "1", by=EVE) == "Question 1 is for ben."
    assert played.person_commands(1, "more 1h", by=EVE) == "Only the people asked can extend the time of a question."
    assert played.person_commands(1, "pass", by=EVE) == "Question 1 is for ben."
    assert played.person_commands(1, "cancel", by=EVE).startswith("You may not close question 1")
    assert played.person_commands(1, "more 1h", by=BEN).startswith("Question 1 waits 1 h longer.")
    assert played.person_commands(1, "1", by=EVE, channel="war-room") == "You answered question 1."


@pytest.mark.parametrize("by", [ANA, LEAD])
def test_the_requester_and_people_with_permission_close_a_question(by: Author) -> None:
    played = asked_for_command(permissions=Permissions(cancel=("@lead",)))
    assert played.person_commands(1, "cancel", by=by).startswith("Question 1 is closed")
    assert '"status": "cancelled"' in played.prompt("one")
    assert played.person_commands(1, "cancel", by=by).startswith("Too late: Cancelled")


def test_those_asked_get_a_copy_that_is_closed_with_the_question() -> None:
    played = simulator(direct=True)
    played.says("one", ask("Which?", to=("@ben",)))
    played.post_question(1)
    copies = [post for post in played.posts() if post.key == copy_key(1, "U2")]
    assert [(post.place.channel, post.place.platform) for post in copies] == [("@U2", "slack")]
    played.types(1, "@lead knows", by=BEN, mentions=(LEAD,))
    played.replies(1, "the second", by=LEAD)
    closed = {post.key for post in played.posts() if getattr(post.post, "closed", None)}
    assert closed == {closing_key(key) for key in (question_key(1), copy_key(1, "U2"), copy_key(1, "U3"))}


def test_a_copy_that_was_posted_is_known_as_a_place_of_the_question_and_moves_no_deadline() -> None:
    played = simulator(direct=True)
    played.says("one", ask("Which?", to=("@ben",)))
    played.post_question(1)
    before = card(played).expires_at
    played.now += 60
    copy = next(post for post in played.posts() if post.key == copy_key(1, "U2"))
    played.deliver(
        inputs.QuestionDelivered(
            outgoing=copy, posted=PostedMessage(message="d1", thread=None, at=played.now), noted_at=played.now
        )
    )
    placed = [row for row in played.rows if isinstance(row, QuestionMessageLinked)]
    assert [(row.place.channel, row.message) for row in placed] == [("general", "card1"), ("@U2", "d1")]
    assert (card(played).expires_at, len(played.state.questions[1].copied)) == (before, 1)
