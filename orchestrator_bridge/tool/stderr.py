"""What tool servers write to their standard error, line by line into our log, whose formatter takes out secrets."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

_LOG = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024
"""Bytes; a longer line is left out."""


@asynccontextmanager
async def errors_told(server: str) -> AsyncIterator[TextIO]:
    """A file to be given to a process; what is written to it is logged."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    telling = asyncio.create_task(_tell(server, stream), name=f"what {server} complains of")
    try:
        with os.fdopen(writing, "w", encoding="utf-8") as errlog:
            yield errlog
    finally:
        transport.close()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell(server: str, stream: asyncio.StreamReader) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            _LOG.info("%s: (a line of more than %d bytes)", server, LONGEST_LINE)
            continue
        if not line:
            return
        _LOG.info("%s: %s", server, line.decode("utf-8", "replace").rstrip())
