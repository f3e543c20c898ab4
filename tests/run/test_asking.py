"""Agents that ask: who waits, who does not, and what comes back to them."""

from __future__ import annotations

import pytest

from orchestrator_bridge.model.errors import InvalidApiKey
from orchestrator_bridge.run.presentation.posts import closing_key, question_key
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.team.team import Limits, Policy
from tests.support.run_simulator import Table, answer, ask, team, vote

OPTIONS = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "my", "label": "MySQL"}]


def test_an_agent_that_waits_holds_up_nobody_but_the_end() -> None:
    table = Table(team(3))
    table.says("one", ask())
    table.says("two", answer("B"))
    table.says("three", answer("C"))
    table.says("two", vote("B"))
    table.says("three", vote("B"))
    assert table.out == {}
    assert table.state.end is None
    assert not table.state.busy


def test_the_outcome_comes_back_as_the_result_of_the_tool() -> None:
    table = Table(team(1))
    table.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    table.posts_question(1)
    table.replies(1, "2 please")
    prompt = table.prompt("one")
    assert '"choice": "my"' in prompt
    assert '"decided_by": "human"' in prompt
    assert '"by": "Ana"' in prompt


def test_silence_falls_back_and_says_that_nobody_decided() -> None:
    table = Table(team(1, policy=Policy(expire_after=60, remind_after=0)))
    table.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    table.posts_question(1)
    table.passes(62)
    assert table.out == {}
    table.passes(2)
    assert '"decided_by": "fallback:default_option"' in table.prompt("one")
    assert "No person decided this." in table.prompt("one")


def test_the_fallback_fail_ends_the_run_and_says_why() -> None:
    table = Table(team(2, policy=Policy(expire_after=60, fallback=("fail",))))
    table.says("one", ask("May we delete it?"))
    table.posts_question(1)
    table.passes(70)
    assert table.state.end is not None
    assert table.state.end.status == "failed"
    assert "May we delete it?" in table.state.end.text


def test_an_agent_that_does_not_wait_goes_on_and_hears_the_outcome_later() -> None:
    table = Table(team(2))
    table.says("one", ask(wait=False), answer("A, if the first"))
    assert "one" not in table.out
    table.says("two", answer("B"))
    table.posts_question(1)
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    assert table.out == {"one": "final:1"}


def test_an_outcome_withdraws_the_vote_of_the_one_who_asked_and_no_other() -> None:
    table = Table(team(3))
    table.says("one", ask(wait=False), answer("A"))
    table.says("two", answer("B"))
    table.says("three", answer("C"))
    table.posts_question(1)
    table.says("one", vote("A"))
    table.says("two", vote("B"))
    table.replies(1, "the second")
    table.says("three", vote("B"))
    assert set(table.out) == {"one"}
    assert "The outcome of your question 1" in table.prompt("one")


def test_a_question_that_nobody_waits_for_is_cancelled_with_the_run_and_its_card_is_closed() -> None:
    table = Table(team(1))
    table.says("one", ask(wait=False), answer("A"))
    assert table.state.end is not None
    outcome = table.state.questions[1].outcome
    assert outcome is not None
    assert outcome.status == "cancelled"
    closing = [post for post in table.posts() if post.key == closing_key(question_key(1))]
    assert len(closing) == 1


def test_a_late_reply_reaches_the_agent_that_asked() -> None:
    table = Table(team(2, policy=Policy(expire_after=60)))
    table.says("one", ask("Which database?"))
    table.posts_question(1)
    table.passes(70)
    table.says("one", answer("A"))
    table.replies(1, "PostgreSQL, sorry for being late")
    table.says("two", answer("B"))
    assert "A late reply from Ana" in table.prompt("one")
    assert "sorry for being late" in table.prompt("one")
    assert "sorry for being late" not in table.prompt("two")


def test_peers_answer_on_the_side_and_in_parallel_with_their_own_work() -> None:
    table = Table(team(3))
    table.says("one", ask("What do you think?", to=("agents",)))
    assert set(table.out) == {"two", "three", "peer:1:two", "peer:1:three"}
    assert "one, an agent of your team, asks: What do you think?" in table.prompt("peer:1:two")
    table.says("peer:1:two", text="Do it.")
    table.says("peer:1:three", text="Do not.")
    assert "one" in table.out
    assert "Do it." in table.prompt("one")
    assert '"decided_by": "agent"' in table.prompt("one")


def test_agents_that_ask_one_another_in_a_circle_do_not_wait_for_ever() -> None:
    table = Table(team(2))
    table.says("one", ask("You first?", to=("agent:two",)))
    table.says("two", ask("No, you?", to=("agent:one",)))
    assert set(table.out) == {"peer:1:two", "peer:2:one"}
    assert "Pending" in table.prompt("peer:2:one")
    table.says("peer:1:two", text="All right.")
    table.says("peer:2:one", text="All right.")
    assert set(table.out) == {"one", "two"}


def test_people_decide_where_people_and_peers_are_asked_and_the_advice_goes_along() -> None:
    table = Table(team(2))
    table.says("one", ask("Which?", to=("humans", "agents")))
    table.posts_question(1)
    table.says("peer:1:two", text="The second.")
    assert "one" not in table.out
    table.replies(1, "the first")
    assert '"decision": "the first"' in table.prompt("one")
    assert "The second." in table.prompt("one")


def test_a_peer_whose_model_is_gone_is_not_waited_for() -> None:
    table = Table(team(3))
    table.says("one", ask(to=("agents",)))
    table.fails("peer:1:two", InvalidApiKey("The key is wrong."))
    table.says("peer:1:three", text="Yes.")
    assert "one" in table.out


