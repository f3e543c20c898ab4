"""The root model of `townhall.toml`: teams, people, roles, permissions, models, tools and budgets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails

from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.question.parsing.lexicon import Language, read_language
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.team import AgentSpec, Name, Permissions, PersonSpec, RoleSpec, RotationSpec, Team
from orchestrator_bridge.tool.model import ToolServerSpec

_MODEL = "scripted/demo"

DEMO_TEAM = Team(
    name="demo",
    about="Three scripted agents that disagree, ask you one question, and use your answer.",
    agents=(
        AgentSpec(name="planner", model=_MODEL, persona="You plan in small steps that can be undone."),
        AgentSpec(name="skeptic", model=_MODEL, persona="You look for what could go wrong."),
        AgentSpec(name="operator", model=_MODEL, persona="You run the result in production, and ask the person who decides."),
    ),
)


def _load_language(file: Any, info: ValidationInfo) -> Any:
    """Read a language's file, from the folder in the validation's context."""
    if not isinstance(file, str):
        raise ValueError("expected the name of a file, such as 'fr.toml'")
    folder: Path = info.context["folder"] if info.context else Path()
    try:
        return read_language((folder / file).read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{file!r}: {error.strerror}; expected a readable file of words, beside this file") from error
    except ValueError as error:
        found = explain_validation(error, limit=1) if isinstance(error, ValidationError) else error
        raise ValueError(f"{file!r}: {found}; expected {_LANGUAGE_FORMAT}") from error


_LANGUAGE_FORMAT = "lists of words as in orchestrator_bridge/question/parsing/lexicon/en.toml"


class TeamFile(Value):
    """The content of a team file: the root model of `townhall.toml`. Without a file it is the demo team."""

    default: Annotated[str | None, Field(alias="default_team")] = None
    languages: tuple[Annotated[Language, BeforeValidator(_load_language)], ...] = ()
    """Words of replies in languages that Townhall does not come with."""
    teams: Annotated[Mapping[str, Team], Field(alias="team")] = {DEMO_TEAM.name: DEMO_TEAM}
    people: Mapping[Name, PersonSpec] = {}
    roles: Mapping[Name, RoleSpec] = {}
    rotations: Mapping[Name, RotationSpec] = {}
    permissions: Permissions = Permissions()
    servers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Ids of the Discord servers on which the bot works; by default the one that it joined first."""
    message_proxies: tuple[Annotated[str, Field(pattern=r"^[0-9]+$")], ...] = ()
    """Ids of Discord applications, such as PluralKit's, that repost messages of people, which then count as theirs."""
    models: Mapping[str, ModelSpec] = {}
    tools: Mapping[Name, ToolServerSpec] = {}
    budgets: Budgets = Budgets()

    # Private, so that `file` is not a key that the file itself could have.
    _file: Path | None = PrivateAttr(default=None)

    @field_validator("teams", mode="before")
    @classmethod
    def _name_teams(cls, tables: Any) -> Any:
        """Give each team the name of its table. A key `name` in the file would contradict it, so it is an unknown key."""
        if not isinstance(tables, dict):
            return tables
        named = {name: table["name"] for name, table in tables.items() if isinstance(table, dict) and "name" in table}
        if named:
            details = [
                InitErrorDetails(type="extra_forbidden", loc=(name, "name"), input=value, ctx={}) for name, value in named.items()
            ]
            raise ValidationError.from_exception_data(cls.__name__, details)
        teams = {name: {**table, "name": name} if isinstance(table, dict) else table for name, table in tables.items()}
        return teams or {DEMO_TEAM.name: DEMO_TEAM}

    @property
    def file(self) -> Path | None:
        """The file that was read; None if there is none and the demo team is used."""
        return self._file

    @property
    def default_team(self) -> str:
        """Name of the team that works if a task names none: `default_team`, else the file's first team."""
        return self.default or next(iter(self.teams))

    @property
    def folder(self) -> Path:
        """The folder in which the scripts of `scripted/…` models are looked for first: that of the file."""
        return self.file.parent if self.file else Path()

    @property
    def key_variables(self) -> frozenset[str]:
        """The environment variables that hold keys of the file's own models, and those that tool servers use."""
        keys = frozenset(spec.key_env for spec in self.models.values() if spec.key_env)
        return keys.union(*(spec.variables for spec in self.tools.values()))

    @property
    def secrets(self) -> dict[str, str]:
        """Secrets written in the file itself, by their keys."""
        return {where: secret for name, spec in self.tools.items() for where, secret in spec.secrets(name).items()}

    def team(self, name: str | None = None) -> Team:
        """The team of this name, or the default team.

        Raises:
            ConfigError: there is no such team; the text lists those that exist.
        """
        wanted = name or self.default_team
        if wanted in self.teams:
            return self.teams[wanted]
        known = list(self.teams)
        problem = Problem(
            where="team", found=format_value(wanted), expected=f"one of: {', '.join(known)}", fix=suggest_name(wanted, known)
        )
        raise ConfigError("there is no such team", [problem])
