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
from tests.support.run_simulator import PLACE, Table, answer, team, use, vote


def dollars(text: str) -> Decimal:
    return Decimal(text)


def notes(table: Table) -> list[str]:
    return [post.post.text for post in table.posts() if isinstance(post.post, Note)]


def how(table: Table) -> str:
    assert table.state.end is not None
    return table.state.end.how or table.state.end.text


def shared(**budgets: str) -> UsageLedger:
    return UsageLedger(Budgets(**{name: Decimal(amount) for name, amount in budgets.items()}))


# A run's own --------------------------------------------------------------------------------------------------------------


def test_a_call_that_a_budget_does_not_bear_is_not_made_and_the_run_ends_with_the_best_answer() -> None:
    table = Table(team(2, money=1), reserved=dollars("0.30"))
    table.says("one", answer("A"), cost=dollars("0.30"))
    table.says("two", answer("B"), cost=dollars("0.20"))
    assert table.state.spent.calls == 3
    table.says("one", vote("B"), cost=dollars("0.30"))
    assert table.state.end is not None
    assert table.state.end.text == "B"
    assert how(table).startswith("Stopped by this run's budget of $1.00: the best answer so far, 1 of 1 votes.")


def test_people_are_warned_once_when_most_of_a_budget_is_booked_or_reserved() -> None:
    table = Table(team(2, money=1), reserved=dollars("0.39"))
    assert not any("budget" in note for note in notes(table))
    table.says("one", use("nonsense"), cost=dollars("0.10"))
    warning = "$0.88 is booked, reserved or unknown: 88 % of this run's budget of $1.00."
    assert notes(table) == [warning]
    table.says("one", use("nonsense"), cost=dollars("0.05"))
    assert notes(table).count(warning) == 1
    assert len([event for event in table.events if isinstance(event, e.BudgetNeared)]) == 1


def test_what_nobody_knows_counts_as_spent() -> None:
    table = Table(team(1, money=1, tries=2), reserved=dollars("0.60"))
    table.fails("one", ProviderUnavailable("cut"))
    table.passes(2)
    assert table.state.end is not None
    assert "this run's budget of $1.00" in how(table)
    assert table.state.spent.unknown == dollars("0.60")


def test_a_call_whose_cost_is_not_told_keeps_its_reservation() -> None:
    table = Table(team(1), reserved=dollars("0.60"))
    table.says("one", use("nonsense"), cost=None)
    assert (table.state.spent.cost, table.state.spent.unknown, table.state.spent.priced) == (Decimal(0), dollars("0.60"), False)
    booked = [row for row in table.rows if isinstance(row, CallUsageRecorded) and row.state == "booked"]
    assert [(row.cost, row.reserved) for row in booked] == [(None, dollars("0.60"))]


def test_a_price_that_is_not_known_holds_no_budget_and_the_card_says_so() -> None:
    table = Table(team(1, money=1))
    for _ in range(2):
        table.says("one", use("nonsense"))
    assert table.state.end is None
    cards = [post.post for post in table.posts() if isinstance(post.post, RunCard)]
    assert cards[-1].cost == "unknown, so no budget holds"


# Shared -------------------------------------------------------------------------------------------------------------------


def test_runs_of_a_channel_share_its_budget_to_the_last_cent() -> None:
    ledger = shared(channel="1.00")
    first = Table(team(1), run=1, ledger=ledger, reserved=dollars("0.60"))
    second = Table(team(1), run=2, ledger=ledger, reserved=dollars("0.60"))
    assert first.out
    assert second.state.end is not None
    assert "this channel's budget of $1.00 a day" in how(second)
    first.says("one", use("nonsense"), cost=dollars("0.40"))
    third = Table(team(1), run=3, ledger=ledger, reserved=dollars("0.01"))
    assert third.state.end is not None, "0.40 booked and 0.60 reserved leave nothing"


