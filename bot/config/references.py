"""References between the parts of a team file: names of people, roles, agents, models, tools and teams that must exist."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.config.errors import format_value, suggest_name
from bot.config.explain import KeyPath, Source, split_message
from bot.config.platforms import installed_platforms
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.platform import Platform
from orchestrator_bridge.model.catalogue import SCRIPTED, UnknownModelName, resolve, similar_names
from orchestrator_bridge.model.parameters import MAX_OUTPUT, unsupported_value
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script
from orchestrator_bridge.model.server_tools import missing_server_tools, offers
from orchestrator_bridge.team.team import AgentSpec, Permissions, Policy, Team

_IDS_OF_DISCORD = "in Discord, switch on the developer mode, then Copy ID in the menu"
_MAX_LISTED = 12
"""Names that an error lists."""


@dataclass(frozen=True, slots=True)
class References:
    """Checks the references of a team file. `names`: the tables of each kind, those with errors included."""

    team_file: TeamFile
    names: Mapping[str, Sequence[str]]
    source: Source

    def check(self, scripts: Path) -> None:
        """Report every name that does not exist, and every id that two people share. `scripts` is the folder of scripts."""
        people = [f"@{name}" for name in self.names.get("people", ())]
        roles = [f"role:{name}" for name in self.names.get("roles", ())]
        on_call = [f"rotation:{name}" for name in self.names.get("rotations", ())]
        if self.team_file.default is not None:
            self._check_name(("default_team",), self.team_file.default, self.names.get("team") or list(self.team_file.teams))
        for team in self.team_file.teams.values():
            self._check_audiences(team, people, [*roles, *on_call])
            self._check_policy(("team", team.name, "policy"), team.policy, people, roles, on_call, scripts)
            self._check_agents(team, scripts)
            for index, rules in enumerate(team.channels):
                place: KeyPath = ("team", team.name, "channels", index)
                self._check_channel((*place, "channel"), rules.channel, rules.channel)
                self._check_policy((*place, "policy"), rules.changes(team.policy), people, roles, on_call, scripts)
        for key in Permissions.model_fields:
            for index, name in enumerate(getattr(self.team_file.permissions, key)):
                if name.startswith("channel:"):
                    self._check_channel(("permissions", key, index), name.removeprefix("channel:"), name)
                else:
                    self._check_name(("permissions", key, index), name, ["anyone", "guests", *people, *roles])
        self._check_roles(people)
        self._check_people()
        self._check_rotations(people)
        self._check_servers()
        self._check_budgets()
        self._check_own_models(scripts)

    def _check_audiences(self, team: Team, people: Sequence[str], roles: Sequence[str]) -> None:
        path: KeyPath = ("team", team.name)
        agents = [agent.name for agent in team.agents]
        askable = ["humans", "agents", *people, *roles, *(f"agent:{agent}" for agent in agents)]
        self._check_names((*path, "ask"), team.ask, askable)
        self._check_names((*path, "responsible"), team.responsible, ["humans", *people, *roles])
        for index, rule in enumerate(team.routes):
            self._check_names((*path, "routes", index, "to"), rule.to, askable)
            self._check_names((*path, "routes", index, "agents"), rule.agents, agents)

    def _check_policy(
        self,
        path: KeyPath,
        policy: Policy,
        people: Sequence[str],
        roles: Sequence[str],
        on_call: Sequence[str],
        scripts: Path,
    ) -> None:
        for index, step in enumerate(policy.escalate):
            self._check_names((*path, "escalate", index, "to"), step.to, ["humans", *people, *roles, *on_call])
        if policy.decider is not None:
            self._check_name((*path, "decider"), policy.decider, people)
        self._check_name((*path, "responders"), policy.responders, ["asked", "anyone", *roles])
        self._check_model((*path, "judge"), policy.judge, scripts)
        deciding = next(index for index, step in enumerate(policy.fallback) if step.use in ("assume", "fail"))
        for index, unreached in enumerate(policy.fallback[deciding + 1 :], start=deciding + 1):
            expected = f"nothing after {policy.fallback[deciding].use!r}, which always decides"
            self.source.report((*path, "fallback", index), repr(unreached.use), expected)

    def _check_names(self, path: KeyPath, names: Sequence[str], known: Sequence[str]) -> None:
        for index, name in enumerate(names):
            self._check_name((*path, index), name, known)

    def _check_name(self, path: KeyPath, name: str, known: Sequence[str]) -> None:
        if name in known:
            return
        # A name without its mark is the usual mistake: 'alice' for '@alice', 'backend' for 'role:backend'.
        marked = next((other for other in known if other.lstrip("@").rpartition(":")[2] == name.strip("@")), "")
        fix = f"did you mean {marked!r}?" if marked else suggest_name(name, known)
        expected = f"one of: {_list_names(known)}" if known else "a name that this file defines; it defines none"
        self.source.report(path, format_value(name), expected, fix)

    def _check_channel(self, path: KeyPath, channel: str, written: str) -> None:
        """A channel must be an id of a platform: `slack/C1`, or `C1`. A name such as `#general` would match no channel."""
        name, slash, id_ = channel.rpartition("/")
        installed, accounts = installed_platforms().usable, installed_platforms().with_accounts
        named = [installed[name]] if name in installed else [installed[other] for other in accounts]
        if (name in installed or not slash) and any(platform.channel_id.fullmatch(id_) for platform in named):
            return
        examples = (f"'{platform.name}/{platform.channel_example}' on {platform.title}" for platform in named)
        expected = f"the channel's id: {', '.join(examples)}"
        self.source.report(path, repr(written), expected, _channel_fix(channel, named))

    def _check_ids(self, path: KeyPath, ids: Mapping[str, str], kind: Literal["person", "role"]) -> None:
        """Ids of a person or role on platforms: names and mentions are none, because people can change their names."""
        for name, id_ in ids.items():
            platform = installed_platforms().usable.get(name)
            if platform is None:
                continue
            form, example = (
                (platform.person_id, platform.person_example) if kind == "person" else (platform.role_id, platform.role_example)
            )
            if not form.fullmatch(id_):
                mentioned = re.search(rf"<[@!&^a-z]*({form.pattern})(?:\|[^>]*)?>", id_)
                fix = f"write {mentioned[1]!r}" if mentioned else platform.id_help
                self.source.report((*path, name), repr(id_), f"the {kind}'s id on {platform.title}, such as {example!r}", fix)

    def _check_agents(self, team: Team, scripts: Path) -> None:
        self._check_tools(("team", team.name, "tools"), team.tools)
        for index, agent in enumerate(team.agents):
            path: KeyPath = ("team", team.name, "agents", index)
            self._check_model((*path, "model"), agent.model, scripts)
            self._check_model((*path, "backup"), agent.backup, scripts)
            if agent.backup == agent.model:
                expected = "another model, to be called when this one cannot be"
                self.source.report((*path, "backup"), f"{agent.backup!r}, the agent's own model", expected)
            self._check_parameters(path, agent)
            self._check_tools((*path, "tools"), agent.tools)
            self._check_server_tools(path, team, agent)

    def _check_server_tools(self, path: KeyPath, team: Team, agent: AgentSpec) -> None:
        """The agent's models must have every server-side tool that the file switches on for it."""
        for model in agent.models:
            try:
                route = resolve(model, self.team_file.models)
            except UnknownModelName:  # `_check_model` reports it
                continue
            if missing := missing_server_tools(route, team.server_tools_of(agent)):
                key: KeyPath = (*path, "server_tools") if agent.server_tools else ("team", team.name, "server_tools")
                offered = ", ".join(map(repr, offers(route)))
                expected = f"only tools that {model} has: {offered}" if offered else f"none, since {model} has none"
                self.source.report(key, f"{', '.join(map(repr, missing))}, which {model} of agent {agent.name} lacks", expected)

    def _check_parameters(self, path: KeyPath, agent: AgentSpec) -> None:
        """The agent's model must accept every parameter that the file sets for it."""
        try:
            route = resolve(agent.model, self.team_file.models)
        except UnknownModelName:  # `_check_model` reports it
            return
        near = similar_names(route, self.team_file.models)
        for key, value in agent.parameters.items():
            if near and key != MAX_OUTPUT and unsupported_value(route, key, value):
                expected = f"a model that `townhall models` lists, because the agent sets {key!r}"
                self.source.report((*path, "model"), f"{agent.model!r}, which is not listed", expected, _suggest(near))
            elif expected := unsupported_value(route, key, value):
                shown = list(value) if isinstance(value, tuple) else value
                self.source.report((*path, key), f"{key} = {shown!r}, which {agent.model} does not accept", expected)

    def _check_tools(self, path: KeyPath, names: Sequence[str]) -> None:
        """The servers must be in the file; the tools that they offer are known only when they run."""
        servers = self.names.get("tools", ())
        for index, name in enumerate(names):
            server = name.partition(".")[0]
            if server not in servers:
                known = f"one of: {_list_names(servers)}" if servers else "a server with a table [tools.<name>]; there is none"
                fix = suggest_name(server, servers)
                self.source.report((*path, index), repr(name), f"{known}, or one of its tools as 'server.tool'", fix)

    def _check_own_models(self, scripts: Path) -> None:
        for name, spec in self.team_file.models.items():
            if spec.base_url is None:
                self._resolve_model(("models", name, "id"), name, scripts)
            if (spec.input is None) != (spec.output is None):
                expected = "both, in US dollars per million tokens, or neither"
                self.source.report(("models", name), "only one of the prices 'input' and 'output'", expected)

    def _check_model(self, path: KeyPath, model: str | None, scripts: Path) -> None:
        if model is not None and model not in self.names.get("models", ()):
            self._resolve_model(path, model, scripts)

    def _resolve_model(self, path: KeyPath, model: str, scripts: Path) -> None:
        """The name must lead to a provider; the script of a scripted model must exist and be valid."""
        try:
            route = resolve(model, self.team_file.models)
            if route.provider == SCRIPTED:
                read_script(find_script(route.id, (scripts,)))
        except UnknownModelName as error:
            found, expected = split_message(str(error))
            self.source.report(path, found, expected.partition(" Did you mean")[0].rstrip("."), _suggest(error.near))
        except ScriptError as error:
            found, _, expected = str(error).partition("; expected ")
            self.source.report(path, found, expected or "a valid script")

    def _check_roles(self, people: Sequence[str]) -> None:
        for name, role in self.team_file.roles.items():
            self._check_names(("roles", name, "people"), role.people, [*self.names.get("people", ()), *people])
            self._check_ids(("roles", name), role.ids, "role")
            if not (role.people or any(role.ids.values())):
                expected = f"'people', or the role's id as {' or '.join(map(repr, installed_platforms().with_accounts))}"
                self.source.report(("roles", name), "a role without people", expected)

    def _check_people(self) -> None:
        owners: dict[tuple[str, str], str] = {}
        for name, person in self.team_file.people.items():
            self._check_zone(("people", name, "time_zone"), person.time_zone)
            self._check_ids(("people", name), person.ids, "person")
            for platform, id_ in person.ids.items():
                owner = owners.setdefault((platform, id_), name)
                if owner != name:
                    found = f"{id_!r}, which is also {owner}'s id"
                    self.source.report(("people", name, platform), found, "an id that only one person has")

    def _check_rotations(self, people: Sequence[str]) -> None:
        for name, rotation in self.team_file.rotations.items():
            self._check_names(("rotations", name, "people"), rotation.people, [*self.names.get("people", ()), *people])
            self._check_zone(("rotations", name, "time_zone"), rotation.time_zone)

    def _check_servers(self) -> None:
        """Ids that only Discord has: of servers, and of applications that repost messages."""
        lists = (("servers", "a Discord server"), ("message_proxies", "a Discord application"))
        for key, title in lists:
            for index, id_ in enumerate(getattr(self.team_file, key)):
                if not id_.isdecimal():
                    self.source.report(
                        (key, index), repr(id_), f"the id of {title}, such as '123456789012345678'", _IDS_OF_DISCORD
                    )

    def _check_budgets(self) -> None:
        self._check_zone(("budgets", "time_zone"), self.team_file.budgets.time_zone)
        for channel in self.team_file.budgets.channels:
            platform, mark, id_ = re.fullmatch(r"([^:/]*)([:/]?)(.*)", channel, re.DOTALL).groups()  # type: ignore[union-attr]
            # Earlier releases wrote `discord:123`, which is still read.
            self._check_channel(("budgets", "channels", channel), f"{platform}/{id_}" if mark else f"/{channel}", channel)

    def _check_zone(self, path: KeyPath, zone: str | None) -> None:
        zones = zoneinfo.available_timezones() if zone is not None else set()
        if zone is not None and zones and zone not in zones:
            expected = "a zone of the tz database, such as 'Europe/Berlin'"
            self.source.report(path, repr(zone), expected, suggest_name(zone, list(zones)))


def _channel_fix(channel: str, platforms: Sequence[Platform[Any]]) -> str:
    """The id that stands within what was written, such as a mention of the channel; else where ids are found."""
    for platform in platforms:
        found = re.search(rf"(?:^|[<#:/])({platform.channel_id.pattern})(?:\|[^>]*)?>?$", channel)
        if found:
            return f"write '{platform.name}/{found[1]}'"
    return "; ".join(platform.id_help for platform in platforms if platform.id_help)


def _suggest(names: Sequence[str]) -> str:
    return f"did you mean {' or '.join(map(repr, names))}?" if names else ""


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
