"""Reactions to question cards as answers: an emoji that can only mean one option counts like a click on its button.

The event names only the message, so the card is read, and its own buttons say which question and options it has. That works after
a restart too, and a card that is closed has no buttons.
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
from orchestrator_bridge.chat.inbound import ControlUsed
from orchestrator_bridge.common.emoji import chosen_option, emoji_character, is_answer_emoji

_LOG = logging.getLogger(__name__)

Event = Mapping[str, Any]


class SlackReactionHandler:
    """Converts events of type `reaction_added`."""

    def __init__(self, workspace: Workspace, users: SlackUsers, channels: SlackChannels, history: SlackHistory) -> None:
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._history = history

    async def handle(self, event: Event) -> HandlerResult | None:
        """The answer that a reaction gives; None if it is none, or not one to a card."""
        item, user, emoji = event.get("item") or {}, str(event.get("user")), emoji_character(str(event.get("reaction")))
        is_ours = event.get("item_user") in (None, self._workspace.user) and user != self._workspace.user
        if not (is_ours and item.get("type") == "message" and is_answer_emoji(emoji)):
            return None
        channel, timestamp = str(item["channel"]), str(item["ts"])
        question, options = card_options(await self._card(channel, timestamp))
        choice = chosen_option(emoji, options)
        return await self._answer(event, channel, timestamp, question, choice) if choice is not None else None

    async def _card(self, channel: str, timestamp: str) -> Event:
        """The message with a reaction; empty if it is not ours, or cannot be read."""
        try:
            message = await self._history.message(channel, timestamp)
        except (NotSent, SendRejected) as error:
            _LOG.warning("a reaction cannot be read as an answer: %s", error)
            return {}
        return message if message.get("user") == self._workspace.user else {}

    async def _answer(self, event: Event, channel: str, timestamp: str, question: int, choice: str) -> HandlerResult | None:
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
            press="option",
            author=self._users.author(user),
            at=float(event["event_ts"]),
            value=choice,
        )
        membership = self._users.membership(user)
        return used if membership is Membership.MEMBER else private_notice(used, membership_text(membership))
