"""Calls that cannot start yet, and agents whose model cannot be called at all."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.chat.outbound import Note, RunCard
from orchestrator_bridge.model.errors import CircuitOpen, InvalidApiKey, Overloaded, ProviderUnavailable
from orchestrator_bridge.model.interface import Throttled
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.records import CallUsageRecorded
from tests.support.run_simulator import Table, answer, ask, team, vote


def states(table: Table) -> dict[str, str]:
    """What the card says of each agent now."""
    cards = [post.post for post in table.posts() if isinstance(post.post, RunCard)]
    return {agent.name: agent.state for agent in cards[-1].agents}


def notes(table: Table) -> list[str]:
    return [post.post.text for post in table.posts() if isinstance(post.post, Note)]


# Holds --------------------------------------------------------------------------------------------------------------------


def test_a_call_that_waits_for_a_limit_shows_as_its_agents_state_and_not_as_an_error() -> None:
    table = Table(team(2))
    table.holds_all("xAI's rate limit", 12)
    table.says("one", answer("A"))
    table.says("two", answer("B"))
    assert states(table) == dict.fromkeys(("one", "two"), "waiting for xAI's rate limit, 12 s")
    assert not any("limit" in note for note in notes(table))
    table.lets_in()
    assert states(table) == {"one": "thinking", "two": "thinking"}


def test_a_wait_that_nobody_can_tell_is_shown_without_a_time() -> None:
    table = Table(team(1))
    table.fails("one", Overloaded("busy"))
    assert states(table)["one"] == "tries again soon"
    table.holds = lambda _: Throttled(why="xAI to come back")
    table.passes(2)
    assert states(table)["one"] == "waiting for xAI to come back"


def test_what_waits_to_start_has_cost_nothing_and_a_crash_books_nothing_for_it() -> None:
    table = Table(team(2))
    table.reserved = Decimal("0.50")
    table.says("one", answer("A"))
    table.holds_all()
    table.says("two", answer("B"))
    assert [call.action for call in table.held] == ["work:one:2", "work:two:2"]
    table.restarts()
    assert table.state.spent.unknown == Decimal(0)
    assert not any(row.action.endswith(":2") for row in table.rows if isinstance(row, CallUsageRecorded))
    table.lets_in()
    assert {call.attempt for call in table.state.calls.values()} == {1}


def test_a_call_that_waited_shows_what_is_new_when_it_starts() -> None:
    table = Table(team(2))
    table.says("one", answer("A"))
    table.holds_all()
    table.says("two", answer("B"))
    table.guides("It must be cheap.")
    table.lets_in()
    assert "It must be cheap." in table.prompt("one")


def test_those_who_have_answered_wait_for_one_who_may_not_start_yet() -> None:
    table = Table(team(2, straggler_after=60))
    table.fails("two", Overloaded("busy"))
    table.holds_all()
    table.passes(2)
    assert [call.agent for call in table.held] == ["two"]
    table.holds = lambda action: Throttled(why="a limit") if "two" in action else None
    table.says("one", answer("A"))
    assert table.out == {}
    table.passes(61)
    assert set(table.out) == {"one"}


def test_a_run_whose_calls_all_wait_is_ended_by_its_bound_on_time() -> None:
    table = Table(team(1, wall=600))
    table.holds_all()
    table.says("one", ask("Which?", to=("agents",)))
    table.passes(601)
    assert table.state.end is not None
    assert table.state.bound == "wall"


def test_the_same_reason_is_written_down_once() -> None:
    table = Table(team(1))
    table.holds_all()
    table.fails("one", Overloaded("busy"))
    table.passes(5)
    table.guides("Hurry.")
    table.guides("Please.")
    assert len([event for event in table.events if isinstance(event, e.CallHeld)]) == 1


# A provider that is down --------------------------------------------------------------------------------------------------


def test_a_call_that_is_not_made_because_its_provider_is_down_counts_as_a_try_and_costs_nothing() -> None:
    table = Table(team(1, tries=3))
    table.fails("one", Overloaded("busy"))
    table.holds_all("xAI to come back")
    for _ in range(2):
        table.passes(31)
        suspended = CircuitOpen("xAI is down: busy", retry_after=30)
        table.go_on(inputs.CallFinished(action="work:one:1", consumed=(), result=suspended))
    assert table.state.end is not None
    assert table.state.end.text.endswith("one retired: xAI is down: busy.")
    assert table.state.spent.calls == 1
    assert [row.state for row in table.rows if isinstance(row, CallUsageRecorded)] == ["reserved", "failed"]


def test_an_agent_goes_on_with_its_backup_as_soon_as_its_provider_is_known_to_be_down() -> None:
    table = Table(team(1, backup="gpt-5-mini"))
    table.fails("one", Overloaded("busy"))
    table.holds_all("xAI to come back")
    table.passes(2)
    table.holds = lambda _: None
    table.go_on(inputs.CallFinished(action="work:one:1", consumed=(), result=CircuitOpen("xAI is down: busy", retry_after=30)))
    assert "one goes on with gpt-5-mini: xAI is down: busy." in notes(table)
    assert table.state.calls["work:one:1"].model == "gpt-5-mini"
    table.says("one", answer("A"))
    assert table.state.end is not None
    assert table.state.end.status == "finished"


def test_a_backup_takes_over_when_the_tries_are_used_up_or_the_call_is_refused() -> None:
    table = Table(team(2, backup="gpt-5-mini", tries=2))
    table.fails("one", InvalidApiKey("The key is wrong."))
    table.fails("two", ProviderUnavailable("no connection"))
    table.passes(2)
    table.fails("two", ProviderUnavailable("no connection"))
    assert [one.model for one in table.state.agents.values()] == ["gpt-5-mini", "gpt-5-mini"]
    assert notes(table)[0] == "one goes on with gpt-5-mini: The key is wrong."


def test_an_agent_whose_backup_fails_too_is_retired() -> None:
    table = Table(team(2, backup="gpt-5-mini"))
    table.fails("one", InvalidApiKey("The key is wrong."))
    table.fails("one", InvalidApiKey("This key is wrong too."))
    assert table.state.agents["one"].retired == "This key is wrong too."


def test_the_attempts_of_a_call_are_counted_on_with_the_backup() -> None:
    table = Table(team(1, backup="gpt-5-mini", tries=2))
    table.reserved = Decimal("0.10")
    table.fails("one", ProviderUnavailable("no connection"))
    table.passes(2)
    table.fails("one", ProviderUnavailable("no connection"))
    booked = {(row.attempt, row.model, row.state) for row in table.rows if isinstance(row, CallUsageRecorded)}
    assert booked >= {(1, "test/model", "unknown"), (2, "test/model", "unknown"), (3, "gpt-5-mini", "reserved")}
    assert table.state.spent.unknown == Decimal("0.10")  # the first try was started before prices were known here


def test_a_side_call_that_failed_with_the_first_model_is_made_again_with_the_backup() -> None:
    table = Table(team(2, backup="gpt-5-mini"))
    table.says("one", ask("Which?", to=("agent:two",)))
    table.fails("two", InvalidApiKey("The key is wrong."))
    table.fails("peer:1:two", InvalidApiKey("The key is wrong."))
    assert table.state.calls["peer:1:two"].model == "gpt-5-mini"
    table.says("peer:1:two", text="The second.")
    assert table.state.questions[1].replies[0].text == "The second."


def test_the_final_text_is_written_with_the_backup_where_the_winners_model_is_down() -> None:
    table = Table(team(2, backup="gpt-5-mini"))
    for name in ("one", "two"):
        table.says(name, answer(f"by {name}"))
    for name in ("one", "two"):
        table.says(name, vote("A"))
    table.fails("one", InvalidApiKey("The key was withdrawn."))
    assert not any("give up" in note for note in notes(table))
    table.says("one", text="The final text.")
    assert table.state.end is not None
    assert (table.state.end.text, table.state.end.how) == ("The final text.", "Won the vote, 2 of 2 votes.")
