"""What people type after `/cost`."""

from __future__ import annotations

import pytest

from bot.commands.costs import SpendingQuery, parse_spending_query
from bot.config.errors import ConfigError

WISHES = {
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


@pytest.mark.parametrize("text", WISHES)
def test_what_is_typed_is_understood(text: str) -> None:
    assert parse_spending_query(text) == WISHES[text]


@pytest.mark.parametrize("text", ["everything", "by", "3 4", "by cahnnel"])
def test_what_is_not_understood_is_told_with_what_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="call, agent, run, channel, person, day, model"):
        parse_spending_query(text)
