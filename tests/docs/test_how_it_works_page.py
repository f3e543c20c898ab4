"""docs/how-it-works.md and docs/runs.md name what there is: every event, every bound, the pauses."""

from __future__ import annotations

import re
from typing import get_args

from orchestrator_bridge.common.duration import parse_duration
from orchestrator_bridge.engine.run_states import STATE_CACHE_SIZE
from orchestrator_bridge.model.openai.client import STALL_AFTER
from orchestrator_bridge.run import events
from orchestrator_bridge.run.decide import MALFORMED_TRIES
from orchestrator_bridge.run.handlers import CALL_BACKOFF, LONGEST_WISH
from orchestrator_bridge.run.reducer.calls import FINAL_TRIES
from orchestrator_bridge.team.team import Bounds
from tests.docs.page import read, table

RUNS = "docs/runs.md"


def test_the_page_has_every_event_and_no_other() -> None:
    kinds = [event.__dataclass_fields__["event"].default for event in get_args(events.Event)]
    assert [row["event"] for row in table("docs/how-it-works.md", "A run is its events").rows] == kinds


def test_the_page_has_every_bound_with_its_default() -> None:
    rows = {row["bound"]: row["default"] for row in table(RUNS, "Bounds").rows}
    assert set(rows) == set(get_args(events.Bound)) - {"channel", "day"}, "those two are on the page on costs"
    for name, told in rows.items():
        number = parse_duration(told) if told.endswith("min") else float(re.sub("[$,]", "", told))
        assert number == float(getattr(Bounds(), name)), name


def test_the_pages_have_the_figures_of_the_code() -> None:
    assert (MALFORMED_TRIES, FINAL_TRIES) == (3, 3), "runs.md says three times"
    text = read(RUNS)
    for seconds in (CALL_BACKOFF.first, CALL_BACKOFF.longest, STALL_AFTER):
        assert f"{seconds:g} s" in text
    assert f"{LONGEST_WISH / 60:g} min" in text
    assert f"the {STATE_CACHE_SIZE} most recent" in read("docs/how-it-works.md")
