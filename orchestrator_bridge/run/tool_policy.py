"""The team's own tools in a run: who has which, what needs people's approval, and how much of a result an agent is shown."""

from __future__ import annotations

from orchestrator_bridge.model.interface import ToolSpec
from orchestrator_bridge.run.state import AgentState, RunState
from orchestrator_bridge.tool.model import Approval, Tool

READ_RESULT = "read_result"

RESULT_PAGE_SIZE = 12_000
"""Characters of a result that an agent is shown at once; the rest it can read."""

MAX_TOOLS = 120
"""Tools of servers that an agent is offered, in the order of the team file and of the servers; OpenAI takes 128 in all."""

READ = Tool(server="", name=READ_RESULT, description="", schema={}, read_only=True, approval="allow")
"""Our own tool with which an agent reads on in a result that was cut."""


def tools_of(state: RunState, agent: AgentState) -> tuple[Tool, ...]:
    """The tools that an agent has now, those of servers that are down and those that are denied aside."""
    granted = {*state.team.tools, *agent.spec.tools}
    offered = [tool for offer in state.offers.values() for tool in offer.tools]
    own = [tool for tool in offered if {tool.server, f"{tool.server}.{tool.name}"} & granted and tool.approval != "deny"]
    return tuple({tool.model_name: tool for tool in own}.values())[:MAX_TOOLS]


def is_full(state: RunState, agent: AgentState) -> bool:
    """Whether an agent is offered as many tools as it can be."""
    return len(tools_of(state, agent)) >= MAX_TOOLS


def specs_of(state: RunState, agent: AgentState) -> tuple[ToolSpec, ...]:
    """The same as models are offered them while a use is left, with the one to read on where something was cut."""
    offered = () if over_limit(state, agent, 0) else tools_of(state, agent)
    specs = [ToolSpec(name=tool.model_name, description=_described(tool), parameters=tool.schema) for tool in offered]
    return (*specs, _READ_SPEC) if any(use.whole for turn in agent.turns for use in turn.uses) else tuple(specs)


def _described(tool: Tool) -> str:
    """What a server says of its tool, as its words."""
    return f"Of the tool server {tool.server}, which says of it: {tool.description}" if tool.description else f"Of {tool.server}."


def approvals_left(state: RunState) -> int:
    """About how many more uses people may be asked at the same time: as many as one person gets, other questions of the run among
    them, and one always."""
    open_now = [one.ask.kind for one in state.questions.values() if one.open]
    approvals = open_now.count("approval")
    return max(1, state.team.limits.open_per_person - (len(open_now) - approvals)) - approvals


def approval_of(state: RunState, tool: Tool) -> Approval:
    """Whether a tool may be called as it is described now: what was allowed under another description asks again.

    What is denied meanwhile is denied, whoever approved it.
    """
    if tool.approval == "deny":
        return "deny"
    if (tool.model_name, tool.digest) in state.approved:
        return "allow"
    if tool.approval == "allow" and state.first_seen.get(tool.model_name, tool.digest) != tool.digest:
        return "ask"
    return tool.approval


def over_limit(state: RunState, agent: AgentState, more: int) -> str:
    """Why an agent may not use a tool once more, `more` uses of the same response aside; empty if it may."""
    bounds, used = state.team.bounds, sum(one.tool_calls for one in state.agents.values())
    told = ""
    if agent.tool_calls + more >= bounds.tool_calls_per_agent:
        told = f"you have used tools {bounds.tool_calls_per_agent} times, the limit for one agent of this run"
    elif used + more >= bounds.tool_calls:
        told = f"tools have been used {bounds.tool_calls} times, the limit for this run"
    return f"Not called: {told}. Go on with what you have." if told else ""


def result_page(text: str, use: str, offset: int = 0) -> str:
    """A part of a result from an offset on, with how to read on."""
    part = text[offset : offset + RESULT_PAGE_SIZE]
    end = offset + len(part)
    if end >= len(text):
        return part
    return (
        f"{part}\n… (characters {offset:,} to {end:,} of {len(text):,}; read on with {READ_RESULT}, result {use!r}, offset {end})"
    )


_READ_SPEC = ToolSpec(
    name=READ_RESULT,
    description="Read on in a result of a tool that was cut.",
    parameters={
        "type": "object",
        "properties": {
            "result": {"type": "string", "description": "Which result, as the cut one says."},
            "offset": {"type": "integer", "description": "The character from which on."},
        },
        "required": ["result", "offset"],
    },
)
