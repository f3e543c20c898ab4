"""How far our counts of prompts are from what providers report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.ratio import DECAY
from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import PromptTokensObserved

_UPSERT_CALIBRATION = """
INSERT INTO counting (model, by, counted, reported, calls, at) VALUES (:model, :by, :counted, :reported, 1, :at)
ON CONFLICT (model, by) DO UPDATE
SET counted = counted * :fades + excluded.counted, reported = reported * :fades + excluded.reported, calls = calls + 1,
    at = excluded.at
"""


def upsert_token_calibration(row: PromptTokensObserved) -> Statement:
    """One more call: what earlier ones taught fades, as `Ratio.updated` does it."""
    fields = {name: getattr(row, name) for name in ("model", "by", "counted", "reported", "at")}
    return Statement(sql=_UPSERT_CALIBRATION, values={**fields, "fades": DECAY})
