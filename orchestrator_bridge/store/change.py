"""What a transaction is made of, before it meets a database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import Stale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cell = str | int | float | bytes | None

_MEND = "Fold the log again and decide anew"
_TAKEN = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One statement. `missed` and `taken` are what a `Stale` says if it touches or finds no row, or meets a row with its key."""

    sql: str
    values: Sequence[Cell] | Mapping[str, Cell]
    missed: str = ""
    taken: str = ""


def carry_out(cursor: sqlite3.Cursor, changes: Sequence[Change]) -> int:
    """Make changes, in order; the number of rows that the last one touched.

    Raises:
        Stale: a change needed a row that is not so any more, or met one with its key.
        sqlite3.Error: SQLite does not take a change.
    """
    for change in changes:
        try:
            cursor.execute(change.sql, change.values)
        except sqlite3.IntegrityError as error:
            if change.taken and error.sqlite_errorcode in _TAKEN:
                raise Stale(change.taken, mend=_MEND) from None
            error.add_note(change.sql)
            raise
        if change.missed and not _hit(cursor):
            raise Stale(change.missed, mend=_MEND)
    return cursor.rowcount


def _hit(cursor: sqlite3.Cursor) -> bool:
    if cursor.description is None:
        return cursor.rowcount > 0
    return cursor.fetchone() is not None
