"""Values of MCP tools: server settings, tools, results and errors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, model_validator

from orchestrator_bridge.common.duration import Duration
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.redaction import SECRET_SUFFIXES
from orchestrator_bridge.common.text import one_line

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


Approval = Literal["allow", "ask", "deny"]


class ToolServerSpec(Value):
    """MCP server of the team file: a command to start, or an address.

    `${NAME}` in the address, in `env` and in `headers` stands for that environment variable. It is not expanded in `command`:
    every user of the machine can read command lines.
    """

    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    env: dict[str, str] = Field(default={})
    headers: dict[str, str] = Field(default={})
    timeout: Annotated[Duration, Field(gt=0)] = 60.0
    """Timeout of one call in seconds."""
    approve: dict[str, Approval] = Field(default={})
    """Approval by tool name. The default is `allow` for a tool that its server declares read-only, `ask` for any other."""

    @property
    def variables(self) -> frozenset[str]:
        """Names of the environment variables that the settings refer to."""
        texts = (self.url or "", *self.env.values(), *self.headers.values())
        return frozenset(name for text in texts for name in _VARIABLE.findall(text))

    def secrets(self, server: str) -> dict[str, str]:
        """Secrets written into the settings, by place: headers, variables named like secrets, credentials in the address."""
        return {f"tools.{server}.{where}": value for where, value in self._find_secrets() if not _VARIABLE.search(value)}

    def _find_secrets(self) -> Iterator[tuple[str, str]]:
        for name, value in self.headers.items():
            yield f"headers.{name}", value.rpartition(" ")[2]
        for name, value in self.env.items():
            if name.upper().endswith(SECRET_SUFFIXES):
                yield f"env.{name}", value
        address = urlsplit(self.url or "")
        if address.password:
            yield "url", address.password
        for name, value in parse_qsl(address.query):
            if name.upper().endswith(SECRET_SUFFIXES):
                yield f"url.{name}", value

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("a tool server has either 'command' or 'url'; expected exactly one of them")
        return self


def expand_variables(text: str, values: Mapping[str, str]) -> str:
    """Replace each `${NAME}` with that variable's value; a variable without a value stays as it is."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


MAX_NAME_LENGTH = 64
"""Characters of a tool's name that every provider accepts (OpenAI's limit; the others allow as many or more)."""

_HASH_LENGTH = 8
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def model_tool_name(server: str, name: str) -> str:
    """Name of a tool for the models: `files__write_file`.

    A name that is too long, has characters that providers refuse, or could also be another server's tool ends with a hash of both
    parts instead.
    """
    plain = f"{server}__{name}"
    allowed = _NOT_IN_NAMES.sub("_", plain)
    is_unambiguous = "__" not in server and not server.endswith("_")
    if is_unambiguous and allowed == plain and len(allowed) <= MAX_NAME_LENGTH:
        return allowed
    digest = hashlib.sha256(f"{server}\n{name}".encode("utf-8", "replace")).hexdigest()[:_HASH_LENGTH]
    return f"{allowed[: MAX_NAME_LENGTH - _HASH_LENGTH - 1]}_{digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """Tool of a server. `schema` is the JSON schema of its arguments; `read_only` is declared by the server.

    `approval` comes from the team file, or follows from `read_only` if the file does not name the tool.
    """

    server: str
    name: str
    description: str
    schema: dict[str, Any]
    read_only: bool = False
    approval: Approval = "ask"

    @property
    def label(self) -> str:
        """Name for people, as in the team file: `files.write_file`."""
        return f"{self.server}.{one_line(self.name, 60)}"

    @property
    def model_name(self) -> str:
        """Name for models: `files__write_file`."""
        return model_tool_name(self.server, self.name)

    @property
    def digest(self) -> str:
        """Hash of the description, which changes when the server describes the tool differently."""
        described = json.dumps([self.description, self.schema, self.read_only], sort_keys=True)
        return hashlib.sha256(described.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolImage:
    """Image in a tool's result."""

    media_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """Result of a call. `failed` is True if the tool or its server reports an error."""

    text: str
    failed: bool = False
    images: tuple[ToolImage, ...] = ()


class ToolError(TownhallError):
    """A tool call without a result."""


class ToolNotCalled(ToolError):
    """The call was not made: its server is down or has no such tool. The message is for people and agents."""


class ToolOutcomeUnknown(ToolError):
    """The call may have had an effect: the connection was lost or the server did not answer in time."""