def test_what_another_run_is_about_to_store_counts_already_and_no_more_once_it_was_not_stored() -> None:
    ledger = shared(day="1.00")
    ledger.reserve((1, "work:one:1", 1), PLACE, dollars("0.60"))
    second = Table(team(1), run=2, ledger=ledger, reserved=dollars("0.60"))
    assert second.state.end is not None
    ledger.release((1, "work:one:1", 1))
    third = Table(team(1), run=3, ledger=ledger, reserved=dollars("0.60"))
    assert third.out


def test_what_is_booked_in_the_same_step_makes_room_at_once() -> None:
    table = Table(team(1), ledger=shared(day="1.00"), reserved=dollars("0.60"))
    table.says("one", use("nonsense"), cost=dollars("0.40"))
    assert table.out, "0.40 booked and 0.60 reserved are a dollar"
    table.says("one", use("nonsense"), cost=dollars("0.60"))
    assert table.state.end is not None
    assert "the budget of $1.00 a day for all runs" in how(table)


def test_a_call_that_was_refused_gives_back_what_was_reserved_and_one_that_was_lost_does_not() -> None:
    ledger = shared(day="1.00")
    table = Table(team(2), ledger=ledger, reserved=dollars("0.30"))
    table.fails("one", InvalidApiKey("wrong"))
    assert ledger.statuses(PLACE, table.now)[0].used == dollars("0.30")
    table.fails("two", ProviderUnavailable("cut"))
    assert ledger.statuses(PLACE, table.now)[0].used == dollars("0.30")
    table.passes(2)
    assert ledger.statuses(PLACE, table.now)[0].used == dollars("0.60")


def test_a_run_that_ends_books_what_is_under_way_as_unknown() -> None:
    ledger = shared(day="1.00")
    table = Table(team(1, wall=60), ledger=ledger, reserved=dollars("0.30"))
    table.passes(61)
    assert table.state.end is not None
    assert ledger.statuses(PLACE, table.now)[0].used == dollars("0.30")


def test_the_next_day_begins_with_a_full_budget() -> None:
    ledger = shared(day="1.00")
    table = Table(team(1, wall=200_000), ledger=ledger, reserved=dollars("0.30"))
    table.says("one", use("nonsense"), cost=dollars("0.60"))
    table.now += 86_400
    table.says("one", use("nonsense"), cost=dollars("0.30"))
    assert table.out, "yesterday's 0.60 do not count"
    assert ledger.statuses(PLACE, table.now)[0].used == dollars("0.60")


# Asking for more ----------------------------------------------------------------------------------------------------------


def asking(money: str = "1", policy: Policy | None = None) -> Team:
    return team(1, on_budget="ask", money=Decimal(money), policy=policy)


def used_up(run_team: Team | None = None, **around: object) -> Table:
    """A run that has spent all it may, so that those responsible are asked."""
    table = Table(run_team or asking(), reserved=dollars("0.60"), **around)  # type: ignore[arg-type]  # passed on as it came
    table.says("one", answer("A") if len(table.state.agents) > 1 else use("nonsense"), cost=dollars("0.60"))
    return table


def test_those_responsible_are_asked_for_more_and_the_run_waits_without_spending_its_time() -> None:
    table = used_up()
    card = next(post.post for post in table.posts() if isinstance(post.post, QuestionCard))
    assert card.text == "This run has used up this run's budget of $1.00. How many US dollars more may it spend?"
    assert "The next call may cost up to $0.60." in card.context
    assert (card.agent, card.answer_kind, card.asked) == ("townhall", "number", "Ana")
    assert (table.out, table.state.busy) == ({}, False)
    table.posts_question(1)
    table.passes(1000)
    assert table.state.spent.wall == 0


def test_what_is_granted_is_added_and_the_run_goes_on() -> None:
    table = used_up()
    table.posts_question(1)
    table.replies(1, "$0.50")
    assert table.state.raised == dollars("0.5")
    assert set(table.out) == {"one"}
    table.says("one", answer("A"), cost=dollars("0.50"))
    assert table.state.end is not None
    assert table.state.end.text == "A"


