"""What people typed, out of the form in which Slack sends it: `<@U1>` becomes `@alice`, `&lt;` becomes `<`."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"<([^<>\n]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_MENTION = re.compile(r"<@([UWB][A-Z0-9]+)(?:\|[^>]*)?>")


def mentioned_ids(text: str) -> list[str]:
    """The ids of those whom a text names, in order, each once."""
    return list(dict.fromkeys(_MENTION.findall(text)))


def without_mention(text: str, user: str) -> str:
    """A text without our own name in it, and without the blanks around that."""
    return re.sub(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>[ \t]*", " ", text).strip()


def begins_with_mention(text: str, user: str) -> bool:
    """Whether somebody speaks to this user: the name comes first, as one calls somebody."""
    return re.match(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>", text) is not None


def unescape(text: str, name_of: Callable[[str], str]) -> str:
    """A text as it was typed. `name_of` gives a user's name by id."""
    shown = _TOKEN.sub(lambda found: _token_text(found[1], name_of), text)
    for entity, character in _ENTITIES:
        shown = shown.replace(entity, character)
    return shown


def _token_text(token: str, name_of: Callable[[str], str]) -> str:
    target, _, label = token.partition("|")
    if target.startswith("@"):
        return f"@{name_of(target[1:])}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return _special_text(target[1:], label)
    return target if not label or label in target else f"{label} ({target})"


def _special_text(target: str, label: str) -> str:
    """`<!subteam^S1|@crew>`, `<!here>`, `<!date^…|at noon>`."""
    if label:
        return label
    return f"@{target.removeprefix('subteam^')}"
