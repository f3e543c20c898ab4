"""What of a table is looked at, and by whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_bridge.store.port import Viewer


def where_clause(*conditions: str) -> str:
    """The clause for those of these conditions that are not empty."""
    given = " AND ".join(condition for condition in conditions if condition)
    return f"WHERE {given}" if given else ""


def viewer_params(viewer: Viewer | None) -> dict[str, str]:
    """The values by which a condition on a viewer is judged; `asked_as` is a JSON array."""
    if viewer is None:
        return {}
    place = {"platform": viewer.place.platform, "channel": viewer.place.channel}
    return {**place, "person": viewer.person, "asked_as": json.dumps(viewer.asked_as)}
