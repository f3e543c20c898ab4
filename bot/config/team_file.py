"""`townhall.toml`: teams, people, roles, permissions and models of one's own, all of them checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from bot.config.errors import ConfigError, Problem, count_problems, format_value, suggest_name
from bot.config.explain import KeyPath, TomlValidator, format_path
from bot.config.references import ID_PLATFORMS, TeamFileTables, check_references
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.question.parsing.lexicon import Language, read_language
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.team import AgentSpec, Permissions, PersonSpec, RoleSpec, Team
from orchestrator_bridge.tool.model import ToolServerSpec

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


def load_languages(names: Any, folder: Path, shaper: TomlValidator) -> tuple[Language, ...]:
    """The languages whose files are named, looked for beside the team file; what is wrong is written down with the shaper."""
    if not isinstance(names, list):
        shaper.report(("languages",), format_value(names), "a list of files, such as ['fr.toml']")
        return ()
    return tuple(_load_files(names, folder, shaper))


def _load_files(names: list[Any], folder: Path, shaper: TomlValidator) -> Iterator[Language]:
    for index, name in enumerate(names):
        try:
            yield read_language((folder / str(name)).read_text("utf-8"))
        except OSError as error:
            shaper.report(("languages", index), f"{name!r}: {error.strerror}", "a readable file of words, beside this file")
        except ValueError as error:
            shaper.report(("languages", index), f"{name!r}: {_error_text(error)}", "lists of words as in question/words/en.toml")


def _error_text(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


_MODEL = "scripted/demo"

DEMO_TEAM = Team(
    name="demo",
    about="Three scripted agents that disagree, ask you one thing, and use what you say.",
    agents=(
        AgentSpec(name="planner", model=_MODEL, persona="You plan in small steps that can be taken back."),
        AgentSpec(name="skeptic", model=_MODEL, persona="You look for what could go wrong."),
        AgentSpec(name="operator", model=_MODEL, persona="You have to live with the result, and ask whoever decides."),
    ),
)

V = TypeVar("V", bound=Value)

_TABLES = ["default_team", "languages", "team", "people", "roles", "permissions", "models", "tools", "budgets"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamFile:
    """All that a team file says. `file` is None where there is none and the demo team stands in."""

    file: Path | None = None
    default_team: str = DEMO_TEAM.name
    teams: Mapping[str, Team] = field(default_factory=lambda: {DEMO_TEAM.name: DEMO_TEAM})
    people: Mapping[str, PersonSpec] = field(default_factory=dict)
    roles: Mapping[str, RoleSpec] = field(default_factory=dict)
    permissions: Permissions = field(default_factory=Permissions)
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    tools: Mapping[str, ToolServerSpec] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    languages: Sequence[Language] = ()
    """What replies say in other languages than those that Townhall knows."""

    @property
    def folder(self) -> Path:
        """Where the scripts of `scripted/…` models are looked for first: beside the file."""
        return self.file.parent if self.file else Path()

    @property
    def key_variables(self) -> frozenset[str]:
        """The environment variables that hold the keys of models of one's own, and what tool servers need."""
        keys = frozenset(spec.key_env for spec in self.models.values() if spec.key_env)
        return keys.union(*(spec.variables for spec in self.tools.values()))

    @property
    def secrets(self) -> dict[str, str]:
        """What stands in the file itself though it should not be seen, by where it stands."""
        return {where: secret for name, spec in self.tools.items() for where, secret in spec.secrets(name).items()}

    def team(self, name: str | None = None) -> Team:
        """The team of this name, or the default one.

        Raises:
            Trouble: there is no such team; the text names those that there are.
        """
        wanted = name or self.default_team
        if wanted in self.teams:
            return self.teams[wanted]
        known = list(self.teams)
        problem = Problem(
            where="team", found=format_value(wanted), expected=f"one of {', '.join(known)}", fix=suggest_name(wanted, known)
        )
        raise ConfigError("there is no such team", [problem])


def read_team_file(file: Path, must_exist: bool = False) -> TeamFile:
    """The checked team file, or the demo team where there is no file and nobody asked for one.

    Raises:
        Trouble: something in it is wrong; all of it is named, with lines.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if not must_exist:
            return TeamFile()
        raise ConfigError("the team file is missing", [_no_file(file)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the team file cannot be read", [_unreadable(file, error)]) from error
    return parse_team_file(text, file)


def parse_team_file(text: str, file: Path) -> TeamFile:
    """The team file with this text.

    Raises:
        Trouble: something in it is wrong; all of it is named, with lines.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: 1 thing is wrong", [_invalid_toml(file, error)]) from None
    shaper = TomlValidator(file.name, text, ID_PLATFORMS)
    parsed = _parse_document(document, file, shaper)
    if shaper.problems:
        raise ConfigError(f"{file}: {count_problems(len(shaper.problems))}", shaper.problems)
    return parsed


