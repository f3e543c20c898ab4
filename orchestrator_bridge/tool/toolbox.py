"""All tool servers of the team file. A server is started when a run first needs it."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.redaction import Redactor
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.tool.model import Tool, ToolNotCalled, ToolOutcomeUnknown, ToolResult, expand_variables
from orchestrator_bridge.tool.server import Connect, ToolServer

if TYPE_CHECKING:
    from orchestrator_bridge.tool.connection import ToolConnection
    from orchestrator_bridge.tool.model import ToolServerSpec


class Toolbox:
    """Tool servers by name. Commands run in `folder`.

    `secrets` holds the values of `${NAME}` in the team file, and all other secrets, by name. They are redacted from everything
    that a server returns.
    """

    def __init__(
        self, specs: Mapping[str, ToolServerSpec], secrets: Mapping[str, str], clock: Clock, folder: Path = Path()
    ) -> None:
        self._subscribers: list[Callable[[str], None]] = []
        self._specs = specs
        self._redactor = Redactor(secrets)
        self._servers = {
            name: ToolServer(name, _connect(name, spec, secrets, folder), clock, self._notify) for name, spec in specs.items()
        }

    def subscribe(self, on_change: Callable[[str], None]) -> None:
        """Call `on_change` with the name of a server whenever its tools may have changed."""
        self._subscribers.append(on_change)

    async def tools(self, server: str) -> tuple[Tool, ...]:
        """List a server's tools, with secrets redacted and the approval of the team file.

        Raises:
            ToolNotCalled: there is no such server, or it does not start.
        """
        try:
            return tuple(self._with_approval(tool) for tool in await self._server(server).tools())
        except ToolNotCalled as error:
            raise ToolNotCalled(self._redactor.clean(str(error))) from None

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool, with the timeout that the team file gives its server.

        Raises:
            ToolNotCalled: the call was not made.
            ToolOutcomeUnknown: the call may have had an effect.
        """
        try:
            result = await self._server(server).call(tool, arguments, self._specs[server].timeout)
        except (ToolNotCalled, ToolOutcomeUnknown) as error:
            raise type(error)(self._redactor.clean(str(error))) from None
        return replace(result, text=self._redactor.clean(result.text))

    async def close(self) -> None:
        """Stop every server."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _notify(self, server: str) -> None:
        for on_change in self._subscribers:
            on_change(server)

    def _with_approval(self, tool: Tool) -> Tool:
        # Secrets may be anywhere in a schema, such as in a default value.
        schema = json.loads(self._redactor.clean(json.dumps(tool.schema)))
        approval = self._specs[tool.server].approve.get(tool.name, "allow" if tool.read_only else "ask")
        return replace(tool, description=self._redactor.clean(tool.description), schema=schema, approval=approval)

    def _server(self, name: str) -> ToolServer:
        if name not in self._servers:
            raise ToolNotCalled(f"there is no tool server {name!r} in the team file")
        return self._servers[name]


def _connect(name: str, spec: ToolServerSpec, secrets: Mapping[str, str], folder: Path) -> Connect:
    @asynccontextmanager
    async def connect() -> AsyncIterator[ToolConnection]:
        missing = sorted(name for name in spec.variables if not secrets.get(name))
        if missing:
            raise ToolNotCalled(f"{name} needs {listed(missing)}, not set in the environment or .env")
        # `mcp` takes a second to import: in a thread the bot stays responsive meanwhile.
        connection = await asyncio.to_thread(importlib.import_module, "orchestrator_bridge.tool.connection")
        if spec.url is not None:
            connecting = connection.connect_url(name, expand_variables(spec.url, secrets), _expanded(spec.headers, secrets))
        else:
            connecting = connection.connect_command(name, spec.command, _expanded(spec.env, secrets), folder)
        async with connecting as connected:
            yield connected

    return connect


def _expanded(values: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    return {key: expand_variables(value, secrets) for key, value in values.items()}
