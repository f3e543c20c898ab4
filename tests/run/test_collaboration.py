"""How agents work together: who is called when, whose vote counts, how a run ends well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.chat.outbound import Acknowledgement
from orchestrator_bridge.model.interface import Response, Usage
from tests.support.run_simulator import NAMES, Table, answer, team, vote


def agree(table: Table) -> None:
    """Two agents answer and vote for the first one's answer: its final call is out."""
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    assert table.out == {"one": "final:1"}


def test_a_single_agent_needs_one_call_and_its_answer_is_final() -> None:
    table = Table(team(1))
    table.says("one", answer("Forty-two."))
    assert table.state.end is not None
    assert (table.state.end.status, table.state.end.text) == ("finished", "Forty-two.")
    assert table.state.spent.calls == 1


@given(st.integers(2, 6).flatmap(lambda size: st.tuples(st.permutations(NAMES[:size]), st.permutations(NAMES[:size]))))
def test_agents_with_one_answer_each_make_two_calls_each_and_one_more(orders: tuple[list[str], list[str]]) -> None:
    first, second = orders
    table = Table(team(len(first)))
    for name in first:
        table.says(name, answer(f"by {name}"))
    for name in second:
        table.says(name, vote("A"))
    table.says("one", text="The final text.")
    assert table.state.end is not None
    assert table.state.end.text == "The final text."
    assert table.state.spent.calls == 2 * len(first) + 1


def test_agents_work_in_parallel_and_are_called_again_only_when_all_have_landed() -> None:
    table = Table(team(3))
    assert set(table.out) == {"one", "two", "three"}
    table.says("one", answer("A"))
    assert set(table.out) == {"two", "three"}
    table.says("two", answer("B"))
    assert set(table.out) == {"three"}
    table.says("three", answer("C"))
    assert set(table.out) == {"one", "two", "three"}
    assert all(text in table.prompt("one") for text in ("B", "C"))


def test_a_straggler_holds_up_the_others_for_a_while_only() -> None:
    table = Table(team(3, straggler_after=120))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.passes(119)
    assert set(table.out) == {"three"}
    table.passes(2)
    assert set(table.out) == {"one", "two", "three"}


def test_a_vote_for_what_has_changed_since_does_not_count() -> None:
    table = Table(team(3, straggler_after=10))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.passes(11)
    table.says("one", vote("B"))
    table.says("two", vote("B"))
    table.says("three", answer("C"))
    assert table.state.end is None
    assert set(table.out) == {"one", "two", "three"}
    assert "C" in table.prompt("one")


def test_most_votes_win_and_the_winner_writes_the_final_text_with_all_in_view() -> None:
    table = Table(team(3))
    for name, text in (("one", "A"), ("two", "B"), ("three", "C")):
        table.says(name, answer(f"answer {text}"))
    table.says("one", vote("B"))
    table.says("two", vote("A"))
    table.says("three", vote("B"))
    assert set(table.out) == {"two"}
    prompt = table.prompt("two")
    assert all(f"answer {text}" in prompt for text in "ABC")
    assert "one for B: it is right" in prompt
    table.says("two", text="Final.")
    assert table.state.end is not None
    assert (table.state.end.by, table.state.end.how) == ("two", "Won the vote, 2 of 3 votes.")


def test_a_tie_goes_to_the_earlier_answer() -> None:
    table = Table(team(2))
    table.says("two", answer("B"))
    table.says("one", answer("A"))
    table.says("one", vote("A"))
    table.says("two", vote("B"))
    assert set(table.out) == {"two"}


def test_a_new_answer_replaces_the_agents_earlier_one() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", answer("better A"))
    table.says("two", vote("A"))
    assert "better A" in table.prompt("two")
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    table.says("one", text="")
    assert set(table.out) == {"one"}


def test_at_its_cap_of_answers_an_agent_can_only_vote() -> None:
    table = Table(team(2, answers=1))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    assert [tool.name for tool in table.tools("one")] == ["vote", "ask_others"]
    table.says("one", answer("A again"))
    assert "no tool 'new_answer'" in table.prompt("one")


def test_guidance_reaches_every_agent_and_clears_all_votes() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("A"))
    table.guides("It must be cheap.")
    table.says("two", vote("A"))
    assert table.state.end is None
    for name in ("one", "two"):
        assert '<guidance by="Ana">\nIt must be cheap.' in table.prompt(name)


def test_a_final_text_that_has_missed_guidance_counts_as_a_new_answer() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    table.guides("It must be cheap.")
    table.says("one", text="The final text.")
    assert table.state.end is None
    assert "The final text." in table.prompt("two")
    assert '<guidance by="Ana">\nIt must be cheap.' in table.prompt("two")


def test_guidance_in_the_same_pass_as_the_final_text_is_not_overheard() -> None:
    table = Table(team(2))
    agree(table)
    table.go_on(table.landed("one", Response(text="The old final text.", usage=Usage())), table.guidance("No! Use SQLite."))
    assert table.state.end is not None
    assert table.state.end.text == "The old final text."
    late = [post.post for post in table.posts() if isinstance(post.post, Acknowledgement)]
    assert [(one.sign, one.text) for one in late] == [("late", "This run has ended. Start another with /ask.")]


def test_guidance_just_before_the_final_text_is_heeded_by_a_new_round() -> None:
    table = Table(team(2))
    agree(table)
    table.go_on(table.guidance("No! Use SQLite."), table.landed("one", Response(text="The old final text.", usage=Usage())))
    assert table.state.end is None
    table.says("one", answer("SQLite"))
    table.says("two", answer("SQLite, too"))
    table.says("one", vote("B"))
    table.says("two", vote("B"))
    assert table.state.end is None
    table.says("two", text="The final text, with SQLite.")
    assert table.state.end is not None
    assert table.state.end.text == "The final text, with SQLite."


@pytest.mark.parametrize("tries", [1, 2])
def test_an_empty_final_text_is_asked_for_again_and_then_the_answer_stands(tries: int) -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    for _ in range(tries):
        table.says("one", text=" ")
    assert set(table.out) == {"one"}
    for _ in range(3 - tries):
        table.says("one", text="")
    assert table.state.end is not None
    assert table.state.end.text == "A"
    assert "empty final text" in table.state.end.how


def test_prose_without_a_tool_is_a_first_answer_but_no_later_one() -> None:
    table = Table(team(2))
    table.says("one", text="Plainly, forty-two.")
    assert table.state.answers[0].text == "Plainly, forty-two."
    table.says("two", answer("B"))
    table.says("one", text="I agree.")
    assert len(table.state.answers) == 2
    assert "Words without a tool reach nobody" in table.prompt("one")
