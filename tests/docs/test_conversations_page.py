"""docs/conversations.md: its sessions can be typed as they stand, and its words mean what it says."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator_bridge.question.parsing.intent import asks_to_finish
from tests.docs.page import ROOT, read, tables
from tests.docs.session import a_session

PAGE = "docs/conversations.md"
TEAM = ROOT / "examples" / "own-script.toml"


def session_of(heading: str) -> list[tuple[str, str]]:
    """The lines that are typed under a heading, with what is read after each."""
    found = next(found for found in tables(PAGE) if found.heading == heading and "you type" in found.rows[0])
    return [(row["you type"], row["you read"]) for row in found.rows]


async def test_a_run_is_finished_as_the_page_shows(tmp_path: Path) -> None:
    async with a_session(TEAM, tmp_path) as session:
        for typed, read_then in session_of("Answer now"):
            await session.types(typed.strip("`"), until=read_then.strip("`"))


def test_the_words_of_the_page_finish_a_run_and_its_guidance_does_not() -> None:
    row = next(row for found in tables(PAGE) for row in found.rows if row.get("where") == "in the run's thread")
    words = re.findall(r"`([^`]+)`", row["how"])
    assert len(words) >= 5
    assert all(asks_to_finish(text) for text in words)
    guidance = re.search(r"Words such as `([^`]+)` are guidance", read(PAGE))
    assert guidance is not None
    assert not asks_to_finish(guidance[1])
