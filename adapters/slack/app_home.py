"""App Home: what waits for me, my runs, and a channel's models, as one page that Slack keeps for each person.

The channel that somebody has chosen there is remembered by Slack itself, in the page's metadata.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.slack.blocks import Block, button, channels, divider, header, row, section, sections, small
from adapters.slack.markdown import escape_mrkdwn, localise_commands
from adapters.slack.render import FindMessageUrl, render_private_reply, table_blocks
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, InboundEvent
from orchestrator_bridge.chat.outbound import PrivateReply, QuestionCard, Table

MAX_BLOCKS = 100
"""Blocks of a view."""

MAX_CARD_BLOCKS = 60
"""Blocks of it that open questions may take."""

CHANNEL_ACTION = "home/channel"
"""The control by which somebody chooses whose models she wants to see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeState:
    """What a page shows: the channel of its models, and whether that was chosen on it."""

    channel: str = ""
    chosen: bool = False


def home_view(
    reply: PrivateReply, address: FindMessageUrl, *, picks: bool, chosen: bool = False, said: PrivateReply | None = None
) -> Block:
    """The page. Each table of the word is a chapter, the last one about the models of a channel; an empty one says so.

    `picks`: models can be picked. `chosen`: somebody has chosen the channel. `said` is what became of what was last done here.
    """
    channel = reply.place.channel if reply.place is not None else ""
    *chapters, models = reply.tables or (Table(columns=(), rows=()),)
    blocks = [
        *_reply_blocks(said, address),
        *sections(escape_mrkdwn(localise_commands(reply.text))),
        row("home", [button("Give a task", "form/ask", "", "primary")]),
    ]
    for table in chapters:
        blocks += [divider(), *_section_blocks(table, address)]
    blocks += [divider(), *_section_blocks(models, address), row("home/models", _channel_blocks(channel, picks=picks))]
    blocks.append(small("Open this page again to see what is new."))
    shown = json.dumps(asdict(HomeState(channel=channel, chosen=chosen)))
    return {"type": "home", "private_metadata": shown, "blocks": blocks[:MAX_BLOCKS]}


def parse_home_state(view: Mapping[str, Any] | None) -> HomeState:
    """What a page shows; nothing if it is not there, or is none of ours."""
    try:
        return HomeState(**json.loads(str((view or {}).get("private_metadata") or "{}")))
    except (ValueError, TypeError):
        return HomeState()


def next_home_state(body: Mapping[str, Any]) -> HomeState:
    """What a page shows after something was done on it: another channel if one was chosen, else the same as before."""
    chosen = next(
        (str(one.get("selected_conversation") or "") for one in body["actions"] if one.get("action_id") == CHANNEL_ACTION), ""
    )
    return HomeState(channel=chosen, chosen=True) if chosen else parse_home_state(body.get("view"))


def is_home(body: Mapping[str, Any]) -> bool:
    """Whether an interaction happened on the page itself."""
    return bool((body.get("view") or {}).get("type") == "home")


def _reply_blocks(reply: PrivateReply | None, address: FindMessageUrl) -> list[Block]:
    if reply is None:
        return []
    return [*render_private_reply(replace(reply, tables=()), address)["blocks"], divider()]


def _channel_blocks(channel: str, *, picks: bool) -> list[Block]:
    shown = channel if channel[:1] in ("C", "G") else ""
    pick = [button("Pick a model", "form/model")] if picks else []
    return [channels("Models of which channel?", CHANNEL_ACTION, shown), *pick]


def _section_blocks(table: Table, address: FindMessageUrl) -> list[Block]:
    heading = [header(table.title)] if table.title else []
    untitled = Table(columns=table.columns, rows=table.rows, cards=table.cards)
    return [*heading, *(table_blocks(untitled, address, MAX_CARD_BLOCKS) if table.rows else [section("Nothing just now.")])]


# Who looks at App Home, so that the page follows what is done on it and what becomes of the questions that it shows.
#
# Slack keeps a page until it is drawn anew, and says only that somebody has opened it. What is kept here is kept for this life
# of
# the bot; a page of an earlier one is drawn when it is opened again.


REMEMBERED = 500
"""People whose pages are followed, those who looked last."""

HOME_PREFIX = "home:"
"""What the interactions begin with that come from the page."""


@dataclass(slots=True)
class _HomeTab:
    """Somebody's page: what it shows, and the numbers of the questions on it."""

    state: HomeState
    questions: frozenset[int] = frozenset()
    reply: PrivateReply | None = None
    awaits_run: bool = False
    """A task was given on it, whose run is still to be seen."""


class HomeTabs:
    """The pages that are looked at. `draw(user, shown)` has one drawn anew."""

    def __init__(self, publish: Callable[[str, HomeState], Awaitable[None]]) -> None:
        self._publish = publish
        self._tabs: OrderedDict[str, _HomeTab] = OrderedDict()

    def opened(self, user: str, shown: HomeState) -> None:
        """Somebody looks at her page, or does something on it."""
        page = self._tabs.setdefault(user, _HomeTab(shown))
        page.state = shown
        self._tabs.move_to_end(user)
        if len(self._tabs) > REMEMBERED:
            self._tabs.popitem(last=False)

    def rendered(self, user: str, reply: PrivateReply) -> PrivateReply | None:
        """Somebody's page is drawn with this; what became of what she did last is told with it, once."""
        page = self._tabs.get(user)
        if page is None:
            return None
        cards = (card for table in reply.tables for card in table.cards if card is not None)
        page.questions = frozenset(card.question for card in cards)
        said, page.reply = page.reply, None
        return said

    async def show_reply(self, user: str, reply: PrivateReply) -> bool:
        """What became of something that was done on a page: it is said there. False: nobody looks at it any more."""
        page = self._tabs.get(user)
        if page is None:
            return False
        page.reply = reply
        await self._publish(user, page.state)
        return True

    def task_given(self, user: str) -> None:
        """Somebody gives a task on her page."""
        if user in self._tabs:
            self._tabs[user].awaits_run = True

    async def run_posted(self) -> None:
        """A run's card was posted: the pages on which a task was given follow."""
        for user, page in list(self._tabs.items()):
            if page.awaits_run:
                page.awaits_run = False
                await self._publish(user, page.state)

    async def question_changed(self, card: QuestionCard) -> None:
        """A question was posted, has changed, or has ended: the pages of those whom it asks, and those that show it, follow."""
        asked = {one.id for one in card.mentions}
        for user, page in list(self._tabs.items()):
            if card.question in page.questions or (card.closed is None and user in asked):
                await self._publish(user, page.state)


def is_from_home(event: InboundEvent) -> bool:
    """Whether something was done on App Home."""
    return isinstance(event, ControlUsed | CommandReceived) and event.interaction.startswith(HOME_PREFIX)
