"""What goes wrong in a run: mistakes of models, providers in trouble, bounds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.model.errors import BadRequest, InvalidApiKey, Overloaded, RateLimited
from orchestrator_bridge.model.interface import ToolCall
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import CallUsageRecorded
from tests.support.run_simulator import ANA, Table, answer, ask, team, use, vote

MISTAKES = {
    "no JSON": (ToolCall(id="1", name="new_answer", arguments="{content: oops"), "are not JSON"),
    "no object": (ToolCall(id="1", name="new_answer", arguments="[1]"), "cannot be taken"),
    "an unknown tool": (use("run_shell", command="ls"), "There is no tool 'run_shell'"),
    "a missing argument": (use("new_answer", text="oops"), "content: Field required"),
    "an empty answer": (use("new_answer", content="  "), "The answer is empty"),
    "a vote without answers": (vote("A"), "There is no tool 'vote'"),
    "a choice without options": (ask(kind="choice"), "needs 2 to 10 options"),
    "a long label": (ask(kind="choice", options=[{"id": "a", "label": "x" * 10_000}, {"id": "b", "label": "B"}]), "at most 75"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_malformed_tool_use_is_told_to_the_agent(mistake: str) -> None:
    call, told = MISTAKES[mistake]
    table = Table(team(1))
    table.says("one", call)
    assert told in table.prompt("one")


def test_a_vote_for_an_unknown_label_is_told_with_the_labels() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("Z"))
    assert "There is no answer 'Z' to vote for. The answers are: A, B." in table.prompt("one")


def test_an_empty_response_is_told_to_the_agent() -> None:
    table = Table(team(1))
    table.says("one")
    assert "Your response was empty" in table.prompt("one")


def test_of_several_tool_uses_all_asks_and_the_first_answer_or_vote_are_taken_each_with_one_result() -> None:
    table = Table(team(2))
    table.says("one", answer("A"), ask(wait=False), answer("A2"), use("nonsense"))
    results = [use.result for use in table.state.agents["one"].turns[0].uses]
    assert results[0] == "Your answer stands as A."
    assert results[1] == "Question 1 is asked; its outcome comes as a later message."
    assert results[2] is not None
    assert "the first one was taken" in results[2]
    assert results[3] is not None
    assert "There is no tool 'nonsense'" in results[3]
    assert [one.text for one in table.state.answers] == ["A"]


def test_three_malformed_responses_in_a_row_retire_an_agent_and_the_run_goes_on() -> None:
    table = Table(team(3))
    for _ in range(3):
        table.says("one", use("nonsense"))
    assert table.state.agents["one"].retired is not None
    assert any("one is out of this run" in getattr(post.post, "text", "") for post in table.posts())
    for name in ("two", "three"):
        table.says(name, answer(f"by {name}"))
    for name in ("two", "three"):
        table.says(name, vote("B"))
    assert table.out == {"two": "final:1"}


def test_a_good_use_between_mistakes_starts_the_count_again() -> None:
    table = Table(team(2))
    table.says("one", use("nonsense"))
    table.says("one", use("nonsense"))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", use("nonsense"))
    assert table.state.agents["one"].retired is None


def test_a_retired_agents_votes_go_and_its_answers_stay() -> None:
    table = Table(team(3))
    for name in ("one", "two", "three"):
        table.says(name, answer(f"by {name}"))
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    table.fails("three", InvalidApiKey("The key is wrong."))
    assert table.out == {"one": "final:1"}


def test_one_agent_that_is_left_decides_alone() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.fails("two", InvalidApiKey("The key is wrong."))
    assert table.state.end is not None
    assert table.state.end.text == "A"
    assert "left to decide alone" in table.state.end.how


def test_the_last_one_looks_at_the_answer_that_a_retired_agent_left() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.fails("one", InvalidApiKey("The key is wrong."))
    assert set(table.out) == {"two"}
    table.says("two", vote("A"))
    assert table.state.end is not None
    assert table.state.end.text == "A"
    assert "author is retired" in table.state.end.how


def test_when_all_are_retired_the_best_answer_stands_or_the_run_has_failed() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.fails("one", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    table.fails("two", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert table.state.end is not None
    assert (table.state.end.status, table.state.end.text) == ("finished", "B")
    table = Table(team(1))
    table.fails("one", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert table.state.end is not None
    assert table.state.end.status == "failed"
    assert "Set XAI_API_KEY." in table.state.end.text


def test_a_passing_failure_is_tried_again_later_and_later_and_then_given_up() -> None:
    table = Table(team(1, tries=3))
    for pause in (1.0, 2.0):
        table.fails("one", Overloaded("The provider has trouble."))
        table.passes(pause - 0.1)
        assert table.out == {}
        table.passes(0.2)
        assert set(table.out) == {"one"}
    table.fails("one", Overloaded("The provider has trouble."))
    assert table.state.end is not None
    assert table.state.end.status == "failed"


def test_a_final_text_that_failed_does_not_matter_once_its_author_has_to_win_again() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    table.says("one", vote("A"))
    table.says("two", vote("A"))
    assert table.out == {"one": "final:1"}
    table.go_on(table.guidance("Use SQLite."), table.landed("one", BadRequest("The request is too long.")))
    for name in ("one", "two"):
        table.says(name, answer(f"SQLite, says {name}"))
    for name in ("one", "two"):
        table.says(name, vote("B"))
    assert table.state.end is None
    table.says("two", text="The final text.")
    assert table.state.end is not None
    assert (table.state.end.text, table.state.end.how) == ("The final text.", "Won the vote, 2 of 2 votes.")


def test_a_provider_that_says_when_to_come_back_is_obeyed() -> None:
    table = Table(team(1))
    table.fails("one", RateLimited("Too many requests.", retry_after=30))
    table.passes(29)
    assert table.out == {}
    table.passes(2)
    assert set(table.out) == {"one"}


def test_the_same_trouble_is_told_once_whoever_of_the_agents_runs_into_it() -> None:
    table = Table(team(3))
    for name in ("one", "two", "three"):
        table.fails(name, Overloaded("The provider has trouble."))
    table.passes(1.1)
    table.fails("one", Overloaded("The provider has trouble."))
    assert [text for text in told(table) if "has trouble" in text] == ["The provider has trouble. I try again in 1 s."]


def test_what_several_agents_had_to_go_for_is_told_once() -> None:
    table = Table(team(3))
    for name in ("one", "two", "three"):
        table.fails(name, InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert told(table) == [
        "one is out of this run: The key is wrong. Set XAI_API_KEY. 2 of 3 agents go on.",
        "two is out of this run too, for the same reason. 1 of 3 agents go on.",
        "three is out of this run too, for the same reason. No agent is left.",
        "This run ended without an answer. Every agent had to be retired before there was any answer.",
    ]
    assert table.state.end is not None
    assert "one, two and three retired: The key is wrong. Set XAI_API_KEY." in table.state.end.text


def told(table: Table) -> list[str]:
    """The notes in the run's thread."""
    return [one.post.text for one in table.posts() if isinstance(one.post, Note)]


