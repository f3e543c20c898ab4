"""`townhall bench` measures something in every row. Whether a target is met is not judged here: tests time nothing."""

from __future__ import annotations

import json

import pytest

from bot.bench.figures import Figure, tail
from bot.bench.run import Sizes, bench
from tests.bot.conftest import Townhall

TINY = Sizes(overhead=1, at_once=1, reply=2, one_by_one=2, crowd=24, burst=5, idle=0.05)


async def test_every_row_gives_figures_with_their_targets_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    await bench(sizes=TINY, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert {figure["row"] for figure in found["figures"]} == {"overhead", "at-once", "reply", "ask", "asleep", "burst"}
    assert all(figure["ours"] >= 0 and figure["target"] > 0 and figure["samples"] > 0 for figure in found["figures"])
    assert all(figure["times"] > 0 for figure in found["figures"] if figure["bare"] is not None)
    assert found["machine"]["cores"] >= 1


async def test_people_get_a_table_that_says_what_was_met(capsys: pytest.CaptureFixture[str]) -> None:
    await bench(only=["overhead"], sizes=TINY)
    out = capsys.readouterr().out
    assert "a run of 8 agents, 17 calls" in out
    assert "2.5 x" in out
    assert "one durable commit takes" in out


def test_a_row_that_there_is_not_is_refused_with_those_that_there_are(townhall: Townhall) -> None:
    said = townhall("bench", "--only", "everything")
    assert said.code == 2
    assert "'overhead', 'at-once', 'reply', 'asleep'" in said.err


def test_a_multiple_of_the_floor_is_judged_as_such() -> None:
    figure = Figure(row="r", name="n", ours=20.0, bare=10.0, target=2.5, of_bare=True, unit="ms", samples=1)
    assert (figure.judged, figure.met) == (2.0, True)


def test_an_amount_is_judged_by_itself_whatever_its_floor() -> None:
    figure = Figure(row="r", name="n", ours=20.0, bare=10.0, target=2.5, unit="ms", samples=1)
    assert (figure.judged, figure.times, figure.met) == (20.0, 2.0, False)


def test_the_tail_of_a_few_values_is_the_largest() -> None:
    assert tail([3.0, 1.0, 2.0]) == 3.0
    assert tail([float(number) for number in range(1000)]) == 990.0
