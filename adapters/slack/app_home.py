"""App Home: a person's questions and runs and the models of a channel, on one page that Slack stores for each person.

Slack itself stores the channel that a person has selected there, in the view's metadata. It stores a page until the page is
published anew, and reports only that a person has opened it. So the pages opened in this process are tracked, and published again
when a question on them changes; a page of an earlier process is published when it is opened again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.backfill import SlackBackfill
from adapters.slack.blocks import Block, button, channels, divider, header, row, section, sections, small
from adapters.slack.markdown import escape_mrkdwn, localise_commands
from adapters.slack.render import FindMessageUrl, render_private_reply, table_blocks
from adapters.slack.workspace import SlackUsers, direct_place
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent
from orchestrator_bridge.chat.outbound import PrivateReply, QuestionCard, Table
from orchestrator_bridge.common.lru_map import LruMap

MAX_BLOCKS = 100
"""Blocks of a view, Slack's limit."""

MAX_CARD_BLOCKS = 60
"""Blocks that open questions may take."""

CHANNEL_ACTION = "home/channel"
"""Action id of the select for the channel whose models are shown."""

REMEMBERED = 500
"""Pages that are tracked: those opened last."""

HOME_PREFIX = "home:"
"""Prefix of the ids of interactions that come from the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeState:
    """State of a page: the channel whose models it shows, and whether that was selected on it."""

    channel: str = ""
    chosen: bool = False


def home_view(
    reply: PrivateReply,
    find_url: FindMessageUrl,
    *,
    selectable: bool,
    channel_selected: bool = False,
    result: PrivateReply | None = None,
) -> Block:
    """The page. Each table of the reply is a section, the last one about the models of a channel; an empty table says so.

    `selectable`: models can be selected. `channel_selected`: the channel was selected on the page. `result` answers the last
    action on the page.
    """
    channel = reply.place.channel if reply.place is not None else ""
    *tables, models = reply.tables or (Table(columns=(), rows=()),)
    blocks = list[Block]()
    if result is not None:
        blocks += [*render_private_reply(replace(result, tables=()), find_url)["blocks"], divider()]
    blocks += [
        *sections(escape_mrkdwn(localise_commands(reply.text))),
        row("home", [button("Give a task", "form/ask", "", "primary")]),
    ]
    for table in tables:
        blocks += [divider(), *_section_blocks(table, find_url)]
    blocks += [divider(), *_section_blocks(models, find_url), row("home/models", _channel_blocks(channel, selectable=selectable))]
    blocks.append(small("Open this page again to refresh it."))
    state = json.dumps(asdict(HomeState(channel=channel, chosen=channel_selected)))
    return {"type": "home", "private_metadata": state, "blocks": blocks[:MAX_BLOCKS]}


def parse_home_state(view: Mapping[str, Any] | None) -> HomeState:
    """The state of a page; empty for a missing or foreign view."""
    try:
        return HomeState(**json.loads(str((view or {}).get("private_metadata") or "{}")))
    except (ValueError, TypeError):
        return HomeState()


def next_home_state(body: Mapping[str, Any]) -> HomeState:
    """The state of a page after an interaction: with another channel if one was selected, else unchanged."""
    for action in body["actions"]:
        channel = str(action.get("selected_conversation") or "")
        if action.get("action_id") == CHANNEL_ACTION and channel:
            return HomeState(channel=channel, chosen=True)
    return parse_home_state(body.get("view"))


def is_home(body: Mapping[str, Any]) -> bool:
    """True if an interaction happened on the page itself."""
    return bool((body.get("view") or {}).get("type") == "home")


def _channel_blocks(channel: str, *, selectable: bool) -> list[Block]:
    # The select offers channels only, so direct messages cannot be its initial value.
    initial = channel if channel[:1] in ("C", "G") else ""
    select_model = [button("Select a model", "form/model")] if selectable else []
    return [channels("Models of which channel?", CHANNEL_ACTION, initial), *select_model]


def _section_blocks(table: Table, find_url: FindMessageUrl) -> list[Block]:
    heading = [header(table.title)] if table.title else []
    if not table.rows:
        return [*heading, section("Nothing yet.")]
    return [*heading, *table_blocks(replace(table, title=""), find_url, MAX_CARD_BLOCKS)]


@dataclass(slots=True)
class _HomeTab:
    """A tracked page: its state, and the numbers of the questions on it."""

    state: HomeState
    questions: frozenset[int] = frozenset()
    reply: PrivateReply | None = None
    awaits_run: bool = False
    """A task was given on the page, whose run card is not posted yet."""


class HomeTabs:
    """The tracked pages. A page is published by the command `home`, whose reply is its content."""

    def __init__(self, api: SlackApi, users: SlackUsers, backfill: SlackBackfill) -> None:
        self._api = api
        self._users = users
        self._backfill = backfill
        self._tabs: LruMap[str, _HomeTab] = LruMap(REMEMBERED)
        self._published = count(1)

    async def command(self, user: str, interaction: str, state: HomeState) -> CommandReceived:
        """The command that publishes a person's page."""
        await self._users.load(user)
        return CommandReceived(
            place=direct_place(user),
            interaction=interaction,
            author=self._users.author(user),
            name="home",
            text="",
            at=self._api.now(),
            # Without a selection the bridge shows the channel of the person's newest run.
            options=(("channel", state.channel),) if state.chosen else (),
        )

    async def open(self, user: str, interaction: str, state: HomeState) -> None:
        """Track and publish a page. The page itself stores the selected channel."""
        self.opened(user, state)
        await self._backfill.deliver(await self.command(user, interaction, state))

    async def _publish(self, user: str, state: HomeState) -> None:
        await self.open(user, f"again:{self._api.now():.6f}:{next(self._published)}", state)

    def opened(self, user: str, state: HomeState) -> None:
        """Track a page that was opened or used."""
        tab = self._tabs.get(user) or _HomeTab(state)
        tab.state = state
        self._tabs.put(user, tab)

    def rendered(self, user: str, reply: PrivateReply) -> PrivateReply | None:
        """Record the content of a page that is published; returns the result of the last action, once."""
        tab = self._tabs.get(user)
        if tab is None:
            return None
        cards = (card for table in reply.tables for card in table.cards if card is not None)
        tab.questions = frozenset(card.question for card in cards)
        result, tab.reply = tab.reply, None
        return result

    async def show_reply(self, user: str, reply: PrivateReply) -> bool:
        """Show the result of an action on the page; False if the page is no longer tracked."""
        tab = self._tabs.get(user)
        if tab is None:
            return False
        tab.reply = reply
        await self._publish(user, tab.state)
        return True

    def task_given(self, user: str) -> None:
        """Record that a task was given on a page."""
        tab = self._tabs.get(user)
        if tab is not None:
            tab.awaits_run = True

    async def run_posted(self) -> None:
        """Publish the pages on which a task was given, since a run card was posted."""
        for user, tab in self._tabs.items():
            if tab.awaits_run:
                tab.awaits_run = False
                await self._publish(user, tab.state)

    async def question_changed(self, card: QuestionCard) -> None:
        """Publish the pages that show this question, and those of the people whom it asks while it is open."""
        asked = {person.id for person in card.mentions}
        for user, tab in self._tabs.items():
            if card.question in tab.questions or (card.closed is None and user in asked):
                await self._publish(user, tab.state)


def is_from_home(event: InboundEvent) -> bool:
    """True if an event comes from App Home."""
    return isinstance(event, ControlUsed | CommandReceived) and event.interaction.startswith(HOME_PREFIX)
