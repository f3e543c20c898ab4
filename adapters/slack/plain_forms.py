"""Simpler forms of a message whose layout Slack refuses: the same text in sections, then without blocks.

Slack expands a block of type `markdown` by rules of its own and then checks the result: more than 50 blocks is `invalid_blocks`,
and about 13,200 characters in all is `msg_blocks_too_long` (slackapi/bolt-js issue 2509). Whether a text is accepted is therefore
known only after it was refused. The reader of a simpler form learns that it is one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from adapters.slack.api import SlackRejected
from adapters.slack.blocks import Block, sections
from adapters.slack.render import SlackMessage
from orchestrator_bridge.common.markdown import MessageLimits, split_text

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

REFUSED_LAYOUTS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
"""Slack's errors for a message that another form of the same text may avoid."""

TEXT = 3_900
"""Characters of a message without blocks; Slack advises 4,000 (its reference of `chat.postMessage`)."""

_HINT = "_Slack did not accept the layout of this message, so it is shown as plain text._"


async def send_accepted_form(message: SlackMessage, send: Callable[[SlackMessage], Awaitable[T]]) -> T:
    """Send a message in the first form that Slack accepts. Raises as `send` does."""
    for form in (message, sections_form(message)):
        try:
            return await send(form)
        except SlackRejected as error:
            if error.name not in REFUSED_LAYOUTS:
                raise
            _LOG.warning("Slack refuses the layout of a message, a simpler one is sent: %s", error)
    return await send(text_form(message))


def sections_form(message: SlackMessage) -> SlackMessage:
    """The same text in a few sections, without controls."""
    return {**message, "blocks": sections(f"{message_text(message)}\n{_HINT}")[:45]}


def text_form(message: SlackMessage) -> SlackMessage:
    """The text without blocks, as much of it as fits."""
    first = split_text(message_text(message), MessageLimits(characters=TEXT - len(_HINT) - 1))[0]
    return {**{name: value for name, value in message.items() if name != "blocks"}, "text": f"{first}\n{_HINT}"}


def is_too_long(message: SlackMessage) -> bool:
    """True if the form without blocks would be cut."""
    return len(message_text(message)) > TEXT - len(_HINT) - 1


def message_text(message: SlackMessage) -> str:
    """All that a message says, one block below the other."""
    return "\n".join(text for block in message["blocks"] for text in _block_texts(block)) or str(message["text"])


def _block_texts(block: Block) -> Iterator[str]:
    match block:
        case {"type": "markdown" | "section" | "context" | "header"}:
            yield from _texts(block)
        case _:
            return


def _texts(part: Any) -> Iterator[str]:
    match part:
        case {"text": str(text)}:
            yield text
        case {"text": dict(inner)}:
            yield from _texts(inner)
        case {"elements": list(elements)}:
            for element in elements:
                yield from _texts(element)
        case _:
            return
