"""docs/conversations.md: its sessions can be typed as they stand, and its words mean what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.thread_context import (
    MAX_CONTEXT_MESSAGES,
    MESSAGE_LIMIT,
    READ_LIMIT,
    Speaker,
    ThreadContext,
    ThreadMessage,
    quote_message,
)
from orchestrator_bridge.engine.thread_reader import DEFAULT_COUNT, READ_WITHIN
from orchestrator_bridge.question.parsing.intent import asks_to_finish
from orchestrator_bridge.run import conversation
from orchestrator_bridge.run.tool_policy import MAX_READ_MESSAGES
from orchestrator_bridge.team.team import AgentSpec, Team
from tests.docs.page import ROOT, read, tables
from tests.docs.session import a_session
from tests.support.run_simulator import RunSimulator, team

PAGE = "docs/conversations.md"
TEAM = ROOT / "examples" / "own-script.toml"


def session_of(heading: str) -> list[tuple[str, str]]:
    """The lines that are typed under a heading, with what is read after each."""
    found = next(found for found in tables(PAGE) if found.heading == heading and "you type" in found.rows[0])
    return [(row["you type"], row["you read"]) for row in found.rows]


def message(row: Mapping[str, str], speaker: Speaker) -> ThreadMessage:
    """A message of the page's thread."""
    hour, minute = map(int, row["at"].split(":"))
    at = datetime(2026, 11, 30, hour, minute, tzinfo=UTC).timestamp()
    text = row["text"].replace("<br>", "\n")
    return ThreadMessage(id=row["id"], author=row["from"], speaker=speaker, at=at, text=text)


def test_the_agents_read_the_thread_as_the_page_shows() -> None:
    rows = next(found.rows for found in tables(PAGE) if "text" in found.rows[0])
    said = [message(row, "bot" if row["from"] == "Monitor" else "person") for row in rows]
    simulator = RunSimulator(team(1), in_thread=True)
    simulator.reads(ThreadContext(messages=tuple(quote_message(message, MESSAGE_LIMIT) for message in said)))
    (block,) = re.findall(r"```text\n(<thread_context>.*?)\n```", read(PAGE), re.DOTALL)
    assert block in simulator.prompt("one")


def test_the_runs_thread_says_what_was_read_as_the_page_shows() -> None:
    found = next(found.rows for found in tables(PAGE) if "the run's thread says" in found.rows[0])
    said = {row["in the thread in which you ask"]: row["the run's thread says"] for row in found}
    shown = {}
    for name in said:
        number = int(name.split()[0]) if name[0].isdigit() else 0
        written = [ThreadMessage(id=f"m{at}", author="Ana", speaker="person", at=at, text="x") for at in range(number)]
        quoted = tuple(quote_message(item, MESSAGE_LIMIT) for item in written)
        kept = Team(agents=(AgentSpec(name="one", model="test/model"),)).context_messages
        newest, rest = quoted[-kept:], quoted[:-kept]
        trouble = "I may not read it" if "may not read" in name else ""
        simulator = RunSimulator(team(1), in_thread=True)
        first = rest[0] if rest else None
        context = ThreadContext(messages=newest, left_out=max(0, len(rest) - 1), first=first, trouble=trouble)
        simulator.reads(context)
        notes = [row.post.text for row in simulator.posts() if isinstance(row.post, Note)]
        shown[name] = "".join(notes) or "nothing"
    assert shown == said


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    page = read(PAGE)
    assert f"0 to {MAX_CONTEXT_MESSAGES}, where 0 reads nothing. A message is cut after {MESSAGE_LIMIT} characters." in page
    assert f"within {READ_WITHIN:.0f} seconds" in page
    assert f"1 to {MAX_READ_MESSAGES}; default {DEFAULT_COUNT}" in page
    assert f"up to {READ_LIMIT:,} characters of each message" in page


@pytest.mark.parametrize("heading", ["Two turns", "Answer now"])
async def test_a_session_of_the_page_can_be_typed_as_it_stands(tmp_path: Path, heading: str) -> None:
    async with a_session(TEAM, tmp_path) as session:
        for typed, read_then in session_of(heading):
            await session.types(typed.strip("`"), until=read_then.strip("`"))


def test_the_limits_of_the_page_are_those_of_the_summary() -> None:
    rows = {row["of the turn"]: row for found in tables(PAGE) for row in found.rows if "of the turn" in row}
    assert f"{conversation.TASK_LIMIT:,} characters" in rows["the task"]["the last 3 turns"]
    assert f"{conversation.ANSWER_LIMIT:,} characters" in rows["the final answer, or why there is none"]["the last 3 turns"]
    assert f"{conversation.SUMMARY_LIMIT} characters" in rows["the task"]["older turns"]
    said = rows["what people said during the run and in the thread after it"]["the last 3 turns"]
    assert f"the last {conversation.REMARKS} messages each, {conversation.REMARK_LIMIT} characters" in said
    assert conversation.WHOLE_TURNS == 3


def test_the_words_of_the_page_finish_a_run_and_its_guidance_does_not() -> None:
    row = next(row for found in tables(PAGE) for row in found.rows if row.get("where") == "in the run's thread")
    words = re.findall(r"`([^`]+)`", row["how"])
    assert len(words) >= 5
    assert all(asks_to_finish(text) for text in words)
    guidance = re.search(r"Words such as `([^`]+)` are guidance", read(PAGE))
    assert guidance is not None
    assert not asks_to_finish(guidance[1])
