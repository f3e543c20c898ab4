"""The calls that were sent since a moment, for the limits per minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import RateSample

if TYPE_CHECKING:
    import sqlite3

# A row is last written after its call began: the index on that time finds all that are wanted, and few besides.
RATE_SAMPLES = """
SELECT model, began_at AS at, CASE state WHEN 'booked' THEN input + output ELSE expected END AS tokens
FROM calls WHERE at >= :since AND began_at > :since
"""


def list_rate_samples(connection: sqlite3.Connection, since: float) -> list[RateSample]:
    """Every attempt, in the order in which they went."""
    rows = connection.execute(RATE_SAMPLES, {"since": since}).fetchall()
    found = (RateSample(model=row["model"], tokens=row["tokens"], at=row["at"]) for row in rows)
    return sorted(found, key=lambda one: one.at)
