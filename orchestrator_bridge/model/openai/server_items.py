"""Output items of the Responses format for tools that the provider ran, and the sources that a text cites. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator_bridge.model.interface import ServerTool, ServerUse

MOST_DETAIL = 500
"""Characters that are kept of a query or of code."""

MOST_SOURCES = 10
"""Sources that are added to a text which cites them without a link."""

_FUNCTIONS: Mapping[str, ServerTool] = {
    "x_user_search": "x_search",
    "x_keyword_search": "x_search",
    "x_semantic_search": "x_search",
    "x_thread_fetch": "x_search",
    "web_search": "web_search",
    "web_search_with_snippets": "web_search",
    "browse_page": "web_search",
    "code_execution": "code",
}
"""xAI's names of what it ran (docs.x.ai/developers/tools/tool-usage-details)."""


def read_server_uses(output: Sequence[Mapping[str, Any]]) -> tuple[ServerUse, ...]:
    """The uses of server-side tools in the output of a response, in their order."""
    return tuple(use for item in output if (use := _read_use(item)) is not None)


def _read_use(item: Mapping[str, Any]) -> ServerUse | None:
    unit = "" if item.get("status") == "failed" else str(item.get("id") or item.get("call_id") or "")
    match item.get("type"):
        case "web_search_call":
            action = item.get("action")
            detail, is_search = _action(action if isinstance(action, Mapping) else {})
            # Only searches are billed, not the pages that are opened (developers.openai.com, "Web search").
            return ServerUse(tool="web_search", detail=detail, unit=unit if is_search else "")
        case "x_search_call":
            return ServerUse(tool="x_search", detail=_first_text(item.get("action") or item), unit=unit)
        case "code_interpreter_call":
            # A container is billed once, however often code runs in it.
            code = str(item.get("code") or "").strip()
            return ServerUse(tool="code", detail=code[:MOST_DETAIL], unit=unit and str(item.get("container_id") or unit))
        case "custom_tool_call" if (tool := _FUNCTIONS.get(str(item.get("name")))) is not None:
            return ServerUse(tool=tool, detail=_first_text(_decoded(item.get("input"))), unit=unit)
        case _:
            return None


def _action(action: Mapping[str, Any]) -> tuple[str, bool]:
    """Query or address of a step of a web search, and True if it is a search."""
    queries = [query for query in action.get("queries") or () if isinstance(query, str)]
    found = "; ".join(queries) or str(action.get("query") or action.get("pattern") or action.get("url") or "")
    return found[:MOST_DETAIL], action.get("type") in (None, "search")


def _decoded(text: object) -> object:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return {"query": str(text)}


def _first_text(value: object) -> str:
    """The query among the fields of a call, else its first text."""
    fields = value if isinstance(value, Mapping) else {"query": value}
    texts = [fields.get(name) for name in ("query", "code", "username", "url")] + list(fields.values())
    return next((text for text in texts if isinstance(text, str) and text), "")[:MOST_DETAIL]


def with_sources(text: str, item: Mapping[str, Any]) -> str:
    """The text of a message with links to the sources that it cites without one."""
    missing = {address: title for address, title in _citations(item) if address not in text}
    if not missing or not text.strip():
        return text
    links = [f"[{_link_text(title or address)}](<{address}>)" for address, title in list(missing.items())[:MOST_SOURCES]]
    return f"{text}\n\nSources: {', '.join(links)}"


def _citations(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    content = item.get("content") if item.get("type") == "message" else None
    for part in content if isinstance(content, list) else ():
        annotations = part.get("annotations") if isinstance(part, dict) else None
        for found in annotations if isinstance(annotations, list) else ():
            address = found.get("url") if isinstance(found, dict) and found.get("type") == "url_citation" else None
            if isinstance(address, str) and address.startswith(("https://", "http://")) and not set(address) & set("<> \n"):
                yield address, str(found.get("title") or "")


def _link_text(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").split())[:80]
