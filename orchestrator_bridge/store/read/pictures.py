"""Pictures that people attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_BODY = "SELECT body FROM pictures WHERE picture = ?"


def get_picture(connection: sqlite3.Connection, picture: str) -> bytes | None:
    """What a picture holds; None if it is not kept."""
    row = connection.execute(_BODY, (picture,)).fetchone()
    return None if row is None else bytes(row["body"])
