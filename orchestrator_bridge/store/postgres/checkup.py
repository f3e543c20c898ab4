"""The check of a database by `townhall doctor`, and the processes that use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator_bridge.store.interface import StoreReport
from orchestrator_bridge.store.postgres.connection import PostgresReaders
from orchestrator_bridge.store.postgres.migrate import bundled_migrations, check_version
from orchestrator_bridge.store.postgres.ownership import holder_of
from orchestrator_bridge.store.postgres.queries import log, messages

if TYPE_CHECKING:
    from orchestrator_bridge.store.postgres.address import DatabaseAddress
    from orchestrator_bridge.store.postgres.connection import Connection


_COUNTS = """
SELECT pg_database_size(current_database()) AS size,
    (SELECT version FROM townhall_store) AS schema,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT count(*) FROM questions) AS questions,
    (SELECT count(*) FROM outbox WHERE state = 'unsent') AS unsent,
    (SELECT count(*) FROM outbox WHERE state = 'unsent' AND at < extract(epoch FROM now()) - 30) AS stuck
"""


async def check_database(address: DatabaseAddress) -> StoreReport:
    """Read every event of a database, and what a start reads. About 10 s for 1 GB.

    Raises:
        NotFound: it is empty.
        Corrupted: it is damaged, or has tables of another program.
        SchemaTooOld: an older release wrote it, and the bot was not started with this release yet.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """

    async def check(connection: Connection) -> StoreReport:
        await check_version(connection, bundled_migrations())
        await messages.check_messages(connection)
        counts = await (await connection.execute(_COUNTS)).fetchone()
        assert counts is not None
        return StoreReport(**counts, unreadable=await log.list_unreadable_logs(connection))

    readers = await PostgresReaders.open(address, 1)
    try:
        return await readers.read(check)
    finally:
        await readers.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class BotProcess:
    """A process of `townhall run` on a database. `active`: it owns the store; others are standbys. `since` is the begin of its
    connection in seconds since the epoch."""

    name: str
    role: Literal["active", "standby"]
    since: float


# The owner has a connection that writes, called `townhall bot HOST PID`; a standby has one called `townhall standby HOST PID`.
_PROCESSES = """
SELECT application_name AS name, extract(epoch FROM backend_start)::double precision AS since FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^townhall (bot|standby) ' ORDER BY backend_start
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """The processes on a database, the active one first, and the number of times that it changed hands, first start included."""

    processes: tuple[BotProcess, ...]
    owners: int


async def list_processes(address: DatabaseAddress) -> Processes:
    """List the bots on a database.

    Raises:
        StoreError: it cannot be read.
    """

    async def look(connection: Connection) -> Processes:
        await check_version(connection, bundled_migrations())
        holder = await holder_of(connection)
        rows = await (await connection.execute(_PROCESSES)).fetchall()
        found = [_process(row["name"], row["since"], holder) for row in rows]
        owners = await (await connection.execute("SELECT epoch FROM townhall_store")).fetchone()
        assert owners is not None
        return Processes(processes=tuple(sorted(found, key=lambda process: process.role)), owners=owners["epoch"])

    readers = await PostgresReaders.open(address, 1)
    try:
        return await readers.read(look)
    finally:
        await readers.close()


def _process(name: str, since: float, holder: str) -> BotProcess:
    place = " ".join(name.split()[2:])
    return BotProcess(name=place, role="active" if holder.startswith(name) else "standby", since=since)
