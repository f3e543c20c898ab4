"""What `[tools.NAME]` of the team file says of a tool server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, model_validator

from orchestrator_bridge.duration import Duration
from orchestrator_bridge.redactor import SECRETIVE
from orchestrator_bridge.value import Value

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
            if name.upper().endswith(SECRETIVE):
                yield f"env.{name}", value
        address = urlsplit(self.url or "")
        if address.password:
            yield "url", address.password
        for name, value in parse_qsl(address.query):
            if name.upper().endswith(SECRETIVE):
                yield f"url.{name}", value

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("a tool server has either 'command' or 'url'; expected exactly one of them")
        return self


def expand_variables(text: str, values: Mapping[str, str]) -> str:
    """The text with each `${NAME}` replaced by what that variable holds."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
