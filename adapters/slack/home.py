"""App Home: what waits for me, my runs, and a channel's models, as one page that Slack keeps for each person.

The channel that somebody has chosen there is remembered by Slack itself, in the page's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.slack.blocks import Block, button, channels, divider, header, row, section, sections, small
from adapters.slack.escape import escaped
from adapters.slack.phrases import in_slack
from adapters.slack.words import Address, table_blocks, word_message
from orchestrator_bridge.chat import PrivateReply, Table

MOST = 100
"""Blocks of a view."""

CARDS = 60
"""Blocks of it that open questions may take."""

CHANNEL = "home/channel"
"""The control by which somebody chooses whose models she wants to see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a page shows: the channel of its models, and whether that was chosen on it."""

    channel: str = ""
    chosen: bool = False


def home_view(
    reply: PrivateReply, address: Address, *, picks: bool, chosen: bool = False, said: PrivateReply | None = None
) -> Block:
    """The page. Each table of the word is a chapter, the last one about the models of a channel; an empty one says so.

    `picks`: models can be picked. `chosen`: somebody has chosen the channel. `said` is what became of what was last done here.
    """
    channel = reply.place.channel if reply.place is not None else ""
    *chapters, models = reply.tables or (Table(columns=(), rows=()),)
    blocks = [
        *_said(said, address),
        *sections(escaped(in_slack(reply.text))),
        row("home", [button("Give a task", "form/ask", "", "primary")]),
    ]
    for table in chapters:
        blocks += [divider(), *_chapter(table, address)]
    blocks += [divider(), *_chapter(models, address), row("home/models", _of_channel(channel, picks=picks))]
    blocks.append(small("Open this page again to see what is new."))
    shown = json.dumps(asdict(Shown(channel=channel, chosen=chosen)))
    return {"type": "home", "private_metadata": shown, "blocks": blocks[:MOST]}


def read_shown(view: Mapping[str, Any] | None) -> Shown:
    """What a page shows; nothing if it is not there, or is none of ours."""
    try:
        return Shown(**json.loads(str((view or {}).get("private_metadata") or "{}")))
    except (ValueError, TypeError):
        return Shown()


def shown_after(body: Mapping[str, Any]) -> Shown:
    """What a page shows after something was done on it: another channel if one was chosen, else the same as before."""
    chosen = next((str(one.get("selected_conversation") or "") for one in body["actions"] if one.get("action_id") == CHANNEL), "")
    return Shown(channel=chosen, chosen=True) if chosen else read_shown(body.get("view"))


def is_home(body: Mapping[str, Any]) -> bool:
    """Whether an interaction happened on the page itself."""
    return bool((body.get("view") or {}).get("type") == "home")


def _said(reply: PrivateReply | None, address: Address) -> list[Block]:
    if reply is None:
        return []
    return [*word_message(replace(reply, tables=()), address)["blocks"], divider()]


def _of_channel(channel: str, *, picks: bool) -> list[Block]:
    shown = channel if channel[:1] in ("C", "G") else ""
    pick = [button("Pick a model", "form/model")] if picks else []
    return [channels("Models of which channel?", CHANNEL, shown), *pick]


def _chapter(table: Table, address: Address) -> list[Block]:
    heading = [header(table.title)] if table.title else []
    untitled = Table(columns=table.columns, rows=table.rows, cards=table.cards)
    return [*heading, *(table_blocks(untitled, address, CARDS) if table.rows else [section("Nothing just now.")])]
