"""Emoji that answer a question by themselves."""

from __future__ import annotations

import pytest

from orchestrator_bridge.common.emoji import chosen_option, emoji_character

CONFIRM, APPROVAL, CHOICE = ("yes", "no"), ("approve", "approve_tool", "deny"), ("pg", "lite", "none")


@pytest.mark.parametrize(
    ("emoji", "options", "choice"),
    [
        ("👍", CONFIRM, "yes"),
        ("👍🏽", CONFIRM, "yes"),
        ("✅", APPROVAL, "approve"),
        ("✔️", CONFIRM, "yes"),
        ("👎", CONFIRM, "no"),
        ("❌", APPROVAL, "deny"),
        ("1️⃣", CONFIRM, "yes"),
        ("2️⃣", CHOICE, "lite"),
        ("🔟", CHOICE, None),
        ("4️⃣", CHOICE, None),
        ("0️⃣", CHOICE, None),
        ("👍", CHOICE, None),
        ("🎉", CONFIRM, None),
        ("🚀", CONFIRM, None),
        ("👍", (), None),
        ("", CONFIRM, None),
    ],
)
def test_an_emoji_chooses_an_option_only_where_it_can_mean_nothing_else(
    emoji: str, options: tuple[str, ...], choice: str | None
) -> None:
    assert chosen_option(emoji, options) == choice


@pytest.mark.parametrize(
    ("name", "character"), [("+1::skin-tone-2", "👍"), ("white_check_mark", "✅"), ("two", "2"), ("tada", "")]
)
def test_an_emoji_is_known_by_its_short_name(name: str, character: str) -> None:
    assert emoji_character(name) == character
