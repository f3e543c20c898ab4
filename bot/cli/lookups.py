"""`townhall runs`, `questions`, `cost` and `export`. They read the store beside a running bot and change nothing.

In JSON, times are seconds since the epoch, and money is US dollars as text, so that no cent is rounded; `null` is unknown.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import click

from bot.app import MAIN_OWNER, LoadedConfig, shared_spending_file
from bot.commands.costs import (
    SpendingQuery,
    budgets_text,
    budgets_today,
    query_costs,
    query_spending,
    run_name,
    sources_text,
    spending_rows,
    token_cells,
    total_spending,
    total_text,
)
from bot.commands.questions import OpenQuestion, load_cards
from bot.config.errors import ConfigError, Problem
from bot.config.platforms import installed_platforms
from bot.config.settings import Settings
from bot.formatting import (
    calibration_lines,
    calibration_objects,
    format_dollars,
    format_time,
    print_json,
    print_table,
    run_state_text,
)
from bot.storage import open_lookups
from orchestrator_bridge.common.text import one_line, shorten
from orchestrator_bridge.question.decisions import Decision, deciders_text, outcome_text
from orchestrator_bridge.question.messages import options_summary
from orchestrator_bridge.run.events import VERSION, dump
from orchestrator_bridge.store.interface import CostBy, CostLine, Lookups, NotFound, RunSummary, TokenCalibration
from orchestrator_bridge.store.sqlite.shared_spending import SpendingOfOthers, spending_file

_MAX_TASK = 60
"""Characters of a task in a table."""
_MAX_PEOPLE = 40
"""Characters of the names of those who decided."""
_MAX_QUESTION = 500
"""Characters of a question's text."""
_TOKENS = ("IN", "CACHED", "OUT")


async def print_runs(settings: Settings, limit: int, as_json: bool) -> None:
    """Print the newest runs."""
    async with _lookups(settings) as lookups:
        runs = await lookups.runs(limit) if lookups else []
    if as_json:
        print_json({"runs": runs})
    elif runs:
        print_table(["RUN", "STATE", "STARTED", "TEAM", "COST", "TASK"], [_run_row(run) for run in runs])
    else:
        click.echo("There are no runs yet. Start one: townhall ask 'a task'", err=True)


def _run_row(run: RunSummary) -> list[str]:
    return [
        str(run.run),
        run_state_text(run),
        format_time(run.started_at),
        run.team,
        format_dollars(run.cost),
        shorten(run.task, _MAX_TASK),
    ]


async def print_questions(settings: Settings, everything: bool, limit: int, as_json: bool) -> None:
    """Print the newest open questions, or the newest of all."""
    async with _lookups(settings) as lookups:
        summaries = await lookups.questions(limit, None if everything else "open") if lookups else []
        questions = await load_cards(lookups, summaries) if lookups else []
    if as_json:
        print_json({"questions": [_question_object(question) for question in questions]})
    elif questions:
        click.echo("\n\n".join("\n".join(_question_lines(question)) for question in questions))
    else:
        click.echo("There are no questions yet." if everything else "There are no open questions.", err=True)


def _question_lines(question: OpenQuestion) -> Iterator[str]:
    """The question, its options, its expiry, the fallback, and where to answer; for a closed question, its outcome."""
    summary, card = question.summary, question.card
    yield f"Question {summary.question} (run {summary.run}): {one_line(summary.agent, 40)} asks {one_line(summary.asked, 200)}"
    yield f"  {one_line(summary.text, _MAX_QUESTION)}"
    if card is not None:
        if card.options:
            yield f"  {options_summary(card.options)}"
        yield f"  Expires {format_time(card.expires_at)}. Then: {one_line(card.silence, _MAX_QUESTION)}"
        if summary.place is None:
            yield "  It has not been posted yet."
        else:
            platform = installed_platforms().usable.get(summary.place.platform)
            yield f"  {platform.answer_hint(card) if platform else f'Answer in its thread on {summary.place.platform}.'}"
    elif summary.status != "open":
        yield f"  {format_time(summary.closed_at)}, {summary.status.replace('_', ' ')}: {one_line(summary.line, _MAX_QUESTION)}"


def _question_object(question: OpenQuestion) -> dict[str, Any]:
    """The question as a JSON object. A closed question has no options and no fallback any more."""
    card = question.card
    options = [{"number": number, **dataclasses.asdict(option)} for number, option in enumerate(card.options, 1)] if card else []
    return {
        **dataclasses.asdict(question.summary),
        "kind": card.answer_kind if card else None,
        "options": options,
        "expires_at": card.expires_at if card else None,
        "silence": card.silence if card else None,
    }


async def print_decisions(settings: Settings, words: str, limit: int, as_json: bool) -> None:
    """Print the newest decisions of all channels that contain all words, those that are superseded last."""
    async with _lookups(settings) as lookups:
        decisions = await lookups.decisions(words, limit) if lookups else []
    if as_json:
        print_json({"decisions": decisions})
    elif decisions:
        print_table(["DECISION", "DATE", "BY", "QUESTION", "OUTCOME", "LINK"], [_decision_row(found) for found in decisions])
    else:
        click.echo("No decision has these words." if words else "There are no decisions yet.", err=True)


