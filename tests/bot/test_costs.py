"""What people type after `/cost`."""

from __future__ import annotations

import pytest

from bot.costs import Wish, read_wish
from bot.trouble import Trouble

WISHES = {
    "": Wish(),
    "3": Wish(run=3),
    "#3": Wish(run=3),
    "by day": Wish(by="day"),
    "3 by call": Wish(run=3, by="call"),
    "model": Wish(by="model"),
    "3 by Agent": Wish(run=3, by="agent"),
    "run 3 by model": Wish(run=3, by="model"),
    "run": Wish(by="run"),
    "by run": Wish(by="run"),
}


@pytest.mark.parametrize("text", WISHES)
def test_what_is_typed_is_understood(text: str) -> None:
    assert read_wish(text) == WISHES[text]


@pytest.mark.parametrize("text", ["everything", "by", "3 4", "by cahnnel"])
def test_what_is_not_understood_is_told_with_what_is_expected(text: str) -> None:
    with pytest.raises(Trouble, match="call, agent, run, channel, person, day, model"):
        read_wish(text)
