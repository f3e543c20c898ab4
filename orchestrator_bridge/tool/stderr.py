"""What tool servers write to their standard error, line by line into our log, whose formatter takes out secrets."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

from orchestrator_bridge.text import one_line

_LOG = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024
"""Bytes; a longer line is left out."""

DRAIN_TIMEOUT = 0.5
"""Seconds that the last words of a server are waited for: what it has started may hold its standard error open."""


class StderrLogger:
    """What a server writes to its standard error, which is `file`; each line is logged."""

    def __init__(self, server: str, file: TextIO, stream: asyncio.StreamReader) -> None:
        self.file = file
        self._last = ""
        self._task = asyncio.create_task(self._log_lines(server, stream), name=f"what {server} complains of")

    async def last_line(self) -> str:
        """The last line that came from a server which has ended, in at most 200 characters; empty if none did."""
        self.file.close()
        await asyncio.wait([self._task], timeout=DRAIN_TIMEOUT)
        return one_line(self._last, 200)

    async def close(self) -> None:
        """Listen no more."""
        self.file.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _log_lines(self, server: str, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                _LOG.info("%s: (a line of more than %d bytes)", server, LONGEST_LINE)
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._last = text or self._last
            _LOG.info("%s: %s", server, text)


@asynccontextmanager
async def capture_stderr(server: str) -> AsyncIterator[StderrLogger]:
    """A file to be given to a server's process as its standard error."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    complaints = StderrLogger(server, os.fdopen(writing, "w", encoding="utf-8"), stream)
    try:
        yield complaints
    finally:
        transport.close()
        await complaints.close()
