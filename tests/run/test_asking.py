"""Agents that ask: who waits, who does not, and what comes back to them."""

from __future__ import annotations

import pytest

from orchestrator_bridge.model.errors import InvalidApiKey
from orchestrator_bridge.run.presentation.posts import closing_key, question_key
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.team.team import Limits, Policy
from tests.support.run_simulator import RunSimulator, answer, ask, team, vote

OPTIONS = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "my", "label": "MySQL"}]


def test_an_agent_that_waits_delays_only_the_end_of_the_run() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask())
    simulator.says("two", answer("B"))
    simulator.says("three", answer("C"))
    simulator.says("two", vote("B"))
    simulator.says("three", vote("B"))
    assert simulator.calls_under_way == {}
    assert simulator.state.end is None
    assert not simulator.state.busy


def test_the_outcome_comes_back_as_the_result_of_the_tool() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    simulator.post_question(1)
    simulator.replies(1, "2 please")
    prompt = simulator.prompt("one")
    assert '"choice": "my"' in prompt
    assert '"decided_by": "human"' in prompt
    assert '"by": "Ana"' in prompt


def test_an_unanswered_question_falls_back_and_the_outcome_says_so() -> None:
    simulator = RunSimulator(team(1, policy=Policy(expire_after=60, remind_after=0)))
    simulator.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    simulator.post_question(1)
    simulator.passes(62)
    assert simulator.calls_under_way == {}
    simulator.passes(2)
    assert '"decided_by": "fallback:default_option"' in simulator.prompt("one")
    assert "No person decided this." in simulator.prompt("one")


def test_the_fallback_fail_ends_the_run_and_says_why() -> None:
    simulator = RunSimulator(team(2, policy=Policy(expire_after=60, fallback=("fail",))))
    simulator.says("one", ask("May we delete it?"))
    simulator.post_question(1)
    simulator.passes(70)
    assert simulator.state.end is not None
    assert simulator.state.end.status == "failed"
    assert "May we delete it?" in simulator.state.end.text


def test_an_agent_that_does_not_wait_goes_on_and_gets_the_outcome_later() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(wait=False), answer("A, if the first"))
    assert "one" not in simulator.calls_under_way
    simulator.says("two", answer("B"))
    simulator.post_question(1)
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    assert simulator.calls_under_way == {"one": "final:1"}


def test_an_outcome_withdraws_the_vote_of_the_one_who_asked_and_no_other() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask(wait=False), answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("three", answer("C"))
    simulator.post_question(1)
    simulator.says("one", vote("A"))
    simulator.says("two", vote("B"))
    simulator.replies(1, "the second")
    simulator.says("three", vote("B"))
    assert set(simulator.calls_under_way) == {"one"}
    assert "The outcome of your question 1" in simulator.prompt("one")


def test_a_question_that_nobody_waits_for_is_cancelled_with_the_run_and_its_card_is_closed() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", ask(wait=False), answer("A"))
    assert simulator.state.end is not None
    outcome = simulator.state.questions[1].outcome
    assert outcome is not None
    assert outcome.status == "cancelled"
    closing = [post for post in simulator.posts() if post.key == closing_key(question_key(1))]
    assert len(closing) == 1


def test_a_late_reply_reaches_the_agent_that_asked() -> None:
    simulator = RunSimulator(team(2, policy=Policy(expire_after=60)))
    simulator.says("one", ask("Which database?"))
    simulator.post_question(1)
    simulator.passes(70)
    simulator.says("one", answer("A"))
    simulator.replies(1, "PostgreSQL, sorry for being late")
    simulator.says("two", answer("B"))
    assert "A late reply from Ana" in simulator.prompt("one")
    assert "sorry for being late" in simulator.prompt("one")
    assert "sorry for being late" not in simulator.prompt("two")


def test_peers_answer_on_the_side_and_in_parallel_with_their_own_work() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask("What do you think?", to=("agents",)))
    assert set(simulator.calls_under_way) == {"two", "three", "peer:1:two", "peer:1:three"}
    assert "one, an agent of your team, asks: What do you think?" in simulator.prompt("peer:1:two")
    simulator.says("peer:1:two", text="Do it.")
    simulator.says("peer:1:three", text="Do not.")
    assert "one" in simulator.calls_under_way
    assert "Do it." in simulator.prompt("one")
    assert '"decided_by": "agent"' in simulator.prompt("one")


def test_agents_that_ask_each_other_do_not_deadlock() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask("You first?", to=("agent:two",)))
    simulator.says("two", ask("No, you?", to=("agent:one",)))
    assert set(simulator.calls_under_way) == {"peer:1:two", "peer:2:one"}
    assert "Pending" in simulator.prompt("peer:2:one")
    simulator.says("peer:1:two", text="All right.")
    simulator.says("peer:2:one", text="All right.")
    assert set(simulator.calls_under_way) == {"one", "two"}


def test_people_decide_where_people_and_peers_are_asked() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask("Which?", to=("humans", "agents")))
    simulator.post_question(1)
    simulator.says("peer:1:two", text="The second.")
    assert "one" not in simulator.calls_under_way
    simulator.replies(1, "the first")
    assert '"decision": "the first"' in simulator.prompt("one")
    assert "The second." in simulator.prompt("one")


def test_a_peer_whose_model_fails_is_not_waited_for() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask(to=("agents",)))
    simulator.fails("peer:1:two", InvalidApiKey("The key is wrong."))
    simulator.says("peer:1:three", text="Yes.")
    assert "one" in simulator.calls_under_way


