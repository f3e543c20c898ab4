"""The inbox: what was heard, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement
from orchestrator_bridge.store.codec import dump_inbound

if TYPE_CHECKING:
    from orchestrator_bridge.chat import InboundEvent
    from orchestrator_bridge.store.rows import InboxEntryHandled

_INSERT_INBOUND = "INSERT INTO inbox (key, kind, body, heard_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_MARK_HANDLED = "UPDATE inbox SET handled_at = ?, why = ? WHERE key = ? AND handled_at IS NULL"


def insert_inbound(inbound: InboundEvent, at: float) -> Statement:
    """Touches no row if it was known already."""
    kind, body = dump_inbound(inbound)
    return Statement(sql=_INSERT_INBOUND, values=(inbound.key, kind, body, at))


def mark_inbound_handled(row: InboxEntryHandled, at: float) -> Statement:
    """It was dealt with, at `at` by our clock; the first time counts."""
    return Statement(sql=_MARK_HANDLED, values=(at, row.why, row.key))
