"""Checks of the tool servers: they start, they offer tools, and the team file names tools that exist."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.config.errors import suggest_name
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.common.text import listed, one_line
from orchestrator_bridge.run.tool_policy import MAX_TOOLS
from orchestrator_bridge.tool.model import Tool, ToolNotCalled
from orchestrator_bridge.tool.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import LoadedConfig
    from bot.config.team_schema import TeamFile


MAX_NAMED = 30
"""Tools of one kind that a finding lists."""

OfferedTools = Mapping[str, Sequence[Tool]]
"""The tools of each server that started."""


async def check_tools(start: LoadedConfig) -> AsyncIterator[Finding]:
    """One finding for each server, and one for each wrong name. The servers start concurrently and are stopped at the end."""
    logging.getLogger("orchestrator_bridge.tool").addHandler(logging.NullHandler())  # its warnings are our findings
    toolbox = Toolbox(start.team_file.tools, start.secrets, SystemClock(), start.team_file.folder)
    servers = list(start.team_file.tools)
    try:
        found = await asyncio.gather(*(_tools(toolbox, name) for name in servers))
    finally:
        await toolbox.close()
    for name, tools in zip(servers, found, strict=True):
        yield _server_finding(name, tools)
    offers = {name: tools for name, tools in zip(servers, found, strict=True) if not isinstance(tools, ToolNotCalled)}
    for finding in (*_unknown_tool_findings(start.team_file, offers), *_too_many_tools_findings(start.team_file, offers)):
        yield finding


async def _tools(toolbox: Toolbox, server: str) -> Sequence[Tool] | ToolNotCalled:
    try:
        return await toolbox.tools(server)
    except ToolNotCalled as error:
        return error


def _server_finding(server: str, tools: Sequence[Tool] | ToolNotCalled) -> Finding:
    about = f"tools {server}"
    if isinstance(tools, ToolNotCalled):
        fix = f"check [tools.{server}] in the team file, and start the server by hand"
        return Finding(about=about, state="wrong", found=str(tools), fix=fix)
    if not tools:
        return Finding(about=about, state="warn", found="it offers no tools", fix="check the server's configuration")
    words = {"allow": "allowed", "ask": "people are asked", "deny": "denied"}
    names = {approval: [one_line(tool.name, 60) for tool in tools if tool.approval == approval] for approval in words}
    listing = "; ".join(f"{words[approval]}: {_named(found)}" for approval, found in names.items() if found)
    return Finding(about=about, state="ok", found=listing)


def _named(names: Sequence[str]) -> str:
    return listed(names) if len(names) <= MAX_NAMED else f"{', '.join(names[:MAX_NAMED])} and {len(names) - MAX_NAMED} more"


def _unknown_tool_findings(file: TeamFile, offers: OfferedTools) -> Iterator[Finding]:
    """Tool names in the team file that their server does not have. A rule for such a name has no effect."""
    # Only of servers that started: the tools of the others are not known.
    for server, tools in offers.items():
        known = [tool.name for tool in tools]
        for name in file.tools[server].approve:
            if name not in known:
                yield _unknown_tool_finding(f"tools.{server}.approve", server, name, known)
    for team in file.teams.values():
        named = (*team.tools, *(tool for agent in team.agents for tool in agent.tools))
        for tool_name in dict.fromkeys(named):
            server, _, name = tool_name.partition(".")
            known = [tool.name for tool in offers.get(server, ())]
            if name and server in offers and name not in known:
                yield _unknown_tool_finding(f"team.{team.name}", server, name, known)


def _unknown_tool_finding(where: str, server: str, name: str, known: Sequence[str]) -> Finding:
    fix = suggest_name(name, known) or f"its tools are {_named(known)}"
    return Finding(about=where, state="warn", found=f"the server {server} has no tool {name!r}", fix=fix)


def _too_many_tools_findings(file: TeamFile, offers: OfferedTools) -> Iterator[Finding]:
    """Agents that have more tools than a model request can offer."""
    for team in file.teams.values():
        for agent in team.agents:
            granted = {*team.tools, *agent.tools}
            number = sum(
                bool({server, f"{server}.{tool.name}"} & granted) and tool.approval != "deny"
                for server, tools in offers.items()
                for tool in tools
            )
            if number > MAX_TOOLS:
                found = f"{agent.name} has {number} tools and is offered only the first {MAX_TOOLS}"
                yield Finding(
                    about=f"team.{team.name}",
                    state="warn",
                    found=found,
                    fix="name single tools in 'tools', such as 'server.tool'",
                )
