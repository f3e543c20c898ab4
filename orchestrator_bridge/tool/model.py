"""The values of agents' own tools: what a server offers, and what a call of it brought."""

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


class ToolServerSpec(Value):
    """An MCP server: a command to start, or an address.

    `${NAME}` in the address, in `env` and in `headers` stands for that variable's value; a command line is seen by everybody.
    """

    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    env: dict[str, str] = Field(default={})
    headers: dict[str, str] = Field(default={})
    timeout: Annotated[Duration, Field(gt=0)] = 60.0
    """Seconds that one call may take."""
    approve: dict[str, Literal["allow", "ask", "deny"]] = Field(default={})
    """By a tool's name. Where nothing is said a tool that its server declares read-only is allowed, and any other asks."""

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that it names."""
        texts = (self.url or "", *self.env.values(), *self.headers.values())
        return frozenset(name for text in texts for name in _VARIABLE.findall(text))

    def secrets(self, server: str) -> dict[str, str]:
        """What it holds itself that nobody is to see, by where that stands: headers, secretive variables, keys in an address."""
        return {f"tools.{server}.{where}": value for where, value in self._secrets() if not _VARIABLE.search(value)}

    def _secrets(self) -> Iterator[tuple[str, str]]:
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
    """The text with each `${NAME}` replaced by what that variable holds."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


LONGEST = 64
"""Characters of a tool's name that every provider takes (OpenAI's limit; others allow as many or more)."""

_HASH_LENGTH = 8
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def model_tool_name(server: str, name: str) -> str:
    """`files__write_file`. What does not fit, or could be another server's tool, ends with the beginning of a hash of both."""
    plain = f"{server}__{name}"
    whole = _NOT_IN_NAMES.sub("_", plain)
    clear = "__" not in server and not server.endswith("_")
    if clear and whole == plain and len(whole) <= LONGEST:
        return whole
    mark = hashlib.sha256(f"{server}\n{name}".encode("utf-8", "replace")).hexdigest()[:_HASH_LENGTH]
    return f"{whole[: LONGEST - _HASH_LENGTH - 1]}_{mark}"


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


class ToolError(TownhallError):
    """A tool call without a result."""


class ToolNotCalled(ToolError):
    """The call was not made: its server is down, or has no such tool. The text says why."""


class ToolOutcomeUnknown(ToolError):
    """Nobody knows whether the call had any effect: it was cut off, or gave no answer in time. The text says which."""
