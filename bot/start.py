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
    from bot.model_view import Shelf


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """The checked settings and team file of this process."""

    settings: Settings
    team_file: TeamFile

    @property
    def secrets(self) -> dict[str, str]:
        """The values that must not appear anywhere, by their variables' names, or by where the team file holds them."""
        return {**self.settings.secrets(self.team_file.key_variables), **self.team_file.secrets}

    @property
    def for_models(self) -> dict[str, str]:
        """What is set of the settings that models need, keys among them, by the variables' names."""
        return {**self.settings.for_models, **self.secrets}

    def shelf(self, today: date | None = None) -> Shelf:
        """All models as they are today, or on that day in UTC, with what is set now."""
        from bot.model_view import Shelf

        day = today or datetime.now(UTC).date()
        return Shelf(own=self.team_file.models, base_urls=self.settings.base_urls, settings=self.for_models, today=day)

    def route(self, model: str) -> Route:
        """The route that this model would take today, with what is set now.

        Raises:
            UnknownModelName: nobody answers to this name.
        """
        today = datetime.now(UTC).date()
        return resolve(model, self.team_file.models, self.settings.base_urls, have=self.for_models, today=today)


def read_start() -> Start:
    """Read both; settings without effect are told on standard error.

    Raises:
        Trouble: something in them is wrong.
    """
    settings = read_settings()
    for warning in settings.warnings():
        click.echo(f"townhall: warning: {warning}", err=True)
    return Start(settings=settings, team_file=read_team_file(settings.team_file, must_exist=settings.names_team_file))


def open_start_log(start: Start) -> Path:
    """Log into the data folder from now on; returns the file.

    Raises:
        Trouble: the folder cannot be written.
    """
    from bot.logs import open_log

    return open_log(start.settings.data, start.settings.log_level, start.secrets)
