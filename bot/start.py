"""What every start reads first: the settings and the team file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.settings import Settings, read_settings
from bot.team_file import TeamFile, read_team_file
from orchestrator_bridge.model.catalogue import Route, resolve

if TYPE_CHECKING:
    from bot.model_view import ModelBrowser


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedConfig:
    """The checked settings and team file of this process."""

    settings: Settings
    team_file: TeamFile

    @property
    def secrets(self) -> dict[str, str]:
        """The values that must not appear anywhere, by their variables' names, or by where the team file holds them."""
        return {**self.settings.secrets(self.team_file.key_variables), **self.team_file.secrets}

    @property
    def provider_settings(self) -> dict[str, str]:
        """What is set of the settings that models need, keys among them, by the variables' names."""
        return {**self.settings.provider_settings, **self.secrets}

    def model_browser(self, today: date | None = None) -> ModelBrowser:
        """All models as they are today, or on that day in UTC, with what is set now."""
        from bot.model_view import ModelBrowser

        day = today or datetime.now(UTC).date()
        return ModelBrowser(
            own=self.team_file.models, base_urls=self.settings.base_urls, settings=self.provider_settings, today=day
        )

    def route(self, model: str) -> Route:
        """The route that this model would take today, with what is set now.

        Raises:
            UnknownModelName: nobody answers to this name.
        """
        today = datetime.now(UTC).date()
        return resolve(model, self.team_file.models, self.settings.base_urls, have=self.provider_settings, today=today)


def load_config() -> LoadedConfig:
    """Read both; settings without effect are told on standard error.

    Raises:
        Trouble: something in them is wrong.
    """
    settings = read_settings()
    for warning in settings.warnings():
        click.echo(f"townhall: warning: {warning}", err=True)
    return LoadedConfig(settings=settings, team_file=read_team_file(settings.team_file, must_exist=settings.names_team_file))


def open_log_file(start: LoadedConfig) -> Path:
    """Log into the data folder from now on; returns the file.

    Raises:
        Trouble: the folder cannot be written.
    """
    from bot.logs import configure_logging

    return configure_logging(start.settings.data, start.settings.log_level, start.secrets)
