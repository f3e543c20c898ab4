"""Reader of the thread in which a task was given: once at the start of a run, and when an agent asks for more of it.

Nothing here raises: a thread that cannot be read ends no run.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from orchestrator_bridge.chat.adapter import Adapter, NotSent, SendRejected, SupportsThreadContext
from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Attachment, Place, ThreadPosition
from orchestrator_bridge.chat.thread_context import (
    MESSAGE_LIMIT,
    READ_LIMIT,
    ThreadContext,
    ThreadMessage,
    ThreadPage,
    left_out_text,
    quotation,
    quote_message,
)
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.engine.attachments import AttachmentLoader
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.tool_policy import MAX_READ_MESSAGES

_LOG = logging.getLogger(__name__)

READ_WITHIN, RETRY_DELAY = 30.0, 1.0
"""Seconds within which a thread must be read, and between two tries while its platform cannot be reached."""

DEFAULT_COUNT = 20
"""Messages that an agent gets if it names no number."""

REASON_LIMIT = 200
"""Characters of the reason for which a thread could not be read."""


class ThreadReader:
    """Reads threads through the adapters of their platforms."""

    def __init__(self, clock: Clock, adapters: Mapping[str, Adapter], attachments: AttachmentLoader) -> None:
        self._clock = clock
        self._adapters = adapters
        self._attachments = attachments

    def readable(self, thread: ThreadPosition | None, place: Place) -> ThreadPosition | None:
        """The thread, if it can be read for a run in this place: what was said in one channel stays in it."""
        if thread is None or (thread.place.platform, thread.place.channel) != (place.platform, place.channel):
            return None
        return thread if isinstance(self._adapters.get(place.platform), SupportsThreadContext) else None

    async def read_context(self, state: RunState) -> inputs.ContextRead:
        """Read the thread of a run with its files, once for the whole run."""
        assert state.thread is not None
        try:
            page = await self._read(state.thread, state.team.context_messages)
            return inputs.ContextRead(context=await self._context(state, page))
        except (NotSent, SendRejected) as error:
            _LOG.warning("run %s: its thread could not be read: %s", state.run, error)
            reason = error.reason if isinstance(error, SendRejected) else "the platform cannot be reached"
        except Exception:
            _LOG.exception("run %s: its thread could not be read", state.run)
            reason = "an internal error, which the log file explains"
        return inputs.ContextRead(context=ThreadContext(trouble=one_line(reason, REASON_LIMIT).rstrip(".")))

    async def _context(self, state: RunState, page: ThreadPage) -> ThreadContext:
        """The messages as a run stores them. Files are loaded from the newest message on, as many as of one message."""
        messages = (page.first, *page.messages) if page.first else page.messages
        attached = [(message.id, attachment) for message in reversed(messages) for attachment in message.attachments]
        loaded = await self._attachments.load(state.place.platform, [attachment for _, attachment in attached], state.team)
        files: dict[str, tuple[AttachmentContent, ...]] = {}
        for (message, _), file in zip(attached, loaded, strict=True):
            files[message] = (*files.get(message, ()), file)
        quoted = [quote_message(message, MESSAGE_LIMIT, files.get(message.id, ())) for message in messages]
        first = quoted.pop(0) if page.first else None
        return ThreadContext(messages=tuple(quoted), left_out=page.left_out, first=first)

    async def _read(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        """Read a page. While the platform cannot be reached, try again for `READ_WITHIN`.

        Raises:
            NotSent: the platform could not be reached by then.
            SendRejected: the thread cannot be read.
        """
        adapter = self._adapters.get(thread.place.platform)
        if not isinstance(adapter, SupportsThreadContext):
            raise SendRejected("the adapter reads no threads", "this platform gives no access to it")
        until, limit = self._clock.now() + READ_WITHIN, asyncio.timeout(None)
        # An adapter may wait out a rate limit for as long as the platform says; the agents of the run do not.
        alarm = self._clock.call_at(until, lambda: limit.reschedule(0))
        try:
            async with limit:
                return await self._read_with_retry(adapter, thread, count, before, until)
        except TimeoutError:
            raise NotSent(f"no response within {READ_WITHIN:.0f} seconds") from None
        finally:
            alarm.cancel()

    async def _read_with_retry(
        self, adapter: SupportsThreadContext, thread: ThreadPosition, count: int, before: str, until: float
    ) -> ThreadPage:
        while True:
            try:
                return await adapter.read_context(thread, count, before)
            except NotSent as error:
                again = self._clock.now() + (error.retry_after or RETRY_DELAY)
                if again > until:
                    raise
                await sleep_until(self._clock, again)

    async def use(self, state: RunState, use: ToolUse) -> inputs.ToolFinished:
        """Carry out an agent's `read_thread`."""
        assert state.thread is not None
        arguments: dict[str, Any] = json.loads(use.arguments)
        before, count = arguments.get("before") or "", arguments.get("count", DEFAULT_COUNT)
        if not isinstance(before, str) or not isinstance(count, int) or not 1 <= count <= MAX_READ_MESSAGES:
            found = f"Not read: 'before' is the id of a message, and 'count' a number from 1 to {MAX_READ_MESSAGES}."
            return inputs.ToolFinished(action=use.use, end="failed", text=found)
        try:
            page = await self._read(state.thread, count, before or _oldest(state))
        except SendRejected as error:
            return inputs.ToolFinished(action=use.use, end="failed", text=f"The thread cannot be read: {error.reason}.")
        except NotSent:
            found = "The thread cannot be read now: the platform cannot be reached. Go on with what you have."
            return inputs.ToolFinished(action=use.use, end="failed", text=found)
        except Exception:
            _LOG.exception("run %s: its thread could not be read", state.run)
            return inputs.ToolFinished(action=use.use, end="failed", text="The thread cannot be read. Go on with what you have.")
        return inputs.ToolFinished(action=use.use, end="done", text=_page_text(page))


def _oldest(state: RunState) -> str:
    """The oldest message that the agents were shown, apart from the first of the thread."""
    return state.context.messages[0].id if state.context and state.context.messages else ""


def _page_text(page: ThreadPage) -> str:
    quoted = [_listed(message) for message in page.messages]
    if missing := left_out_text(page.left_out):
        quoted.insert(0, f"({missing})")
    return "\n".join(quoted) or "There are no earlier messages."


def _listed(message: ThreadMessage) -> str:
    """A message with its whole text, as far as `READ_LIMIT` goes, and the names of its files."""
    return quotation(quote_message(message, READ_LIMIT), [_named(file) for file in message.attachments])


def _named(file: Attachment) -> str:
    return f"(file: {one_line(file.name, 120)})"
