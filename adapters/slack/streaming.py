"""Final answers while they are written: Slack's streamed messages (`chat.startStream`, `chat.appendStream`, `chat.stopStream`).

By Slack's reference and reports of its users, only the recipient of a stream sees it grow smoothly, others see its beginning
until it ends; Slack ends a stream by itself after some minutes; and a running stream takes no metadata, so it has no marker by
which it could be found again. Therefore a stream is only a draft. The answer itself is an edit of the draft's message, with the
whole text and the marker. All other messages of ours have a marker from the beginning, so one without a marker in a run's thread
is a draft that a lost response or an earlier process left behind: the answer replaces the first of them, and the others are
deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from adapters.slack.api import SlackApi, SlackRejected
from adapters.slack.channels import SlackChannels
from adapters.slack.history import SEARCH_MARGIN, SlackHistory
from adapters.slack.markdown import safe_markdown, split_messages
from adapters.slack.message_parts import marker_key
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat.adapter import DeliveryError, NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import OutboundPost, StreamingAnswer

_LOG = logging.getLogger(__name__)

_STREAM_ENDED = frozenset({"message_not_in_streaming_state", "message_not_found"})
"""Errors that mean that nothing is streamed any more."""


@dataclass(slots=True)
class _SlackStream:
    """One streamed message. `ts` is empty before it has started; `finished`: nothing more is appended.

    `paused_until`: the end of a rate limit, by Slack's clock.
    """

    channel: str
    ts: str = ""
    shown: str = ""
    finished: bool = False
    paused_until: float = 0.0


class SlackStreams:
    """The drafts of this process, by run."""

    def __init__(self, api: SlackApi, workspace: Workspace, channels: SlackChannels, history: SlackHistory) -> None:
        self._api = api
        self._workspace = workspace
        self._channels = channels
        self._history = history
        self._streams: dict[int, _SlackStream] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def update(self, answer: StreamingAnswer) -> None:
        """Show a draft, or more of it, as `SupportsStreaming.stream_answer` specifies."""
        async with self._locks[answer.run]:
            try:
                await (self._extend(answer, answer.text) if answer.text is not None else self._discard(answer.run))
            except DeliveryError as error:
                _LOG.info("the final answer of run %s is not shown while it is written: %s", answer.run, error)

    async def _extend(self, answer: StreamingAnswer, text: str) -> None:
        stream = self._streams.get(answer.run)
        if stream is None:
            channel = await self._channels.channel_id(answer.place)
            stream = self._streams.setdefault(answer.run, _SlackStream(channel))
        safe = stable_prefix(text)
        # Slack can only append: a text whose beginning has changed is shown no further.
        if stream.finished or len(safe) <= len(stream.shown) or not safe.startswith(stream.shown):
            return
        if self._api.now() >= stream.paused_until:
            await self._add(stream, answer, safe)

    async def _add(self, stream: _SlackStream, answer: StreamingAnswer, safe: str) -> None:
        """Append to a draft. After an uncertain request nothing more is appended: the answer itself will be complete."""
        more = safe[len(stream.shown) :]
        try:
            if stream.ts:
                await self._api.write(
                    "chat.appendStream",
                    lambda client: client.chat_appendStream(channel=stream.channel, ts=stream.ts, markdown_text=more),
                )
            else:
                stream.ts = await self._start(stream, answer, more)
        except NotSent as error:
            stream.paused_until = self._api.now() + (error.retry_after or 1.0)
            raise
        except (SendUncertain, SendRejected):
            stream.finished = True
            raise
        stream.shown = safe

    async def _start(self, stream: _SlackStream, answer: StreamingAnswer, text: str) -> str:
        response = await self._api.write(
            "chat.startStream",
            lambda client: client.chat_startStream(
                channel=stream.channel,
                thread_ts=answer.place.thread or "",
                markdown_text=text,
                recipient_team_id=self._workspace.team,
                recipient_user_id=answer.to.id,
            ),
        )
        return str(response["ts"])

    async def _discard(self, run: int) -> None:
        stream = self._streams.pop(run, None)
        if stream is not None and stream.ts:
            await self.remove(stream.channel, stream.ts)

    async def existing_messages(self, outbound: OutboundPost, channel: str, run: int) -> list[str]:
        """The drafts of a run in its thread, that of this process first.

        Raises:
            NotSent: Slack cannot be reached now.
        """
        async with self._locks[run]:
            stream = self._streams.get(run)
            # From here on the stream takes no more text: the answer must be the last edit of its message.
            if stream is not None:
                stream.finished = True
            own = [stream.ts] if stream is not None and stream.ts else []
            try:
                found = [timestamp async for timestamp in self._unmarked(outbound, channel)]
            except SendRejected as error:
                _LOG.warning("drafts of run %s may be left in its thread: %s", run, error)
                found = []
            return list(dict.fromkeys((*own, *found)))

    async def _unmarked(self, outbound: OutboundPost, channel: str) -> AsyncIterator[str]:
        thread = outbound.place.thread
        if thread is None:
            return
        async for message in self._history.messages(channel, thread, max(0.0, float(thread) - SEARCH_MARGIN)):
            # Every message that we post has a marker or is a file; only a draft is ours and has neither.
            ours = message.get("bot_id") == self._workspace.bot or message.get("user") == self._workspace.user
            if ours and not marker_key(message) and not message.get("files") and message["ts"] != thread:
                yield str(message["ts"])

    def finish(self, run: int) -> None:
        """Forget a run's draft, since the answer is posted."""
        self._streams.pop(run, None)
        self._locks.pop(run, None)

    async def stop(self, channel: str, timestamp: str) -> None:
        """End a stream, so that its message can be edited. Raises as `SlackApi.write` does."""
        try:
            await self._api.write("chat.stopStream", lambda client: client.chat_stopStream(channel=channel, ts=timestamp))
        except SlackRejected as error:
            if error.name not in _STREAM_ENDED:
                raise

    async def remove(self, channel: str, timestamp: str) -> None:
        """Delete a draft; one that cannot be deleted remains. Raises `NotSent` or `SendUncertain` as `SlackApi.write` does."""
        try:
            await self.stop(channel, timestamp)
            await self._api.write("chat.delete", lambda client: client.chat_delete(channel=channel, ts=timestamp))
        except SlackRejected as error:
            if error.name != "message_not_found":
                _LOG.warning("a draft remains in channel %s: %s", channel, error)


def stable_prefix(text: str) -> str:
    """The part of an unfinished text that will not change, made safe: whole words, and code blocks only when complete.

    At most the text of one message: the rest is posted with the answer.
    """
    border = max(text.rfind(" "), text.rfind("\n")) + 1
    pieces = safe_markdown(text[:border])
    # If text after the end still counts as code, the last fence is open, and its code is not complete.
    if pieces and pieces[-1].code and safe_markdown(f"{text[:border]}\n.")[-1].code:
        pieces = pieces[:-1]
    return next(iter(split_messages(pieces)), "")
