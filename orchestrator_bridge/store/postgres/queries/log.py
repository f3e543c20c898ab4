"""Queries: the event logs of runs, and their unreadable rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.postgres.connection import corrupted_content
from orchestrator_bridge.store.sql.log import to_event, to_log_row, unreadable_logs

if TYPE_CHECKING:
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.store.interface import LogRow, UnreadableLog
    from orchestrator_bridge.store.postgres.connection import Connection


_EVENTS = "SELECT run, seq, version, body FROM log WHERE run = %s AND seq > %s ORDER BY seq"
_EVERYTHING = "SELECT run, seq, version, body FROM log"
_CHUNK = 1000
"""Rows that are held in memory at a time."""


async def list_events(connection: Connection, run: int, after: int = 0) -> list[Event]:
    """Events of a run after a position, in order.

    Raises:
        SchemaTooNew: a newer release wrote one of them.
        Corrupted: one of them is not an event.
    """
    damaged = partial(corrupted_content, connection)
    return [to_event(row, damaged) async for row in await connection.execute(_EVENTS, (run, after))]


async def list_log_rows(connection: Connection, run: int) -> list[LogRow]:
    """Rows of a run's log in order, with those that cannot be read."""
    damaged = partial(corrupted_content, connection)
    return [to_log_row(row, damaged) async for row in await connection.execute(_EVENTS, (run, 0))]


async def list_unreadable_logs(connection: Connection) -> tuple[UnreadableLog, ...]:
    """Runs with unreadable rows. Reads every row of every log."""
    unreadable: list[dict[str, object]] = []
    damaged = partial(corrupted_content, connection)
    async with connection.transaction(), connection.cursor("every_event") as cursor:
        cursor.itersize = _CHUNK
        await cursor.execute(_EVERYTHING)
        unreadable = [row async for row in cursor if to_log_row(row, damaged).fault is not None]
    return unreadable_logs(unreadable, damaged)
