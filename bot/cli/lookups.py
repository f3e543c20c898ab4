"""What `runs`, `questions`, `cost` and `export` print. They read beside a running bot and change nothing.

In JSON, times are seconds since the epoch and money is US dollars as text, so that no cent is rounded; `null` is unknown.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import click

from bot.app import LoadedConfig
from bot.commands.costs import budgets_text, budgets_today, query_spending, spending_rows, total_spending, total_text
from bot.commands.questions import load_cards
from bot.config.errors import ConfigError, Problem
from bot.formatting import (
    calibration_lines,
    calibration_objects,
    format_dollars,
    format_time,
    print_json,
    print_table,
    question_lines,
    question_object,
    run_state_text,
)
from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.run.events import VERSION, dump
from orchestrator_bridge.store.interface import CostBy, CostLine, Lookups, NotFound, RunSummary, StoreError, TokenCalibration
from orchestrator_bridge.store.sqlite.store import SqliteLookups

_MAX_TASK = 60
"""Characters of a task in a table."""


async def print_runs(store: Path, limit: int, as_json: bool) -> None:
    """The newest runs."""
    async with _lookups(store) as lookups:
        found = await lookups.runs(limit) if lookups else []
    if as_json:
        print_json({"runs": found})
    elif found:
        print_table(["RUN", "STATE", "STARTED", "TEAM", "COST", "TASK"], [_run_row(run) for run in found])
    else:
        click.echo("No run yet. Start one: townhall ask 'a task'", err=True)


def _run_row(run: RunSummary) -> list[str]:
    return [
        str(run.run),
        run_state_text(run),
        format_time(run.started_at),
        run.team,
        format_dollars(run.cost),
        shorten(run.task, _MAX_TASK),
    ]


async def print_questions(store: Path, everything: bool, limit: int, as_json: bool) -> None:
    """The newest questions: those that are open, or all."""
    async with _lookups(store) as lookups:
        summaries = await lookups.questions(limit, None if everything else "open") if lookups else []
        found = await load_cards(lookups, summaries) if lookups else []
    if as_json:
        print_json({"questions": [question_object(one) for one in found]})
    elif found:
        click.echo("\n\n".join("\n".join(question_lines(one)) for one in found))
    else:
        click.echo("No question yet." if everything else "No question waits for anybody.", err=True)


async def print_costs(store: Path, run: int | None, as_json: bool) -> None:
    """Costs per run, agent and model, and their sum."""
    async with _lookups(store) as lookups:
        lines = await lookups.costs(run) if lookups else []
        counting = await lookups.token_calibrations() if lookups else []
    known = sum((line.cost for line in lines if line.cost is not None), Decimal(0))
    complete = all(line.cost is not None for line in lines)
    if as_json:
        print_json({"costs": lines, "known_usd": known, "complete": complete, "counting": calibration_objects(counting)})
    elif lines:
        print_table(["RUN", "AGENT", "CALLS", "IN", "OUT", "COST", "MODEL"], [_cost_row(line) for line in lines])
        click.echo(f"In all: {format_dollars(known)}{'' if complete else ', and what is unknown'}")
        for line in calibration_lines(counting):
            click.echo(line)
    else:
        click.echo("No call yet.", err=True)


async def print_spending(start: LoadedConfig, run: int | None, by: CostBy, as_json: bool) -> None:
    """Costs by what calls have in common, and their sum."""
    async with _lookups(start.settings.store) as lookups:
        lines = await query_spending(lookups, start.team_file, by, run) if lookups else []
        today = await budgets_today(lookups, start.team_file.budgets, time.time()) if lookups else ()
    whole = total_spending(lines)
    if as_json:
        known = {"known_usd": whole.cost, "unknown_usd": whole.unknown, "complete": whole.complete, "budgets": today}
        print_json({"by": by, "time_zone": start.team_file.budgets.time_zone, "costs": lines, **known})
    elif lines:
        print_table([by.upper(), "CALLS", "IN", "OUT", "COST", "NOT KNOWN"], spending_rows(lines))
        click.echo(f"{total_text(lines)}. {budgets_text(today)}".rstrip(". ") + ".")
    else:
        click.echo("No call yet.", err=True)


async def load_token_calibrations(store: Path) -> list[TokenCalibration]:
    """How good our counts of prompts are; nothing where nothing was ever stored.

    Raises:
        StoreError: the store cannot be read.
    """
    async with _lookups(store) as lookups:
        return await lookups.token_calibrations() if lookups else []


def _cost_row(line: CostLine) -> list[str]:
    tokens = [str(line.calls), f"{line.input:,}", f"{line.output:,}"]
    return [str(line.run), line.agent, *tokens, format_dollars(line.cost), line.model]


async def print_log(store: Path, run: int) -> None:
    """A run's log, one JSON object a line, each with its position in the log and the version of the events' catalogue.

    Raises:
        Trouble: there is no such run, or a row of its log cannot be read; the others are printed before.
    """
    async with _lookups(store) as lookups:
        rows = await lookups.log_rows(run) if lookups else []
    if not rows:
        mend = "`townhall runs` lists those that there are"
        problem = Problem(where="run", found=str(run), expected="the number of a run", fix=mend)
        raise ConfigError("there is no such run", [problem])
    for row in rows:
        if row.event is not None:
            line = {"seq": row.seq, "version": VERSION, **json.loads(dump(row.event))}
            click.echo(json.dumps(line, ensure_ascii=False))
    broken = [_unreadable_row(run, row.seq, row.fault) for row in rows if row.fault is not None]
    if broken:
        raise ConfigError(f"{len(broken)} of the {len(rows)} events of run {run} cannot be read; the others were printed", broken)


def _unreadable_row(run: int, seq: int, fault: StoreError) -> Problem:
    return Problem(where=f"event {seq} of run {run}", found=fault.found, expected=fault.expected, fix=fault.fix)


@asynccontextmanager
async def _lookups(store: Path) -> AsyncIterator[Lookups | None]:
    """Look-ups in the file, or None where nothing was ever stored."""
    try:
        lookups = await SqliteLookups.open(store)
    except NotFound:
        yield None
        return
    try:
        yield lookups
    finally:
        await lookups.close()
