"""The few shapes of Slack's Block Kit that we use, cut to its limits. What they are given must be escaped already.

The source of the limits: Slack's reference of blocks, block elements and composition objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.slack.markdown import plain_text
from orchestrator_bridge.common.markdown import MessageLimits, split_text
from orchestrator_bridge.common.text import ELLIPSIS, shorten

Block = dict[str, Any]

SECTION, BUTTON, BLOCKS, ROW = 3000, 75, 50, 5
"""Characters of a section's text and of a button's label, blocks of a message, and buttons that read well in one row."""

OPTION, OPTIONS, PLACEHOLDER, TITLE, VALUE = 75, 100, 150, 24, 2000
"""Characters of an option, options of a list, characters of a placeholder, of a modal's title, and of a button's value."""

OVERFLOW = 5
"""Entries behind three dots."""


def fit(text: str, limit: int = SECTION) -> str:
    """Escaped text, cut where a block can hold no more of it."""
    return text if len(text) <= limit else split_text(text, MessageLimits(characters=limit - 1))[0] + ELLIPSIS


def label(text: str, limit: int) -> Block:
    """A `plain_text` object."""
    return {"type": "plain_text", "text": shorten(" ".join(plain_text(text).split()), limit) or "-", "emoji": False}


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": fit(text) or "-", "verbatim": True}}


def sections(text: str) -> list[Block]:
    """A text of any length as paragraphs."""
    return [section(part) for part in split_text(text, MessageLimits(characters=SECTION)) if part.strip()]


def small(text: str) -> Block:
    """A line in small grey letters."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": fit(text) or "-", "verbatim": True}]}


def header(text: str) -> Block:
    """A heading."""
    return {"type": "header", "text": label(text, PLACEHOLDER)}


def markdown_block(text: str) -> Block:
    """A model's Markdown, made safe before."""
    return {"type": "markdown", "text": text}


def button(text: str, action: str, value: str = "", style: str = "") -> Block:
    """A button. `style` is empty, `primary` or `danger`."""
    made: Block = {"type": "button", "action_id": action, "text": label(text, BUTTON)}
    return made | ({"value": value} if value else {}) | ({"style": style} if style else {})


def option(text: str, value: str, description: str = "") -> Block:
    """One entry of a list."""
    made: Block = {"text": label(text, OPTION), "value": value}
    return made | ({"description": label(description, OPTION)} if description else {})


def select(placeholder: str, action: str, options: Sequence[Block]) -> Block:
    """A list to choose from."""
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": label(placeholder, PLACEHOLDER),
        "options": list(options)[:OPTIONS],
    }


def overflow(action: str, options: Sequence[Block]) -> Block:
    """What is seldom wanted, behind three dots."""
    return {"type": "overflow", "action_id": action, "options": list(options)[:OVERFLOW]}


def channels(placeholder: str, action: str, chosen: str = "") -> Block:
    """A list of the channels that whoever looks at it is in, without direct messages."""
    made: Block = {"type": "conversations_select", "action_id": action, "placeholder": label(placeholder, PLACEHOLDER)}
    made["filter"] = {"include": ["public", "private"], "exclude_bot_users": True}
    return made | ({"initial_conversation": chosen} if chosen else {})


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def row(block_id: str, elements: Iterable[Block]) -> Block:
    """Controls side by side. `block_id` comes back with whatever is done to them."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def moment(at: float) -> str:
    """A time in the reader's own zone; a notification, which cannot do that, shows it in UTC."""
    try:
        shown = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "some day"
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}} ({{ago}})|{shown}>"
