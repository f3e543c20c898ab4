"""Final texts while they are written: Slack's streamed messages (`chat.startStream`, `chat.appendStream`, `chat.stopStream`).

What is peculiar about them, by Slack's reference and its users' reports: only whoever the stream is for sees it grow smoothly,
others see its beginning until it ends; Slack ends one by itself after some minutes; and it takes no metadata while it runs, so it
bears no marker by which it could be found again. Therefore a stream is a draft and no more. The answer itself is an edit of that
message, with everything in it and with its marker. All other messages of ours bear a marker from the beginning, so a message of
ours without one in a run's thread is a draft that was left over, by a lost answer or an earlier process: the answer takes the
place of the first, and the others are deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

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
"""Refusals that mean that nothing is streamed there any more."""


@dataclass(slots=True)
class _SlackStream:
    """One streamed message. `ts` is empty while it has not begun; `finished`: nothing more is added to it.

    `paused_until`: Slack has asked for a pause until then, by its clock.
    """

    channel: str
    ts: str = ""
    shown: str = ""
    finished: bool = False
    paused_until: float = 0.0


class SlackStreams:
    """The drafts of this life, by their runs."""

    def __init__(self, api: SlackApi, workspace: Workspace, channels: SlackChannels, history: SlackHistory) -> None:
        self._api = api
        self._workspace = workspace
        self._channels = channels
        self._history = history
        self._streams: dict[int, _SlackStream] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def update(self, answer: StreamingAnswer) -> None:
        """Show a draft, or more of it, as `SupportsStreaming.stream_answer` says."""
        async with self._locks[answer.run]:
            try:
                await (self._extend(answer, answer.text) if answer.text is not None else self._discard(answer.run))
            except DeliveryError as error:
                _LOG.info("the final text of run %s is not shown while it is written: %s", answer.run, error)

    async def _extend(self, answer: StreamingAnswer, text: str) -> None:
        stream = self._streams.get(answer.run)
        if stream is None:
            channel = await self._channels.channel_id(answer.place)
            stream = self._streams.setdefault(answer.run, _SlackStream(channel))
        safe = stable_prefix(text)
        if stream.finished or len(safe) <= len(stream.shown) or not safe.startswith(stream.shown):
            return
        if self._api.now() >= stream.paused_until:
            await self._add(stream, answer, safe)

    async def _add(self, stream: _SlackStream, answer: StreamingAnswer, safe: str) -> None:
        """Bring more of a text. In doubt no more is added: the answer itself sets things right."""
        more = safe[len(stream.shown) :]
        try:
            if stream.ts:
                await self._append(stream, more)
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
        told = await self._api.write(
            "chat.startStream",
            lambda client: client.chat_startStream(
                channel=stream.channel,
                thread_ts=answer.place.thread or "",
                markdown_text=text,
                recipient_team_id=self._workspace.team,
                recipient_user_id=answer.to.id,
            ),
        )
        return str(told["ts"])

    async def _append(self, stream: _SlackStream, text: str) -> None:
        await self._api.write(
            "chat.appendStream",
            lambda client: client.chat_appendStream(channel=stream.channel, ts=stream.ts, markdown_text=text),
        )

    async def _discard(self, run: int) -> None:
        stream = self._streams.pop(run, None)
        if stream is not None and stream.ts:
            await self.remove(stream.channel, stream.ts)

    # The answer -----------------------------------------------------------------------------------------------------------

    async def existing_messages(self, outbound: OutboundPost, channel: str, run: int) -> list[str]:
        """The drafts of a run that stand in its thread, the one of this life first.

        Raises:
            NotSent: Slack cannot be asked just now.
        """
        async with self._locks[run]:
            stream = self._streams.get(run)
            if stream is not None:
                stream.finished = True
            own = [stream.ts] if stream is not None and stream.ts else []
            try:
                found = [stamp async for stamp in self._unmarked(outbound, channel)]
            except SendRejected as error:
                _LOG.warning("drafts of run %s may be left in its thread: %s", run, error)
                found = []
            return list(dict.fromkeys((*own, *found)))

    async def _unmarked(self, outbound: OutboundPost, channel: str) -> AsyncIterator[str]:
        thread = outbound.place.thread
        if thread is None:
            return
        async for message in self._history.messages(channel, thread, max(0.0, float(thread) - SEARCH_MARGIN)):
            if self._is_streamed(message) and message["ts"] != thread:
                yield str(message["ts"])

    def _is_streamed(self, message: Mapping[str, Any]) -> bool:
        ours = message.get("bot_id") == self._workspace.bot or message.get("user") == self._workspace.user
        return ours and not marker_key(message) and not message.get("files")

    def finish(self, run: int) -> None:
        """The answer stands."""
        self._streams.pop(run, None)
        self._locks.pop(run, None)

    async def stop(self, channel: str, stamp: str) -> None:
        """End a stream, so that its message can be edited. Raises as `SlackApi.write` does."""
        try:
            await self._api.write("chat.stopStream", lambda client: client.chat_stopStream(channel=channel, ts=stamp))
        except SlackRejected as error:
            if error.name not in _STREAM_ENDED:
                raise

    async def remove(self, channel: str, stamp: str) -> None:
        """Delete a draft; one that cannot be deleted is left. Raises `NotSent` or `SendUncertain` as `SlackApi.write` does."""
        try:
            await self.stop(channel, stamp)
            await self._api.write("chat.delete", lambda client: client.chat_delete(channel=channel, ts=stamp))
        except SlackRejected as error:
            if error.name != "message_not_found":
                _LOG.warning("a draft stays in channel %s: %s", channel, error)


def stable_prefix(text: str) -> str:
    """As much of a text that is being written as will stay as it is, made safe: whole words, and code only when it is whole.

    At most what one message takes: the rest comes with the answer.
    """
    border = max(text.rfind(" "), text.rfind("\n")) + 1
    pieces = safe_markdown(text[:border])
    if pieces and pieces[-1].code and safe_markdown(f"{text[:border]}\n.")[-1].code:
        pieces = pieces[:-1]
    return next(iter(split_messages(pieces)), "")