def _decision_row(decision: Decision) -> list[str]:
    return [
        str(decision.decision),
        format_time(decision.at)[:10],
        shorten(deciders_text(decision), _MAX_PEOPLE),
        shorten(decision.question, _MAX_TASK),
        shorten(outcome_text(decision), _MAX_TASK),
        decision.link or f"{decision.place.platform}/{decision.place.channel}",
    ]


async def print_costs(settings: Settings, run: int | None, as_json: bool) -> None:
    """Print the costs of each agent and model in each run, and their sum."""
    async with _lookups(settings) as lookups:
        others = SpendingOfOthers(spending_file(settings.store), MAIN_OWNER)
        lines = await query_costs(lookups, run, others) if lookups else []
        if not lines:
            await _check_run(lookups, run)
        calibrations = await lookups.token_calibrations() if lookups else []
    known = sum((line.cost for line in lines if line.cost is not None), Decimal(0))
    complete = all(line.cost is not None for line in lines)
    if as_json:
        counting = calibration_objects(calibrations)
        print_json({"costs": lines, "known_usd": known, "complete": complete, "counting": counting})
    elif lines:
        print_table(["RUN", "AGENT", "CALLS", *_TOKENS, "COST", "MODEL"], [_cost_row(line) for line in lines])
        click.echo(f"Total: {format_dollars(known)}{'' if complete else ', plus calls of unknown cost'}")
        for line in (sources_text(lines), *calibration_lines(calibrations)):
            if line:
                click.echo(line)
    else:
        click.echo("There are no model calls yet.", err=True)


def _cost_row(line: CostLine) -> list[str]:
    return [run_name(line), line.agent, str(line.calls), *token_cells(line), format_dollars(line.cost), line.model]


async def print_spending(start: LoadedConfig, run: int | None, by: CostBy, as_json: bool) -> None:
    """Print costs grouped by agent, run, channel, person, day or model, their sum, and today's budgets."""
    async with _lookups(start.settings) as lookups:
        others = SpendingOfOthers(shared_spending_file(start), MAIN_OWNER)
        query = SpendingQuery(run=run, by=by)
        lines = await query_spending(lookups, start.team_file, query, others) if lookups else []
        if not lines:
            await _check_run(lookups, run)
        today = await budgets_today(lookups, start.team_file.budgets, time.time(), shared=others) if lookups else ()
    total = total_spending(lines)
    if as_json:
        known = {"known_usd": total.cost, "unknown_usd": total.unknown, "complete": total.complete, "budgets": today}
        print_json({"by": by, "time_zone": start.team_file.budgets.time_zone, "costs": lines, **known})
    elif lines:
        print_table([by.upper(), "CALLS", *_TOKENS, "COST", "NOT KNOWN"], spending_rows(lines))
        click.echo(" ".join(part for part in (f"{total_text(lines)}.", budgets_text(today), sources_text(lines)) if part))
    else:
        click.echo("There are no model calls yet.", err=True)


async def load_token_calibrations(settings: Settings) -> list[TokenCalibration]:
    """The learned ratios of reported to counted prompt tokens; none if there is no store yet.

    Raises:
        StoreError: the store cannot be read.
    """
    async with _lookups(settings) as lookups:
        return await lookups.token_calibrations() if lookups else []


async def print_log(settings: Settings, run: int) -> None:
    """Print a run's event log, one JSON object a line, each with its position in the log and the version of the event format.

    Raises:
        ConfigError: there is no such run, or a row of its log cannot be read; the other rows are printed first.
    """
    async with _lookups(settings) as lookups:
        rows = await lookups.log_rows(run) if lookups else []
    if not rows:
        raise _no_such_run(run)
    for row in rows:
        if row.event is not None:
            line = {"seq": row.seq, "version": VERSION, **json.loads(dump(row.event))}
            click.echo(json.dumps(line, ensure_ascii=False))
    unreadable = [
        Problem(where=f"event {row.seq} of run {run}", found=row.fault.found, expected=row.fault.expected, fix=row.fault.fix)
        for row in rows
        if row.fault is not None
    ]
    if unreadable:
        title = f"{len(unreadable)} of the {len(rows)} events of run {run} cannot be read; the others were printed"
        raise ConfigError(title, unreadable)


async def _check_run(lookups: Lookups | None, run: int | None) -> None:
    """Raise an error for a run that does not exist. Called for a run without costs."""
    if run is not None and not (lookups and await lookups.log(run)):
        raise _no_such_run(run)


def _no_such_run(run: int) -> ConfigError:
    problem = Problem(
        where="run", found=str(run), expected="the number of a run", fix="`townhall runs` lists the runs; use one of them"
    )
    return ConfigError("there is no such run", [problem])


@asynccontextmanager
async def _lookups(settings: Settings) -> AsyncIterator[Lookups | None]:
    """Read access to the store, or None if there is none yet."""
    try:
        lookups = await open_lookups(settings.location)
    except NotFound:
        yield None
        return
    try:
        yield lookups
    finally:
        await lookups.close()
