"""What only a look at all agents of a team shows: that there are none, or that two have one name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.team_lines import KeyPath
from bot.team_shape import TomlValidator, format_path

_STAND_IN_AGENTS = [{"name": "stand-in", "model": "scripted/demo"}]


def check_agents(path: KeyPath, table: Any, shaper: TomlValidator) -> Any:
    """Write down what is wrong; returns the table as it would be without that, so that the rest of it can be checked."""
    if not isinstance(table, dict):
        return table
    if table.get("agents", []) == []:
        inner = format_path((*path, "agents"))
        shaper.report((*path, "agents"), "no agent", f"at least one: [[{inner}]] with a 'name' and a 'model'")
        return {**table, "agents": _STAND_IN_AGENTS}
    agents = table["agents"]
    return {**table, "agents": list(_with_unique_names((*path, "agents"), agents, shaper))} if isinstance(agents, list) else table


def _with_unique_names(path: KeyPath, agents: list[Any], shaper: TomlValidator) -> Iterator[Any]:
    seen: set[str] = set()
    for index, agent in enumerate(agents):
        name = agent.get("name") if isinstance(agent, dict) else None
        if isinstance(name, str) and name in seen:
            shaper.report((*path, index, "name"), f"a second agent called {name!r}", "a name of its own for each")
            yield {**agent, "name": f"stand-in-{index}"}
            continue
        seen |= {name} if isinstance(name, str) else set()
        yield agent
