"""How far our counts of prompts are from what providers report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.ratio import FADES
from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import PromptCounted

_LEARN = """
INSERT INTO counting (model, by, counted, reported, calls, at) VALUES (:model, :by, :counted, :reported, 1, :at)
ON CONFLICT (model, by) DO UPDATE
SET counted = counted * :fades + excluded.counted, reported = reported * :fades + excluded.reported, calls = calls + 1,
    at = excluded.at
"""


def learned(row: PromptCounted) -> Change:
    """One more call: what earlier ones taught fades, as `Ratio.after` does it."""
    fields = {name: getattr(row, name) for name in ("model", "by", "counted", "reported", "at")}
    return Change(sql=_LEARN, values={**fields, "fades": FADES})
