"""The fake Slack's messages as people see them, and the people whom they notify: markup is resolved as Slack's clients do it."""

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
    """All text of a message, including the sender's name."""
    blocks = message.get("blocks") or []
    texts = [_shown(text) for text in raw_texts(message)] if blocks else [_shown(str(message.get("text") or ""))]
    files = [str(file["name"]) for file in message.get("files") or ()]
    return "\n".join(filter(None, (str(message.get("username") or ""), *texts, *files)))


def raw_texts(message: Message) -> Iterator[str]:
    """The texts in which Slack interprets markup."""
    for block in message.get("blocks") or []:
        match block["type"]:
            case "section" | "header":
                yield block["text"]["text"]
            case "markdown":
                yield block["text"]
            case "context":
                yield from (element["text"] for element in block["elements"])
            case "input":
                yield block["label"]["text"]


def controls(message: Message) -> tuple[str, ...]:
    """The labels of all controls."""
    return tuple(_label(element) for element in elements(message))


def elements(message: Message) -> Iterator[Message]:
    """All controls, each with its block's id."""
    for block in message.get("blocks") or []:
        if block["type"] == "actions":
            yield from ({**element, "block_id": block["block_id"]} for element in block["elements"])


def _label(element: Message) -> str:
    if element["type"] == "overflow":
        return "⋯"
    return str((element.get("text") or element["placeholder"])["text"])


def notified(message: Message) -> set[str]:
    """Ids of the people whom a message notifies; `everyone` for a whole channel."""
    texts = list(raw_texts(message)) or [str(message.get("text") or "")]
    found = [match.groups() for text in texts for match in _NOTIFIES.finditer(text)]
    return {"everyone" if every else str(user or group) for user, every, group in found}


def hidden_links(message: Message) -> list[str]:
    """Links whose text hides their address, as far as Slack would create them."""
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
