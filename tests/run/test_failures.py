"""What goes wrong in a run: mistakes of models, providers in trouble, bounds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.model.errors import BadRequest, InvalidApiKey, Overloaded, RateLimited
from orchestrator_bridge.model.interface import ToolCall
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import CallUsageRecorded
from tests.support.run_simulator import ANA, RunSimulator, answer, ask, team, use, vote

MISTAKES = {
    "no JSON": (ToolCall(id="1", name="new_answer", arguments="{content: oops"), "are not JSON"),
    "no object": (ToolCall(id="1", name="new_answer", arguments="[1]"), "cannot be taken"),
    "an unknown tool": (use("run_shell", command="ls"), "There is no tool 'run_shell'"),
    "a missing argument": (use("new_answer", text="oops"), "content: Field required"),
    "an empty answer": (use("new_answer", content="  "), "The answer is empty"),
    "a vote without answers": (vote("A"), "there is no answer to vote for yet"),
    "a choice without options": (ask(kind="choice"), "needs 2 to 10 options"),
    "a long label": (ask(kind="choice", options=[{"id": "a", "label": "x" * 10_000}, {"id": "b", "label": "B"}]), "at most 75"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_malformed_tool_use_is_reported_to_the_agent(mistake: str) -> None:
    call, told = MISTAKES[mistake]
    simulator = RunSimulator(team(1))
    simulator.says("one", call)
    assert told in simulator.prompt("one")


def test_a_vote_for_an_unknown_label_is_refused_with_the_labels() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("Z"))
    assert "There is no answer 'Z' to vote for. The answers are: A, B." in simulator.prompt("one")


def test_an_empty_response_is_reported_to_the_agent() -> None:
    simulator = RunSimulator(team(1))
    simulator.says("one")
    assert "Your response was empty" in simulator.prompt("one")


def test_of_several_tool_uses_all_asks_and_the_first_answer_or_vote_are_taken_each_with_one_result() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"), ask(wait=False), answer("A2"), use("nonsense"))
    results = [use.result for use in simulator.state.agents["one"].turns[0].uses]
    assert results[0] == "Your answer stands as A."
    assert results[1] == "Question 1 is asked; its outcome comes as a later message."
    assert results[2] is not None
    assert "the first one was taken" in results[2]
    assert results[3] is not None
    assert "There is no tool 'nonsense'" in results[3]
    assert [answer.text for answer in simulator.state.answers] == ["A"]


def test_three_malformed_responses_in_a_row_retire_an_agent_and_the_run_goes_on() -> None:
    simulator = RunSimulator(team(3))
    for _ in range(3):
        simulator.says("one", use("nonsense"))
    assert simulator.state.agents["one"].retired is not None
    assert any("one stopped" in getattr(post.post, "text", "") for post in simulator.posts())
    for name in ("two", "three"):
        simulator.says(name, answer(f"by {name}"))
    for name in ("two", "three"):
        simulator.says(name, vote("B"))
    assert simulator.calls_under_way == {"two": "final:1"}


def test_a_valid_use_between_mistakes_resets_the_count() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", use("nonsense"))
    simulator.says("one", use("nonsense"))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", use("nonsense"))
    assert simulator.state.agents["one"].retired is None


def test_a_retired_agents_votes_are_withdrawn_and_its_answers_stay() -> None:
    simulator = RunSimulator(team(3))
    for name in ("one", "two", "three"):
        simulator.says(name, answer(f"by {name}"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    simulator.fails("three", InvalidApiKey("The key is wrong."))
    assert simulator.calls_under_way == {"one": "final:1"}


def test_the_last_agent_left_decides_alone() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.fails("two", InvalidApiKey("The key is wrong."))
    assert simulator.state.end is not None
    assert simulator.state.end.text == "A"
    assert "left to decide alone" in simulator.state.end.how


def test_the_last_agent_reads_the_answer_of_a_retired_one() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.fails("one", InvalidApiKey("The key is wrong."))
    assert set(simulator.calls_under_way) == {"two"}
    simulator.says("two", vote("A"))
    assert simulator.state.end is not None
    assert simulator.state.end.text == "A"
    assert "author is retired" in simulator.state.end.how


def test_when_all_are_retired_the_best_answer_stands_or_the_run_has_failed() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.fails("one", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    simulator.fails("two", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert simulator.state.end is not None
    assert (simulator.state.end.status, simulator.state.end.text) == ("finished", "B")
    simulator = RunSimulator(team(1))
    simulator.fails("one", InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert simulator.state.end is not None
    assert simulator.state.end.status == "failed"
    assert "Set XAI_API_KEY." in simulator.state.end.text


def test_a_transient_failure_is_retried_with_growing_delays_and_then_given_up() -> None:
    simulator = RunSimulator(team(1, tries=3))
    for pause in (1.0, 2.0):
        simulator.fails("one", Overloaded("The provider has trouble."))
        simulator.passes(pause - 0.1)
        assert simulator.calls_under_way == {}
        simulator.passes(0.2)
        assert set(simulator.calls_under_way) == {"one"}
    simulator.fails("one", Overloaded("The provider has trouble."))
    assert simulator.state.end is not None
    assert simulator.state.end.status == "failed"


def test_a_final_text_that_failed_does_not_matter_once_its_author_has_to_win_again() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    simulator.says("one", vote("A"))
    simulator.says("two", vote("A"))
    assert simulator.calls_under_way == {"one": "final:1"}
    simulator.deliver(simulator.guidance("Use SQLite."), simulator.call_finished("one", BadRequest("The request is too long.")))
    for name in ("one", "two"):
        simulator.says(name, answer(f"SQLite, says {name}"))
    for name in ("one", "two"):
        simulator.says(name, vote("B"))
    assert simulator.state.end is None
    simulator.says("two", text="The final text.")
    assert simulator.state.end is not None
    assert (simulator.state.end.text, simulator.state.end.how) == ("The final text.", "Won the vote, 2 of 2 votes.")


def test_a_retry_after_of_the_provider_is_obeyed() -> None:
    simulator = RunSimulator(team(1))
    simulator.fails("one", RateLimited("Too many requests.", retry_after=30))
    simulator.passes(29)
    assert simulator.calls_under_way == {}
    simulator.passes(2)
    assert set(simulator.calls_under_way) == {"one"}


def test_the_same_failure_of_several_agents_is_reported_once() -> None:
    simulator = RunSimulator(team(3))
    for name in ("one", "two", "three"):
        simulator.fails(name, Overloaded("The provider has trouble."))
    simulator.passes(1.1)
    simulator.fails("one", Overloaded("The provider has trouble."))
    assert [text for text in told(simulator) if "has trouble" in text] == ["The provider has trouble. I try again in 1 s."]


def test_the_same_retirement_reason_of_several_agents_is_reported_once() -> None:
    simulator = RunSimulator(team(3))
    for name in ("one", "two", "three"):
        simulator.fails(name, InvalidApiKey("The key is wrong.", "Set XAI_API_KEY."))
    assert told(simulator) == [
        "one stopped: The key is wrong. Set XAI_API_KEY. 2 agents continue.",
        "two stopped too, for the same reason. 1 agent continues.",
        "three stopped too, for the same reason. No agent is left.",
        "This run ended without an answer. Every agent had to be retired before there was any answer.",
    ]
    assert simulator.state.end is not None
    assert "one, two and three retired: The key is wrong. Set XAI_API_KEY." in simulator.state.end.text


def told(simulator: RunSimulator) -> list[str]:
    """The notes in the run's thread."""
    return [post.post.text for post in simulator.posts() if isinstance(post.post, Note)]


