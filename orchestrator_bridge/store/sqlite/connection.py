"""Connections to the file, and the pool of readers beside the writer.

A hop to a connection's thread and back costs more than a short query, above all while the event loop is busy: the thread then
waits for the interpreter lock. So queries that wait at the same time share one hop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from decimal import Context, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import aiosqlite

from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sqlite.errors import to_store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


T = TypeVar("T")
BUSY_TIMEOUT = 5.0
"""Seconds to wait for the lock of another program, such as an `sqlite3` shell."""


class SqliteConnection(aiosqlite.Connection):
    """An aiosqlite connection that runs a function on the plain connection in its thread.

    Each of aiosqlite's own methods costs a hop to the thread and back: a commit of four statements took 0.73 ms with them, and
    0.33 ms in one hop.
    """

    def __init__(self, path: Path, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._path = path
        # The process must be able to exit without closing its store: acknowledged writes are on disk.
        self._thread.daemon = True
        self._stopped: asyncio.Future[object] | None = None

    def stop(self) -> asyncio.Future[object] | None:
        """Ask the thread to end, and keep the future of its end: it reports to the event loop, which must not be closed
        before."""
        self._stopped = super().stop()
        return self._stopped

    async def wait_stopped(self) -> None:
        """Wait until the thread has ended, if it was asked to."""
        if self._stopped is not None:
            await self._stopped

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the thread and return its result.

        Raises:
            StoreError: SQLite or the operating system reports an error, or the store is closed.
        """
        if not self._running:
            raise StoreError(f"{self._path} is closed", "an open store", "Open it again")
        try:
            # aiosqlite does not annotate this method.
            result: T = await self._execute(partial(work, self._conn))  # type: ignore[no-untyped-call]
        except (sqlite3.Error, OSError) as error:
            raise to_store_error(error, self._path) from error
        return result


async def connect(path: Path, connector: Callable[[], sqlite3.Connection]) -> SqliteConnection:
    """Open a connection in a thread of its own.

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


class DollarsSum:
    """The SQL aggregate `dollars_sum(amount)` over amounts as text: exact, where `sum` would round to binary fractions. The empty
    sum is 0."""

    _EXACT = Context(prec=100)

    def __init__(self) -> None:
        self._sum = Decimal(0)

    def step(self, amount: str | None) -> None:
        """Add one row."""
        if amount is not None:
            self._sum = self._EXACT.add(self._sum, Decimal(amount))

    def finalize(self) -> str:
        """The sum as text."""
        return format(self._sum, "f")


def open_sqlite(name: str, *, uri: bool = False) -> sqlite3.Connection:
    """Open a plain connection with the settings of the store. Transactions are begun and ended explicitly.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    connection = sqlite3.connect(name, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=256, uri=uri)
    connection.row_factory = sqlite3.Row
    # typeshed allows integer aggregates only.
    connection.create_aggregate("dollars_sum", 1, DollarsSum)  # type: ignore[arg-type]
    for pragma in ("foreign_keys = ON", "trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class QueryExecutor(Protocol):
    """Runs queries: `ReaderPool` beside the writer, `readonly.ReadOnlyDatabase` beside another process."""

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection in another thread and return its result.

        Raises:
            StoreError: the file cannot be read.
        """
        ...

    async def close(self) -> None:
        """Close the file."""
        ...


MAX_GROUP = 16
"""Queries that share a hop at most. All of a group resume at the same moment; more of them would block the event loop."""


class ReaderPool:
    """A few read-only connections: no query waits for a commit, and a short one seldom for a long one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: list[SqliteConnection] = []
        self._idle: list[SqliteConnection] = []
        self._waiting: deque[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, path: Path, count: int) -> ReaderPool:
        """Open readers of an existing file.

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
        """Run a query. It sees everything that was committed before the call.

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
        """Run the waiting queries, then close the connections. Harmless when called twice."""
        await asyncio.gather(*self._tasks)
        for connection in self._connections:
            await connection.close()

    async def _drain(self, connection: SqliteConnection) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
            results = await self._run_group(connection, [look for look, _ in group])
            for (_, done), result in zip(group, results, strict=True):
                self._resolve(done, result)
        self._idle.append(connection)

    async def _run_group(
        self, connection: SqliteConnection, looks: Sequence[Callable[[sqlite3.Connection], Any]]
    ) -> Sequence[Any]:
        try:
            return await connection.run(lambda plain: [_try_query(look, plain) for look in looks])
        except Exception as error:
            return [error] * len(looks)

    def _resolve(self, done: asyncio.Future[Any], result: Any) -> None:
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(to_store_error(result, self._path))
        else:
            done.set_result(result)


def _try_query(look: Callable[[sqlite3.Connection], Any], connection: sqlite3.Connection) -> Any:
    try:
        return look(connection)
    except Exception as error:
        return error


def _open_reader(path: Path) -> sqlite3.Connection:
    connection = open_sqlite(str(path))
    connection.execute("PRAGMA query_only = ON")
    return connection
