"""All tool servers of the team file, behind one door. Nothing is started before a run needs it."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.clock import Clock
from orchestrator_bridge.text import listed
from orchestrator_bridge.tool.server import Connect, Server
from orchestrator_bridge.tool.values import NotCalled, Result, Tool, Unknown

if TYPE_CHECKING:
    from orchestrator_bridge.team import ToolServerSpec
    from orchestrator_bridge.tool.connection import Connection

SHORTEST_SECRET = 4
"""Characters; what is shorter would be found in every word."""


class Toolbox:
    """The servers by name. `secrets` are the values of the variables that the team file names with `${NAME}`."""

    def __init__(self, specs: Mapping[str, ToolServerSpec], secrets: Mapping[str, str], clock: Clock) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        """Told the name of a server whose tools have changed."""
        self._specs = specs
        self._secrets = secrets
        self._servers = {
            name: Server(name, _connect(name, spec, secrets), clock, lambda server: self.changed(server))
            for name, spec in specs.items()
        }

    async def tools(self, server: str) -> tuple[Tool, ...]:
        """What a server offers.

        Raises:
            NotCalled: there is no such server, or it does not come up.
        """
        try:
            return tuple(self._without_secrets(tool) for tool in await self._server(server).tools())
        except NotCalled as error:
            raise NotCalled(hidden(str(error), self._secrets)) from None

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> Result:
        """Call a tool, for at most as long as the team file gives its server.

        Raises:
            NotCalled: the call was not made.
            Unknown: nobody knows whether it had any effect.
        """
        try:
            result = await self._server(server).call(tool, arguments, self._specs[server].timeout)
        except (NotCalled, Unknown) as error:
            raise type(error)(hidden(str(error), self._secrets)) from None
        return replace(result, text=hidden(result.text, self._secrets))

    def trouble(self, server: str) -> str:
        """Why a server is down; empty if it is up or was never needed."""
        return hidden(self._server(server).trouble, self._secrets)

    async def close(self) -> None:
        """Stop every server."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _without_secrets(self, tool: Tool) -> Tool:
        schema = json.loads(hidden(json.dumps(tool.schema), self._secrets))
        approval = self._specs[tool.server].approve.get(tool.name, "allow" if tool.read_only else "ask")
        return replace(tool, description=hidden(tool.description, self._secrets), schema=schema, approval=approval)

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            raise NotCalled(f"there is no tool server {name!r} in the team file")
        return self._servers[name]


def _connect(name: str, spec: ToolServerSpec, secrets: Mapping[str, str]) -> Connect:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        missing = sorted(one for one in spec.variables if not secrets.get(one))
        if missing:
            raise NotCalled(f"{name} needs {listed(missing)}, not set in the environment or .env")
        connection = await asyncio.to_thread(importlib.import_module, "orchestrator_bridge.tool.connection")
        if spec.url is not None:
            reached = connection.to_address(name, spec.url, filled(spec.headers, secrets))
        else:
            reached = connection.to_command(name, spec.command, filled(spec.env, secrets))
        async with reached as made:
            yield made

    return connect


def hidden(text: str, secrets: Mapping[str, str]) -> str:
    """The text with the name of a variable where its value stood: what a server knows reaches neither models nor people."""
    for name, secret in secrets.items():
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, f"[{name}]")
    return text


def filled(values: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The values with each `${NAME}` replaced by what that variable holds."""
    return {key: _fill(value, secrets) for key, value in values.items()}


def _fill(value: str, secrets: Mapping[str, str]) -> str:
    for name, secret in secrets.items():
        value = value.replace(f"${{{name}}}", secret)
    return value
