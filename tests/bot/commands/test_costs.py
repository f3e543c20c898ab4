"""Arguments of `/cost`."""

from __future__ import annotations

import pytest

from bot.commands.costs import SpendingQuery, parse_spending_query
from bot.config.errors import ConfigError

QUERIES = {
    "": SpendingQuery(),
    "3": SpendingQuery(run=3),
    "#3": SpendingQuery(run=3),
    "by day": SpendingQuery(by="day"),
    "3 by call": SpendingQuery(run=3, by="call"),
    "model": SpendingQuery(by="model"),
    "3 by Agent": SpendingQuery(run=3, by="agent"),
    "run 3 by model": SpendingQuery(run=3, by="model"),
    "run": SpendingQuery(by="run"),
    "by run": SpendingQuery(by="run"),
}


@pytest.mark.parametrize("text", QUERIES)
def test_a_cost_query_is_parsed(text: str) -> None:
    assert parse_spending_query(text) == QUERIES[text]


@pytest.mark.parametrize("text", ["everything", "by", "3 4", "by cahnnel"])
def test_an_unknown_cost_query_is_refused_with_the_groupings(text: str) -> None:
    with pytest.raises(ConfigError, match="call, agent, run, channel, person, day, model"):
        parse_spending_query(text)
