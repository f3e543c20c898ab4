"""The Block Kit objects that we use, cut to Slack's limits. Their texts must be escaped already.

Source of the limits: Slack's reference of blocks, block elements and composition objects.
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
"""Limits: characters of a section's text and of a button's label, blocks of a message, and buttons that fit into one row on a
phone."""

OPTION, OPTIONS, PLACEHOLDER, TITLE, VALUE = 75, 100, 150, 24, 2000
"""Limits: characters of an option, options of a select, characters of a placeholder, a modal's title and a button's value."""

OVERFLOW = 5
"""Entries of an overflow menu."""


def fit(text: str, limit: int = SECTION) -> str:
    """Escaped text, cut to what a block can hold."""
    return text if len(text) <= limit else split_text(text, MessageLimits(characters=limit - 1))[0] + ELLIPSIS


def label(text: str, limit: int) -> Block:
    """A `plain_text` object."""
    return {"type": "plain_text", "text": shorten(" ".join(plain_text(text).split()), limit) or "-", "emoji": False}


def section(text: str) -> Block:
    """A paragraph."""
    # `verbatim` keeps Slack from turning names and addresses in the text into mentions and links.
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
    """A model's Markdown, which must be safe already."""
    return {"type": "markdown", "text": text}


def button(text: str, action: str, value: str = "", style: str = "") -> Block:
    """A button. `style` is empty, `primary` or `danger`."""
    block: Block = {"type": "button", "action_id": action, "text": label(text, BUTTON)}
    return block | ({"value": value} if value else {}) | ({"style": style} if style else {})


def option(text: str, value: str, description: str = "") -> Block:
    """One entry of a select."""
    block: Block = {"text": label(text, OPTION), "value": value}
    return block | ({"description": label(description, OPTION)} if description else {})


def select(placeholder: str, action: str, options: Sequence[Block]) -> Block:
    """A select menu."""
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": label(placeholder, PLACEHOLDER),
        "options": list(options)[:OPTIONS],
    }


def overflow(action: str, options: Sequence[Block]) -> Block:
    """A menu behind three dots, for rare actions."""
    return {"type": "overflow", "action_id": action, "options": list(options)[:OVERFLOW]}


def channels(placeholder: str, action: str, initial: str = "") -> Block:
    """A select of the channels that the viewer is in, without direct messages."""
    block: Block = {"type": "conversations_select", "action_id": action, "placeholder": label(placeholder, PLACEHOLDER)}
    block["filter"] = {"include": ["public", "private"], "exclude_bot_users": True}
    return block | ({"initial_conversation": initial} if initial else {})


def divider() -> Block:
    """A horizontal line."""
    return {"type": "divider"}


def row(block_id: str, elements: Iterable[Block]) -> Block:
    """Controls side by side. `block_id` comes back with each action on them."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def moment(at: float) -> str:
    """A time in the reader's time zone. Notifications, which cannot convert it, show it in UTC."""
    try:
        shown = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "an unknown time"
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}} ({{ago}})|{shown}>"
