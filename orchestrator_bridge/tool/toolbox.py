"""All tool servers of the team file, behind one door. Nothing is started before a run needs it."""

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
    """The servers by name. `secrets` are what nobody is to see, by name; among them stands what the team file calls `${NAME}`.

    Commands are run in `folder`. Whatever a server says is cleared of them before anybody reads it.
    """

    def __init__(
        self, specs: Mapping[str, ToolServerSpec], secrets: Mapping[str, str], clock: Clock, folder: Path = Path()
    ) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        """Told the name of a server whose tools have changed."""
        self._specs = specs
        self._redactor = Redactor(secrets)
        self._servers = {
            name: ToolServer(name, _connect(name, spec, secrets, folder), clock, lambda server: self.changed(server))
            for name, spec in specs.items()
        }

    async def tools(self, server: str) -> tuple[Tool, ...]:
        """What a server offers.

        Raises:
            NotCalled: there is no such server, or it does not come up.
        """
        try:
            return tuple(self._without_secrets(tool) for tool in await self._server(server).tools())
        except ToolNotCalled as error:
            raise ToolNotCalled(self._redactor.clean(str(error))) from None

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool, for at most as long as the team file gives its server.

        Raises:
            NotCalled: the call was not made.
            Unknown: nobody knows whether it had any effect.
        """
        try:
            result = await self._server(server).call(tool, arguments, self._specs[server].timeout)
        except (ToolNotCalled, ToolOutcomeUnknown) as error:
            raise type(error)(self._redactor.clean(str(error))) from None
        return replace(result, text=self._redactor.clean(result.text))

    async def close(self) -> None:
        """Stop every server."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _without_secrets(self, tool: Tool) -> Tool:
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
        missing = sorted(one for one in spec.variables if not secrets.get(one))
        if missing:
            raise ToolNotCalled(f"{name} needs {listed(missing)}, not set in the environment or .env")
        connection = await asyncio.to_thread(importlib.import_module, "orchestrator_bridge.tool.connection")
        if spec.url is not None:
            reached = connection.connect_url(name, expand_variables(spec.url, secrets), _expanded(spec.headers, secrets))
        else:
            reached = connection.connect_command(name, spec.command, _expanded(spec.env, secrets), folder)
        async with reached as made:
            yield made

    return connect


def _expanded(values: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    return {key: expand_variables(value, secrets) for key, value in values.items()}
