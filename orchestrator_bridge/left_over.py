"""What earlier processes left to be done, as the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.chat import InboundEvent
from orchestrator_bridge.store.port import OpenDeadline, PendingPost, Store


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoverySnapshot:
    """Open questions, posts that may not have arrived, things heard, and runs that wait for something but people."""

    open_deadlines: Sequence[OpenDeadline] = ()
    pending: Sequence[PendingPost] = ()
    unhandled: Sequence[InboundEvent] = ()
    busy_runs: Sequence[int] = ()


async def load_recovery_snapshot(store: Store) -> RecoverySnapshot:
    """All of it.

    Raises:
        StoreError: the store cannot be read.
    """
    return RecoverySnapshot(
        open_deadlines=await store.open_deadlines(),
        pending=await store.pending_posts(),
        unhandled=await store.unhandled_events(),
        busy_runs=await store.busy_runs(),
    )
