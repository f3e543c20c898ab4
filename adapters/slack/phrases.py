"""The bridge's words as they are right here: commands are typed otherwise on Slack than in a terminal."""

from __future__ import annotations

import re

_SLASH = re.compile(r"(?<![\w/:.])/(?=(?:ask|models?|team|runs|questions|cancel|cost|help)\b)")


def localise_commands(text: str) -> str:
    """The bridge's words with commands as they are typed here: `/runs` is `/townhall runs`."""
    return _SLASH.sub("/townhall ", text)
