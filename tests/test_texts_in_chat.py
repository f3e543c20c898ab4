"""Texts that reach a channel name commands of the chat, never those of a shell: people there have no access to the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [
    *(f"orchestrator_bridge/{name}" for name in ("chat", "engine", "question", "run", "team")),
    *("bot/commands", "adapters/discord", "adapters/slack"),
]
FOR_OPERATORS = {"platform.py", "errors.py"}
"""Files of the adapters with setup guides and reasons for the log, which only the operator reads."""

LOG_MARK = "; fix: "
"""Part of the texts for the log: they say how the operator fixes something."""


def texts(file: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_for_a_channel_names_a_shell_command(folder: str) -> None:
    files = [file for file in (ROOT / folder).rglob("*.py") if file.name not in FOR_OPERATORS]
    assert not [text for file in files for text in texts(file) if "`townhall " in text and LOG_MARK not in text]
