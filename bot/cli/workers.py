"""`townhall workers`: the processes on a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

import click

from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings
from bot.formatting import format_time, print_json, print_table
from orchestrator_bridge.store.interface import NotFound
from orchestrator_bridge.store.postgres.address import EXAMPLE


async def print_workers(settings: Settings, as_json: bool) -> None:
    """Print the active process and its standbys. In JSON, `owners` counts the processes that have been active so far.

    Raises:
        ConfigError: the store is a file.
        StoreError: the database cannot be read.
    """
    location = settings.location
    if isinstance(location, Path):
        raise ConfigError("a file has one process", [_NO_DATABASE])
    from orchestrator_bridge.store.postgres.checkup import Processes, list_processes  # psycopg

    try:
        found = await list_processes(location)
    except NotFound:
        found = Processes(processes=(), owners=0)
    if as_json:
        print_json({"processes": found.processes, "owners": found.owners})
    elif found.processes:
        rows = [[process.name, process.role, format_time(process.since)] for process in found.processes]
        print_table(["PROCESS", "ROLE", "CONNECTED SINCE"], rows)
    else:
        click.echo(f"No bot is connected to {location.name}. Start one: townhall run", err=True)


_NO_DATABASE = Problem(
    where="TOWNHALL_DATABASE",
    found="not set, so that the store is a file in the data folder",
    expected=EXAMPLE,
    fix="`townhall doctor` shows whether a bot runs on the file; to let a standby take over, move the store to PostgreSQL",
)
