"""Tags of forum posts: they show the state of a run or question where the forum has tags for it, and satisfy a required tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import discord

from adapters.discord.permissions import missing_permissions
from orchestrator_bridge.chat.outbound import QuestionCard, RunCard

MAX_TAGS = 5
"""Tags of one post (docs.discord.com/developers/resources/channel#channel-object, `applied_tags`)."""


class CardState(StrEnum):
    """The state that a tag shows."""

    OPEN = "open"
    ANSWERED = "answered"
    FALLEN_BACK = "fallen back"


TAG_NAMES: Mapping[CardState, frozenset[str]] = {
    CardState.OPEN: frozenset({"open", "offen", "working", "in progress", "in arbeit"}),
    CardState.ANSWERED: frozenset({"answered", "solved", "resolved", "done", "finished", "beantwortet", "gelöst", "erledigt"}),
    CardState.FALLEN_BACK: frozenset({"fallen back", "unanswered", "no answer", "cancelled", "unbeantwortet", "abgebrochen"}),
}
"""Names of tags for each state; capital letters and emoji do not matter."""


def card_state(card: RunCard | QuestionCard) -> CardState:
    """The state that a card is in."""
    if not card.ended:
        return CardState.OPEN
    ending = card.status.startswith("finished") if isinstance(card, RunCard) else (card.closed or "").startswith("Answered")
    return CardState.ANSWERED if ending else CardState.FALLEN_BACK


def tags_of_post(
    forum: discord.ForumChannel, state: CardState, present: Sequence[discord.ForumTag] = ()
) -> list[discord.ForumTag]:
    """The tags of a post in a state, `present` ones that show no state included; where the forum requires one, its first."""
    kept = [tag for tag in present if _state_of(tag) is None]
    usable = _usable_tags(forum)
    tags = [*(tag for tag in usable if _state_of(tag) is state), *kept][:MAX_TAGS]
    if not tags and forum.flags.require_tag:
        return [*present[:1]] or usable[:1]
    return tags


def _usable_tags(forum: discord.ForumChannel) -> list[discord.ForumTag]:
    """The tags that the bot may apply: moderated ones need Manage Threads (the same page, Forum Tag Object)."""
    free = [tag for tag in forum.available_tags if not tag.moderated]
    if len(free) == len(forum.available_tags) or missing_permissions(forum.permissions_for(forum.guild.me), ("manage_threads",)):
        return free
    return list(forum.available_tags)


def _state_of(tag: discord.ForumTag) -> CardState | None:
    return next((state for state, names in TAG_NAMES.items() if tag.name.strip().casefold() in names), None)