def test_the_bound_on_calls_ends_the_run_with_the_best_answer_so_far() -> None:
    simulator = RunSimulator(team(2, calls=3))
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    assert simulator.state.spent.calls == 3
    simulator.says("one", vote("B"))
    assert simulator.state.end is not None
    assert (simulator.state.bound, simulator.state.end.text) == ("calls", "B")
    assert "model calls" in simulator.state.end.how


def test_the_bound_on_tokens_ends_a_run_without_an_answer_as_failed() -> None:
    simulator = RunSimulator(team(1, tokens=100))
    simulator.says("one", use("nonsense"), tokens=100)
    assert simulator.state.end is not None
    assert simulator.state.end.status == "failed"
    assert "tokens" in simulator.state.end.text


def test_the_bound_on_time_cuts_calls_that_never_come_back() -> None:
    simulator = RunSimulator(team(2, wall=600, straggler_after=60))
    simulator.says("one", answer("A"))
    simulator.passes(601)
    assert simulator.state.end is not None
    assert (simulator.state.bound, simulator.state.end.text) == ("wall", "A")


def test_time_stands_still_while_only_people_are_awaited() -> None:
    simulator = RunSimulator(team(1, wall=600))
    simulator.passes(500)
    simulator.says("one", ask())
    simulator.post_question(1)
    simulator.passes(1000)
    simulator.replies(1, "yes")
    assert simulator.state.end is None
    assert simulator.state.spent.wall == pytest.approx(500)
    simulator.passes(99)
    assert simulator.state.end is None
    simulator.passes(2)
    assert simulator.state.bound == "wall"


def test_a_bound_that_is_reached_cancels_open_questions() -> None:
    simulator = RunSimulator(team(2, calls=2))
    simulator.says("one", ask())
    simulator.says("two", answer("B"))
    simulator.post_question(1)
    simulator.replies(1, "yes")
    assert simulator.state.end is not None
    assert simulator.state.end.text == "B"


def books(simulator: RunSimulator) -> dict[str, str]:
    """How each call is booked."""
    return {row.action: row.state for row in simulator.rows if isinstance(row, CallUsageRecorded)}


def test_what_calls_under_way_at_the_end_may_cost_stays_booked_as_unknown() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.deliver(inputs.CancelRun(by=ANA, key="cancel"))
    assert books(simulator) == {"work:one:1": "booked", "work:two:1": "unknown"}


def test_what_the_side_calls_of_a_retired_agent_may_cost_stays_booked_as_unknown() -> None:
    simulator = RunSimulator(team(3))
    simulator.says("one", ask(to=("agents",)))
    simulator.fails("two", InvalidApiKey("The key is wrong."))
    assert books(simulator)["peer:1:two"] == "unknown"
    assert books(simulator)["peer:1:three"] == "reserved"


def test_what_the_side_calls_of_a_settled_question_may_cost_stays_booked_as_unknown() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", ask(to=("humans", "agents")))
    simulator.post_question(1)
    simulator.replies(1, "yes")
    assert books(simulator)["peer:1:two"] == "unknown"


def test_a_call_that_was_out_at_a_crash_is_repeated_and_its_reservation_stays_booked() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    call = simulator.state.calls["work:two:1"]
    simulator.restart()
    assert simulator.state.calls["work:two:1"].attempt == call.attempt + 1
    assert simulator.state.spent.unknown == Decimal(0)


def test_time_that_the_process_was_down_does_not_count() -> None:
    simulator = RunSimulator(team(1, wall=600))
    simulator.passes(100)
    simulator.says("one", use("nonsense"))
    simulator.now += 10_000
    simulator.restart()
    assert simulator.state.spent.wall == pytest.approx(100)
