"""Changes of a store's files from outside the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def trace(path: Path) -> dict[str, tuple[bytes, int]]:
    """Every file in the store's folder: what is in it and when it was changed."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}


def write(path: Path, content: bytes, at: int = 0) -> None:
    """Overwrite a part of a file, or make it."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(at)
        file.write(content)


def permit(path: Path, mode: int) -> None:
    """Set the permissions."""
    path.chmod(mode)


def size(path: Path) -> int:
    """In bytes."""
    return path.stat().st_size


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """The rows of the last of some statements, run past the store."""
    rows: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows
