"""What stands in a channel's or a thread's recent history: our own messages by their markers, and what people said.

Slack's clock and ours may be minutes apart, and a time of ours says where to begin to look; so a good while before it is looked
at too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.message_parts import file_name, marker_key
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.outbound import OutboundPost, QuestionCard, RunCard

SEARCH_MARGIN = 3600.0
"""Seconds by which a search begins earlier than it has to."""

PAGE = 200
"""Messages that are asked for at once; Slack recommends no more."""


class SlackHistory:
    """Looks into histories."""

    def __init__(self, api: SlackApi, workspace: Workspace) -> None:
        self._api = api
        self._workspace = workspace

    async def find_sent(self, outbound: OutboundPost, channel: str) -> dict[str, str]:
        """The messages of a sending that arrived: the timestamp of each by its key.

        Raises:
            NotSent: Slack cannot be asked just now.
            SendRejected: the channel is gone, or not for us to read.
        """
        opens = isinstance(outbound.post, RunCard | QuestionCard)
        thread = None if opens else outbound.place.thread
        found: dict[str, str] = {}
        async for message in self.messages(channel, thread, max(0.0, outbound.since - SEARCH_MARGIN)):
            found |= self._keys(outbound, message)
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

    async def messages(self, channel: str, thread: str | None, oldest: float) -> AsyncIterator[Mapping[str, Any]]:
        """Messages from `oldest` on, of a thread or of the channel itself, as Slack orders them. All of them or an error.

        Raises:
            NotSent: Slack cannot be asked just now.
            SendRejected: the channel or the thread is gone, or not for us to read.
        """
        cursor = ""
        while True:
            page = await self._page(channel, thread, f"{oldest:.6f}", cursor)
            for message in page.get("messages") or ():
                yield message
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def _page(self, channel: str, thread: str | None, oldest: str, cursor: str) -> Mapping[str, Any]:
        wanted: dict[str, Any] = {"channel": channel, "oldest": oldest, "inclusive": True, "limit": PAGE}
        wanted |= {"include_all_metadata": True} | ({"cursor": cursor} if cursor else {})
        if thread is None:
            told = await self._api.read("conversations.history", lambda client: client.conversations_history(**wanted))
        else:
            told = await self._api.read("conversations.replies", lambda client: client.conversations_replies(ts=thread, **wanted))
        found: Mapping[str, Any] = told.data if isinstance(told.data, dict) else {}
        return found
