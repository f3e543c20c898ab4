"""What models call a tool: servers are kept apart, and names that providers would refuse are made to fit."""

from __future__ import annotations

import hashlib
import re

LONGEST = 64
"""Characters of a tool's name that every provider takes (OpenAI's limit; others allow as many or more)."""

_HASH_LENGTH = 8
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def model_tool_name(server: str, name: str) -> str:
    """`files__write_file`. What does not fit, or could be another server's tool, ends with the beginning of a hash of both."""
    plain = f"{server}__{name}"
    whole = _NOT_IN_NAMES.sub("_", plain)
    clear = "__" not in server and not server.endswith("_")
    if clear and whole == plain and len(whole) <= LONGEST:
        return whole
    mark = hashlib.sha256(f"{server}\n{name}".encode("utf-8", "replace")).hexdigest()[:_HASH_LENGTH]
    return f"{whole[: LONGEST - _HASH_LENGTH - 1]}_{mark}"
