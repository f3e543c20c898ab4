"""PostgreSQL errors as `StoreError`, with what was found, what is expected and the fix."""

from __future__ import annotations

import psycopg
from psycopg import errors

from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.store.interface import Corrupted, InUse, SchemaTooNew, StoreError, WriteFailed

DATA_SAFE = "Acknowledged data is not lost"
_MAX_FOUND = 300
"""Characters of a server's message that are quoted."""
_RESTORE = "Stop the bot and restore a backup, or move to a healthy server"


def unreachable(name: str, found: str) -> WriteFailed:
    """The error of a server that cannot be reached, or that refuses the connection."""
    return WriteFailed(
        f"{name} cannot be reached ({found})",
        "a PostgreSQL server that accepts this user and has this database",
        "Start the server, or correct TOWNHALL_DATABASE. A new database: CREATE DATABASE name OWNER user. "
        f"The bot continues as soon as it can connect. {DATA_SAFE}",
    )


def disk_full(name: str, found: str) -> WriteFailed:
    """The error of a server whose disk is full."""
    fix = f"Free some space on the server. The bot continues as soon as the database can be written. {DATA_SAFE}"
    return WriteFailed(f"no space left on the disk of {name} ({found})", "free space for the database", fix)


def read_only(name: str, found: str) -> WriteFailed:
    """The error of a database that accepts no writes, such as a replica."""
    return WriteFailed(
        f"{name} is read-only ({found})",
        "a primary server, and a user whose transactions may write",
        f"Name the primary in TOWNHALL_DATABASE, or set default_transaction_read_only to off. {DATA_SAFE}",
    )


def not_permitted(name: str, found: str) -> WriteFailed:
    """The error of a user without the rights that the store needs."""
    return WriteFailed(
        f"{name}: this user lacks a right ({found})",
        "the owner of the database, or a user with CREATE on its schema and all rights on its tables",
        "ALTER DATABASE name OWNER TO user; or GRANT CREATE, USAGE ON SCHEMA public TO user",
    )


def corrupted(name: str, found: str) -> Corrupted:
    """The error of damaged content."""
    return Corrupted(f"{name} is damaged ({found})", "an intact database", _RESTORE)


def foreign_database(name: str, found: str) -> Corrupted:
    """The error of a database that is not ours."""
    return Corrupted(
        f"{name} is {found}",
        "an empty database, or one of Townhall",
        "Create a database for Townhall: CREATE DATABASE name OWNER user. Nothing in this one was changed",
    )


def schema_too_new(name: str, version: int, newest: int) -> SchemaTooNew:
    """The error of a database that a newer release wrote."""
    return SchemaTooNew(
        f"{name} has schema version {version}, written by a newer release of Townhall",
        f"version {newest} or older, which this release can read",
        "Use the newer release, or another database. Nothing in this one was changed",
    )


def late_confirmation(name: str, took: float, limit: float) -> WriteFailed:
    """The error of an answer that came too late to rely on. Times are in seconds."""
    return WriteFailed(
        f"{name} took {took:.1f} s to confirm that this process is the active one, or this process was suspended meanwhile",
        f"an answer within {limit:g} s",
        "If this is frequent, relieve the server, or move the bot closer to it. The post is tried again",
    )


def taken_over(name: str) -> InUse:
    """The error of a process that has lost the store to another one."""
    return InUse(
        f"{name} was taken over by another process while this one was not connected",
        "one active Townhall for each database",
        "This process stores nothing any more; `townhall run` starts it again and waits for its turn",
    )


_ERRORS = {
    errors.DiskFull: disk_full,
    errors.ReadOnlySqlTransaction: read_only,
    errors.InsufficientPrivilege: not_permitted,
    errors.DataCorrupted: corrupted,
    errors.IndexCorrupted: corrupted,
}


def to_store_error(error: Exception, name: str) -> Exception:
    """Translate an error of psycopg; any other error is returned unchanged."""
    if not isinstance(error, psycopg.Error):
        return error
    fault = _translate(error, name)
    fault.__cause__ = error
    return fault


def _translate(error: psycopg.Error, name: str) -> StoreError:
    found = one_line(str(error), _MAX_FOUND) or type(error).__name__
    for kind, fault in _ERRORS.items():
        if isinstance(error, kind):
            return fault(name, found)
    # Lost connections, a server that stops or has no free connection, lock and statement timeouts: all pass by waiting.
    if isinstance(error, psycopg.OperationalError):
        return unreachable(name, found)
    return StoreError(f"{name}: {found}", "a statement that PostgreSQL accepts", "This is a bug of Townhall. Please report it")
