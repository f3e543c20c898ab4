"""Slack's published limits of messages, views and app manifests, as a check that lists all errors of a payload.

Sources: Slack's reference of blocks, block elements, composition objects, views and `chat.postMessage`; for manifests the JSON
schema of github.com/slackapi/manifest-schema (versions 1 and 2 have the same limits).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt

Thing = Mapping[str, Any]

MARKDOWN_IN_ALL = 12_000
EXPANDED_IN_ALL = 13_200
"""Characters of all blocks of a message."""
MODALS = ("modal", "home")


def wrong_in_message(message: Thing) -> list[str]:
    """The errors that Slack would find in a message."""
    blocks = message.get("blocks") or []
    found = list(_blocks(blocks, 50, "message"))
    if not str(message.get("text") or "").strip():
        found.append("no text for notifications")
    if len(str(message.get("text"))) > 4000:
        found.append(f"text of {len(str(message.get('text')))} characters, 4,000 are good")
    markdown = sum(len(block["text"]) for block in blocks if block.get("type") == "markdown")
    if markdown > MARKDOWN_IN_ALL:
        found.append(f"{markdown} characters of markdown in all")
    if len(str(message.get("username") or "")) > 80:
        found.append("a username of more than 80 characters")
    return found


def refused_once_expanded(message: Thing) -> str:
    """The error with which Slack refuses a message after it has expanded its Markdown; empty if it takes it.

    A block of type `markdown` becomes a block for each element of the text (Slack's block reference: "may result in multiple
    blocks"); more than 50 are refused, and so are more than about 13,200 characters in all (slackapi/bolt-js issue 2509).
    """
    blocks = message.get("blocks") or []
    expanded = sum(_elements(block["text"]) if block["type"] == "markdown" else 1 for block in blocks)
    if expanded > 50:
        return "invalid_blocks"
    return "msg_blocks_too_long" if len(str(blocks)) > EXPANDED_IN_ALL else ""


def _elements(text: str) -> int:
    """The elements at the top level of a Markdown text."""
    return sum(token.level == 0 and token.nesting >= 0 for token in MarkdownIt().parse(text))


def wrong_in_view(view: Thing) -> list[str]:
    """The errors that Slack would find in a modal or App Home."""
    found = list(_blocks(view.get("blocks") or [], 100, str(view.get("type"))))
    if view.get("type") not in MODALS:
        found.append(f"a view of type {view.get('type')!r}")
    for part in ("title", "submit", "close"):
        if part in view:
            found += _text(view[part], 24, part)
    if len(str(view.get("private_metadata") or "")) > 3000:
        found.append("private_metadata of more than 3,000 characters")
    if view.get("type") == "modal" and any(block["type"] == "input" for block in view["blocks"]) and "submit" not in view:
        found.append("a modal with inputs and without a button to submit")
    return found


def wrong_in_manifest(manifest: Thing) -> list[str]:
    """The errors for which Slack would refuse to create an app from a manifest."""
    return [error for path, (least, most) in _MANIFEST.items() for error in _length(manifest, path.split("."), path, least, most)]


def _length(thing: Any, names: Sequence[str], path: str, least: int, most: int) -> Iterator[str]:
    """Errors of the texts and lists at a path; `*` stands for every item of a list. A part that is left out has no error."""
    if not names:
        if not least <= len(thing) <= most:
            yield f"{path}: {thing!r} has a length of {len(thing)}, {least} to {most} are allowed"
        if path.endswith("url") and not thing.startswith("https://"):
            yield f"{path}: {thing!r} does not begin with https://"
        return
    name, *rest = names
    for part in thing if name == "*" else [thing[name]] if name in thing else []:
        yield from _length(part, rest, path, least, most)


def wrong_in_response(payload: Thing, response: Any) -> list[str]:
    """The errors that Slack would find in the response to a submitted modal.

    Source: "Displaying errors in views" in Slack's guide to modals: each key is the `block_id` of an input block.
    """
    if not response or payload.get("type") != "view_submission":
        return []
    inputs = {block["block_id"] for block in payload["view"]["blocks"] if block["type"] == "input"}
    errors = response.get("errors") or {}
    found = [] if response.get("response_action") == "errors" else [f"the action {response.get('response_action')!r}"]
    return [*found, *(f"no input block {name!r}" for name in errors if name not in inputs), *([] if errors else ["no errors"])]


def wrong_in_options(options: Sequence[Thing]) -> list[str]:
    """The errors that Slack would find in a response to `block_suggestion`."""
    found = [] if len(options) <= 100 else [f"{len(options)} options"]
    return [*found, *(item for option in options for item in _option(option))]


def _blocks(blocks: Sequence[Thing], most: int, where: str) -> Iterator[str]:
    if len(blocks) > most:
        yield f"{len(blocks)} blocks in a {where}"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        yield f"block ids twice: {ids}"
    for block in blocks:
        if len(block.get("block_id", "")) > 255:
            yield "a block_id of more than 255 characters"
        yield from _block(block, where)


def _block(block: Thing, where: str) -> Iterator[str]:
    check = _CHECKS.get(block.get("type", ""))
    if check is None:
        yield f"a block of type {block.get('type')!r}"
    elif block["type"] == "markdown" and where != "message":
        yield f"markdown in a {where}"
    else:
        yield from check(block)


def _context(block: Thing) -> Iterator[str]:
    if not 0 < len(block["elements"]) <= 10:
        yield f"{len(block['elements'])} elements in a context"
    for element in block["elements"]:
        yield from _text(element, 3000, "context")


def _markdown(block: Thing) -> Iterator[str]:
    if not 0 < len(block["text"]) <= MARKDOWN_IN_ALL:
        yield f"markdown of {len(block['text'])} characters"


def _input(block: Thing) -> Iterator[str]:
    yield from _text(block["label"], 2000, "label")
    yield from _element(block["element"])


def _actions(block: Thing) -> Iterator[str]:
    if not 0 < len(block["elements"]) <= 25:
        yield f"{len(block['elements'])} elements in one row"
    ids = [element.get("action_id") for element in block["elements"]]
    if len(set(ids)) != len(ids):
        yield f"action ids twice in one row: {ids}"
    for element in block["elements"]:
        yield from _element(element)


def _element(element: Thing) -> Iterator[str]:
    if not 0 < len(element.get("action_id", "")) <= 255:
        yield f"an action_id of {len(element.get('action_id', ''))} characters"
    if element["type"] == "button":
        yield from _button(element)
    if element["type"] == "overflow":
        yield from _overflow(element)
    if "placeholder" in element:
        yield from _text(element["placeholder"], 150, "placeholder")
    if "options" in element:
        yield from _list(element)
    if len(element.get("initial_value", "")) > element.get("max_length", 3000):
        yield "an initial value that is longer than the field"


def _overflow(element: Thing) -> Iterator[str]:
    if not 0 < len(element["options"]) <= 5:
        yield f"{len(element['options'])} entries behind three dots"


def _button(element: Thing) -> Iterator[str]:
    yield from _text(element["text"], 75, "button")
    if len(element.get("value", "")) > 2000:
        yield "a button's value of more than 2,000 characters"
    if element.get("style") not in (None, "primary", "danger"):
        yield f"a button in style {element['style']!r}"


def _list(element: Thing) -> Iterator[str]:
    yield from [] if element["options"] else ["a list without options"]
    yield from wrong_in_options(element["options"])
    if "initial_option" in element and element["initial_option"] not in element["options"]:
        yield "an initial option that is none of the options"


def _option(option: Thing) -> Iterator[str]:
    yield from _text(option["text"], 75, "option")
    if not 0 < len(option["value"]) <= 150:
        yield f"an option's value of {len(option['value'])} characters"
    if "description" in option:
        yield from _text(option["description"], 75, "an option's description")


def _text(text: Thing, most: int, what: str) -> Iterator[str]:
    if text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{what}: a text of type {text.get('type')!r}"
    if not 0 < len(text["text"]) <= most:
        yield f"{what}: {len(text['text'])} characters, 1 to {most} are taken"


_CHECKS: Mapping[str, Callable[[Thing], Iterator[str]]] = {
    "section": lambda block: _text(block["text"], 3000, "section"),
    "header": lambda block: _text(block["text"], 150, "header"),
    "context": _context,
    "actions": _actions,
    "markdown": _markdown,
    "input": _input,
    "divider": lambda block: iter(()),
}

_MANIFEST: Mapping[str, tuple[int, int]] = {
    "display_information.name": (1, 35),
    "display_information.description": (1, 140),
    "display_information.background_color": (4, 7),
    "features.bot_user.display_name": (1, 80),
    "features.shortcuts": (1, 10),
    "features.shortcuts.*.name": (1, 24),
    "features.shortcuts.*.callback_id": (1, 255),
    "features.shortcuts.*.description": (1, 150),
    "features.slash_commands": (1, 50),
    "features.slash_commands.*.command": (2, 32),
    "features.slash_commands.*.description": (1, 2000),
    "features.slash_commands.*.usage_hint": (1, 1000),
    "features.slash_commands.*.url": (1, 3000),
    "oauth_config.scopes.bot": (0, 255),
    "oauth_config.scopes.bot.*": (0, 50),
    "settings.event_subscriptions.bot_events": (0, 100),
    "settings.event_subscriptions.bot_events.*": (0, 50),
    "settings.event_subscriptions.request_url": (1, 3500),
    "settings.interactivity.request_url": (1, 3500),
    "settings.interactivity.message_menu_options_url": (1, 3500),
}
"""Least and greatest length of the texts and lists in a manifest, by path."""
