"""Tool calls: lists the tools of servers and calls them, each result an input of the run. Nothing here raises."""

from __future__ import annotations

import json
import logging
from typing import Any

from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.events import ToolEnd
from orchestrator_bridge.run.state import ServerTools, ToolUse
from orchestrator_bridge.run.tool_policy import result_page
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.tool.model import ToolNotCalled, ToolOutcomeUnknown
from orchestrator_bridge.tool.toolbox import Toolbox

_LOG = logging.getLogger(__name__)


class ToolExecutor:
    """Executes tool calls. An agent sees one page of a long result; the store has the whole, which this reads on from."""

    def __init__(self, toolbox: Toolbox, store: Store) -> None:
        self._toolbox = toolbox
        self._store = store

    async def list_tools(self, server: str) -> inputs.ToolListReceived:
        """List the tools of a server; if it is down, there are none, and `trouble` has the reason."""
        try:
            offer = ServerTools(tools=await self._toolbox.tools(server))
        except ToolNotCalled as error:
            offer = ServerTools(trouble=str(error))
        except Exception as error:
            _LOG.exception("the tools of %s could not be listed", server)
            offer = ServerTools(trouble=f"{server} could not be reached ({type(error).__name__})")
        return inputs.ToolListReceived(server=server, offer=offer)

    async def call(self, run: int, use: ToolUse, hidden_from: tuple[str, ...]) -> inputs.ToolFinished:
        """Call a tool, or read the next page of an earlier result. `hidden_from`: the agent, if its model accepts no pictures."""
        arguments: dict[str, Any] = json.loads(use.arguments)
        try:
            if not use.tool.server:
                return await self._next_page(run, use, arguments)
            result = await self._toolbox.call(use.tool.server, use.tool.name, arguments)
        except ToolNotCalled as error:
            return inputs.ToolFinished(action=use.use, end="not_called", text=f"Not called: {error}.")
        except ToolOutcomeUnknown as error:
            return inputs.ToolFinished(action=use.use, end="unknown", text=_unknown(use, error))
        except Exception as error:
            _LOG.exception("a call of %s failed", use.tool.model_name)
            return inputs.ToolFinished(action=use.use, end="unknown", text=_unknown(use, error))
        end: ToolEnd = "failed" if result.failed else "done"
        return inputs.ToolFinished(action=use.use, end=end, text=result.text, images=result.images, hidden_from=hidden_from)

    async def _next_page(self, run: int, use: ToolUse, arguments: dict[str, Any]) -> inputs.ToolFinished:
        name, offset = str(arguments.get("result", "")), arguments.get("offset", 0)
        try:
            whole = await self._store.tool_result(run, name)
        except StoreError as error:
            return inputs.ToolFinished(action=use.use, end="not_called", text=f"The result cannot be read now: {error}")
        if whole is None or not isinstance(offset, int) or not 0 <= offset < len(whole):
            length = f" It has {len(whole):,} characters." if whole is not None else ""
            return inputs.ToolFinished(
                action=use.use, end="failed", text=f"There is no result {name!r} to read on in from {offset!r}.{length}"
            )
        return inputs.ToolFinished(action=use.use, end="done", text=result_page(whole, name, offset))


def _unknown(use: ToolUse, error: Exception) -> str:
    """The text that an agent gets for a call that may have had an effect."""
    found = str(error) if isinstance(error, ToolOutcomeUnknown) else f"the call broke off ({type(error).__name__})"
    warning = "" if use.tool.read_only else " It may have had its effect: look before you repeat it."
    return f"No result: {found}.{warning}"
