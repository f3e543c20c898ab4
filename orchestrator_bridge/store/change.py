"""What a transaction is made of, before it meets a database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Cell = str | int | float | bytes | None

_FIX = "Fold the log again and decide anew"
_DUPLICATE_KEY = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement. `missing_message` and `duplicate_message` are what a `Conflict` says if it touches or finds no row, or meets
    a row with its key."""

    sql: str
    values: Sequence[Cell] | Mapping[str, Cell]
    missing_message: str = ""
    duplicate_message: str = ""


def execute_statements(cursor: sqlite3.Cursor, changes: Sequence[Statement]) -> int:
    """Make changes, in order; the number of rows that the last one touched.

    Raises:
        Conflict: a change needed a row that is not so any more, or met one with its key.
        sqlite3.Error: SQLite does not take a change.
    """
    for change in changes:
        try:
            cursor.execute(change.sql, change.values)
        except sqlite3.IntegrityError as error:
            if change.duplicate_message and error.sqlite_errorcode in _DUPLICATE_KEY:
                raise Conflict(change.duplicate_message, fix=_FIX) from None
            error.add_note(change.sql)
            raise
        if change.missing_message and not _matched_row(cursor):
            raise Conflict(change.missing_message, fix=_FIX)
    return cursor.rowcount


def _matched_row(cursor: sqlite3.Cursor) -> bool:
    if cursor.description is None:
        return cursor.rowcount > 0
    return cursor.fetchone() is not None
