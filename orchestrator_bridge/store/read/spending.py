"""What calls have cost one by one, or by what they have in common: an agent, a run, a channel, a person, a day, a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import CostBy, Spending

if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

QUARTER = 900
"""Seconds: every zone of the tz database is some quarters of an hour from UTC, so days are sums of these."""

_KEYS: Mapping[CostBy, str] = MappingProxyType(
    {
        "call": "calls.run || '/' || action || '/' || attempt",
        "agent": "agent",
        "run": "run",
        "channel": "platform || ':' || channel",
        "person": "CASE person WHEN '' THEN started_by ELSE person END",
        "day": f"CAST(calls.at AS INTEGER) / {QUARTER}",
        "model": "CASE served WHEN '' THEN model ELSE served END",
    }
)
_SPENDING = """
SELECT {key} AS key, {name} AS name, count(*) AS calls, sum(input) AS input, sum(output) AS output, sum(cached) AS cached,
    dollars_sum(cost) AS cost, total(state = 'booked' AND cost IS NULL) = 0 AS complete,
    dollars_sum(CASE WHEN state IN ('reserved', 'unknown') OR (state = 'booked' AND cost IS NULL) THEN reserved END) AS unknown
FROM calls JOIN runs USING (run) {which} GROUP BY 1 ORDER BY {order}
"""


def list_spending(connection: sqlite3.Connection, by: CostBy, run: int | None, zone: tzinfo) -> list[Spending]:
    """Newest first for calls, runs and days, which are those of `zone`; dearest first for all else."""
    key = _KEYS[by]
    name = "max(started_by)" if by == "person" else key
    which = "" if run is None else "WHERE calls.run = :run"
    sql = _SPENDING.format(key=key, name=name, which=which, order="max(calls.at), 1" if by == "call" else "1")
    lines = [_spending_line(row) for row in connection.execute(sql, {"run": run}).fetchall()]
    if by == "day":
        return _days(lines, zone)[::-1]
    return lines[::-1] if by in ("call", "run") else sorted(lines, key=lambda line: (-line.cost, line.name))


def _spending_line(row: sqlite3.Row) -> Spending:
    return Spending(
        key=str(row["key"]),
        name=str(row["name"]),
        calls=row["calls"],
        input=row["input"],
        output=row["output"],
        cached=row["cached"],
        cost=Decimal(row["cost"]),
        unknown=Decimal(row["unknown"]),
        complete=bool(row["complete"]),
    )


def _days(quarters: Iterable[Spending], zone: tzinfo) -> list[Spending]:
    """Quarters of an hour as days, in order."""
    ordered = sorted(quarters, key=lambda quarter: int(quarter.key))
    return [sum_spending(day, day, lines) for day, lines in groupby(ordered, key=lambda quarter: _day(int(quarter.key), zone))]


def _day(quarter: int, zone: tzinfo) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=quarter * QUARTER)
    return f"{at.astimezone(zone):%Y-%m-%d}"


def sum_spending(key: str, name: str, lines: Iterable[Spending]) -> Spending:
    """Several lines as one."""
    parts = list(lines)
    return Spending(
        key=key,
        name=name,
        calls=sum(part.calls for part in parts),
        input=sum(part.input for part in parts),
        output=sum(part.output for part in parts),
        cached=sum(part.cached for part in parts),
        cost=sum((part.cost for part in parts), Decimal(0)),
        unknown=sum((part.unknown for part in parts), Decimal(0)),
        complete=all(part.complete for part in parts),
    )
