"""Policy for the team's tools in a run: which agent has which, what needs approval, limits of calls, paging of long results."""

from __future__ import annotations

from orchestrator_bridge.model.interface import ToolSpec
from orchestrator_bridge.run.state import AgentState, RunState
from orchestrator_bridge.tool.model import Approval, Tool

READ_RESULT = "read_result"

RESULT_PAGE_SIZE = 12_000
"""Characters of a result that an agent is shown at once; it reads the rest with `read_result`."""

MAX_TOOLS = 120
"""Tools of servers that an agent is offered at most, in the order of the team file and the servers; OpenAI accepts 128 in all."""

READ = Tool(server="", name=READ_RESULT, description="", schema={}, read_only=True, approval="allow")
"""Townhall's own tool with which an agent reads on in a result that was cut."""

READ_THREAD = Tool(server="", name="read_thread", description="", schema={}, read_only=True, approval="allow")
"""Townhall's own tool with which an agent reads more of the thread in which the task was given."""

MAX_READ_MESSAGES = 50
"""Messages of the thread that an agent can read at once."""


def own_tools(state: RunState) -> tuple[Tool, ...]:
    """Townhall's own tools that are called like those of servers, without approval: they only read."""
    return (READ,) if state.thread is None else (READ, READ_THREAD)


def tools_of(state: RunState, agent: AgentState) -> tuple[Tool, ...]:
    """The tools that an agent has now, without those of servers that are down and those that are denied."""
    granted = {*state.team.tools, *agent.spec.tools}
    offered = [tool for offer in state.offers.values() for tool in offer.tools]
    # Later tools of the same model-facing name replace earlier ones: a provider refuses a request with two of a name.
    own = [tool for tool in offered if {tool.server, f"{tool.server}.{tool.name}"} & granted and tool.approval != "deny"]
    return tuple({tool.model_name: tool for tool in own}.values())[:MAX_TOOLS]


def is_full(state: RunState, agent: AgentState) -> bool:
    """True if an agent is offered the maximum number of tools."""
    return len(tools_of(state, agent)) >= MAX_TOOLS


def specs_of(state: RunState, agent: AgentState) -> tuple[ToolSpec, ...]:
    """Definitions of an agent's tools for its model, with `read_result` for those of their results that are cut."""
    tools = tools_of(state, agent)
    specs = [ToolSpec(name=tool.model_name, description=_description(tool), parameters=tool.schema) for tool in tools]
    thread = () if state.thread is None else (_READ_THREAD_SPEC,)
    return (*thread, *specs, _READ_SPEC) if state.team.tools or agent.spec.tools or thread else ()


def has_cut_result(agent: AgentState) -> bool:
    """True if an agent has a result of which it was shown a part only."""
    return any(use.whole for turn in agent.turns for use in turn.uses)


def _description(tool: Tool) -> str:
    """A server's description of its tool, marked as the server's words."""
    return f"Of the tool server {tool.server}, which says of it: {tool.description}" if tool.description else f"Of {tool.server}."


def approvals_left(state: RunState) -> int:
    """The number of further tool uses for which people may be asked now.

    It is the limit of open questions for one person, less the run's other open questions, but one approval is always possible.
    """
    open_now = [question.ask.kind for question in state.questions.values() if question.open]
    approvals = open_now.count("approval")
    return max(1, state.team.limits.open_per_person - (len(open_now) - approvals)) - approvals


def approval_of(state: RunState, tool: Tool) -> Approval:
    """The approval that a tool needs as it is described now."""
    # A server can change a description after people have allowed or approved the tool, so both hold for one description only
    # (its digest): under another one people are asked again. A tool that is denied meanwhile is denied even if it was approved.
    if tool.approval == "deny":
        return "deny"
    if (tool.model_name, tool.digest) in state.approved:
        return "allow"
    if tool.approval == "allow" and state.first_seen.get(tool.model_name, tool.digest) != tool.digest:
        return "ask"
    return tool.approval


def over_limit(state: RunState, agent: AgentState, more: int) -> str:
    """The reason why an agent may not use a tool again, for the agent; empty if it may.

    `more` counts the uses of the same response, which are not in the state yet.
    """
    bounds, used = state.team.bounds, sum(other.tool_calls for other in state.agents.values())
    if agent.tool_calls + more >= bounds.tool_calls_per_agent:
        reason = f"you have used tools {bounds.tool_calls_per_agent} times, the limit for one agent of this run"
    elif used + more >= bounds.tool_calls:
        reason = f"tools have been used {bounds.tool_calls} times, the limit for this run"
    else:
        return ""
    return f"Not called: {reason}. Go on with what you have."


def result_page(text: str, use: str, offset: int = 0) -> str:
    """The part of a result that starts at `offset`, with a note on how to read on."""
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

_READ_THREAD_SPEC = ToolSpec(
    name=READ_THREAD.name,
    description="Read earlier messages of the chat thread in which the task was given. It only reads.",
    parameters={
        "type": "object",
        "properties": {
            "before": {
                "type": "string",
                "description": "The id of a message, as [id · …] shows it: those before it are read. Default: the oldest shown.",
            },
            "count": {"type": "integer", "description": f"How many messages, 1 to {MAX_READ_MESSAGES}."},
        },
        "required": [],
    },
)
