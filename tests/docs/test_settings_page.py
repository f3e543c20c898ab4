"""docs/settings.md names every setting and key with its default, and nothing that does not exist."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from adapters.discord.platform import PLATFORM as DISCORD
from adapters.slack.platform import PLATFORM as SLACK
from bot.config.settings import Settings
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.platform import Platform
from orchestrator_bridge.model.catalogue import PROVIDERS
from orchestrator_bridge.model.catalogue.spec import ModelSpec, TierFacts
from orchestrator_bridge.team.team import (
    AgentSpec,
    Bounds,
    ChannelRules,
    Limits,
    Permissions,
    PersonSpec,
    Policy,
    RoleSpec,
    RotationSpec,
    RoutingRule,
    Team,
)
from orchestrator_bridge.tool.model import ToolServerSpec
from tests.docs.page import read, table

PAGE = "docs/settings.md"
OWN_PLATFORMS: tuple[Platform[Any], ...] = (DISCORD, SLACK)
ID_KEYS = {platform.name for platform in OWN_PLATFORMS}
TABLES: dict[str, type[BaseModel]] = {
    "team.NAME": Team,
    "team.NAME.agents": AgentSpec,
    "team.NAME.routes": RoutingRule,
    "team.NAME.channels": ChannelRules,
    "team.NAME.policy": Policy,
    "team.NAME.bounds": Bounds,
    "team.NAME.limits": Limits,
    "people.NAME": PersonSpec,
    "roles.NAME": RoleSpec,
    "rotations.NAME": RotationSpec,
    "permissions": Permissions,
    "tools.NAME": ToolServerSpec,
    "models.NAME": ModelSpec,
    "models.NAME.tiers": TierFacts,
}
IN_WORDS = ("required", "none", "unknown", "as below", "as input", "the table's name")
"""Defaults that are no value: there is none, or another key's is taken."""


def rows(heading: str) -> dict[str, str]:
    """Keys and their defaults, as the page gives them."""
    first = "setting" if heading == "Environment" else "key"
    return {row[first]: row["default"].replace("`", "") for row in table(PAGE, heading).rows}


def settings() -> dict[str, Any]:
    models: list[type[BaseModel]] = [Settings, *(platform.settings_model for platform in OWN_PLATFORMS)]
    return {str(field.alias): field.default for model in models for field in model.model_fields.values()}


def test_the_page_has_every_setting_and_no_other() -> None:
    assert set(rows("Environment")) == set(settings())


def test_the_example_has_every_setting_and_no_other() -> None:
    assert set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE)) == set(settings())


def test_the_settings_have_the_defaults_that_the_page_gives() -> None:
    addresses = {f"{name.upper()}_BASE_URL": provider.base_url for name, provider in PROVIDERS.items() if provider.base_url}
    for name, default in rows("Environment").items():
        value = addresses.get(name, settings()[name])
        assert default == ("" if value is None else str(value)), name


def test_the_page_has_every_table_of_the_team_file() -> None:
    tables = {field.alias or name for name, field in TeamFile.model_fields.items()}
    assert set(rows("Top level")) == tables


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_has_every_key_and_no_other(heading: str) -> None:
    fields = [key for key in TABLES[heading].model_fields if key != "ids"]
    ids = ID_KEYS if "ids" in TABLES[heading].model_fields else set()
    told = rows(heading)
    assert [key for key in told if key not in ids] == (fields[1:] if heading == "team.NAME" else fields)
    assert ids <= set(told)


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading in TABLES for key in rows(heading)])
def test_a_key_has_the_default_that_the_page_gives(heading: str, key: str) -> None:
    told = rows(heading)[key]
    default = None if key in ID_KEYS else TABLES[heading].model_fields[key].default
    if told in IN_WORDS:
        nothing = PydanticUndefined if told == "required" else {"as below": default}.get(told)
        assert default == nothing
    else:
        assert read_as(heading, key, told) == default


def read_as(heading: str, key: str, told: str) -> object:
    """Value of the key if the file says `key = told`."""
    written = tomllib.loads(f"{key} = {told}")
    return getattr(TABLES[heading].model_validate(MUST_BE_THERE.get(heading, {}) | written), key)


MUST_BE_THERE: dict[str, dict[str, Any]] = {
    "rotations.NAME": {"people": ["alice"]},
    "tools.NAME": {"url": "https://example.com/mcp"},
    "team.NAME": {"agents": [{"name": "one", "model": "gpt-5"}]},
    "team.NAME.agents": {"name": "one", "model": "gpt-5"},
    "team.NAME.routes": {"to": ["@alice"], "agents": ["one"], "words": ["database"]},
    "team.NAME.channels": {"channel": "C0123"},
}
