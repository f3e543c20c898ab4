"""The sign by which people know an agent again: beside its words, on the run's card, with its questions."""

from __future__ import annotations

AGENT_EMOJI = (
    ":large_blue_circle:",
    ":large_orange_circle:",
    ":large_green_circle:",
    ":large_purple_circle:",
    ":large_brown_circle:",
    ":red_circle:",
)


def agent_emoji(name: str) -> str:
    """An agent's icon, the same each time."""
    return AGENT_EMOJI[sum(name.encode()) % len(AGENT_EMOJI)]
