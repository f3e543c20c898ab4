"""Ownership of a database: one process at a time writes to it, and a process that has lost it never writes again.

The owner holds an advisory lock, and writes in the very session that holds it (postgresql.org/docs/current/explicit-locking.html,
"Advisory Locks"). So the lock needs no lease and no clock: while the session lives, nobody else can own the store; when it ends,
because the process was killed, its machine is gone or the server was restarted, the server releases the lock, and nothing can be
written in that session any more.

A process whose connection broke may connect again and continue, but only if nobody owned the store meanwhile: its memory would be
behind the log. Each owner raises the `epoch` of the store, so an epoch that has changed means that it was taken over.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import psycopg

from orchestrator_bridge.store.interface import InUse, StoreError, WriteFailed
from orchestrator_bridge.store.postgres.connection import application_name, connect
from orchestrator_bridge.store.postgres.errors import taken_over, to_store_error
from orchestrator_bridge.store.postgres.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator_bridge.store.postgres.address import DatabaseAddress
    from orchestrator_bridge.store.postgres.connection import Connection
    from orchestrator_bridge.store.sql.migrations import Migration


_LOG = logging.getLogger(__name__)

STANDBY_INTERVAL = 0.25
"""Seconds between two attempts of a standby to acquire the lock."""

HUNG_AFTER = 6.0
"""Seconds for which an owner may leave its session unused, by the server's clock. It uses it every second (`CHECK_INTERVAL`), so
this one hangs, is suspended, or is cut off in a way that neither side has noticed. A standby ends its session."""

_RECONNECT_ATTEMPTS = 20
"""Attempts to acquire the lock again after a broken connection: the server may not have noticed its end yet."""

# Two keys: "Town" in ASCII, and the schema, so that several bots can share a database by their search_path.
_KEYS = "1416587118, hashtext(current_schema())"
_ACQUIRE = f"SELECT pg_try_advisory_lock({_KEYS}) AS found, pg_backend_pid() AS pid"
# A session in the middle of a pipeline is active until its client ends the pipeline, also if the client is suspended: the server
# then waits for the client (postgresql.org/docs/current/monitoring-stats.html, "Wait Event Types").
_HOLDER = """
SELECT application_name, client_addr::text AS client, pid,
    CASE WHEN state <> 'active' OR wait_event_type = 'Client'
        THEN extract(epoch FROM clock_timestamp() - state_change) ELSE 0 END AS unused
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = 1416587118
    AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# A session of ours that the server still keeps open. Other sessions cannot have this process id and start.
_END_OLD_SESSION = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s"
_STARTED = "SELECT backend_start::text AS found FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_NEXT_EPOCH = "UPDATE townhall_store SET epoch = epoch + 1 RETURNING epoch"
_EPOCH = "SELECT epoch FROM townhall_store"


class Ownership:
    """The session that owns the store. `lost` is set once another process has taken it over. Create it with `acquire`."""

    def __init__(self, address: DatabaseAddress, connection: Connection, epoch: int, pid: int, started: str) -> None:
        self.lost = asyncio.Event()
        self.name = address.name
        self._address = address
        self._connection = connection
        self._epoch = epoch
        self.pid = pid
        self._started = started

    @classmethod
    async def acquire(
        cls, address: DatabaseAddress, migrations: Sequence[Migration], on_wait: Callable[[str], None] | None = None
    ) -> Ownership:
        """Acquire the lock and migrate the database. With `on_wait`, wait as a standby while another process has it; the function
        gets the name of that process.

        Raises:
            InUse: another process owns the store, and there is no `on_wait`.
            StoreError: the server cannot be reached, or the database cannot be used.
        """
        connection, pid = await (_lock_at_once(address) if on_wait is None else _wait_as_standby(address, on_wait))
        try:
            await _prepare_to_write(connection)
            await migrate(connection, migrations)
            epoch = await _fetch(connection, _NEXT_EPOCH, "epoch")
            await connection.execute("SELECT set_config('application_name', %s, false)", (application_name("bot"),))
            started = await _fetch(connection, _STARTED, "found")
        except BaseException as error:
            await connection.close()
            if isinstance(error, psycopg.Error):
                raise to_store_error(error, address.name) from error
            raise
        return cls(address, connection, epoch, pid, started)

    async def session(self) -> Connection:
        """The connection to write with. One that broke is opened again.

        Raises:
            InUse: another process has taken the store over.
            WriteFailed: the server cannot be reached.
        """
        if self.lost.is_set():
            raise taken_over(self._address.name)
        if self._connection.closed:
            await self._reconnect()
        return self._connection

    async def close(self) -> None:
        """End the session, which releases the lock. Harmless when called twice."""
        await self._connection.close()

    async def _reconnect(self) -> None:
        connection = await connect(self._address, "bot")
        try:
            await connection.execute(_END_OLD_SESSION, (self.pid, self._started))
            pid = await self._acquire_again(connection)
            await _prepare_to_write(connection)
            self._started = await _fetch(connection, _STARTED, "found")
        except BaseException:
            await connection.close()
            raise
        self.pid = pid
        self._connection = connection
        _LOG.warning("%s is connected again", self._address.name)

    async def _acquire_again(self, connection: Connection) -> int:
        for _ in range(_RECONNECT_ATTEMPTS):
            pid = await _try_lock(connection)
            if await _fetch(connection, _EPOCH, "epoch") != self._epoch:
                self.lost.set()
                raise taken_over(self._address.name)
            if pid is not None:
                return pid
            await asyncio.sleep(STANDBY_INTERVAL)
        raise await _in_use(connection, self._address)