def test_a_peer_that_still_thinks_when_a_person_has_answered_is_let_go() -> None:
    table = Table(team(2))
    table.says("one", ask(to=("humans", "agents")))
    table.posts_question(1)
    table.replies(1, "this one")
    assert "peer:1:two" not in table.out


def test_where_nobody_is_there_a_question_falls_back_at_once() -> None:
    table = Table(team(1), gone=True)
    table.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    assert '"decided_by": "fallback:default_option"' in table.prompt("one")
    assert [post for post in table.posts() if "Question 1" in getattr(post.post, "text", "")]


def test_whoever_asks_too_much_is_told_at_once_and_goes_by_the_assumption() -> None:
    table = Table(team(1, limits=Limits(per_agent=1)))
    table.says("one", ask("First?"), ask("Second?"))
    table.posts_question(1)
    table.replies(1, "yes")
    assert "Not asked: you have asked 1 question, the limit for one agent" in table.prompt("one")
    assert "I take the first." in table.prompt("one")


def test_a_name_that_is_nobodys_is_told_with_those_that_there_are() -> None:
    table = Table(team(2))
    table.says("one", ask(to=("@nobody",)))
    assert "There is nobody called '@nobody'" in table.prompt("one")
    assert "humans, agents" in table.prompt("one")


def test_a_question_that_was_settled_while_it_was_posted_is_closed_when_it_appears() -> None:
    table = Table(team(1))
    table.says("one", ask(wait=False), answer("A"))
    table.posts_question(1)
    closing = [row for row in table.rows if isinstance(row, OutboxEntry) and row.key == f"{question_key(1)}:closed"]
    assert len(closing) == 1


# Asking in vain -----------------------------------------------------------------------------------------------------------


def test_refused_questions_retire_an_agent_that_does_nothing_else() -> None:
    table = Table(team(2))
    table.says("two", answer("B"))
    for _ in range(3):
        table.says("one", ask(to=("@nobody",)))
    assert table.state.agents["one"].retired is not None
    assert table.state.end is not None
    assert table.state.end.text == "B"


def test_a_question_that_is_taken_between_refused_ones_starts_the_count_again() -> None:
    table = Table(team(2))
    for to in ("@nobody", "@nobody", "humans", "@nobody", "@nobody"):
        table.says("one", ask(to=(to,), wait=False))
    assert table.state.agents["one"].retired is None
    assert table.state.agents["one"].malformed == 2


def test_an_answer_beside_refused_questions_counts_as_work() -> None:
    table = Table(team(2))
    nobody = ask(to=("@nobody",))
    table.says("one", nobody, nobody, nobody, answer("A"))
    assert table.state.agents["one"].malformed == 0


@pytest.mark.parametrize("to", [("@nobody", "@nobody", "@nobody"), ("@nobody", "humans"), ("humans", "@nobody")])
def test_a_response_with_refused_questions_counts_once_and_not_at_all_if_one_is_taken(to: tuple[str, ...]) -> None:
    table = Table(team(2))
    table.says("one", *(ask(to=(name,), wait=False) for name in to))
    assert table.state.agents["one"].malformed == ("humans" not in to)


@pytest.mark.parametrize("limits", [Limits(per_agent=1), Limits(per_run=1), Limits(per_agent=0)])
def test_an_agent_that_may_not_ask_any_more_is_not_offered_to(limits: Limits) -> None:
    table = Table(team(2, limits=limits))
    if limits.per_agent:
        table.says("one", ask(wait=False))
    assert "ask_others" not in [tool.name for tool in table.tools("one")]
    assert ("ask_others" in [tool.name for tool in table.tools("two")]) == (limits.per_run > 1 and limits.per_agent > 0)


# Cards that cannot be posted ----------------------------------------------------------------------------------------------


def test_a_question_to_agents_survives_that_its_card_is_rejected() -> None:
    table = Table(team(2))
    table.says("one", ask(to=("agents",)))
    table.rejects_question(1)
    assert table.state.questions[1].open
    table.says("peer:1:two", text="Do it.")
    assert "Do it." in table.prompt("one")


def test_a_question_to_people_falls_back_as_soon_as_its_card_is_rejected() -> None:
    table = Table(team(2))
    table.says("one", ask(to=("humans", "agents")))
    table.rejects_question(1, "the channel was deleted")
    assert '"decided_by": "fallback:assume"' in table.prompt("one")
    assert "it could not be posted: the channel was deleted" in table.prompt("one")


def test_what_people_are_to_read_is_clean_before_it_is_stored() -> None:
    table = Table(team(1))
    options = [
        {"id": "a\x07", "label": "Use \x1b[31mSQLite\u202e\n now", "description": "one\x00 file"},
        {"id": "b", "label": "Wait"},
    ]
    table.says("one", ask("Which\x1b[2J one?", kind="choice", options=options, context="a\x07\n\nb"))
    (question,) = table.state.questions.values()
    assert (question.ask.question, question.ask.context) == ("Which one?", "a\n\nb")
    first = question.ask.options[0]
    assert (first.id, first.label, first.description) == ("a", "Use SQLite now", "one file")


def test_options_that_look_alike_once_they_are_clean_are_refused() -> None:
    table = Table(team(1))
    options = [{"id": "a", "label": "SQLite"}, {"id": "b", "label": "SQLite\u200b"}]
    table.says("one", ask("Which one?", kind="choice", options=options))
    assert "two options have the same label" in table.prompt("one")