def test_a_peer_call_is_abandoned_when_a_person_has_answered() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(to=("humans", "agents")))
    simulator.post_question(1)
    simulator.replies(1, "this one")
    assert "peer:1:two" not in simulator.calls_under_way


def test_a_question_falls_back_at_once_if_no_person_can_reply() -> None:
    simulator = RunSimulator(team(1), unattended=True)
    simulator.says("one", ask("Which database?", kind="choice", options=OPTIONS))
    assert '"decided_by": "fallback:default_option"' in simulator.prompt("one")
    assert [post for post in simulator.posts() if "Question 1" in getattr(post.post, "text", "")]


def test_a_question_beyond_the_limit_is_refused_with_the_reason() -> None:
    simulator = RunSimulator(team(1, limits=Limits(per_agent=1)))
    simulator.says("one", ask("First?"), ask("Second?"))
    simulator.post_question(1)
    simulator.replies(1, "yes")
    assert "Not asked: you have asked 1 question, the limit for one agent" in simulator.prompt("one")
    assert "I take the first." in simulator.prompt("one")


def test_an_unknown_name_is_refused_with_the_known_names() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(to=("@nobody",)))
    assert "There is nobody called '@nobody'" in simulator.prompt("one")
    assert "humans, agents" in simulator.prompt("one")


def test_a_question_that_was_settled_while_it_was_posted_is_closed_when_it_appears() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", ask(wait=False), answer("A"))
    simulator.post_question(1)
    closing = [row for row in simulator.rows if isinstance(row, OutboxEntry) and row.key == f"{question_key(1)}:closed"]
    assert len(closing) == 1


def test_refused_questions_retire_an_agent_that_does_nothing_else() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("two", answer("B"))
    for _ in range(3):
        simulator.says("one", ask(to=("@nobody",)))
    assert simulator.state.agents["one"].retired is not None
    assert simulator.state.end is not None
    assert simulator.state.end.text == "B"


def test_a_question_that_is_taken_between_refused_ones_starts_the_count_again() -> None:
    simulator = RunSimulator(team(2))
    for to in ("@nobody", "@nobody", "humans", "@nobody", "@nobody"):
        simulator.says("one", ask(to=(to,), wait=False))
    assert simulator.state.agents["one"].retired is None
    assert simulator.state.agents["one"].malformed == 2


def test_an_answer_beside_refused_questions_counts_as_work() -> None:
    simulator = RunSimulator(team(2))
    nobody = ask(to=("@nobody",))
    simulator.says("one", nobody, nobody, nobody, answer("A"))
    assert simulator.state.agents["one"].malformed == 0


@pytest.mark.parametrize("to", [("@nobody", "@nobody", "@nobody"), ("@nobody", "humans"), ("humans", "@nobody")])
def test_a_response_with_refused_questions_counts_once_and_not_at_all_if_one_is_taken(to: tuple[str, ...]) -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", *(ask(to=(name,), wait=False) for name in to))
    assert simulator.state.agents["one"].malformed == ("humans" not in to)


@pytest.mark.parametrize("limits", [Limits(per_agent=1), Limits(per_run=1), Limits(per_agent=0)])
def test_an_agent_that_may_not_ask_any_more_is_refused_in_words(limits: Limits) -> None:
    simulator = RunSimulator(team(2, limits=limits))
    offered = simulator.tools("one")
    if limits.per_agent:
        simulator.says("one", ask(wait=False))
    simulator.says("one", ask("And this?"))
    assert "Not asked: you or this run have reached the limit of questions." in simulator.prompt("one")
    assert simulator.tools("one") == offered
    assert len(simulator.state.questions) == min(limits.per_agent, 1)


def test_a_question_to_agents_survives_that_its_card_is_rejected() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(to=("agents",)))
    simulator.reject_question(1)
    assert simulator.state.questions[1].open
    simulator.says("peer:1:two", text="Do it.")
    assert "Do it." in simulator.prompt("one")


def test_a_question_to_people_falls_back_as_soon_as_its_card_is_rejected() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(to=("humans", "agents")))
    simulator.reject_question(1, "the channel was deleted")
    assert '"decided_by": "fallback:assume"' in simulator.prompt("one")
    assert "it could not be posted: the channel was deleted" in simulator.prompt("one")


def test_what_people_are_to_read_is_clean_before_it_is_stored() -> None:
    simulator = RunSimulator(team(1))
    options = [
        {"id": "a\x07", "label": "Use \x1b[31mSQLite\u202e\n now", "description": "one\x00 file"},
        {"id": "b", "label": "Wait"},
    ]
    simulator.says("one", ask("Which\x1b[2J one?", kind="choice", options=options, context="a\x07\n\nb"))
    (question,) = simulator.state.questions.values()
    assert (question.ask.question, question.ask.context) == ("Which one?", "a\n\nb")
    first = question.ask.options[0]
    assert (first.id, first.label, first.description) == ("a", "Use SQLite now", "one file")


def test_options_that_look_alike_once_they_are_clean_are_refused() -> None:
    simulator = RunSimulator(team(1))
    options = [{"id": "a", "label": "SQLite"}, {"id": "b", "label": "SQLite\u200b"}]
    simulator.says("one", ask("Which one?", kind="choice", options=options))
    assert "two options have the same label" in simulator.prompt("one")
