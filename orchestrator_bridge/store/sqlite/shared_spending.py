"""Spending that several processes share: what each has booked and reserved, in one small file beside the store.

`townhall ask` beside a running bot has a store of its own, but the budgets hold for both. Each process publishes its sums by day
and channel, and adds those of the others to its own. A check and the reservation that follows it are one transaction, so that two
processes cannot both take the last dollar: it ends with the step of the run, which has no `await` in between.

The calls are synchronous and take about 0.1 ms. Nothing here must outlast a power failure: a process publishes its sums anew when
it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from orchestrator_bridge.common.private_files import create_private_file
from orchestrator_bridge.store.interface import StoreError

LOCK_TIMEOUT = 5.0
"""Seconds to wait for another process, which holds the file for one step of a run."""

KEPT_DAYS = 3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spending (
    owner   TEXT NOT NULL,
    day     TEXT NOT NULL,
    channel TEXT NOT NULL,
    booked  TEXT NOT NULL,
    reserved TEXT NOT NULL,
    PRIMARY KEY (owner, day, channel)
) STRICT, WITHOUT ROWID
"""
_PUBLISH = """
INSERT INTO spending (owner, day, channel, booked, reserved) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (owner, day, channel) DO UPDATE SET booked = excluded.booked, reserved = excluded.reserved
"""
_OTHERS = "SELECT booked, reserved FROM spending WHERE owner <> ? AND day = ? AND ? IN ('', channel)"
_FORGET = """
DELETE FROM spending WHERE owner = :owner OR day NOT IN (SELECT DISTINCT day FROM spending ORDER BY day DESC LIMIT :kept)
"""


class SharedSpending:
    """The sums of one process (`owner`) and of all others. Amounts are US dollars."""

    def __init__(self, file: Path, owner: str) -> None:
        """Open the file, and forget what an earlier process of this name has published.

        Raises:
            StoreError: the file cannot be opened.
        """
        self._owner = owner
        try:
            if not file.exists():
                create_private_file(file)
            self._connection = sqlite3.connect(file, timeout=LOCK_TIMEOUT, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_SCHEMA)
            self._connection.execute(_FORGET, {"owner": owner, "kept": KEPT_DAYS})
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{file} cannot be used ({error})", "a file for the shared budgets", f"Remove {file}") from error

    def others(self, day: str, channel: str) -> Decimal:
        """Sum of the other processes on a day: in a channel, or `EVERYWHERE`. Locks the file until the end of the step."""
        self._lock()
        return _sum(self._connection.execute(_OTHERS, (self._owner, day, channel)))

    def publish(self, day: str, channel: str, booked: Decimal, reserved: Decimal) -> None:
        """Publish the sums of this process."""
        self._connection.execute(_PUBLISH, (self._owner, day, channel, str(booked), str(reserved)))

    def close(self) -> None:
        """Close the file."""
        self._unlock()
        self._connection.close()

    def _lock(self) -> None:
        if self._connection.in_transaction:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        loop.call_soon(self._unlock)

    def _unlock(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")


class SpendingOfOthers:
    """The sums of the processes other than `owner`, read without a lock. It publishes nothing."""

    def __init__(self, file: Path, owner: str) -> None:
        self._file = file
        self._owner = owner

    def others(self, day: str, channel: str) -> Decimal:
        """Sum of the other processes on a day: in a channel, or `EVERYWHERE`; 0 if there is no file."""
        if not self._file.exists():
            return Decimal(0)
        with contextlib.closing(sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return _sum(connection.execute(_OTHERS, (self._owner, day, channel)))

    def publish(self, day: str, channel: str, booked: Decimal, reserved: Decimal) -> None:
        """Do nothing: only the process itself knows its sums."""


def _sum(rows: Iterable[tuple[str, str]]) -> Decimal:
    return sum((Decimal(amount) for row in rows for amount in row), Decimal(0))