# Bounds -------------------------------------------------------------------------------------------------------------------


def test_the_bound_on_calls_ends_the_run_with_the_best_answer_so_far() -> None:
    table = Table(team(2, calls=3))
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    assert table.state.spent.calls == 3
    table.says("one", vote("B"))
    assert table.state.end is not None
    assert (table.state.bound, table.state.end.text) == ("calls", "B")
    assert "model calls" in table.state.end.how


def test_the_bound_on_tokens_ends_a_run_without_an_answer_as_failed() -> None:
    table = Table(team(1, tokens=100))
    table.says("one", use("nonsense"), tokens=100)
    assert table.state.end is not None
    assert table.state.end.status == "failed"
    assert "tokens" in table.state.end.text


def test_the_bound_on_time_cuts_calls_that_never_come_back() -> None:
    table = Table(team(2, wall=600, straggler_after=60))
    table.says("one", answer("A"))
    table.passes(601)
    assert table.state.end is not None
    assert (table.state.bound, table.state.end.text) == ("wall", "A")


def test_time_stands_still_while_only_people_are_awaited() -> None:
    table = Table(team(1, wall=600))
    table.passes(500)
    table.says("one", ask())
    table.posts_question(1)
    table.passes(1000)
    table.replies(1, "yes")
    assert table.state.end is None
    assert table.state.spent.wall == pytest.approx(500)
    table.passes(99)
    assert table.state.end is None
    table.passes(2)
    assert table.state.bound == "wall"


def test_a_bound_that_is_reached_cancels_open_questions() -> None:
    table = Table(team(2, calls=2))
    table.says("one", ask())
    table.says("two", answer("B"))
    table.posts_question(1)
    table.replies(1, "yes")
    assert table.state.end is not None
    assert table.state.end.text == "B"


def books(table: Table) -> dict[str, str]:
    """How each call is booked."""
    return {row.action: row.state for row in table.rows if isinstance(row, CallUsageRecorded)}


def test_what_calls_under_way_at_the_end_may_cost_stays_booked_as_unknown() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.go_on(inputs.CancelRun(by=ANA, key="cancel"))
    assert books(table) == {"work:one:1": "booked", "work:two:1": "unknown"}


def test_what_the_side_calls_of_a_retired_agent_may_cost_stays_booked_as_unknown() -> None:
    table = Table(team(3))
    table.says("one", ask(to=("agents",)))
    table.fails("two", InvalidApiKey("The key is wrong."))
    assert books(table)["peer:1:two"] == "unknown"
    assert books(table)["peer:1:three"] == "reserved"


def test_what_the_side_calls_of_a_settled_question_may_cost_stays_booked_as_unknown() -> None:
    table = Table(team(2))
    table.says("one", ask(to=("humans", "agents")))
    table.posts_question(1)
    table.replies(1, "yes")
    assert books(table)["peer:1:two"] == "unknown"


# Crashes ------------------------------------------------------------------------------------------------------------------


def test_a_call_that_was_out_at_a_crash_is_repeated_and_its_reservation_stays_booked() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    call = table.state.calls["work:two:1"]
    table.restarts()
    assert table.state.calls["work:two:1"].attempt == call.attempt + 1
    assert table.state.spent.unknown == Decimal(0)


def test_time_that_the_process_was_down_does_not_count() -> None:
    table = Table(team(1, wall=600))
    table.passes(100)
    table.says("one", use("nonsense"))
    table.now += 10_000
    table.restarts()
    assert table.state.spent.wall == pytest.approx(100)
