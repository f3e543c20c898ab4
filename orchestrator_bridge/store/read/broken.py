"""A row that SQLite gives back and nobody can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator_bridge.store.faults import damaged
from orchestrator_bridge.text import one_line

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.store.port import Damaged

_SAID = 200
"""Characters of what is wrong with a row that are told."""


def broken(connection: sqlite3.Connection, row: str, body: bytes | str, error: ValueError) -> Damaged:
    """The fault of a file with a row (such as `event 2 of run 1`) whose body cannot be read because of an error."""
    name = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    return damaged(name, f"{row}: {_why(body, error)}")


def _why(body: bytes | str, error: ValueError) -> str:
    try:
        body.decode() if isinstance(body, bytes) else body.encode()
    except UnicodeError:
        return "its text is no UTF-8"
    return one_line(error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error), _SAID)
