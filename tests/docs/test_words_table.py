"""The table of words without a command in docs/commands.md, read by the code that reads people's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.commands.typed_words import task_command
from orchestrator_bridge.chat.command_line import TASK, parse_typed_command
from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
SECTION = PAGE.read_text("utf-8").partition("### Words without a command")[2].partition("###")[0]
ROWS = re.findall(r"^\| `(.+?)` \| (.+?) \|$", SECTION, re.MULTILINE)
REPLIES = {
    "a question whether to cancel": "cancel",
    "a question whether to start a run": "ask",
    "small talk, which is answered": None,
}


def test_the_table_has_examples_of_every_kind() -> None:
    assert {meaning for _, meaning in ROWS} > {"a task", *REPLIES}


@pytest.mark.parametrize(("text", "meaning"), ROWS)
def test_words_are_read_as_the_page_says(text: str, meaning: str) -> None:
    typed = parse_typed_command(text)
    if meaning.startswith("`/"):
        assert typed is not None
        assert f"/{typed.name} {typed.text}".strip() == meaning.strip("`")
        return
    assert typed is None
    author = Author(platform="discord", id="1", name="Ana")
    place = Place(platform="discord", channel="2")
    given = CommandReceived(place=place, interaction="3", author=author, name=TASK, text=text, at=1.0)
    reply = task_command(given)
    if meaning == "a task":
        assert isinstance(reply, CommandReceived)
    else:
        assert not isinstance(reply, CommandReceived)
        assert (reply.confirm.name if reply.confirm else None) == REPLIES[meaning]