async def _lock_at_once(address: DatabaseAddress) -> tuple[Connection, int]:
    """Connect and acquire the lock. Returns the connection with the process id of its session on the server.

    Raises:
        InUse: another process has it.
    """
    connection = await connect(address, "bot")
    try:
        pid = await _try_lock(connection)
        if pid is None:
            raise await _in_use(connection, address)
    except BaseException:
        await connection.close()
        raise
    return connection, pid


async def _wait_as_standby(address: DatabaseAddress, on_wait: Callable[[str], None]) -> tuple[Connection, int]:
    """As `_lock_at_once`, but wait while another process has the lock. A restart of the server is waited out."""
    connection, holder = await connect(address, "standby"), ""
    try:
        while True:
            try:
                pid = await _try_lock(connection)
                if pid is not None:
                    return connection, pid
                found = await holder_of(connection)
                if found and found != holder:
                    on_wait(found)
                    holder = found
                await _end_hung_session(connection)
            except psycopg.OperationalError as error:
                await connection.close()
                _LOG.warning("the standby is not connected: %s", to_store_error(error, address.name))
                connection = await _connect_again(address)
            await asyncio.sleep(STANDBY_INTERVAL)
    except BaseException:
        await connection.close()
        raise


async def _connect_again(address: DatabaseAddress) -> Connection:
    while True:
        try:
            return await connect(address, "standby")
        except WriteFailed:
            await asyncio.sleep(STANDBY_INTERVAL)


async def _end_hung_session(connection: Connection) -> None:
    """End the session of an owner that does not use it any more. Its process finds out before it can write again."""
    row = await (await connection.execute(_HOLDER)).fetchone()
    if row is not None and row["unused"] is not None and row["unused"] > HUNG_AFTER:
        _LOG.warning("%s has not used its connection for %.0f s; its session is ended", row["application_name"], row["unused"])
        await connection.execute("SELECT pg_terminate_backend(%s)", (row["pid"],))


async def _try_lock(connection: Connection) -> int | None:
    row = await (await connection.execute(_ACQUIRE.encode())).fetchone()
    assert row is not None
    return int(row["pid"]) if row["found"] else None


async def holder_of(connection: Connection) -> str:
    """The process that owns the store, as `townhall bot HOST PID`; empty if there is none."""
    row = await (await connection.execute(_HOLDER)).fetchone()
    if row is None:
        return ""
    client = f" ({row['client']})" if row["client"] else ""
    return f"{row['application_name'] or 'a process without a name'}{client}"


async def _in_use(connection: Connection, address: DatabaseAddress) -> StoreError:
    return InUse(
        f"{address.name} is in use by {await holder_of(connection) or 'another process'}",
        "one active Townhall for each database",
        "Stop that process first, or name another database in TOWNHALL_DATABASE. "
        "`townhall runs`, `questions`, `cost` and `export` work while it runs, and a second `townhall run` waits as a standby",
    )


async def _prepare_to_write(connection: Connection) -> None:
    """Let each commit wait for the disk, where the server's default is not to: acknowledged writes survive a power failure."""
    # After an error in a pipeline psycopg takes statements for prepared that the server never saw.
    connection.prepare_threshold = None
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )


async def _fetch(connection: Connection, sql: str, column: str) -> Any:
    row = await (await connection.execute(sql.encode())).fetchone()
    assert row is not None
    return row[column]
