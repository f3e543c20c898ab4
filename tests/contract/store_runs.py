"""Contract of runs and their costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.records import RunBusy, RunClosed
from orchestrator_bridge.store.interface import CostBy, CostLine, RunSummary, Store
from tests.contract.store_values import CHANNEL, booked, run_opened


class RunContract:
    async def test_a_run_at_a_glance(self, store: Store) -> None:
        await store.append(rows=[run_opened(1, at=3.0)])
        opened = RunSummary(
            run=1,
            task="task 1",
            team="demo",
            place=CHANNEL,
            by="Alice",
            status="running",
            busy=True,
            result="",
            started_at=3.0,
            ended_at=None,
            calls=0,
            tokens=0,
            cost=Decimal(0),
        )
        assert await store.runs() == [opened]
        await store.append(rows=[RunClosed(run=1, status="finished", result="42", at=8.0)])
        assert await store.runs() == [replace(opened, status="finished", busy=False, result="42", ended_at=8.0)]

    async def test_the_first_end_of_a_run_counts(self, store: Store) -> None:
        await store.append(rows=[run_opened(1), RunClosed(run=1, status="cancelled", result="enough", at=8.0)])
        await store.append(rows=[RunClosed(run=1, status="finished", result="42", at=9.0)])
        (run,) = await store.runs()
        assert (run.status, run.result, run.ended_at) == ("cancelled", "enough", 8.0)

    async def test_runs_are_listed_newest_first_by_status_and_up_to_a_limit(self, store: Store) -> None:
        await store.append(rows=[run_opened(number) for number in (1, 2, 3, 4)])
        await store.append(rows=[RunClosed(run=2, status="failed", result="no", at=5.0)])
        assert [run.run for run in await store.runs()] == [4, 3, 2, 1]
        assert [run.run for run in await store.runs(limit=2)] == [4, 3]
        assert [run.run for run in await store.runs(status="running")] == [4, 3, 1]
        assert [run.run for run in await store.runs(status="failed")] == [2]

    async def test_a_run_is_busy_until_it_waits_for_people_or_ends(self, store: Store) -> None:
        await store.append(rows=[run_opened(number) for number in (3, 1, 2)])
        assert await store.busy_runs() == [1, 2, 3]
        await store.append(rows=[RunBusy(run=1, busy=False), RunClosed(run=2, status="finished", result="", at=5.0)])
        assert await store.busy_runs() == [3]
        assert {run.run: run.busy for run in await store.runs()} == {1: False, 2: False, 3: True}
        await store.append(rows=[RunBusy(run=1, busy=True)])
        assert await store.busy_runs() == [1, 3]

    async def test_money_is_summed_to_the_last_digit(self, store: Store) -> None:
        smallest = "0.000000000000037500001"
        await store.append(rows=[run_opened(1), *(booked(1, f"a{n}", smallest) for n in range(1000))])
        await store.append(rows=[booked(1, "large", "123456.7")])
        exact = Decimal("123456.700000000037500001000")
        assert [run.cost for run in await store.runs()] == [exact]
        assert [line.cost for line in await store.costs()] == [exact]

    async def test_costs_stand_by_run_agent_and_model(self, store: Store) -> None:
        usage = Usage(input=100, output=20, cached=40, reasoning=5)
        await store.append(rows=[run_opened(1), run_opened(2)])
        await store.append(rows=[booked(1, "a", "0.1", usage=usage), booked(1, "b", "0.2", usage=usage)])
        await store.append(rows=[booked(1, "c", "0.4", agent="bob"), booked(2, "a", "0.8")])
        lines = await store.costs()
        assert [(line.run, line.agent, line.cost) for line in lines] == [
            (2, "ada", Decimal("0.8")),
            (1, "ada", Decimal("0.3")),
            (1, "bob", Decimal("0.4")),
        ]
        assert lines[1] == CostLine(
            run=1, agent="ada", model="grok", calls=2, input=200, output=40, cached=80, cost=Decimal("0.3"), unknown=Decimal(0)
        )
        assert await store.costs(run=2) == lines[:1]
        assert [(run.calls, run.tokens) for run in await store.runs()] == [(1, 0), (3, 240)]

    async def test_costs_are_summed_by_what_calls_have_in_common(self, store: Store) -> None:
        elsewhere = Place(platform="fake", channel="random")
        bob = replace(run_opened(2), by="Bob", person="fake:u2", place=elsewhere)
        await store.append(rows=[replace(run_opened(1), person="fake:u1"), bob, replace(run_opened(3), person="fake:u1")])
        usage = Usage(input=100, output=20, cached=40)
        await store.append(
            rows=[
                replace(booked(1, "a", "0.1", usage=usage), at=0.0, served="grok-4.3"),
                replace(booked(2, "a", "0.4", agent="bob", usage=usage), at=86_399.0, served="grok-4.3"),
                replace(booked(3, "a", "0.2", usage=usage), at=86_400.0),
                replace(booked(3, "b", None, usage=usage), at=86_400.0, state="unknown", reserved=Decimal("0.05")),
            ]
        )

        async def names(by: CostBy, run: int | None = None) -> list[tuple[str, str]]:
            return [(line.name, str(line.cost)) for line in await store.spending(by, run)]

        assert await names("run") == [("3", "0.2"), ("2", "0.4"), ("1", "0.1")]
        assert await names("agent") == [("bob", "0.4"), ("ada", "0.3")]
        assert await names("channel") == [("fake:random", "0.4"), ("fake:general", "0.3")]
        assert await names("person") == [("Bob", "0.4"), ("Alice", "0.3")]
        assert await names("model") == [("grok-4.3", "0.5"), ("grok", "0.2")]
        assert await names("day") == [("1970-01-02", "0.2"), ("1970-01-01", "0.5")]
        assert await names("agent", 3) == [("ada", "0.2")]
        assert await names("call", 3) == [("3/b/1", "0"), ("3/a/1", "0.2")]
        assert [name for name, _ in await names("call")] == ["3/b/1", "3/a/1", "2/a/1", "1/a/1"]
        (unknown, *_) = await store.spending("run")
        assert (unknown.calls, unknown.input, unknown.unknown, unknown.complete) == (2, 200, Decimal("0.05"), True)

    async def test_a_day_is_one_of_a_time_zone_also_where_the_clock_is_put_back(self, store: Store) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        begins = datetime(2026, 10, 25, tzinfo=berlin).timestamp()
        ends = datetime(2026, 10, 26, tzinfo=berlin).timestamp()
        assert ends - begins == 25 * 3600
        moments = (begins - 1, begins, ends - 1, ends)
        calls = [replace(booked(1, f"a{n}", f"{10**n}"), at=at) for n, at in enumerate(moments)]
        await store.append(rows=[run_opened(1), *calls])
        assert [(line.name, line.cost) for line in await store.spending("day", zone=berlin)] == [
            ("2026-10-26", Decimal(1000)),
            ("2026-10-25", Decimal(110)),
            ("2026-10-24", Decimal(1)),
        ]

    async def test_an_attempt_moves_from_reserved_to_booked_or_unknown(self, store: Store) -> None:
        reserved = replace(booked(1, "a", None), state="reserved", reserved=Decimal("0.5"))
        await store.append(rows=[run_opened(1), reserved])
        assert [(line.cost, line.unknown) for line in await store.costs()] == [(Decimal(0), Decimal("0.5"))]
        await store.append(rows=[replace(reserved, state="unknown", reserved=None), replace(reserved, attempt=2)])
        assert [(line.calls, line.unknown) for line in await store.costs()] == [(2, Decimal("1.0"))]
        await store.append(rows=[replace(booked(1, "a", "0.2"), attempt=2)])
        assert [(line.cost, line.unknown) for line in await store.costs()] == [(Decimal("0.2"), Decimal("0.5"))]

    async def test_a_price_that_is_not_known_makes_the_sum_unknown_and_a_failed_call_does_not(self, store: Store) -> None:
        await store.append(
            rows=[run_opened(1), run_opened(2), booked(1, "a", "0.1"), booked(1, "b", None), booked(2, "a", "0.1")]
        )
        await store.append(rows=[replace(booked(2, "b", None), state="failed")])
        assert [(run.run, run.cost) for run in await store.runs()] == [(2, Decimal("0.1")), (1, None)]
        assert [(line.run, line.cost) for line in await store.costs()] == [(2, Decimal("0.1")), (1, None)]
