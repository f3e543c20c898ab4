"""Tools of a team: MCP servers, their tools, and calls of them."""

from __future__ import annotations

from orchestrator_bridge.tool.model import (
    Tool,
    ToolError,
    ToolImage,
    ToolNotCalled,
    ToolOutcomeUnknown,
    ToolResult,
    ToolServerSpec,
)
from orchestrator_bridge.tool.toolbox import (
    Toolbox,
)

__all__ = [
    "Tool",
    "ToolError",
    "ToolImage",
    "ToolNotCalled",
    "ToolOutcomeUnknown",
    "ToolResult",
    "ToolServerSpec",
    "Toolbox",
]
