"""What people see of the fake Slack's messages, and whom those notify: its own marks resolved as Slack's clients do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Message = Mapping[str, Any]

_MARK = re.compile(r"<([^<>]*)>")
_NOTIFIES = re.compile(r"<@([UW][A-Z0-9]+)[^>]*>|<!(channel|here|everyone)[^>]*>|<!subteam\^(S[A-Z0-9]+)[^>]*>")
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]*)[^)]*\)")
JOINER = "\u2060"


def words(message: Message) -> str:
    """All that a message says, the sender's name above it included."""
    blocks = message.get("blocks") or []
    texts = [_shown(text) for text in raw_texts(message)] if blocks else [_shown(str(message.get("text") or ""))]
    files = [str(file["name"]) for file in message.get("files") or ()]
    return "\n".join(filter(None, (str(message.get("username") or ""), *texts, *files)))


def raw_texts(message: Message) -> Iterator[str]:
    """The texts in which Slack looks for marks."""
    for block in message.get("blocks") or []:
        match block["type"]:
            case "section" | "header":
                yield block["text"]["text"]
            case "markdown":
                yield block["text"]
            case "context":
                yield from (one["text"] for one in block["elements"])
            case "input":
                yield block["label"]["text"]


def controls(message: Message) -> tuple[str, ...]:
    """The labels of what can be clicked."""
    return tuple(_label(one) for one in elements(message))


def elements(message: Message) -> Iterator[Message]:
    """What can be clicked, each with its block's id."""
    for block in message.get("blocks") or []:
        if block["type"] == "actions":
            yield from ({**one, "block_id": block["block_id"]} for one in block["elements"])


def _label(element: Message) -> str:
    if element["type"] == "overflow":
        return "⋯"
    return str((element.get("text") or element["placeholder"])["text"])


def notified(message: Message) -> set[str]:
    """Ids of those whom a message notifies; `everyone` if it is all of a channel."""
    texts = list(raw_texts(message)) or [str(message.get("text") or "")]
    found = [match.groups() for text in texts for match in _NOTIFIES.finditer(text)]
    return {"everyone" if every else str(user or group) for user, every, group in found}


def hidden_links(message: Message) -> list[str]:
    """Links whose text does not show where they lead, as far as Slack would make them."""
    found = []
    for block in message.get("blocks") or []:
        if block["type"] == "markdown":
            prose = re.sub(r"^```.*?^```", "", block["text"], flags=re.MULTILINE | re.DOTALL)
            found += [target for label, target in _LINK.findall(prose) if target not in label]
    for text in raw_texts(message):
        found += [mark for mark in _MARK.findall(text) if mark.startswith("http") and "|" in mark]
    return found


def _shown(text: str) -> str:
    shown = _MARK.sub(lambda found: _resolved(found[1]), text).replace(JOINER, "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _resolved(mark: str) -> str:
    target, _, label = mark.partition("|")
    return label or target
