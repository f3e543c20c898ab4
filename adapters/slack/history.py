"""Channel and thread history: our messages by their markers, and people's messages.

The outbox asks for an earlier attempt before it repeats a doubtful post. Each message of ours carries the key of its outbox entry
in Slack's message metadata, which people do not see. Slack's clock and ours may differ by minutes, so a search begins well before
the time of the attempt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.message_parts import file_name, is_turn, marker_key
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.outbound import OutboundPost, QuestionCard, RunCard

SEARCH_MARGIN = 3600.0
"""Seconds by which a search begins earlier than the attempt."""

PAGE = 200
"""Messages of one request; Slack recommends no more."""


class SlackHistory:
    """Reader of histories."""

    def __init__(self, api: SlackApi, workspace: Workspace) -> None:
        self._api = api
        self._workspace = workspace

    async def find_sent(self, outbound: OutboundPost, channel: str) -> dict[str, str]:
        """The messages of a post that arrived: timestamps by key.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the channel was deleted, or the bot may not read it.
        """
        opens = isinstance(outbound.post, RunCard | QuestionCard) and not is_turn(outbound)
        thread = None if opens else outbound.place.thread
        found: dict[str, str] = {}
        async for message in self.messages(channel, thread, max(0.0, outbound.since - SEARCH_MARGIN)):
            found |= self._keys(outbound, message)
        # A run that was asked for in a thread has a second message there, which points to its card.
        if opens and found and outbound.place.thread:
            async for message in self.messages(channel, outbound.place.thread, max(0.0, outbound.since - SEARCH_MARGIN)):
                found |= self._keys(outbound, message)
        return found

    def _keys(self, outbound: OutboundPost, message: Mapping[str, Any]) -> dict[str, str]:
        if message.get("bot_id") != self._workspace.bot and message.get("user") != self._workspace.user:
            return {}
        key = marker_key(message)
        if key == outbound.key or key.startswith(f"{outbound.key}#"):
            return {key: str(message["ts"])}
        names = [str(file.get("name")) for file in message.get("files") or ()]
        return {f"{outbound.key}#file": str(message["ts"])} if file_name(outbound.post) in names else {}

    async def message(self, channel: str, timestamp: str) -> Mapping[str, Any]:
        """A message that stands in the channel itself, not in a thread; empty if there is none.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the channel was deleted, or the bot may not read it.
        """
        only: dict[str, Any] = {"channel": channel, "oldest": timestamp, "latest": timestamp, "inclusive": True, "limit": 1}
        response = await self._api.read("conversations.history", lambda client: client.conversations_history(**only))
        found: Mapping[str, Any] = next(iter(response["messages"] or ()), {})
        return found

    async def messages(
        self, channel: str, thread: str | None, oldest: float, latest: str = ""
    ) -> AsyncIterator[Mapping[str, Any]]:
        """All messages from `oldest` up to the timestamp `latest`, of a thread or of the channel, in Slack's order; or an error.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the channel or the thread was deleted, or the bot may not read it.
        """
        cursor = ""
        while True:
            page = await self._page(channel, thread, f"{oldest:.6f}", latest, cursor)
            for message in page.get("messages") or ():
                yield message
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def _page(self, channel: str, thread: str | None, oldest: str, latest: str, cursor: str) -> Mapping[str, Any]:
        query: dict[str, Any] = {"channel": channel, "oldest": oldest, "inclusive": True, "limit": PAGE}
        query |= {"include_all_metadata": True} | ({"latest": latest} if latest else {}) | ({"cursor": cursor} if cursor else {})
        if thread is None:
            response = await self._api.read("conversations.history", lambda client: client.conversations_history(**query))
        else:
            response = await self._api.read(
                "conversations.replies", lambda client: client.conversations_replies(ts=thread, **query)
            )
        page: Mapping[str, Any] = response.data if isinstance(response.data, dict) else {}
        return page
