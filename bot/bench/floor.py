"""The floor of waiting for people: a journal in a file and an event to wait on, with nothing between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

_INSERT = "INSERT INTO journal (body) VALUES (?)"
_BODY = "postgres please " * 16


class FileJournal:
    """Durable commits, as `sqlite3` and `aiosqlite` make them by themselves."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def resume_one(self) -> float:
        """A reply is stored, what follows from it is stored, and who waits goes on; in seconds."""
        before = time.perf_counter()
        for _ in range(2):
            await self._connection.execute(_INSERT, (_BODY,))
            await self._connection.commit()
        return await _wake_tasks(1) - before

    async def resume_all(self, count: int) -> float:
        """The same for many at once, all in one commit each; in seconds."""
        before = time.perf_counter()
        for _ in range(2):
            await self._connection.executemany(_INSERT, [(_BODY,)] * count)
            await self._connection.commit()
        return await _wake_tasks(count) - before


async def _wake_tasks(count: int) -> float:
    event = asyncio.Event()
    waiting = [asyncio.create_task(event.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    event.set()
    await asyncio.gather(*waiting)
    return time.perf_counter()


@asynccontextmanager
async def file_journal(file: Path) -> AsyncIterator[FileJournal]:
    """A new journal."""
    async with aiosqlite.connect(file) as connection:
        await connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE journal (turn INTEGER PRIMARY KEY, body TEXT) STRICT;"
        )
        yield FileJournal(connection)
