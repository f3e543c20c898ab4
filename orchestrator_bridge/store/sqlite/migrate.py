"""Migrations of a file: the steps of its schema are applied one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.migrations import migrations_of
from orchestrator_bridge.store.sqlite.errors import corrupted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator_bridge.store.sql.migrations import Migration


APPLICATION_ID = 0x546F776E
""""Town" in ASCII: identifies our files in the SQLite header (sqlite.org/pragma.html#pragma_application_id)."""


def bundled_migrations() -> tuple[Migration, ...]:
    """Steps of this release, in order."""
    return migrations_of("orchestrator_bridge.store.sqlite")


def migrate(connection: sqlite3.Connection, path: Path, version: int, migrations: Sequence[Migration]) -> None:
    """Apply the steps after `version`, each in a transaction of its own, so that an error leaves the file at the step before.

    Raises:
        Corrupted: rows refer to rows that do not exist.
        sqlite3.Error: a step fails.
    """
    # Foreign keys are off meanwhile, and checked after each step: a table is changed by creating a new one and copying
    # (sqlite.org/lang_altertable.html#otheralter), and deleting the old one would cascade.
    connection.execute("PRAGMA foreign_keys = OFF")
    for step in migrations:
        if step.number > version:
            _apply_step(connection, path, step)
    connection.execute("PRAGMA foreign_keys = ON")


def _apply_step(connection: sqlite3.Connection, path: Path, step: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.sql}")
        lost = connection.execute("PRAGMA foreign_key_check").fetchall()
        if lost:
            raise corrupted(path, f"after step {step.number} of the schema, {len(lost)} rows refer to rows that do not exist")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
