"""The content of a message as text: what was typed, forwarded messages, and what other apps show.

Slack's `text` holds only what the author typed. A forwarded message and most messages of apps are in `attachments`, and some
messages of apps are in `blocks` alone. Previews of links are in `attachments` too, but nobody wrote them, so they are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from adapters.slack.files import to_attachments
from orchestrator_bridge.chat.inbound import Attachment

Message = Mapping[str, Any]

_TOKEN = re.compile(r"<([^<>\n]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_MENTION = re.compile(r"<@([UWB][A-Z0-9]+)(?:\|[^>]*)?>")
_CONTROLS = frozenset({"actions", "button", "input"})
_LEAVES = {
    "user": ("user_id", "<@{}>"),
    "channel": ("channel_id", "<#{}>"),
    "usergroup": ("usergroup_id", "<!subteam^{}>"),
    "emoji": ("name", ":{}:"),
    "link": ("url", "{}"),
    "image": ("alt_text", "{}"),
}
"""Elements that are no text themselves: the field that is shown, and how `text` writes it. Source: reference of rich text."""
_LINES = frozenset(
    {"mrkdwn", "plain_text", "raw_text", "image", "rich_text_section", "rich_text_preformatted", "rich_text_quote"}
)
"""Elements that fill lines of their own."""
_CHILDREN = ("text", "title", "fields", "elements", "accessory", "rows")


def mentioned_ids(text: str) -> list[str]:
    """The ids that a text mentions, in order, each once."""
    return list(dict.fromkeys(_MENTION.findall(text)))


def without_mention(text: str, user: str) -> str:
    """A text without mentions of the bot, and without the spaces around them."""
    return re.sub(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>[ \t]*", " ", text).strip()


def begins_with_mention(text: str, user: str) -> bool:
    """True if a text addresses this user: the mention comes first."""
    return re.match(rf"\s*<@{re.escape(user)}(?:\|[^>]*)?>", text) is not None


def unescape(text: str, name_of: Callable[[str], str]) -> str:
    """A text as it was typed. `name_of` returns a user's name by id."""
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
    if target.startswith("!"):  # `<!subteam^S1|@crew>`, `<!here>` or `<!date^…|at noon>`
        return label or f"@{target[1:].removeprefix('subteam^')}"
    if target in (f"http://{label}", f"mailto:{label}", f"tel:{label}"):
        return label  # Slack made a link of words that look like an address: README.md
    return target if not label or label in target else f"{label} ({target})"


def typed_text(message: Message) -> str:
    """The text that the author typed, with Slack's markup; that of its blocks if there is no other."""
    return str(message.get("text") or "") or "\n".join(_block_texts(message.get("blocks") or ()))


def shared_text(message: Message) -> str:
    """The forwarded messages and the cards of apps in a message, with Slack's markup; empty if there are none."""
    texts = [_attachment_text(attachment) for attachment in message.get("attachments") or () if not _is_preview(attachment)]
    return "\n\n".join(filter(None, texts))


def message_files(message: Message) -> tuple[Attachment, ...]:
    """The files of a message, and those of the messages that it forwards."""
    forwarded = (file for attachment in message.get("attachments") or () for file in attachment.get("files") or ())
    return to_attachments([*(message.get("files") or ()), *forwarded])


def _is_preview(attachment: Message) -> bool:
    """True if Slack or an app added an attachment for a link in the text. A forwarded message names its address as well."""
    linked = any(attachment.get(name) for name in ("from_url", "original_url", "app_unfurl_url", "is_app_unfurl"))
    return linked and not attachment.get("is_share")


def _attachment_text(attachment: Message) -> str:
    author = str(attachment.get("author_name") or attachment.get("author_subname") or "")
    heading = f"{author} wrote:" if author and attachment.get("is_share") else author
    lines = [heading, *(str(attachment.get(name) or "") for name in ("pretext", "title", "text"))]
    lines += [": ".join(filter(None, map(str, (field.get("title"), field.get("value"))))) for field in _fields(attachment)]
    blocks = _block_texts(_blocks(attachment)) if not attachment.get("text") else ()
    found = "\n".join(line for line in (*lines, *blocks) if line.strip())
    return found if found and found != heading else str(attachment.get("fallback") or "")


def _fields(attachment: Message) -> Iterable[Message]:
    fields: Iterable[Message] = attachment.get("fields") or ()
    return fields


def _blocks(attachment: Message) -> list[Any]:
    forwarded = [(part.get("message") or {}).get("blocks") or () for part in attachment.get("message_blocks") or ()]
    return [*(attachment.get("blocks") or ()), *(block for blocks in forwarded for block in blocks)]


def _block_texts(blocks: Iterable[Any]) -> Iterator[str]:
    """The texts of blocks, one for each block that has any."""
    for block in blocks:
        if text := "".join(_element_texts(block)).strip():
            yield text


def _element_texts(element: Any) -> Iterator[str]:
    """The texts within one block, in order; those of controls are left out."""
    if isinstance(element, list):
        for part in element:
            yield from _element_texts(part)
    elif isinstance(element, dict) and element.get("type") not in _CONTROLS:
        leaf = _leaf_text(element)
        children = [element.get(name) for name in _CHILDREN] if not leaf else []
        yield from (leaf, *_element_texts(children))
        yield "\n" if element.get("type") in _LINES else ""


def _leaf_text(element: Message) -> str:
    name, form = _LEAVES.get(str(element.get("type")), ("text", "{}"))
    value = element.get(name)
    return form.format(value) if isinstance(value, str) else ""
