"""What was spent, by call, agent, run, channel, person, day or model: the same lines for the command line and for chats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.chat.outbound import PrivateReply, Table
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.store.interface import CostBy, Lookups, Spending
from orchestrator_bridge.store.sqlite.queries.usage import sum_spending
from orchestrator_bridge.team.budgets import Budgets, BudgetStatus, describe_budget, format_dollars
from orchestrator_bridge.team.directory import Directory

GROUPINGS: tuple[CostBy, ...] = get_args(CostBy)

_QUERY = re.compile(r"(?:(?:run\s+)?#?(?P<run>\d{1,15}))?\s*(?:(?:by\s+)?(?P<by>[a-z]+))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendingQuery:
    """What somebody wants to know: the costs of one run or of all, summed by something or in detail."""

    run: int | None = None
    by: CostBy | None = None


def parse_spending_query(text: str) -> SpendingQuery:
    """What `/cost` was typed with: `3`, `by day`, `3 by agent`.

    Raises:
        Trouble: it is neither.
    """
    match = _QUERY.fullmatch(text.strip())
    by = next((one for one in GROUPINGS if match and one == (match["by"] or "").lower()), None)
    if match is None or (match["by"] and by is None):
        expected = f"a run's number, `by` and one of {', '.join(GROUPINGS)}, or both: `/cost 3 by agent`"
        word = match["by"] if match else text
        problem = Problem(where="/cost", found=format_value(text), expected=expected, fix=suggest_name(word, GROUPINGS))
        raise ConfigError("this is not understood", [problem])
    return SpendingQuery(run=int(match["run"]) if match["run"] else None, by=by)


async def query_spending(lookups: Lookups, team_file: TeamFile, by: CostBy, run: int | None) -> list[Spending]:
    """The lines; people have one line each over all their platforms, as the team file knows them."""
    lines = await lookups.spending(by, run, team_file.budgets.zone)
    return _merge_people(lines, Directory(team_file.people)) if by == "person" else lines


def _merge_people(lines: Sequence[Spending], directory: Directory) -> list[Spending]:
    persons: dict[str, list[Spending]] = {}
    for line in lines:
        someone = _person(line, directory)
        persons.setdefault(someone.key, []).append(someone)
    merged = [sum_spending(key, parts[0].name, parts) for key, parts in persons.items()]
    return sorted(merged, key=lambda line: (-line.cost, line.name))


def _person(line: Spending, directory: Directory) -> Spending:
    platform, _, id_ = line.key.partition(":")
    if not id_:
        return line
    someone = directory.responder(Author(platform=platform, id=id_, name=line.name))
    return replace(line, key=someone.id, name=someone.name)


async def budgets_today(lookups: Lookups, budgets: Budgets, now: float, place: Place | None = None) -> tuple[BudgetStatus, ...]:
    """How today's shared budgets stand: that of all runs, and that of a place's channel."""
    ledger = UsageLedger(budgets)
    today = ledger.begin_of_day(now)
    ledger.load(await lookups.budget_charges(today), await lookups.budget_grants(today))
    standings = ledger.statuses(place or Place(platform="", channel=""), now)
    return tuple(one for one in standings if place is not None or one.budget == "day")


def budgets_text(standings: Sequence[BudgetStatus]) -> str:
    """How budgets stand, one sentence each."""
    return " ".join(f"Today {format_dollars(one.used)} of {describe_budget(one.budget, one.limit)}." for one in standings)


def spending_rows(lines: Sequence[Spending]) -> list[list[str]]:
    """The cells of a table: name, calls, tokens in and out, what is booked, what is not known."""
    return [
        [line.name, str(line.calls), f"{line.input:,}", f"{line.output:,}", f"${line.cost:.4f}", _unknown(line)] for line in lines
    ]


def _unknown(line: Spending) -> str:
    """What may have been spent beside what is booked."""
    reserved = f"up to ${line.unknown:.4f}" if line.unknown else ""
    return " and ".join(part for part in (reserved, "" if line.complete else "calls without a price") if part)


def total_spending(lines: Sequence[Spending]) -> Spending:
    """All lines as one."""
    return sum_spending("", "in all", lines)


def total_text(lines: Sequence[Spending]) -> str:
    """All that was spent, in one line."""
    whole = total_spending(lines)
    unknown = _unknown(whole)
    return f"In all: ${whole.cost:.4f}" + (f", and what is not known: {unknown}" if unknown else "")


def cost_reply(lines: Sequence[Spending], by: CostBy, most: int, standings: Sequence[BudgetStatus]) -> PrivateReply:
    """The table for a chat, of at most so many lines."""
    columns = (by, "calls", "tokens in", "tokens out", "cost", "not known")
    rows = tuple(tuple(row) for row in spending_rows(lines[:most]))
    more = f" The {most} first of {len(lines)} lines are shown." if len(lines) > most else ""
    text = f"{total_text(lines)}.{more} {budgets_text(standings)}".rstrip()
    return PrivateReply(text=text, tables=(Table(title=f"Cost by {by}", columns=columns, rows=rows),))
