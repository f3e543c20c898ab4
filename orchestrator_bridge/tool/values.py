"""The values of agents' own tools: what a server offers, and what a call of it brought."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator_bridge.text import one_line
from orchestrator_bridge.tool.name import model_tool_name

Approval = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One tool of one server. `schema` is the JSON schema of its arguments; `read_only` is what its server declares.

    `approval` is what the team file says of it, or what follows from `read_only` where it says nothing.
    """

    server: str
    name: str
    description: str
    schema: dict[str, Any]
    read_only: bool = False
    approval: Approval = "ask"

    @property
    def label(self) -> str:
        """What people call it, as the team file does: `files.write_file`."""
        return f"{self.server}.{one_line(self.name, 60)}"

    @property
    def model_name(self) -> str:
        """What models call it."""
        return model_tool_name(self.server, self.name)

    @property
    def digest(self) -> str:
        """Changes when the server describes the tool otherwise than before."""
        described = json.dumps([self.description, self.schema, self.read_only], sort_keys=True)
        return hashlib.sha256(described.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolImage:
    """A picture that a tool gave back."""

    media_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What a call brought. `failed`: the tool, or its server, says that it did not do what it was asked to."""

    text: str
    failed: bool = False
    images: tuple[ToolImage, ...] = ()


class ToolNotCalled(Exception):
    """The call was not made: its server is down, or has no such tool. The text says why."""


class ToolOutcomeUnknown(Exception):
    """Nobody knows whether the call had any effect: it was cut off, or gave no answer in time. The text says which."""
