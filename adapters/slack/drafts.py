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

from adapters.slack.api import Api
from adapters.slack.errors import Refused
from adapters.slack.escape import markdown
from adapters.slack.find import MARGIN, Finder
from adapters.slack.parts import marked
from adapters.slack.rooms import Rooms
from adapters.slack.split import messages
from adapters.slack.workspace import Workspace
from orchestrator_bridge.chat import NotSent, OutboundPost, SendRejected, SendUncertain, StreamingAnswer

_LOG = logging.getLogger(__name__)

_OVER = frozenset({"message_not_in_streaming_state", "message_not_found"})
"""Refusals that mean that nothing is streamed there any more."""


@dataclass(slots=True)
class _Stream:
    """One streamed message. `stamp` is empty while it has not begun; `over`: nothing more is added to it.

    `rests_until`: Slack has asked for a pause until then, by its clock.
    """

    channel: str
    stamp: str = ""
    shown: str = ""
    over: bool = False
    rests_until: float = 0.0


class Drafts:
    """The drafts of this life, by their runs."""

    def __init__(self, api: Api, workspace: Workspace, rooms: Rooms, finder: Finder) -> None:
        self._api = api
        self._workspace = workspace
        self._rooms = rooms
        self._finder = finder
        self._streams: dict[int, _Stream] = {}
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def show(self, answer: StreamingAnswer) -> None:
        """Show a draft, or more of it, as `SupportsStreaming.stream_answer` says."""
        async with self._turns[answer.run]:
            try:
                await (self._grow(answer, answer.text) if answer.text is not None else self._take_away(answer.run))
            except (NotSent, SendUncertain, SendRejected) as error:
                _LOG.info("the final text of run %s is not shown while it is written: %s", answer.run, error)

    async def _grow(self, answer: StreamingAnswer, text: str) -> None:
        stream = self._streams.get(answer.run)
        if stream is None:
            channel = await self._rooms.channel(answer.place)
            stream = self._streams.setdefault(answer.run, _Stream(channel))
        safe = beginning(text)
        if stream.over or len(safe) <= len(stream.shown) or not safe.startswith(stream.shown):
            return
        if self._api.now() >= stream.rests_until:
            await self._add(stream, answer, safe)

    async def _add(self, stream: _Stream, answer: StreamingAnswer, safe: str) -> None:
        """Bring more of a text. In doubt no more is added: the answer itself sets things right."""
        more = safe[len(stream.shown) :]
        try:
            if stream.stamp:
                await self._append(stream, more)
            else:
                stream.stamp = await self._start(stream, answer, more)
        except NotSent as error:
            stream.rests_until = self._api.now() + (error.retry_after or 1.0)
            raise
        except (SendUncertain, SendRejected):
            stream.over = True
            raise
        stream.shown = safe

    async def _start(self, stream: _Stream, answer: StreamingAnswer, text: str) -> str:
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

    async def _append(self, stream: _Stream, text: str) -> None:
        await self._api.write(
            "chat.appendStream",
            lambda client: client.chat_appendStream(channel=stream.channel, ts=stream.stamp, markdown_text=text),
        )

    async def _take_away(self, run: int) -> None:
        stream = self._streams.pop(run, None)
        if stream is not None and stream.stamp:
            await self.remove(stream.channel, stream.stamp)

    # The answer -----------------------------------------------------------------------------------------------------------

    async def left(self, outbound: OutboundPost, channel: str, run: int) -> list[str]:
        """The drafts of a run that stand in its thread, the one of this life first.

        Raises:
            NotSent: Slack cannot be asked just now.
        """
        async with self._turns[run]:
            stream = self._streams.get(run)
            if stream is not None:
                stream.over = True
            own = [stream.stamp] if stream is not None and stream.stamp else []
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
        async for message in self._finder.messages(channel, thread, max(0.0, float(thread) - MARGIN)):
            if self._is_draft(message) and message["ts"] != thread:
                yield str(message["ts"])

    def _is_draft(self, message: Mapping[str, Any]) -> bool:
        ours = message.get("bot_id") == self._workspace.bot or message.get("user") == self._workspace.user
        return ours and not marked(message) and not message.get("files")

    def done(self, run: int) -> None:
        """The answer stands."""
        self._streams.pop(run, None)
        self._turns.pop(run, None)

    async def stop(self, channel: str, stamp: str) -> None:
        """End a stream, so that its message can be edited. Raises as `Api.write` does."""
        try:
            await self._api.write("chat.stopStream", lambda client: client.chat_stopStream(channel=channel, ts=stamp))
        except Refused as error:
            if error.name not in _OVER:
                raise

    async def remove(self, channel: str, stamp: str) -> None:
        """Delete a draft; one that cannot be deleted is left. Raises `NotSent` or `SendUncertain` as `Api.write` does."""
        try:
            await self.stop(channel, stamp)
            await self._api.write("chat.delete", lambda client: client.chat_delete(channel=channel, ts=stamp))
        except Refused as error:
            if error.name != "message_not_found":
                _LOG.warning("a draft stays in channel %s: %s", channel, error)


def beginning(text: str) -> str:
    """As much of a text that is being written as will stay as it is, made safe: whole words, and code only when it is whole.

    At most what one message takes: the rest comes with the answer.
    """
    border = max(text.rfind(" "), text.rfind("\n")) + 1
    pieces = markdown(text[:border])
    if pieces and pieces[-1].code and markdown(f"{text[:border]}\n.")[-1].code:
        pieces = pieces[:-1]
    return next(iter(messages(pieces)), "")
