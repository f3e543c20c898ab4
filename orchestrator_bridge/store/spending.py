"""Sums of costs: by day of a time zone, and of several lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import CostBy, Spending

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo


QUARTER = 900
"""Seconds. Every zone of the tz database is a multiple of 15 minutes from UTC, so its days are sums of these intervals."""


def order_spending(lines: Sequence[Spending], by: CostBy, zone: tzinfo) -> list[Spending]:
    """Order lines that come oldest first or by key: newest first for calls, runs and days (of `zone`, from quarters of an hour),
    highest cost first otherwise."""
    if by == "day":
        return _sum_by_day(lines, zone)[::-1]
    return list(lines[::-1]) if by in ("call", "run") else sorted(lines, key=lambda line: (-line.cost, line.name))


def _sum_by_day(quarters: Iterable[Spending], zone: tzinfo) -> list[Spending]:
    """Sum intervals of 15 minutes to days, in order."""
    ordered = sorted(quarters, key=lambda quarter: int(quarter.key))
    return [sum_spending(day, day, lines) for day, lines in groupby(ordered, key=lambda quarter: _day(int(quarter.key), zone))]


def _day(quarter: int, zone: tzinfo) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=quarter * QUARTER)
    return f"{at.astimezone(zone):%Y-%m-%d}"


def sum_spending(key: str, name: str, lines: Iterable[Spending]) -> Spending:
    """Sum lines to one line."""
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
        sources=tuple(sorted({source for part in parts for source in part.sources})),
    )
