"""The thread in which a task was given.

Slack returns a thread from its beginning on, page by page (docs.slack.dev/reference/methods/conversations.replies), so it is read
from its first message to the one with the task, and the newest are kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.slack.channels import SlackChannels
from adapters.slack.content import mentioned_ids, message_files, shared_text, typed_text, unescape
from adapters.slack.history import SlackHistory
from adapters.slack.message_parts import is_card
from adapters.slack.workspace import SlackUsers, Workspace
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import ThreadPosition
from orchestrator_bridge.chat.thread_context import Speaker, ThreadMessage, ThreadPage

_TIMESTAMP = re.compile(r"\d{1,12}\.\d{1,6}")
_NO_MESSAGE = "there is no such message in this thread"

OWN_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
"""Subtypes of messages that somebody wrote. All others are Slack's: somebody joined, a huddle began."""


class SlackThreadReader:
    """Reader of threads, for one session."""

    def __init__(self, workspace: Workspace, users: SlackUsers, channels: SlackChannels, history: SlackHistory) -> None:
        self._workspace = workspace
        self._users = users
        self._channels = channels
        self._history = history

    async def read(self, thread: ThreadPosition, count: int, before: str) -> ThreadPage:
        """Read a page, as `SupportsThreadContext.read_context` specifies."""
        if before and not _TIMESTAMP.fullmatch(before):
            raise SendRejected(f"found: {before!r} as the timestamp of a message", _NO_MESSAGE)
        latest = min(filter(None, (thread.before, before)), key=float)
        channel = await self._channels.channel_id(thread.place)
        root: Mapping[str, Any] | None = None
        newest: deque[Mapping[str, Any]] = deque(maxlen=count)
        read = 0
        async for message in self._history.messages(channel, thread.place.thread, 0.0, latest):
            # Slack includes the bounds, and repeats the first message of the thread at its own discretion.
            if float(message["ts"]) >= float(latest) or not self._is_shown(message, thread):
                continue
            if message["ts"] == thread.place.thread:
                read += root is None
                root = message
            else:
                read += 1
                newest.append(message)
        is_whole = root is not None and len(newest) < count
        messages = [*([root] if root is not None and is_whole else []), *newest]
        first = None if is_whole else root
        await self._load_people([*messages, *([first] if first else [])])
        return ThreadPage(
            messages=tuple(map(self._to_message, messages)),
            left_out=read - len(messages) - (first is not None),
            first=self._to_message(first) if first is not None else None,
        )

    async def _load_people(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Look up the authors and the people whom they mention, all at once."""
        mentioned = (user for message in messages for user in mentioned_ids(_raw_text(message)))
        await self._users.load(*(str(message["user"]) for message in messages if message.get("user")), *mentioned)

    def _is_shown(self, message: Mapping[str, Any], thread: ThreadPosition) -> bool:
        """True for a message that agents may read: not for cards of ours, messages of Slack, and those without content."""
        if str(message.get("ts")) in thread.omitted or (message.get("subtype") or "") not in OWN_SUBTYPES:
            return False
        has_content = bool(_raw_text(message).strip() or message_files(message))
        return has_content and not (self._is_own(message) and is_card(message))

    def _is_own(self, message: Mapping[str, Any]) -> bool:
        return message.get("user") == self._workspace.user or (message.get("bot_id") or "-") == self._workspace.bot

    def _to_message(self, message: Mapping[str, Any]) -> ThreadMessage:
        user = str(message.get("user") or "")
        person = self._users.person(user)
        is_bot = bool(message.get("bot_id")) or not user or person.bot
        speaker: Speaker = "townhall" if self._is_own(message) else "bot" if is_bot else "person"
        shown = str(message.get("username") or (message.get("bot_profile") or {}).get("name") or "")
        return ThreadMessage(
            id=str(message["ts"]),
            author=(shown if is_bot else "") or (person.name if user else "an app"),
            speaker=speaker,
            at=float(message["ts"]),
            text=unescape(_raw_text(message), lambda mentioned: self._users.person(mentioned).name),
            attachments=message_files(message),
        )


def _raw_text(message: Mapping[str, Any]) -> str:
    return "\n\n".join(filter(None, (typed_text(message), shared_text(message))))
