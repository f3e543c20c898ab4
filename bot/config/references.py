"""Whether the names in a team file mean something: people, roles, agents, models and whom a team asks."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config.errors import suggest_name
from bot.config.explain import KeyPath, TomlValidator, format_names
from orchestrator_bridge.model.catalogue import SCRIPTED, Route, UnknownModelName, resolve
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.parameters import unsupported_value
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.team import AgentSpec, Permissions, PersonSpec, RoleSpec, Team

# Whether agents' models take the parameters that the team file sets for them.
#
# In the file a parameter that the agent's model does not take is wrong. Where somebody picks another model for the agent, what
# that
# one does not take is left out, and the pick says so.


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


ID_PLATFORMS = ("discord", "slack")
"""Platforms on which people have ids."""
PLATFORMS = (*ID_PLATFORMS, "terminal")
"""Where there are channels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamFileTables:
    """The tables of one file that are right by themselves, by name, and the names of all tables, right or wrong."""

    teams: Mapping[str, Team]
    people: Mapping[str, PersonSpec]
    roles: Mapping[str, RoleSpec]
    models: Mapping[str, ModelSpec]
    permissions: Permissions
    budgets: Budgets
    all_people: Sequence[str]
    all_roles: Sequence[str]
    all_models: Sequence[str]
    all_tools: Sequence[str]


def check_references(parts: TeamFileTables, scripts: Path, shaper: TomlValidator) -> None:
    """Write down with the shaper every name that stands for nothing, and every platform id that stands for two people."""
    people = [f"@{name}" for name in parts.all_people]
    roles = [f"role:{name}" for name in parts.all_roles]
    for name, team in parts.teams.items():
        agents = [f"agent:{agent.name}" for agent in team.agents]
        _check_known(("team", name, "ask"), team.ask, ["humans", "agents", *people, *roles, *agents], shaper)
        _check_known(("team", name, "responsible"), team.responsible, ["humans", *people, *roles], shaper)
        _check_agents(name, team, parts, scripts, shaper)
        _check_tools(("team", name, "tools"), team.tools, parts.all_tools, shaper)
        check_policy(name, team, people, roles, shaper)
        if team.policy.judge is not None and team.policy.judge not in parts.all_models:
            _check_model(("team", name, "policy", "judge"), team.policy.judge, parts.models, scripts, shaper)
    for key in Permissions.model_fields:
        _check_known(("permissions", key), getattr(parts.permissions, key), ["anyone", *people, *roles], shaper)
    for name, role in parts.roles.items():
        _check_known(("roles", name, "people"), role.people, [*parts.all_people, *people], shaper)
        if not (role.people or any(role.ids.values())):
            shaper.report(
                ("roles", name), "a role of nobody", f"'people', or the role's id as {' or '.join(map(repr, ID_PLATFORMS))}"
            )
    _check_people(parts.people, shaper)
    _check_budgets(parts.budgets, shaper)
    _check_own_models(parts.models, scripts, shaper)


def check_policy(name: str, team: Team, people: Sequence[str], roles: Sequence[str], shaper: TomlValidator) -> None:
    """Write down every name in a team's policy and routes that is nobody's."""
    policy, path = team.policy, ("team", name, "policy")
    askable = ["humans", *people, *roles]
    for index, step in enumerate(policy.escalate):
        _check_known((*path, "escalate", index, "to"), step.to, askable, shaper)
    _check_known((*path, "decider"), [policy.decider] if policy.decider else [], people, shaper, listed=False)
    _check_known((*path, "responders"), [policy.responders], ["asked", "anyone", *roles], shaper, listed=False)
    agents = [agent.name for agent in team.agents]
    for index, route in enumerate(team.routes):
        here = ("team", name, "routes", index)
        _check_known((*here, "to"), route.to, [*askable, "agents", *(f"agent:{one}" for one in agents)], shaper)
        _check_known((*here, "agents"), route.agents, agents, shaper)


def _check_known(path: KeyPath, names: Sequence[str], known: Sequence[str], shaper: TomlValidator, listed: bool = True) -> None:
    for index, name in enumerate(names):
        if name not in known and not (path[0] == "permissions" and name.startswith("channel:")):
            place = (*path, index) if listed else path
            shaper.report(place, repr(name), f"one of {format_names(known)}", _advice(name, known))


