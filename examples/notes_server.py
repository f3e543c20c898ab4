"""A tool server over a folder of notes, for examples/tools.toml: `python notes_server.py FOLDER`.

Two of its tools say that they only read, so agents use them as they see fit. The third writes, so people are asked each time.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "notes")
ONLY_READS = ToolAnnotations(read_only_hint=True)

server = MCPServer("notes")


@server.tool(annotations=ONLY_READS)
def list_notes() -> str:
    """The names of all notes."""
    names = sorted(file.stem for file in FOLDER.glob("*.md"))
    return ", ".join(names) or "There are no notes yet."


@server.tool(annotations=ONLY_READS)
def read_note(name: str) -> str:
    """The text of a note."""
    return _file(name).read_text(encoding="utf-8")


@server.tool()
def write_note(name: str, text: str) -> str:
    """Write a note, in place of what stood there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _file(name).write_text(text, encoding="utf-8")
    return f"{name} is written."


def _file(name: str) -> Path:
    """The file of a note. A name holds no dots and no slashes, so that it leads nowhere else."""
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise ValueError(f"{name!r} is no name of a note; expected letters, digits, - and _")
    return FOLDER / f"{name}.md"


if __name__ == "__main__":
    server.run()
