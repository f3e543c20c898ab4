"""`townhall migrate-store`: the SQLite file of the data folder moves into the PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

import click

from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings
from bot.formatting import print_json, print_table
from orchestrator_bridge.common.text import counted
from orchestrator_bridge.store.postgres.address import EXAMPLE


async def migrate_store(settings: Settings, as_json: bool) -> None:
    """Move the file into the database, and print the numbers of rows.

    Raises:
        ConfigError: TOWNHALL_DATABASE is not set.
        StoreError: a bot runs, the database has other content, or one of the two cannot be used.
    """
    address = settings.location
    if isinstance(address, Path):
        raise ConfigError("there is no database to move the store to", [_NO_DATABASE])
    from orchestrator_bridge.store.transfer import transfer  # psycopg

    done = await transfer(settings.store, address)
    if as_json:
        moved = {"from": settings.store, "to": address.name, "rows": done.rows, "already_moved": done.already}
        print_json(moved)
        return
    print_table(["TABLE", "ROWS"], [[table, str(rows)] for table, rows in done.rows.items() if rows])
    rows = counted(sum(done.rows.values()), "row")
    if done.already:
        click.echo(f"{settings.store} was moved to {address.name} before ({rows}). Nothing was changed.")
    else:
        click.echo(f"{settings.store} was moved to {address.name} ({rows}). `townhall run` continues there; the file is kept.")


_NO_DATABASE = Problem(
    where="TOWNHALL_DATABASE",
    found="not set",
    expected=EXAMPLE,
    fix="create a database, put its URL into .env, and start the command again",
)
