"""The inbox: what was heard, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change
from orchestrator_bridge.store.codec import dump_inbound

if TYPE_CHECKING:
    from orchestrator_bridge.chat import InboundEvent
    from orchestrator_bridge.store.rows import InboxHandled

_HEAR = "INSERT INTO inbox (key, kind, body, heard_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_HANDLE = "UPDATE inbox SET handled_at = ?, why = ? WHERE key = ? AND handled_at IS NULL"


def heard(inbound: InboundEvent, at: float) -> Change:
    """Touches no row if it was known already."""
    kind, body = dump_inbound(inbound)
    return Change(sql=_HEAR, values=(inbound.key, kind, body, at))


def handled(row: InboxHandled, at: float) -> Change:
    """It was dealt with, at `at` by our clock; the first time counts."""
    return Change(sql=_HANDLE, values=(at, row.why, row.key))
