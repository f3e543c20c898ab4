"""Costs by call, agent, run, channel, person, day or model: the same figures for the command line and for chats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.chat.outbound import PrivateReply, Table
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.store.interface import CostBy, CostLine, Lookups, Spending, Viewer
from orchestrator_bridge.store.spending import sum_spending
from orchestrator_bridge.store.sqlite.shared_spending import SpendingOfOthers
from orchestrator_bridge.team.budgets import Budgets, BudgetStatus, describe_budget, format_dollars
from orchestrator_bridge.team.directory import Directory

GROUPINGS: tuple[CostBy, ...] = get_args(CostBy)

TOKEN_COLUMNS = ("tokens in", "cached", "tokens out")

_QUERY = re.compile(r"(?:(?:run\s+)?#?(?P<run>\d{1,15}))?\s*(?:(?:by\s+)?(?P<by>[a-z]+))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendingQuery:
    """Costs of one run or of all (None), summed by a grouping or in detail (None)."""

    run: int | None = None
    by: CostBy | None = None


def parse_spending_query(text: str) -> SpendingQuery:
    """Parse the arguments of `/cost`: `3`, `by day`, `3 by agent`.

    Raises:
        ConfigError: they are something else.
    """
    match = _QUERY.fullmatch(text.strip())
    by = next((grouping for grouping in GROUPINGS if match and grouping == (match["by"] or "").lower()), None)
    if match is None or (match["by"] and by is None):
        expected = f"a run's number, `by` and one of {', '.join(GROUPINGS)}, or both: `/cost 3 by agent`"
        word = match["by"] if match else text
        problem = Problem(where="/cost", found=format_value(text), expected=expected, fix=suggest_name(word, GROUPINGS))
        raise ConfigError("unknown cost query", [problem])
    return SpendingQuery(run=int(match["run"]) if match["run"] else None, by=by)


async def query_spending(
    lookups: Lookups,
    team_file: TeamFile,
    query: SpendingQuery,
    others: SpendingOfOthers | None = None,
    viewer: Viewer | None = None,
) -> list[Spending]:
    """Costs by a grouping, with a viewer those that they may see; a person of the team file has one line for all platforms.

    Runs of `townhall ask` beside a running bot (`others`) count too, unless the costs of one run are asked for.
    """
    by, zone = query.by or "run", team_file.budgets.zone
    lines = await lookups.spending(by, query.run, zone, viewer)
    if others is not None and query.run is None:
        lines += await others.spending(by, zone, viewer)
    if by == "person":
        lines = [_person(line, Directory(team_file.people)) for line in lines]
    if by == "channel":  # stored as `platform:channel`; people write a channel as `platform/channel` everywhere
        lines = [replace(line, key=line.key.replace(":", "/", 1), name=line.name.replace(":", "/", 1)) for line in lines]
    return lines if by in ("run", "call") else _merge(lines, by)


async def query_costs(
    lookups: Lookups, run: int | None, others: SpendingOfOthers | None = None, viewer: Viewer | None = None
) -> list[CostLine]:
    """Costs by run, agent and model, newest run first; then, for all runs, those of `townhall ask` beside a running bot."""
    lines = await lookups.costs(run, viewer)
    return lines + await others.costs(viewer) if others is not None and run is None else lines


def _merge(lines: Iterable[Spending], by: CostBy) -> list[Spending]:
    """One line a key: newest first for days, highest cost first otherwise."""
    by_key: dict[str, list[Spending]] = {}
    for line in lines:
        by_key.setdefault(line.key, []).append(line)
    merged = [sum_spending(key, parts[0].name, parts) for key, parts in by_key.items()]
    if by == "day":
        return sorted(merged, key=lambda line: line.key, reverse=True)
    return sorted(merged, key=lambda line: (-line.cost, line.name))


def _person(line: Spending, directory: Directory) -> Spending:
    platform, _, id_ = line.key.partition(":")
    if not id_:
        return line
    person = directory.responder(Author(platform=platform, id=id_, name=line.name))
    return replace(line, key=person.id, name=person.name)


async def budgets_today(
    lookups: Lookups, budgets: Budgets, now: float, place: Place | None = None, shared: SpendingOfOthers | None = None
) -> tuple[BudgetStatus, ...]:
    """Today's state of the shared budgets: that of all runs, and that of the channel of `place`. `shared`: other processes."""
    ledger = UsageLedger(budgets, shared)
    today = ledger.begin_of_day(now)
    ledger.load(await lookups.budget_charges(today), await lookups.budget_grants(today))
    statuses = ledger.statuses(place or Place(platform="", channel=""), now)
    return tuple(status for status in statuses if place is not None or status.budget == "day")


def budgets_text(statuses: Sequence[BudgetStatus]) -> str:
    """State of the budgets, one sentence each."""
    return " ".join(
        f"Today {format_dollars(status.used)} of {describe_budget(status.budget, status.limit)}." for status in statuses
    )


def spending_rows(lines: Sequence[Spending]) -> list[list[str]]:
    """Table cells: name, calls, tokens (input, cached, output), cost, possible cost that is not known yet."""
    return [[line.name, str(line.calls), *token_cells(line), f"${line.cost:.4f}", _unknown(line)] for line in lines]


def token_cells(line: Spending | CostLine) -> tuple[str, str, str]:
    """Table cells: input tokens, those of them that came from a prompt cache, output tokens."""
    return f"{line.input:,}", _cached(line.cached, line.input), f"{line.output:,}"


def _cached(cached: int, prompts: int) -> str:
    """Tokens from a prompt cache, and their share of the prompts' tokens."""
    return f"{cached:,} ({cached / prompts:.0%})" if cached and prompts else "0"


def run_name(line: CostLine) -> str:
    """Number of the run in the store, or its name elsewhere."""
    return line.origin or str(line.run)


def _unknown(line: Spending) -> str:
    """Cost in addition to the booked one: calls without a response, and calls without a price."""
    reserved = f"up to ${line.unknown:.4f}" if line.unknown else ""
    return " and ".join(part for part in (reserved, "" if line.complete else "calls without a price") if part)


def total_spending(lines: Sequence[Spending]) -> Spending:
    """Sum of all lines."""
    return sum_spending("", "in all", lines)


def total_text(lines: Sequence[Spending]) -> str:
    """Total cost in one line."""
    whole = total_spending(lines)
    unknown = _unknown(whole)
    return f"Total: ${whole.cost:.4f}" + (f", plus {unknown}" if unknown else "")


def sources_text(lines: Iterable[Spending | CostLine]) -> str:
    """Sentence about where the costs come from; empty for calls of earlier releases, which do not say."""
    sources = sorted({source for line in lines for source in line.sources})
    return f"Prices: {', '.join(sources)}." if sources else ""


def cost_reply(lines: Sequence[Spending], by: CostBy, limit: int, budgets: Sequence[BudgetStatus]) -> PrivateReply:
    """Table for a chat, with at most `limit` rows."""
    columns = (by, "calls", *TOKEN_COLUMNS, "cost", "not known")
    rows = tuple(tuple(row) for row in spending_rows(lines[:limit]))
    more = f" First {limit} of {len(lines)} lines." if len(lines) > limit else ""
    parts = (f"{total_text(lines)}.{more}", budgets_text(budgets), sources_text(lines))
    text = " ".join(part for part in parts if part)
    return PrivateReply(text=text, tables=(Table(title=f"Cost by {by}", columns=columns, rows=rows),))
