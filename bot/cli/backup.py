"""`townhall backup` and `townhall restore`: the SQLite database as one file."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings
from bot.formatting import print_json
from orchestrator_bridge.common.text import counted
from orchestrator_bridge.store.sqlite.backup import BackupReport, back_up, restore


async def print_backup(settings: Settings, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database into a file.

    Raises:
        ConfigError: the store is not a file.
        StoreError: the database cannot be read, or the file cannot be written.
    """
    database = _database(settings, "pg_dump --format=custom")
    report = await asyncio.to_thread(back_up, database, file, replace=force)
    if as_json:
        print_json({"from": str(database), "to": str(file), **asdict(report)})
    else:
        click.echo(f"{database} is copied to {file}: {_content(report)}.")


async def print_restore(settings: Settings, file: Path, as_json: bool) -> None:
    """Put a backup in place of the database.

    Raises:
        ConfigError: the store is not a file.
        StoreError: a bot runs, the backup is damaged, or the data folder cannot be written.
    """
    database = _database(settings, "pg_restore")
    report, kept = await asyncio.to_thread(restore, file, database)
    if as_json:
        print_json({"from": str(file), "to": str(database), "kept": str(kept) if kept else None, **asdict(report)})
        return
    click.echo(f"{database} is the backup {file} now: {_content(report)}.")
    if kept:
        click.echo(f"The database that was there is {kept}. Delete it when you no longer need it.")


def _database(settings: Settings, program: str) -> Path:
    location = settings.location
    if isinstance(location, Path):
        return location
    problem = Problem(
        where="TOWNHALL_DATABASE",
        found=location.name,
        expected="a store in a file",
        fix=f"use PostgreSQL's own program: {program}",
    )
    raise ConfigError("PostgreSQL has its own backups", [problem])


def _content(report: BackupReport) -> str:
    runs, questions = counted(report.runs, "run"), counted(report.open_questions, "open question")
    return f"{runs}, {questions}, {report.size / 1e6:.1f} MB"
