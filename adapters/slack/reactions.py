"""Reactions to question cards as answers: an emoji that can only mean one option counts like a click on its button.

The event names only the message, so the card is read, and its own buttons say which question and options it has. That works after
a restart too, and a card that is closed has no buttons. A reaction that is removed withdraws its answer; for closed cards the
reactions of this process are remembered, so that the person learns that it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from adapters.slack.channels import SlackChannels
from adapters.slack.controls import card_options
from adapters.slack.history import SlackHistory
from adapters.slack.notices import HandlerResult, membership_text, private_notice
from adapters.slack.workspace import Membership, SlackUsers, Workspace
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import ControlAction, ControlUsed
from orchestrator_bridge.common.emoji import chosen_option, emoji_character, is_answer_emoji
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

REMEMBERED = 1000
"""Reactions whose question is remembered: a card that is closed no longer says which it was."""

Event = Mapping[str, Any]


class SlackReactionHandler:
    """Converts events of type `reaction_added` and `reaction_removed`."""

    def __init__(self, workspace: Workspace, users: SlackUsers, channels: SlackChannels, history: SlackHistory) -> None:
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._history = history
        self._answered: LruMap[tuple[str, str, str], int] = LruMap(REMEMBERED)

    async def handle(self, event: Event) -> HandlerResult | None:
        """The answer that a reaction gives or withdraws; None if it is none, or not one to a card."""
        item, user, emoji = event.get("item") or {}, str(event.get("user")), emoji_character(str(event.get("reaction")))
        is_ours = event.get("item_user") in (None, self._workspace.user) and user != self._workspace.user
        if not (is_ours and item.get("type") == "message" and is_answer_emoji(emoji)):
            return None
        channel, timestamp = str(item["channel"]), str(item["ts"])
        question, options = card_options(await self._card(channel, timestamp))
        if event.get("type") == "reaction_removed":
            question = question or self._answered.get((timestamp, user, emoji)) or 0
            return await self._used(event, channel, timestamp, question, "withdraw", emoji) if question else None
        choice = chosen_option(emoji, options)
        if choice is None:
            return None
        self._answered.put((timestamp, user, emoji), question)
        return await self._used(event, channel, timestamp, question, "option", choice)

    async def _card(self, channel: str, timestamp: str) -> Event:
        """The message with a reaction; empty if it is not ours, or cannot be read."""
        try:
            message = await self._history.message(channel, timestamp)
        except (NotSent, SendRejected) as error:
            _LOG.warning("a reaction cannot be read as an answer: %s", error)
            return {}
        return message if message.get("user") == self._workspace.user else {}

    async def _used(
        self, event: Event, channel: str, timestamp: str, question: int, press: ControlAction, value: str
    ) -> HandlerResult | None:
        user = str(event["user"])
        await self._users.load(user)
        if self._users.person(user).bot and not self._users.listed(user):
            return None
        if channel.startswith("D"):
            self._channels.remember_direct(channel, user)
        used = ControlUsed(
            place=self._channels.place(channel, timestamp),
            interaction=f"reaction/{timestamp}/{event['event_ts']}",
            question=question,
            press=press,
            author=self._users.author(user),
            at=float(event["event_ts"]),
            value=value,
        )
        membership = self._users.membership(user)
        return used if membership is Membership.MEMBER else private_notice(used, membership_text(membership))
