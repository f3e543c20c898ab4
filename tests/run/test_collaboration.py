"""How agents work together: who is called when, whose vote counts, how a run ends well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.outbound import Acknowledgement, Note
from orchestrator_bridge.model.interface import Response, Usage
from tests.support.run_simulator import NAMES, RunSimulator, answer, team, vote


def agree(simulator: RunSimulator) -> None:
    """Two agents answer and vote for the first one's answer: its final call is out."""
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    assert simulator.calls_under_way == {"one": "final:1"}


def test_a_single_agent_needs_one_call_and_its_answer_is_final() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one", answer("Forty-two."))
    assert simulator.state.end is not None
    assert (simulator.state.end.status, simulator.state.end.text) == ("finished", "Forty-two.")
    assert simulator.state.spent.calls == 1


@given(st.integers(2, 6).flatmap(lambda size: st.tuples(st.permutations(NAMES[:size]), st.permutations(NAMES[:size]))))
def test_agents_with_one_answer_each_make_two_calls_each_and_one_more(orders: tuple[list[str], list[str]]) -> None:
    first, second = orders
    simulator = RunSimulator(team(len(first)))
    for name in first:
        simulator.says(name, answer(f"by {name}"))
    for name in second:
        simulator.says(name, vote("A"))
    simulator.says("one", text="The final text.")
    assert simulator.state.end is not None
    assert simulator.state.end.text == "The final text."
    assert simulator.state.spent.calls == 2 * len(first) + 1


def test_agents_work_in_parallel_and_vote_only_when_all_have_answered() -> None:
    simulator = RunSimulator(team(3))
    assert set(simulator.calls_under_way) == {"one", "two", "three"}
    simulator.says("one", answer("A"))
    assert set(simulator.calls_under_way) == {"two", "three"}
    simulator.says("two", answer("B"))
    assert set(simulator.calls_under_way) == {"three"}
    simulator.says("three", answer("C"))
    assert set(simulator.calls_under_way) == {"one", "two", "three"}
    assert all(text in simulator.prompt("one") for text in ("B", "C"))


def test_a_straggler_delays_the_others_only_for_a_while() -> None:
    simulator = RunSimulator(team(3, straggler_after=120))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.passes(119)
    assert set(simulator.calls_under_way) == {"three"}
    simulator.passes(2)
    assert set(simulator.calls_under_way) == {"one", "two", "three"}


def test_a_vote_for_what_has_changed_since_does_not_count() -> None:
    simulator = RunSimulator(team(3, straggler_after=10))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.passes(11)
    simulator.says("one", vote("B"))
    simulator.says("two", vote("B"))
    simulator.says("three", answer("C"))
    assert simulator.state.end is None
    assert set(simulator.calls_under_way) == {"one", "two", "three"}
    assert "C" in simulator.prompt("one")


def test_most_votes_win_and_the_winner_writes_the_final_text_with_all_in_view() -> None:
    simulator = RunSimulator(team(3))
    for name, text in (("one", "A"), ("two", "B"), ("three", "C")):
        simulator.says(name, answer(f"answer {text}"))
    simulator.says("one", vote("B"))
    simulator.says("two", vote("A"))
    simulator.says("three", vote("B"))
    assert set(simulator.calls_under_way) == {"two"}
    prompt = simulator.prompt("two")
    assert all(f"answer {text}" in prompt for text in "ABC")
    assert "one for B: it is right" in prompt
    simulator.says("two", text="Final.")
    assert simulator.state.end is not None
    assert (simulator.state.end.by, simulator.state.end.how) == ("two", "Won the vote, 2 of 3 votes.")


