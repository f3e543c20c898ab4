"""Whether agents' models take the parameters that the team file sets for them.

In the file a parameter that the agent's model does not take is wrong. Where somebody picks another model for the agent, what that
one does not take is left out, and the pick says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.team_lines import KeyPath
from bot.team_shape import TomlValidator
from orchestrator_bridge.model.catalogue import Route, UnknownModelName, resolve
from orchestrator_bridge.model.parameters import unsupported_value
from orchestrator_bridge.team import AgentSpec, ModelSpec, Team


def check_parameters(path: KeyPath, agent: AgentSpec, own: Mapping[str, ModelSpec], shaper: TomlValidator) -> None:
    """Write down with the shaper every parameter of an agent that its model does not take."""
    route = _route(agent.model, own)
    for key, value in agent.parameters.items() if route else ():
        instead = unsupported_value(route, key, value) if route else ""
        if instead:
            shaper.report((*path, key), f"{key} = {_value_text(value)}, which {agent.model} does not take", instead)


def with_model(agent: AgentSpec, model: str, own: Mapping[str, ModelSpec]) -> AgentSpec:
    """The agent with another model, and without the parameters that this one does not take."""
    route = _route(model, own)
    left = [key for key, value in agent.parameters.items() if route and unsupported_value(route, key, value)]
    return agent.model_copy(update={"model": model, **dict.fromkeys(left)})


def dropped_parameters(before: Team, after: Team) -> list[str]:
    """One sentence for each agent that lost parameters with its model."""
    return [line for old, new in zip(before.agents, after.agents, strict=True) if (line := lost_parameters(old, new))]


def lost_parameters(before: AgentSpec, after: AgentSpec) -> str:
    """Which parameters an agent lost with its model, in one sentence; empty if it lost none."""
    keys = [key for key in before.parameters if key not in after.parameters]
    return f"{after.model} does not take {', '.join(keys)} as {after.name} has it: left out." if keys else ""


def _route(model: str, own: Mapping[str, ModelSpec]) -> Route | None:
    """The model's route; None where the name leads nowhere, which is told elsewhere."""
    try:
        return resolve(model, own)
    except UnknownModelName:
        return None


def _value_text(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else repr(value)