def _advice(name: str, known: Sequence[str]) -> str:
    with_mark = next(
        (one for one in known if one.lstrip("@").removeprefix("role:").removeprefix("agent:") == name.strip("@")), ""
    )
    return f"did you mean {with_mark!r}?" if with_mark else suggest_name(name, known)


def _check_agents(name: str, team: Team, parts: TeamFileTables, scripts: Path, shaper: TomlValidator) -> None:
    for index, agent in enumerate(team.agents):
        path: KeyPath = ("team", name, "agents", index)
        for key, model in (("model", agent.model), ("backup", agent.backup)):
            if model is not None and model not in parts.all_models:
                _check_model((*path, key), model, parts.models, scripts, shaper)
        if agent.backup == agent.model:
            shaper.report(
                (*path, "backup"),
                f"{agent.backup!r}, the agent's own model",
                "another model, that can be called when this one cannot",
            )
        check_parameters(path, agent, parts.models, shaper)
        _check_tools((*path, "tools"), agent.tools, parts.all_tools, shaper)


def _check_tools(path: KeyPath, names: Sequence[str], servers: Sequence[str], shaper: TomlValidator) -> None:
    """The servers must be there; which tools they have is known when they run."""
    for index, name in enumerate(names):
        server = name.partition(".")[0]
        if server not in servers:
            known = f"one of {format_names(servers)}" if servers else "a server with a table [tools.<name>], and there is none"
            shaper.report((*path, index), repr(name), f"{known}, or a tool of it as 'server.tool'", suggest_name(server, servers))


def _check_own_models(models: Mapping[str, ModelSpec], scripts: Path, shaper: TomlValidator) -> None:
    for name, spec in models.items():
        if spec.base_url is None:
            _check_model(("models", name, "id"), name, models, scripts, shaper)
        if (spec.input is None) != (spec.output is None):
            shaper.report(
                ("models", name), "one of the prices 'input' and 'output'", "both, in US dollars per million tokens, or neither"
            )


def _check_model(path: KeyPath, model: str, own: Mapping[str, ModelSpec], scripts: Path, shaper: TomlValidator) -> None:
    """The name must lead to a provider, and a script must be there and right."""
    try:
        route = resolve(model, own)
        if route.provider == SCRIPTED:
            read_script(find_script(route.id, (scripts,)))
    except UnknownModelName as error:
        found, _, expected = str(error).partition("; expected ")
        shaper.report(path, found, expected.partition(" Did you mean")[0], _did_you_mean(error.near))
    except ScriptError as error:
        found, _, expected = str(error).partition("; expected ")
        shaper.report(path, found, expected or "a script that can be played")


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""


def _check_people(people: Mapping[str, PersonSpec], shaper: TomlValidator) -> None:
    for name, person in people.items():
        if person.time_zone is not None:
            _check_zone(("people", name, "time_zone"), person.time_zone, shaper)
    for platform in ID_PLATFORMS:
        _check_ids(platform, people, shaper)


def _check_budgets(budgets: Budgets, shaper: TomlValidator) -> None:
    _check_zone(("budgets", "time_zone"), budgets.time_zone, shaper)
    for channel in budgets.channels:
        platform, _, id_ = channel.partition(":")
        if platform not in PLATFORMS or not id_:
            expected = f"a platform ({', '.join(PLATFORMS)}) and the channel's id there: 'discord:123'"
            shaper.report(("budgets", "channels", channel), repr(channel), expected, "/cost by channel shows them")


def _check_zone(path: KeyPath, zone: str, shaper: TomlValidator) -> None:
    zones = zoneinfo.available_timezones()
    if zones and zone not in zones:
        shaper.report(path, repr(zone), "a zone of the tz database, such as 'Europe/Berlin'", suggest_name(zone, list(zones)))


def _check_ids(platform: str, people: Mapping[str, PersonSpec], shaper: TomlValidator) -> None:
    owners: dict[str, str] = {}
    for name, person in people.items():
        number = person.ids.get(platform)
        if number is None:
            continue
        if number in owners:
            shaper.report(("people", name, platform), f"{number!r}, which is {owners[number]}'s too", "an id of one person only")
        owners.setdefault(number, name)
