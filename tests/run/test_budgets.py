"""Budgets: of a run, of a channel, of a day. What counts, who is warned, who is asked, and what silence means."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.chat.outbound import Note, QuestionCard, RunCard
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.model.errors import InvalidApiKey, ProviderUnavailable
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.records import BudgetRaised, CallUsageRecorded
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import PersonSpec, Policy, Team
from tests.support.run_simulator import PLACE, RunSimulator, answer, team, use, vote


def dollars(text: str) -> Decimal:
    return Decimal(text)


def notes(simulator: RunSimulator) -> list[str]:
    return [post.post.text for post in simulator.posts() if isinstance(post.post, Note)]


def how(simulator: RunSimulator) -> str:
    assert simulator.state.end is not None
    return simulator.state.end.how or simulator.state.end.text


def shared(**budgets: str) -> UsageLedger:
    return UsageLedger(Budgets(**{name: Decimal(amount) for name, amount in budgets.items()}))


def test_a_call_that_exceeds_a_budget_is_not_made_and_the_run_ends_with_the_best_answer() -> None:
    simulator = RunSimulator(team(2, money=1), reserved=dollars("0.30"))
    simulator.says("one", answer("A"), cost=dollars("0.30"))
    simulator.says("two", answer("B"), cost=dollars("0.20"))
    assert simulator.state.spent.calls == 3
    simulator.says("one", vote("B"), cost=dollars("0.30"))
    assert simulator.state.end is not None
    assert simulator.state.end.text == "B"
    assert how(simulator).startswith("Stopped by this run's budget of $1.00: the best answer so far, 1 of 1 votes.")


def test_people_are_warned_once_when_most_of_a_budget_is_booked_or_reserved() -> None:
    simulator = RunSimulator(team(2, money=1), reserved=dollars("0.39"))
    assert not any("budget" in note for note in notes(simulator))
    simulator.says("one", use("nonsense"), cost=dollars("0.10"))
    warning = "$0.88 is booked, reserved or unknown: 88 % of this run's budget of $1.00."
    assert notes(simulator) == [warning]
    simulator.says("one", use("nonsense"), cost=dollars("0.05"))
    assert notes(simulator).count(warning) == 1
    assert len([event for event in simulator.events if isinstance(event, e.BudgetNeared)]) == 1


def test_a_cost_of_unknown_amount_counts_as_spent() -> None:
    simulator = RunSimulator(team(1, money=1, tries=2), reserved=dollars("0.60"))
    simulator.fails("one", ProviderUnavailable("cut"))
    simulator.passes(2)
    assert simulator.state.end is not None
    assert "this run's budget of $1.00" in how(simulator)
    assert simulator.state.spent.unknown == dollars("0.60")


def test_a_call_without_a_reported_cost_keeps_its_reservation() -> None:
    simulator = RunSimulator(team(1), reserved=dollars("0.60"))
    simulator.says("one", use("nonsense"), cost=None)
    assert (simulator.state.spent.cost, simulator.state.spent.unknown, simulator.state.spent.priced) == (
        Decimal(0),
        dollars("0.60"),
        False,
    )
    booked = [row for row in simulator.rows if isinstance(row, CallUsageRecorded) and row.state == "booked"]
    assert [(row.cost, row.reserved) for row in booked] == [(None, dollars("0.60"))]


def test_without_a_known_price_no_budget_holds_and_the_card_says_so() -> None:
    simulator = RunSimulator(team(1, money=1))
    for _ in range(2):
        simulator.says("one", use("nonsense"))
    assert simulator.state.end is None
    cards = [post.post for post in simulator.posts() if isinstance(post.post, RunCard)]
    assert cards[-1].cost == "cost unknown, spending limits inactive"


def test_runs_of_a_channel_share_its_budget_to_the_last_cent() -> None:
    ledger = shared(channel="1.00")
    first = RunSimulator(team(1), run=1, ledger=ledger, reserved=dollars("0.60"))
    second = RunSimulator(team(1), run=2, ledger=ledger, reserved=dollars("0.60"))
    assert first.calls_under_way
    assert second.state.end is not None
    assert "this channel's budget of $1.00 a day" in how(second)
    first.says("one", use("nonsense"), cost=dollars("0.40"))
    third = RunSimulator(team(1), run=3, ledger=ledger, reserved=dollars("0.01"))
    assert third.state.end is not None, "0.40 booked and 0.60 reserved leave nothing"


def test_an_unstored_reservation_of_another_run_counts_until_it_is_dropped() -> None:
    ledger = shared(day="1.00")
    ledger.reserve((1, "work:one:1", 1), PLACE, dollars("0.60"))
    second = RunSimulator(team(1), run=2, ledger=ledger, reserved=dollars("0.60"))
    assert second.state.end is not None
    ledger.release((1, "work:one:1", 1))
    third = RunSimulator(team(1), run=3, ledger=ledger, reserved=dollars("0.60"))
    assert third.calls_under_way


def test_an_amount_booked_in_the_same_step_makes_room_at_once() -> None:
    simulator = RunSimulator(team(1), ledger=shared(day="1.00"), reserved=dollars("0.60"))
    simulator.says("one", use("nonsense"), cost=dollars("0.40"))
    assert simulator.calls_under_way, "0.40 booked and 0.60 reserved are a dollar"
    simulator.says("one", use("nonsense"), cost=dollars("0.60"))
    assert simulator.state.end is not None
    assert "the budget of $1.00 a day for all runs" in how(simulator)


def test_a_call_that_was_refused_gives_back_what_was_reserved_and_one_that_was_lost_does_not() -> None:
    ledger = shared(day="1.00")
    simulator = RunSimulator(team(2), ledger=ledger, reserved=dollars("0.30"))
    simulator.fails("one", InvalidApiKey("wrong"))
    assert ledger.statuses(PLACE, simulator.now)[0].used == dollars("0.30")
    simulator.fails("two", ProviderUnavailable("cut"))
    assert ledger.statuses(PLACE, simulator.now)[0].used == dollars("0.30")
    simulator.passes(2)
    assert ledger.statuses(PLACE, simulator.now)[0].used == dollars("0.60")


def test_a_run_that_ends_books_what_is_under_way_as_unknown() -> None:
    ledger = shared(day="1.00")
    simulator = RunSimulator(team(1, wall=60), ledger=ledger, reserved=dollars("0.30"))
    simulator.passes(61)
    assert simulator.state.end is not None
    assert ledger.statuses(PLACE, simulator.now)[0].used == dollars("0.30")


def test_the_next_day_begins_with_a_full_budget() -> None:
    ledger = shared(day="1.00")
    simulator = RunSimulator(team(1, wall=200_000), ledger=ledger, reserved=dollars("0.30"))
    simulator.says("one", use("nonsense"), cost=dollars("0.60"))
    simulator.now += 86_400
    simulator.says("one", use("nonsense"), cost=dollars("0.30"))
    assert simulator.calls_under_way, "yesterday's 0.60 do not count"
    assert ledger.statuses(PLACE, simulator.now)[0].used == dollars("0.60")


def asking(money: str = "1", policy: Policy | None = None) -> Team:
    return team(1, on_budget="ask", money=Decimal(money), policy=policy)


def used_up(run_team: Team | None = None, **around: object) -> RunSimulator:
    """A run that has spent all it may, so that those responsible are asked."""
    simulator = RunSimulator(run_team or asking(), reserved=dollars("0.60"), **around)  # type: ignore[arg-type]  # passed on as it came
    simulator.says("one", answer("A") if len(simulator.state.agents) > 1 else use("nonsense"), cost=dollars("0.60"))
    return simulator


def test_the_responsible_people_are_asked_for_more_and_wall_time_stands_still() -> None:
    simulator = used_up()
    card = next(post.post for post in simulator.posts() if isinstance(post.post, QuestionCard))
    assert card.text == "This run has used up this run's budget of $1.00. How many US dollars more may it spend?"
    assert "The next call may cost up to $0.60." in card.context
    assert (card.agent, card.answer_kind, card.asked) == ("townhall", "number", "Ana")
    assert (simulator.calls_under_way, simulator.state.busy) == ({}, False)
    simulator.post_question(1)
    simulator.passes(1000)
    assert simulator.state.spent.wall == 0


def test_a_grant_is_added_and_the_run_goes_on() -> None:
    simulator = used_up()
    simulator.post_question(1)
    simulator.replies(1, "$0.50")
    assert simulator.state.raised == dollars("0.5")
    assert set(simulator.calls_under_way) == {"one"}
    simulator.says("one", answer("A"), cost=dollars("0.50"))
    assert simulator.state.end is not None
    assert simulator.state.end.text == "A"


def test_people_are_asked_again_when_a_grant_is_used_up() -> None:
    simulator = used_up()
    simulator.post_question(1)
    simulator.replies(1, "0.5")
    simulator.says("one", use("nonsense"), cost=dollars("0.60"))
    assert [question.open for question in simulator.state.questions.values()] == [False, True]


def test_silence_and_zero_mean_no_more() -> None:
    for reply in ("0", None):
        simulator = used_up(asking(policy=Policy(expire_after=600, fallback=("fail",))))
        simulator.post_question(1)
        simulator.passes(700) if reply is None else simulator.replies(1, reply)
        assert simulator.state.end is not None
        assert how(simulator).startswith("Stopped by this run's budget of $1.00")
        assert len(simulator.state.questions) == 1


def test_only_the_responsible_people_can_grant_more() -> None:
    directory = Directory({"boss": PersonSpec(ids={"discord": "1"})})
    simulator = used_up(asking().model_copy(update={"responsible": ("@boss",)}), directory=directory)
    assert simulator.state.end is not None, "nobody who is responsible can be reached here, so there is no more"


def test_a_grant_for_a_channel_is_kept_for_all_its_runs_and_for_the_day() -> None:
    ledger = shared(channel="1.00")
    simulator = used_up(asking("50"), ledger=ledger)
    simulator.post_question(1)
    simulator.replies(1, "5")
    raised = [row for row in simulator.rows if isinstance(row, BudgetRaised)]
    assert [(row.channel, row.amount) for row in raised] == [("test:general", Decimal(5))]
    assert ledger.statuses(PLACE, simulator.now)[0].limit == Decimal(6)
    assert ledger.statuses(PLACE, simulator.now + 86_400)[0].limit == Decimal(1)
    assert simulator.calls_under_way
    other = RunSimulator(team(1, money=50), run=2, ledger=ledger, reserved=dollars("4"))
    assert other.calls_under_way


def test_a_run_that_was_refused_more_goes_on_if_there_is_room_by_then() -> None:
    ledger = shared(day="1.00")
    simulator = used_up(asking("50"), ledger=ledger)
    simulator.post_question(1)
    ledger.record(PLACE, [BudgetRaised(question=99, channel="", amount=Decimal(5), at=simulator.now)])
    simulator.replies(1, "0")
    assert simulator.calls_under_way, "another run was granted more for the day"


def test_a_late_answer_changes_nothing() -> None:
    simulator = used_up(asking(policy=Policy(expire_after=600)))
    simulator.post_question(1)
    simulator.passes(700)
    simulator.types(1, "5")
    assert simulator.state.raised == 0


def test_cancelling_a_run_that_waits_for_more_closes_the_question() -> None:
    simulator = used_up()
    simulator.post_question(1)
    simulator.guides("Never mind.")
    assert simulator.calls_under_way == {}
    simulator.restart()
    assert simulator.calls_under_way == {}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.decimals("0.01", "0.60", places=2)), min_size=1, max_size=25),
    st.decimals("0.05", "0.60", places=2),
)
@settings(max_examples=60, deadline=None)
def test_runs_that_share_a_budget_never_overdraw_it_in_any_order(landings: list[tuple[int, Decimal]], reserved: Decimal) -> None:
    """A call never costs more here than was reserved for it: then what is booked and reserved stays within the budget."""
    ledger = shared(channel="2.00", day="3.00")
    tables = [RunSimulator(team(2, money=100), run=number, ledger=ledger, reserved=reserved) for number in range(3)]
    for number, cost in landings:
        simulator = tables[number]
        for agent in list(simulator.calls_under_way)[:1]:
            simulator.says(agent, use("nonsense"), cost=min(cost, reserved))
        for standing in ledger.statuses(PLACE, simulator.now):
            assert standing.used <= standing.limit
    booked = sum((simulator.state.spent.cost + simulator.state.spent.unknown for simulator in tables), Decimal(0))
    under_way = sum((call.reserved or Decimal(0) for simulator in tables for call in simulator.state.calls.values()), Decimal(0))
    assert {status.used for status in ledger.statuses(PLACE, 1000.0)} == {booked + under_way}
