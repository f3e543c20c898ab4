"""Reading beside the writer, in the same process. What waits while others read is read next, as one group.

A hop to a connection's thread and back costs more than a short look-up, above all while the event loop is busy: the thread then
waits for its turn to run Python. So look-ups that wait at the same time share one hop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator_bridge.store.connection import SqliteConnection, connect, open_sqlite
from orchestrator_bridge.store.faults import to_store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")
GROUP = 16
"""At most this many look-ups share a hop: more would all go on at the same moment, and the event loop stand still meanwhile."""


class ReaderPool:
    """A few connections that only read, so that no look-up waits for a commit and a short one seldom for a long one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: list[SqliteConnection] = []
        self._idle: list[SqliteConnection] = []
        self._waiting: deque[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, path: Path, count: int) -> ReaderPool:
        """Readers of a file that is there.

        Raises:
            StoreError: the file cannot be opened.
        """
        readers = cls(path)
        try:
            for _ in range(count):
                readers._connections.append(await connect(path, partial(_open_reader, path)))
        except BaseException:
            await readers.close()
            raise
        readers._idle = list(readers._connections)
        return readers

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Everything committed before is seen.

        Raises:
            StoreError: the file cannot be read.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((look, done))
        if self._idle:
            task = asyncio.create_task(self._drain(self._idle.pop()), name="store reader")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await done

    async def close(self) -> None:
        """Read what waits, then close the connections. Harmless when done twice."""
        await asyncio.gather(*self._tasks)
        for connection in self._connections:
            await connection.close()

    async def _drain(self, connection: SqliteConnection) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            results = await self._run_group(connection, [look for look, _ in group])
            for (_, done), result in zip(group, results, strict=True):
                self._resolve(done, result)
        self._idle.append(connection)

    async def _run_group(
        self, connection: SqliteConnection, looks: Sequence[Callable[[sqlite3.Connection], Any]]
    ) -> Sequence[Any]:
        try:
            return await connection.run(partial(_run_queries, looks))
        except Exception as error:
            return [error] * len(looks)

    def _resolve(self, done: asyncio.Future[Any], result: Any) -> None:
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(to_store_error(result, self._path))
        else:
            done.set_result(result)


def _run_queries(looks: Sequence[Callable[[sqlite3.Connection], Any]], connection: sqlite3.Connection) -> Sequence[Any]:
    """What each finds, or why it does not."""
    return [_try_query(look, connection) for look in looks]


def _try_query(look: Callable[[sqlite3.Connection], Any], connection: sqlite3.Connection) -> Any:
    try:
        return look(connection)
    except Exception as error:
        return error


def _open_reader(path: Path) -> sqlite3.Connection:
    connection = open_sqlite(str(path))
    connection.execute("PRAGMA query_only = ON")
    return connection
