"""What a tool server says, as our own values. It is data of somebody else's: cleaned, bounded, and of any shape."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.common.text import clean
from orchestrator_bridge.tool.model import Tool, ToolImage, ToolResult
from orchestrator_bridge.tool.schema import normalise_schema

if TYPE_CHECKING:
    from mcp_types import CallToolResult
    from mcp_types import Tool as Listed


LONGEST = 1_000_000
"""Characters of one result that are kept at all; to clean more would hold up every other run for long."""

LONGEST_DESCRIPTION = 4000
"""Characters of a tool's description that models are shown."""

LARGEST_IMAGE = 5_000_000
"""Bytes of one picture, as for those that people attach."""

MAX_IMAGES = 10
"""Pictures of one result that are kept."""


def to_tool(server: str, listed: Listed) -> Tool:
    """A tool as its server lists it. Read-only is only what the server declares as such."""
    schema, more = normalise_schema(listed.input_schema)
    described = clean(listed.description or listed.title or "", LONGEST_DESCRIPTION)
    return Tool(
        server=server,
        name=listed.name,
        description=f"{described}\n\n{clean(more, LONGEST_DESCRIPTION)}".strip(),
        schema=schema,
        read_only=bool(listed.annotations and listed.annotations.read_only_hint),
    )


def to_tool_result(result: CallToolResult) -> ToolResult:
    """What a call brought: its texts in order, resources by their text; structured content only where there is no text.

    A server says in text, too, what it gives as structured content (MCP, "Tools", Structured Content).
    """
    texts = [text for block in result.content if (text := _text(block))]
    if result.structured_content is not None and not texts:
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    pictures = [block for block in result.content if block.type == "image"]
    images = tuple(image for block in pictures[:MAX_IMAGES] if (image := _image(block)) is not None)
    if len(images) < len(pictures):
        texts.append(f"({len(pictures) - len(images)} of {len(pictures)} pictures left out: broken, too large or too many)")
    text = clean("\n\n".join(texts)[: LONGEST + 1], LONGEST)
    return ToolResult(text=text or ("" if images else "(nothing)"), failed=bool(result.is_error), images=images)


def _text(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "resource":
            return str(getattr(block.resource, "text", "")) or f"(binary content at {block.resource.uri}, left out)"
        case "resource_link":
            return f"{block.name}: {block.uri}"
        case "image":
            return ""
        case _:
            return f"({block.type} content, left out)"


def _image(block: Any) -> ToolImage | None:
    try:
        data = base64.b64decode(block.data, validate=True)
    except binascii.Error:
        return None
    return ToolImage(media_type=str(block.mime_type), data=data) if data and len(data) <= LARGEST_IMAGE else None