def test_a_tie_goes_to_the_earlier_answer() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("two", answer("B"))
    simulator.says("one", answer("A"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("B"))
    assert set(simulator.calls_under_way) == {"two"}


def test_a_new_answer_replaces_the_agents_earlier_one() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", answer("better A"))
    simulator.says("two", vote("A"))
    assert "better A" in simulator.prompt("two")
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    simulator.says("one", text="")
    assert set(simulator.calls_under_way) == {"one"}


def test_at_its_cap_of_answers_an_agent_can_only_vote() -> None:
    simulator = RunSimulator(team(2, answers=1))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    assert [tool.name for tool in simulator.tools("one")] == ["new_answer", "vote", "ask_others"]
    simulator.says("one", answer("A again"))
    assert "Not taken: you have given 1 answer, the limit for one agent. Use vote." in simulator.prompt("one")
    assert [given.text for given in simulator.state.answers] == ["A", "B"]


def test_guidance_reaches_every_agent_and_clears_all_votes() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.guides("It must be cheap.")
    simulator.says("two", vote("A"))
    assert simulator.state.end is None
    for name in ("one", "two"):
        assert '<guidance by="Ana">\nIt must be cheap.' in simulator.prompt(name)


def test_a_final_text_written_before_guidance_counts_as_a_new_answer() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    simulator.guides("It must be cheap.")
    simulator.says("one", text="The final text.")
    assert simulator.state.end is None
    assert "The final text." in simulator.prompt("two")
    assert '<guidance by="Ana">\nIt must be cheap.' in simulator.prompt("two")


def test_guidance_in_the_same_transaction_as_the_final_text_is_not_lost() -> None:
    simulator = RunSimulator(team(2))
    agree(simulator)
    simulator.deliver(
        simulator.call_finished("one", Response(text="The old final text.", usage=Usage())), simulator.guidance("No! Use SQLite.")
    )
    assert simulator.state.end is not None
    assert simulator.state.end.text == "The old final text."
    late = [post.post for post in simulator.posts() if isinstance(post.post, Acknowledgement)]
    text = "This run has ended. To go on from its answer, mention me in a message here; for a new task, use `/ask`."
    assert [(given.sign, given.text) for given in late] == [("late", text)]


def test_guidance_just_before_the_final_text_starts_a_new_round() -> None:
    simulator = RunSimulator(team(2))
    agree(simulator)
    simulator.deliver(
        simulator.guidance("No! Use SQLite."), simulator.call_finished("one", Response(text="The old final text.", usage=Usage()))
    )
    assert simulator.state.end is None
    simulator.says("one", answer("SQLite"))
    simulator.says("two", answer("SQLite, too"))
    simulator.says("one", vote("B"))
    simulator.says("two", vote("B"))
    assert simulator.state.end is None
    simulator.says("two", text="The final text, with SQLite.")
    assert simulator.state.end is not None
    assert simulator.state.end.text == "The final text, with SQLite."


@pytest.mark.parametrize("tries", [1, 2])
def test_an_empty_final_text_is_asked_for_again_and_then_the_answer_stands(tries: int) -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    for _ in range(tries):
        simulator.says("one", text=" ")
    assert set(simulator.calls_under_way) == {"one"}
    for _ in range(3 - tries):
        simulator.says("one", text="")
    assert simulator.state.end is not None
    assert simulator.state.end.text == "A"
    assert "empty final text" in simulator.state.end.how


def test_prose_without_a_tool_is_a_first_answer_but_no_later_one() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", text="Plainly, forty-two.")
    assert simulator.state.answers[0].text == "Plainly, forty-two."
    simulator.says("two", answer("B"))
    simulator.says("one", text="I agree.")
    assert len(simulator.state.answers) == 2
    assert "Words without a tool reach nobody" in simulator.prompt("one")


def test_a_vote_that_is_cast_again_is_not_repeated_in_the_thread() -> None:
    simulator = RunSimulator(team(3, straggler_after=10))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.passes(11)
    simulator.says("one", vote("B"))
    simulator.says("two", vote("B"))
    simulator.says("three", answer("C"))
    simulator.says("one", vote("B"))
    simulator.says("two", vote("C"))
    votes = [
        post.post.text for post in simulator.posts() if isinstance(post.post, Note) and post.post.text.startswith("Votes for")
    ]
    assert [text.split("'")[0] for text in votes] == ["Votes for two", "Votes for two", "Votes for three"]
