"""`townhall.toml`: teams, people, roles, permissions and models of one's own, all of them checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from bot.agent_tables import with_agents
from bot.demo_team import DEMO
from bot.team_languages import read_languages
from bot.team_names import Parts, check_names
from bot.team_shape import Shaper
from bot.trouble import Problem, Trouble, count_wrong, show_value, suggest
from orchestrator_bridge.money.budgets import Budgets
from orchestrator_bridge.question.words import Language
from orchestrator_bridge.team import ModelSpec, Permissions, PersonSpec, RoleSpec, Team
from orchestrator_bridge.tool.spec import ToolServerSpec
from orchestrator_bridge.value import Value

V = TypeVar("V", bound=Value)

_TABLES = ["default_team", "languages", "team", "people", "roles", "permissions", "models", "tools", "budgets"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamFile:
    """All that a team file says. `file` is None where there is none and the demo team stands in."""

    file: Path | None = None
    default_team: str = DEMO.name
    teams: Mapping[str, Team] = field(default_factory=lambda: {DEMO.name: DEMO})
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
            where="team", found=show_value(wanted), expected=f"one of {', '.join(known)}", mend=suggest(wanted, known)
        )
        raise Trouble("there is no such team", [problem])


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
        raise Trouble("the team file is missing", [_no_file(file)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble("the team file cannot be read", [_unreadable(file, error)]) from error
    return parse_team_file(text, file)


def parse_team_file(text: str, file: Path) -> TeamFile:
    """The team file with this text.

    Raises:
        Trouble: something in it is wrong; all of it is named, with lines.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Trouble(f"{file}: 1 thing is wrong", [_no_toml(file, error)]) from None
    shaper = Shaper(file.name, text)
    parsed = _shape(document, file, shaper)
    if shaper.problems:
        raise Trouble(f"{file}: {count_wrong(len(shaper.problems))}", shaper.problems)
    return parsed


def _shape(document: dict[str, Any], file: Path, shaper: Shaper) -> TeamFile:
    """The file's values. Where something is wrong it is written down with the shaper and missing here."""
    shaper.keys((), document, _TABLES)
    permissions = shaper.shape(Permissions, ("permissions",), document.get("permissions", {}))
    parts = Parts(
        teams=_shape_teams(document, shaper),
        people=_shape_all(PersonSpec, "people", document, shaper),
        roles=_shape_all(RoleSpec, "roles", document, shaper),
        models=_shape_all(ModelSpec, "models", document, shaper, named=False),
        permissions=permissions or Permissions(),
        budgets=shaper.shape(Budgets, ("budgets",), document.get("budgets", {})) or Budgets(),
        all_people=_names(document, "people"),
        all_roles=_names(document, "roles"),
        all_models=_names(document, "models"),
        all_tools=_names(document, "tools"),
    )
    check_names(parts, file.parent, shaper)
    teams = parts.teams or {DEMO.name: DEMO}
    return TeamFile(
        file=file,
        default_team=_default_team(document, shaper),
        teams=MappingProxyType(dict(teams)),
        people=MappingProxyType(parts.people),
        roles=MappingProxyType(parts.roles),
        permissions=parts.permissions,
        models=MappingProxyType(parts.models),
        tools=MappingProxyType(_shape_all(ToolServerSpec, "tools", document, shaper)),
        budgets=parts.budgets,
        languages=read_languages(document.get("languages", []), file.parent, shaper),
    )


def _shape_teams(document: dict[str, Any], shaper: Shaper) -> dict[str, Team]:
    teams: dict[str, Team] = {}
    for name, table in _tables(document, "team", shaper).items():
        shaper.name(("team", name))
        team = shaper.shape(Team, ("team", name), with_agents(("team", name), table, shaper), name=name)
        if team is not None:
            teams[name] = team
    return teams


def _shape_all(model: type[V], kind: str, document: dict[str, Any], shaper: Shaper, named: bool = True) -> dict[str, V]:
    """The tables `[kind.<name>]`. A person or a role has a name as mentions can hold it; a model may be called anything."""
    values: dict[str, V] = {}
    for name, table in _tables(document, kind, shaper).items():
        if named:
            shaper.name((kind, name))
        value = shaper.shape(model, (kind, name), table)
        if value is not None:
            values[name] = value
    return values


def _tables(document: dict[str, Any], kind: str, shaper: Shaper) -> dict[str, Any]:
    tables = document.get(kind, {})
    if isinstance(tables, dict):
        return tables
    shaper.wrong((kind,), show_value(tables), f"tables with names: [{kind}.<name>]")
    return {}


def _names(document: dict[str, Any], kind: str) -> list[str]:
    tables = document.get(kind, {})
    return list(tables) if isinstance(tables, dict) else []


def _default_team(document: dict[str, Any], shaper: Shaper) -> str:
    """The team that works where nobody names one: as the file says, else its first."""
    known = _names(document, "team") or [DEMO.name]
    name = document.get("default_team", known[0])
    if name not in known:
        shaper.wrong(("default_team",), show_value(name), f"one of {', '.join(known)}", suggest(str(name), known))
    return str(name)


def _no_file(file: Path) -> Problem:
    return Problem(
        where=f"TOWNHALL_TEAM_FILE={file}",
        found="no such file",
        expected="a file of teams",
        mend="correct the name, or leave it empty for ./townhall.toml",
    )


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> Problem:
    found = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
    return Problem(where=str(file), found=str(found), expected="a readable TOML file in UTF-8")


def _no_toml(file: Path, error: tomllib.TOMLDecodeError | RecursionError) -> Problem:
    """The parser's words with its place in front: `Expected '=' after a key in a key/value pair (at line 3, column 8)`."""
    if isinstance(error, RecursionError):
        return Problem(
            where=file.name, found="brackets in brackets, hundreds deep", expected="tables and lists a few levels deep"
        )
    said, _, place = str(error).removesuffix(")").partition(" (at ")
    where = f"{file.name}, {place}" if place else file.name
    mend = "a table or key that is written twice must be joined into one" if "overwrite" in said or "twice" in said else ""
    return Problem(where=where, found=said, expected="valid TOML", mend=mend)