def _parse_document(document: dict[str, Any], file: Path, shaper: TomlValidator) -> TeamFile:
    """The file's values. Where something is wrong it is written down with the shaper and missing here."""
    shaper.check_keys((), document, _TABLES)
    permissions = shaper.parse(Permissions, ("permissions",), document.get("permissions", {}))
    parts = TeamFileTables(
        teams=_parse_teams(document, shaper),
        people=_parse_tables(PersonSpec, "people", document, shaper),
        roles=_parse_tables(RoleSpec, "roles", document, shaper),
        models=_parse_tables(ModelSpec, "models", document, shaper, named=False),
        permissions=permissions or Permissions(),
        budgets=shaper.parse(Budgets, ("budgets",), document.get("budgets", {})) or Budgets(),
        all_people=_names(document, "people"),
        all_roles=_names(document, "roles"),
        all_models=_names(document, "models"),
        all_tools=_names(document, "tools"),
    )
    check_references(parts, file.parent, shaper)
    teams = parts.teams or {DEMO_TEAM.name: DEMO_TEAM}
    return TeamFile(
        file=file,
        default_team=_default_team(document, shaper),
        teams=MappingProxyType(dict(teams)),
        people=MappingProxyType(parts.people),
        roles=MappingProxyType(parts.roles),
        permissions=parts.permissions,
        models=MappingProxyType(parts.models),
        tools=MappingProxyType(_parse_tables(ToolServerSpec, "tools", document, shaper)),
        budgets=parts.budgets,
        languages=load_languages(document.get("languages", []), file.parent, shaper),
    )


def _parse_teams(document: dict[str, Any], shaper: TomlValidator) -> dict[str, Team]:
    teams: dict[str, Team] = {}
    for name, table in _get_tables(document, "team", shaper).items():
        shaper.check_name(("team", name))
        team = shaper.parse(Team, ("team", name), check_agents(("team", name), table, shaper), name=name)
        if team is not None:
            teams[name] = team
    return teams


def _parse_tables(model: type[V], kind: str, document: dict[str, Any], shaper: TomlValidator, named: bool = True) -> dict[str, V]:
    """The tables `[kind.<name>]`. A person or a role has a name as mentions can hold it; a model may be called anything."""
    values: dict[str, V] = {}
    for name, table in _get_tables(document, kind, shaper).items():
        if named:
            shaper.check_name((kind, name))
        value = shaper.parse(model, (kind, name), table)
        if value is not None:
            values[name] = value
    return values


def _get_tables(document: dict[str, Any], kind: str, shaper: TomlValidator) -> dict[str, Any]:
    tables = document.get(kind, {})
    if isinstance(tables, dict):
        return tables
    shaper.report((kind,), format_value(tables), f"tables with names: [{kind}.<name>]")
    return {}


def _names(document: dict[str, Any], kind: str) -> list[str]:
    tables = document.get(kind, {})
    return list(tables) if isinstance(tables, dict) else []


def _default_team(document: dict[str, Any], shaper: TomlValidator) -> str:
    """The team that works where nobody names one: as the file says, else its first."""
    known = _names(document, "team") or [DEMO_TEAM.name]
    name = document.get("default_team", known[0])
    if name not in known:
        shaper.report(("default_team",), format_value(name), f"one of {', '.join(known)}", suggest_name(str(name), known))
    return str(name)


def _no_file(file: Path) -> Problem:
    return Problem(
        where=f"TOWNHALL_TEAM_FILE={file}",
        found="no such file",
        expected="a file of teams",
        fix="correct the name, or leave it empty for ./townhall.toml",
    )


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> Problem:
    found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
    return Problem(where=str(file), found=str(found), expected="a readable TOML file in UTF-8")


def _invalid_toml(file: Path, error: tomllib.TOMLDecodeError | RecursionError) -> Problem:
    """The parser's words with its place in front: `Expected '=' after a key in a key/value pair (at line 3, column 8)`."""
    if isinstance(error, RecursionError):
        return Problem(
            where=file.name, found="brackets in brackets, hundreds deep", expected="tables and lists a few levels deep"
        )
    said, _, place = str(error).removesuffix(")").partition(" (at ")
    where = f"{file.name}, {place}" if place else file.name
    mend = "a table or key that is written twice must be joined into one" if "overwrite" in said or "twice" in said else ""
    return Problem(where=where, found=said, expected="valid TOML", fix=mend)