def test_it_asks_again_when_that_is_used_up_too() -> None:
    table = used_up()
    table.posts_question(1)
    table.replies(1, "0.5")
    table.says("one", use("nonsense"), cost=dollars("0.60"))
    assert [question.open for question in table.state.questions.values()] == [False, True]


def test_silence_and_zero_mean_no_more() -> None:
    for reply in ("0", None):
        table = used_up(asking(policy=Policy(expire_after=600, fallback=("fail",))))
        table.posts_question(1)
        table.passes(700) if reply is None else table.replies(1, reply)
        assert table.state.end is not None
        assert how(table).startswith("Stopped by this run's budget of $1.00")
        assert len(table.state.questions) == 1


def test_only_those_responsible_are_heard() -> None:
    directory = Directory({"boss": PersonSpec(ids={"discord": "1"})})
    table = used_up(asking().model_copy(update={"responsible": ("@boss",)}), directory=directory)
    assert table.state.end is not None, "nobody who is responsible can be reached here, so there is no more"


def test_a_grant_for_a_channel_is_kept_for_all_its_runs_and_for_the_day() -> None:
    ledger = shared(channel="1.00")
    table = used_up(asking("50"), ledger=ledger)
    table.posts_question(1)
    table.replies(1, "5")
    raised = [row for row in table.rows if isinstance(row, BudgetRaised)]
    assert [(row.channel, row.amount) for row in raised] == [("test:general", Decimal(5))]
    assert ledger.statuses(PLACE, table.now)[0].limit == Decimal(6)
    assert ledger.statuses(PLACE, table.now + 86_400)[0].limit == Decimal(1)
    assert table.out
    other = Table(team(1, money=50), run=2, ledger=ledger, reserved=dollars("4"))
    assert other.out


def test_a_run_that_was_refused_more_goes_on_if_there_is_room_by_then() -> None:
    ledger = shared(day="1.00")
    table = used_up(asking("50"), ledger=ledger)
    table.posts_question(1)
    ledger.record(PLACE, [BudgetRaised(question=99, channel="", amount=Decimal(5), at=table.now)])
    table.replies(1, "0")
    assert table.out, "another run was granted more for the day"


def test_a_late_answer_changes_nothing() -> None:
    table = used_up(asking(policy=Policy(expire_after=600)))
    table.posts_question(1)
    table.passes(700)
    table.types(1, "5")
    assert table.state.raised == 0


def test_cancelling_a_run_that_waits_for_more_closes_the_question() -> None:
    table = used_up()
    table.posts_question(1)
    table.guides("Never mind.")
    assert table.out == {}
    table.restarts()
    assert table.out == {}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.decimals("0.01", "0.60", places=2)), min_size=1, max_size=25),
    st.decimals("0.05", "0.60", places=2),
)
@settings(max_examples=60, deadline=None)
def test_runs_that_share_a_budget_never_overdraw_it_whatever_lands_when(
    landings: list[tuple[int, Decimal]], reserved: Decimal
) -> None:
    """A call never costs more here than was reserved for it: then what is booked and reserved stays within the budget."""
    ledger = shared(channel="2.00", day="3.00")
    tables = [Table(team(2, money=100), run=number, ledger=ledger, reserved=reserved) for number in range(3)]
    for number, cost in landings:
        table = tables[number]
        for agent in list(table.out)[:1]:
            table.says(agent, use("nonsense"), cost=min(cost, reserved))
        for standing in ledger.statuses(PLACE, table.now):
            assert standing.used <= standing.limit
    booked = sum((table.state.spent.cost + table.state.spent.unknown for table in tables), Decimal(0))
    under_way = sum((call.reserved or Decimal(0) for table in tables for call in table.state.calls.values()), Decimal(0))
    assert {one.used for one in ledger.statuses(PLACE, 1000.0)} == {booked + under_way}
