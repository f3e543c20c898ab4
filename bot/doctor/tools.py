"""Whether the tool servers of the team file start, and which tools they have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.doctor.finding import Finding
from orchestrator_bridge.clock import SystemClock
from orchestrator_bridge.text import listed
from orchestrator_bridge.tool.toolbox import Toolbox
from orchestrator_bridge.tool.values import NotCalled, Tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.start import Start


async def check_tools(start: Start) -> AsyncIterator[Finding]:
    """A finding for each server; all are started side by side, and stopped at the end."""
    toolbox = Toolbox(start.team_file.tools, start.secrets, SystemClock())
    try:
        for finding in await asyncio.gather(*(_check(toolbox, name) for name in start.team_file.tools)):
            yield finding
    finally:
        await toolbox.close()


async def _check(toolbox: Toolbox, server: str) -> Finding:
    about = f"tools {server}"
    try:
        tools = await toolbox.tools(server)
    except NotCalled as error:
        mend = f"look at [tools.{server}] of the team file, and start the server by hand"
        return Finding(about=about, state="wrong", found=str(error), mend=mend)
    if not tools:
        return Finding(about=about, state="warn", found="it offers no tools", mend="look at how the server is set up")
    return Finding(about=about, state="ok", found=_by_approval(tools))


def _by_approval(tools: tuple[Tool, ...]) -> str:
    words = {"allow": "allowed", "ask": "people are asked", "deny": "denied"}
    names = {approval: [tool.name for tool in tools if tool.approval == approval] for approval in words}
    return "; ".join(f"{words[approval]}: {listed(found)}" for approval, found in names.items() if found)
