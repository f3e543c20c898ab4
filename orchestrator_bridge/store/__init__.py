"""Port of stores: the protocols `Store` and `Lookups`, their views, and their errors.

`orchestrator_bridge.store.sqlite` is the implementation.
"""

from __future__ import annotations

from orchestrator_bridge.store.interface import (
    Conflict,
    Corrupted,
    InUse,
    Lookups,
    NotFound,
    QuestionSummary,
    RunSummary,
    SchemaTooNew,
    SchemaTooOld,
    Store,
    StoreError,
    Viewer,
    WriteFailed,
)

__all__ = [
    "Conflict",
    "Corrupted",
    "InUse",
    "Lookups",
    "NotFound",
    "QuestionSummary",
    "RunSummary",
    "SchemaTooNew",
    "SchemaTooOld",
    "Store",
    "StoreError",
    "Viewer",
    "WriteFailed",
]
