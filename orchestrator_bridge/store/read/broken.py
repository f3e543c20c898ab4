"""A row that SQLite gives back and nobody can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator_bridge.store.faults import corrupted
from orchestrator_bridge.text import one_line

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.store.port import Corrupted

_MAX_QUOTED = 200
"""Characters of what is wrong with a row that are told."""


def corrupt_row(connection: sqlite3.Connection, row: str, body: bytes | str, error: ValueError) -> Corrupted:
    """The fault of a file with a row (such as `event 2 of run 1`) whose body cannot be read because of an error."""
    name = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    return corrupted(name, f"{row}: {_decode_failure(body, error)}")


def _decode_failure(body: bytes | str, error: ValueError) -> str:
    try:
        body.decode() if isinstance(body, bytes) else body.encode()
    except UnicodeError:
        return "its text is no UTF-8"
    return one_line(error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error), _MAX_QUOTED)
