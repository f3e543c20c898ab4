"""How good our counts of prompts are, in words: what providers report, divided by what we had counted."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_bridge.model.count import ESTIMATE
from orchestrator_bridge.store.port import TokenCalibration


def calibration_lines(found: Sequence[TokenCalibration]) -> list[str]:
    """One line for each model of which something was learned."""
    return [f"Prompts of {one.model}: {_counted_by(one)}" for one in found]


def calibration_text(one: TokenCalibration) -> str:
    """The same of one model, without its name."""
    return f"prompts {_counted_by(one)}"


def calibration_objects(found: Sequence[TokenCalibration]) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {"model": one.model, "counted_by": one.by, "ratio": round(one.ratio.value, 4), "calls": one.ratio.calls} for one in found
    ]


def _counted_by(one: TokenCalibration) -> str:
    how = "estimated by size" if one.by == ESTIMATE else f"counted with {one.by}"
    calls = "1 call" if one.ratio.calls == 1 else f"{one.ratio.calls} calls"
    return f"{how}, reported {one.ratio.value:.2f} times that ({calls})"
