"""Reading beside the writer, in the same process. What waits while others read is read next, as one group.

A hop to a connection's thread and back costs more than a short look-up, above all while the event loop is busy: the thread then
waits for its turn to run Python. So look-ups that wait at the same time share one hop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import aiosqlite

from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sqlite.codec import DollarsSum
from orchestrator_bridge.store.sqlite.errors import to_store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


T = TypeVar("T")
BUSY_TIMEOUT = 5.0
"""Seconds to wait for another program's lock inside the file, such as that of an `sqlite3` shell."""


class SqliteConnection(aiosqlite.Connection):
    """An aiosqlite connection that runs a function over the plain connection in its thread.

    aiosqlite's own methods cost a hop to the thread and back each; a commit of four statements took 0.73 ms that way, and 0.33 ms
    in one hop.
    """

    def __init__(self, path: Path, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._path = path
        # A process that ends without closing its store must end all the same: what was acknowledged is on disk.
        self._thread.daemon = True
        self._stopped: asyncio.Future[object] | None = None

    def stop(self) -> asyncio.Future[object] | None:
        """Let the thread end, and remember when it has: it reports to the event loop, which must be there still."""
        self._stopped = super().stop()
        return self._stopped

    async def wait_stopped(self) -> None:
        """Wait for the thread's end, once it was stopped."""
        if self._stopped is not None:
            await self._stopped

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`.

        Raises:
            StoreError: the file does not bear it, or the store is closed.
        """
        if not self._running:
            raise StoreError(f"{self._path} is closed", "an open store", "Open it again")
        try:
            # aiosqlite does not annotate this one.
            result: T = await self._execute(partial(work, self._conn))  # type: ignore[no-untyped-call]
        except (sqlite3.Error, OSError) as error:
            raise to_store_error(error, self._path) from error
        return result


async def connect(path: Path, connector: Callable[[], sqlite3.Connection]) -> SqliteConnection:
    """A connection that `connector` makes in its thread.

    Raises:
        StoreError: the file cannot be opened.
    """
    connection = SqliteConnection(path, connector)
    try:
        _ = await connection
    except (sqlite3.Error, OSError) as error:
        raise to_store_error(error, path) from error
    finally:
        await connection.wait_stopped()
    return connection


def open_sqlite(name: str, *, uri: bool = False) -> sqlite3.Connection:
    """A connection as every part of the store wants it. Transactions are begun and ended by hand.

    Raises:
        sqlite3.Error: there is no opening this file.
    """
    connection = sqlite3.connect(name, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=256, uri=uri)
    connection.row_factory = sqlite3.Row
    # typeshed knows aggregates over integers only.
    connection.create_aggregate("dollars_sum", 1, DollarsSum)  # type: ignore[arg-type]
    for pragma in ("foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class QueryExecutor(Protocol):
    """Where look-ups are read from."""

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `look`, run over a connection in another thread.

        Raises:
            StoreError: the file cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of the file."""
        ...


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
