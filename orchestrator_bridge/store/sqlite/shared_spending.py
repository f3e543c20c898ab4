"""Spending that several processes share: what each has booked and reserved, in one small file beside the store.

`townhall ask` beside a running bot has a store of its own, but the budgets hold for both. Each process publishes its sums by day
and channel, and adds those of the others to its own. A check and the reservation that follows it are one transaction, so that two
processes cannot both take the last dollar: it ends with the step of the run, which has no `await` in between.

The calls are synchronous and take about 0.1 ms. The sums need not outlast a power failure: a process publishes its own anew when
it starts. The calls of `townhall ask` are kept here as well, so that the tables of costs have them when its own store is gone;
they are no part of the sums.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from orchestrator_bridge.common.private_files import create_private_file
from orchestrator_bridge.run.records import CallUsageRecorded, Record, RunOpened
from orchestrator_bridge.store.interface import CostBy, CostLine, Spending, StoreError, Viewer
from orchestrator_bridge.store.sql.usage import upsert_call
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.queries.runs import list_costs
from orchestrator_bridge.store.sqlite.queries.usage import list_spending

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

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
_CALLS_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run        INTEGER PRIMARY KEY,
    owner      TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    platform   TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    started_by TEXT    NOT NULL,
    person     TEXT    NOT NULL,
    UNIQUE (owner, number)
) STRICT;
CREATE TABLE IF NOT EXISTS calls (
    run       INTEGER NOT NULL,
    action    TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    agent     TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    reserved  TEXT,
    cost      TEXT,
    served    TEXT    NOT NULL,
    input     INTEGER NOT NULL,
    output    INTEGER NOT NULL,
    cached    INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    at        REAL    NOT NULL,
    began_at  REAL    NOT NULL,
    expected  INTEGER NOT NULL,
    cost_source TEXT  NOT NULL,
    PRIMARY KEY (run, action, attempt)
) STRICT;
"""
"""The columns that the tables of costs read, under the names that they have in a store."""

_OPEN_RUN = """
INSERT INTO runs (owner, number, platform, channel, started_by, person) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (owner, number) DO NOTHING
"""
_RUN = "SELECT run FROM runs WHERE owner = ? AND number = ?"
_HAS_CALLS = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'calls')"

_ASK: Mapping[CostBy, str] = MappingProxyType({"run": "ask {}", "call": "ask {}"})
"""Keys of costs that begin with the number of a run. Those here are other runs than those of the same numbers in the store."""


def spending_file(store: Path) -> Path:
    """File beside a store in which all processes on its budgets count together."""
    return store.with_name(f"{store.stem}-spending{store.suffix}")


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
            # In this mode a power failure may lose the newest rows, and damages none (sqlite.org/pragma.html#pragma_synchronous).
            self._connection.execute("PRAGMA synchronous = NORMAL")
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

    def record(self, rows: Iterable[Record]) -> None:
        """Do nothing: the store of this process has its calls."""

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


class AskSpending(SharedSpending):
    """The sums of a process with a store of its own, and its calls, for the tables of costs."""

    def __init__(self, file: Path, owner: str) -> None:
        super().__init__(file, owner)
        try:
            self._connection.executescript(_CALLS_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"{file} cannot be used ({error})", "a file for the costs of this run", f"Remove {file}") from error

    def record(self, rows: Iterable[Record]) -> None:
        """Store the runs and calls among the rows of a committed transaction."""
        try:
            for row in rows:
                if isinstance(row, RunOpened):
                    where = (row.place.platform, row.place.channel)
                    self._connection.execute(_OPEN_RUN, (self._owner, row.run, *where, row.by, row.person))
                elif isinstance(row, CallUsageRecorded):
                    ((run,),) = self._connection.execute(_RUN, (self._owner, row.run))
                    statement = upsert_call(replace(row, run=run))
                    self._connection.execute(statement.sql, statement.values)
        except (sqlite3.Error, ValueError):
            # The run has the call in its own store; it should not end for a line of a table.
            _LOG.exception("a call of this process is missing in the tables of costs")


class SpendingOfOthers:
    """The sums of the processes other than `owner`, and the calls of those that have stores of their own. It changes nothing."""

    def __init__(self, file: Path, owner: str) -> None:
        self._file = file
        self._owner = owner

    def others(self, day: str, channel: str) -> Decimal:
        """Sum of the other processes on a day: in a channel, or `EVERYWHERE`; 0 if there is no file."""
        return self._read(lambda connection: _sum(connection.execute(_OTHERS, (self._owner, day, channel))), Decimal(0))

    def publish(self, day: str, channel: str, booked: Decimal, reserved: Decimal) -> None:
        """Do nothing: only the process itself knows its sums."""

    def record(self, rows: Iterable[Record]) -> None:
        """Do nothing: only the process itself knows its calls."""

    async def spending(self, by: CostBy, zone: tzinfo = UTC, viewer: Viewer | None = None) -> list[Spending]:
        """Costs of runs that are not in the main store, as `Lookups.spending` has them. These are called `ask 1`, `ask 2`, ..."""
        lines = await self._read_calls(lambda connection: list_spending(connection, by, None, zone, viewer))
        label = _ASK.get(by, "{}")
        return [replace(line, key=label.format(line.key), name=label.format(line.name)) for line in lines]

    async def costs(self, viewer: Viewer | None = None) -> list[CostLine]:
        """Costs of the same runs by run, agent and model. They have the number 0, and their name in `origin`."""
        lines = await self._read_calls(lambda connection: list_costs(connection, None, viewer))
        return [replace(line, run=0, origin=f"ask {line.run}") for line in lines]

    async def _read_calls(self, look: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
        """Run a query in a thread. A file of an earlier release has no calls."""
        none: list[T] = []

        def query(connection: sqlite3.Connection) -> list[T]:
            (tables,) = connection.execute(_HAS_CALLS).fetchone()
            return look(connection) if tables == 2 else none

        return await asyncio.to_thread(self._read, query, none)

    def _read(self, look: Callable[[sqlite3.Connection], T], without_file: T) -> T:
        if not self._file.exists():
            return without_file
        try:
            with contextlib.closing(open_sqlite(f"{self._file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return look(connection)
        except sqlite3.Error as error:
            found = f"{self._file} cannot be read ({error})"
            raise StoreError(found, "the spending of all processes on this store's budgets", f"Remove {self._file}") from error


def _sum(rows: Iterable[tuple[str, str]]) -> Decimal:
    return sum((Decimal(amount) for row in rows for amount in row), Decimal(0))
