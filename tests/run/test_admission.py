"""Calls that cannot start yet, and agents whose model cannot be called at all."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.chat.outbound import Note, RunCard
from orchestrator_bridge.model.errors import CircuitOpen, InvalidApiKey, Overloaded, ProviderUnavailable
from orchestrator_bridge.model.interface import Throttled
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import CallUsageRecorded
from tests.support.run_simulator import RunSimulator, answer, ask, team, vote


def states(simulator: RunSimulator) -> dict[str, str]:
    """What the card says of each agent now."""
    cards = [post.post for post in simulator.posts() if isinstance(post.post, RunCard)]
    return {agent.name: agent.state for agent in cards[-1].agents}


def notes(simulator: RunSimulator) -> list[str]:
    return [post.post.text for post in simulator.posts() if isinstance(post.post, Note)]


def test_a_call_that_waits_for_a_limit_shows_as_its_agents_state_and_not_as_an_error() -> None:
    simulator = RunSimulator(team(2))
    simulator.hold_calls("xAI's rate limit", 12)
    simulator.says("one", answer("A"))
    simulator.says("two", answer("B"))
    assert states(simulator) == dict.fromkeys(("one", "two"), "waiting for xAI's rate limit, 12 s")
    assert not any("limit" in note for note in notes(simulator))
    simulator.release_calls()
    assert states(simulator) == {"one": "thinking", "two": "thinking"}


def test_a_wait_of_unknown_length_is_shown_without_a_time() -> None:
    simulator = RunSimulator(team(1))
    simulator.fails("one", Overloaded("busy"))
    assert states(simulator)["one"] == "tries again soon"
    simulator.holds = lambda _: Throttled(why="xAI to come back")
    simulator.passes(2)
    assert states(simulator)["one"] == "waiting for xAI to come back"


def test_what_waits_to_start_has_cost_nothing_and_a_crash_books_nothing_for_it() -> None:
    simulator = RunSimulator(team(2))
    simulator.reserved = Decimal("0.50")
    simulator.says("one", answer("A"))
    simulator.hold_calls()
    simulator.says("two", answer("B"))
    assert [call.action for call in simulator.held] == ["work:one:2", "work:two:2"]
    simulator.restart()
    assert simulator.state.spent.unknown == Decimal(0)
    assert not any(row.action.endswith(":2") for row in simulator.rows if isinstance(row, CallUsageRecorded))
    simulator.release_calls()
    assert {call.attempt for call in simulator.state.calls.values()} == {1}


def test_a_call_that_waited_shows_what_is_new_when_it_starts() -> None:
    simulator = RunSimulator(team(2))
    simulator.says("one", answer("A"))
    simulator.hold_calls()
    simulator.says("two", answer("B"))
    simulator.guides("It must be cheap.")
    simulator.release_calls()
    assert "It must be cheap." in simulator.prompt("one")


def test_agents_that_have_answered_wait_for_a_held_call() -> None:
    simulator = RunSimulator(team(2, straggler_after=60))
    simulator.fails("two", Overloaded("busy"))
    simulator.hold_calls()
    simulator.passes(2)
    assert [call.agent for call in simulator.held] == ["two"]
    simulator.holds = lambda action: Throttled(why="a limit") if "two" in action else None
    simulator.says("one", answer("A"))
    assert simulator.calls_under_way == {}
    simulator.passes(61)
    assert set(simulator.calls_under_way) == {"one"}


def test_a_run_whose_calls_all_wait_is_ended_by_its_bound_on_time() -> None:
    simulator = RunSimulator(team(1, wall=600))
    simulator.hold_calls()
    simulator.says("one", ask("Which?", to=("agents",)))
    simulator.passes(601)
    assert simulator.state.end is not None
    assert simulator.state.bound == "wall"


def test_a_call_held_for_the_same_reason_is_logged_once() -> None:
    simulator = RunSimulator(team(1))
    simulator.hold_calls()
    simulator.fails("one", Overloaded("busy"))
    simulator.passes(5)
    simulator.guides("Hurry.")
    simulator.guides("Please.")
    assert len([event for event in simulator.events if isinstance(event, e.CallHeld)]) == 1


def test_a_call_that_is_not_made_because_its_provider_is_down_counts_as_a_try_and_costs_nothing() -> None:
    simulator = RunSimulator(team(1, tries=3))
    simulator.fails("one", Overloaded("busy"))
    simulator.hold_calls("xAI to come back")
    for _ in range(2):
        simulator.passes(31)
        suspended = CircuitOpen("xAI is down: busy", retry_after=30)
        simulator.deliver(inputs.CallFinished(action="work:one:1", consumed=(), result=suspended))
    assert simulator.state.end is not None
    assert simulator.state.end.text.endswith("one retired: xAI is down: busy.")
    assert simulator.state.spent.calls == 1
    assert [row.state for row in simulator.rows if isinstance(row, CallUsageRecorded)] == ["reserved", "failed"]


def test_an_agent_goes_on_with_its_backup_as_soon_as_its_provider_is_known_to_be_down() -> None:
    simulator = RunSimulator(team(1, backup="gpt-5-mini"))
    simulator.fails("one", Overloaded("busy"))
    simulator.hold_calls("xAI to come back")
    simulator.passes(2)
    simulator.holds = lambda _: None
    simulator.deliver(
        inputs.CallFinished(action="work:one:1", consumed=(), result=CircuitOpen("xAI is down: busy", retry_after=30))
    )
    assert "one continues with gpt-5-mini: xAI is down: busy." in notes(simulator)
    assert simulator.state.calls["work:one:1"].model == "gpt-5-mini"
    simulator.says("one", answer("A"))
    assert simulator.state.end is not None
    assert simulator.state.end.status == "finished"


def test_a_backup_takes_over_when_the_tries_are_used_up_or_the_call_is_refused() -> None:
    simulator = RunSimulator(team(2, backup="gpt-5-mini", tries=2))
    simulator.fails("one", InvalidApiKey("The key is wrong."))
    simulator.fails("two", ProviderUnavailable("no connection"))
    simulator.passes(2)
    simulator.fails("two", ProviderUnavailable("no connection"))
    assert [agent.model for agent in simulator.state.agents.values()] == ["gpt-5-mini", "gpt-5-mini"]
    assert notes(simulator)[0] == "one continues with gpt-5-mini: The key is wrong."


def test_an_agent_whose_backup_fails_too_is_retired() -> None:
    simulator = RunSimulator(team(2, backup="gpt-5-mini"))
    simulator.fails("one", InvalidApiKey("The key is wrong."))
    simulator.fails("one", InvalidApiKey("This key is wrong too."))
    assert simulator.state.agents["one"].retired == "This key is wrong too."


def test_the_attempts_of_a_call_are_counted_on_with_the_backup() -> None:
    simulator = RunSimulator(team(1, backup="gpt-5-mini", tries=2))
    simulator.reserved = Decimal("0.10")
    simulator.fails("one", ProviderUnavailable("no connection"))
    simulator.passes(2)
    simulator.fails("one", ProviderUnavailable("no connection"))
    booked = {(row.attempt, row.model, row.state) for row in simulator.rows if isinstance(row, CallUsageRecorded)}
    assert booked >= {(1, "test/model", "unknown"), (2, "test/model", "unknown"), (3, "gpt-5-mini", "reserved")}
    assert simulator.state.spent.unknown == Decimal("0.10")  # the first try was started before prices were known here


def test_a_side_call_that_failed_with_the_first_model_is_made_again_with_the_backup() -> None:
    simulator = RunSimulator(team(2, backup="gpt-5-mini"))
    simulator.says("one", ask("Which?", to=("agent:two",)))
    simulator.fails("two", InvalidApiKey("The key is wrong."))
    simulator.fails("peer:1:two", InvalidApiKey("The key is wrong."))
    assert simulator.state.calls["peer:1:two"].model == "gpt-5-mini"
    simulator.says("peer:1:two", text="The second.")
    assert simulator.state.questions[1].replies[0].text == "The second."


def test_the_final_text_is_written_with_the_backup_where_the_winners_model_is_down() -> None:
    simulator = RunSimulator(team(2, backup="gpt-5-mini"))
    for name in ("one", "two"):
        simulator.says(name, answer(f"by {name}"))
    for name in ("one", "two"):
        simulator.says(name, vote("A"))
    simulator.fails("one", InvalidApiKey("The key was withdrawn."))
    assert not any("give up" in note for note in notes(simulator))
    simulator.says("one", text="The final text.")
    assert simulator.state.end is not None
    assert (simulator.state.end.text, simulator.state.end.how) == ("The final text.", "Won the vote, 2 of 2 votes.")
