"""App Home: what waits for me, my runs, and a channel's models, as one page that Slack keeps for each person.

The channel that somebody has chosen there is remembered by Slack itself, in the page's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.slack.blocks import Block, button, channels, divider, header, row, section, sections, small
from adapters.slack.escape import escape_mrkdwn
from adapters.slack.phrases import localise_commands
from adapters.slack.words import FindMessageUrl, render_private_reply, table_blocks
from orchestrator_bridge.chat import PrivateReply, Table

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
