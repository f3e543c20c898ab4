"""Connections to the server: how they are opened and checked, and the pool of readers beside the writer."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from orchestrator_bridge.store.interface import Corrupted, StoreError
from orchestrator_bridge.store.postgres.address import EXAMPLE, DatabaseAddress
from orchestrator_bridge.store.postgres.errors import corrupted, to_store_error
from orchestrator_bridge.store.sql.statement import Cell

T = TypeVar("T")
Connection: TypeAlias = psycopg.AsyncConnection[DictRow]

MIN_SERVER = 15
"""The oldest major version that PostgreSQL maintains in November 2026 (postgresql.org/support/versioning)."""

POOL_TIMEOUT = 5.0
"""Seconds to wait for a connection to read with: because the server is away, or because long queries use all of them."""

_DEFAULTS = {
    "connect_timeout": 5,
    # A server or network that is gone is noticed within about 10 s, also while an answer is awaited (Linux: tcp_user_timeout).
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
"""Parameters of a connection that the URL does not set."""

_SERVER_SETTINGS = {
    # The server ends the session of a process whose machine is gone, and with it the lock of that process.
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    # Times and texts read the same whatever the server's defaults are.
    "timezone": "UTC",
    "client_min_messages": "warning",
}


def application_name(role: str) -> str:
    """The name of a connection in `pg_stat_activity`: role, machine and process. PostgreSQL keeps 63 bytes of it."""
    return f"townhall {role} {socket.gethostname()[:32]} {os.getpid()}"


def _parameters(address: DatabaseAddress, role: str) -> dict[str, Any]:
    try:
        given = conninfo_to_dict(address.url)
    except psycopg.ProgrammingError as error:
        found = str(error).strip()
        raise StoreError(f"TOWNHALL_DATABASE is not a valid URL ({found})", EXAMPLE, "Correct it in .env") from None
    return {**_DEFAULTS, "application_name": application_name(role), **{key: value for key, value in given.items() if value}}


async def connect(address: DatabaseAddress, role: str) -> Connection:
    """Open a connection on which transactions are begun and ended explicitly.

    Raises:
        WriteFailed: the server cannot be reached.
        StoreError: the URL is not valid, or the server is too old or has another encoding.
    """
    try:
        connection: Connection = await psycopg.AsyncConnection.connect(
            **_parameters(address, role), autocommit=True, row_factory=dict_row
        )
    except psycopg.Error as error:
        raise to_store_error(error, address.name) from error
    try:
        await configure(connection, address)
    except BaseException as error:
        await connection.close()
        if isinstance(error, psycopg.Error):
            raise to_store_error(error, address.name) from error
        raise
    return connection


async def configure(connection: Connection, address: DatabaseAddress) -> None:
    """Check the server, and set what does not depend on it.

    Raises:
        StoreError: the server is too old, or has another encoding.
    """
    version = connection.info.server_version // 10_000
    if version < MIN_SERVER:
        raise StoreError(
            f"{address.name} runs PostgreSQL {version}", f"PostgreSQL {MIN_SERVER} or newer", "Upgrade the server (pg_upgrade)"
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        fix = "CREATE DATABASE name OWNER user ENCODING 'UTF8' TEMPLATE template0"
        raise StoreError(f"{address.name} has the encoding {encoding}", "UTF8", fix)
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SERVER_SETTINGS.items())
    await connection.execute(f"SELECT {settings}")


def name_of(connection: Connection) -> str:
    """The URL of a connection without its password."""
    info = connection.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


def corrupted_content(connection: Connection, found: str) -> Corrupted:
    """The error of a database whose content cannot be decoded."""
    return corrupted(name_of(connection), found)


@lru_cache(maxsize=512)
def to_postgres(sql: str) -> bytes:
    """The SQL with `%s` in place of `?`; no statement has either in a literal. As bytes: psycopg's types want literal strings."""
    return sql.replace("?", "%s").encode()


def to_parameters(values: Sequence[Cell]) -> list[Cell]:
    """Values as PostgreSQL takes them: U+0000, which it stores in no text, becomes U+FFFD. (In JSON it is escaped anyway.)"""
    return [value.replace("\x00", "\ufffd") if isinstance(value, str) and "\x00" in value else value for value in values]


class PostgresReaders:
    """A few connections that only read, opened when they are needed."""

    def __init__(self, address: DatabaseAddress, pool: AsyncConnectionPool[Connection]) -> None:
        self._address = address
        self._pool = pool

    @classmethod
    async def open(cls, address: DatabaseAddress, count: int) -> PostgresReaders:
        """Open the pool.

        Raises:
            StoreError: the server cannot be reached.
        """

        async def prepare(connection: Connection) -> None:
            await configure(connection, address)
            await connection.execute("SET default_transaction_read_only = on")

        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            kwargs={**_parameters(address, "reader"), "autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=count,
            timeout=POOL_TIMEOUT,
            max_idle=60.0,
            configure=prepare,
            open=False,
        )
        # Opened once by hand, so that an error of the server reaches the caller: the pool would only time out.
        await (await connect(address, "reader")).close()
        await pool.open()
        return cls(address, pool)

    async def read(self, look: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a query. It sees everything that was committed before the call.

        Raises:
            StoreError: the database cannot be read.
        """
        try:
            return await self._read(look)
        except PoolTimeout as error:
            raise to_store_error(error, self._address.name) from error
        except psycopg.OperationalError:
            # A connection that the server has ended is noticed when it is used. The query changes nothing: it is run once more.
            try:
                await self._pool.check()
                return await self._read(look)
            except psycopg.Error as error:
                raise to_store_error(error, self._address.name) from error
        except psycopg.Error as error:
            raise to_store_error(error, self._address.name) from error

    async def _read(self, look: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._pool.connection() as connection:
            return await look(connection)

    async def close(self) -> None:
        """Close the connections. Harmless when called twice."""
        await self._pool.close()
