"""Conversion of MCP tools and results into our values. The content is untrusted: it is cleaned, bounded and of any shape."""

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


MAX_RESULT_LENGTH = 1_000_000
"""Characters of one result that are kept; cleaning more would block the event loop, and so every other run, for long."""

MAX_DESCRIPTION_LENGTH = 4000
"""Characters of a tool's description that models see."""

MAX_IMAGE_SIZE = 5_000_000
"""Bytes of one image, as for images that people attach."""

MAX_IMAGES = 10
"""Images of one result that are kept."""


def to_tool(server: str, listed: Listed) -> Tool:
    """Convert a listed tool. It is read-only only if the server declares it so."""
    schema, more = normalise_schema(listed.input_schema)
    described = clean(listed.description or listed.title or "", MAX_DESCRIPTION_LENGTH)
    return Tool(
        server=server,
        name=listed.name,
        description=f"{described}\n\n{clean(more, MAX_DESCRIPTION_LENGTH)}".strip(),
        schema=schema,
        read_only=bool(listed.annotations and listed.annotations.read_only_hint),
    )


def to_tool_result(result: CallToolResult) -> ToolResult:
    """Convert a call's result: all texts in order, and the text of embedded resources.

    Structured content is used only if there is no text: a server repeats it as text (MCP, "Tools", Structured Content).
    """
    texts = [text for block in result.content if (text := _text(block))]
    if result.structured_content is not None and not texts:
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    pictures = [block for block in result.content if block.type == "image"]
    images = tuple(image for block in pictures[:MAX_IMAGES] if (image := _image(block)) is not None)
    if len(images) < len(pictures):
        texts.append(f"({len(pictures) - len(images)} of {len(pictures)} pictures left out: broken, too large or too many)")
    # Cut before cleaning, which is the expensive part; one more character keeps the mark of a cut.
    text = clean("\n\n".join(texts)[: MAX_RESULT_LENGTH + 1], MAX_RESULT_LENGTH)
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
    return ToolImage(media_type=str(block.mime_type), data=data) if data and len(data) <= MAX_IMAGE_SIZE else None
