"""Composition root: settings, team file, store, models, adapters and engine, opened and closed as one."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.commands.autocomplete import BotAutocomplete
from bot.commands.dispatch import HELP, ChatCommands
from bot.commands.model_view import ModelBrowser
from bot.commands.models import ModelSelections
from bot.config.errors import ConfigError, Problem
from bot.config.platforms import installed_platforms, to_config_error
from bot.config.settings import Settings, load_settings
from bot.config.team_file import read_team_file
from bot.config.team_schema import TeamFile
from bot.storage import StoreLocation, location_name, open_store
from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.chat.platform import ENTRY_POINT_GROUP, InvalidPlatformSettings, Platform, PlatformContext
from orchestrator_bridge.common.clock import Clock, SystemClock
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import Route, resolve
from orchestrator_bridge.model.catalogue.dated_prices import use_downloaded
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.route_memory import RouteMemory
from orchestrator_bridge.question.parsing.lexicon import register_languages
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.store.sqlite.shared_spending import AskSpending, SharedSpending, SpendingOfOthers, spending_file
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.tool.toolbox import Toolbox

if TYPE_CHECKING:
    from orchestrator_bridge.chat.adapter import Autocomplete


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedConfig:
    """The checked settings and team file of this process."""

    settings: Settings
    team_file: TeamFile

    @property
    def secrets(self) -> dict[str, str]:
        """Values that must not appear in any output, by variable, or by their key in the team file."""
        return {**self.settings.secrets(self.team_file.key_variables), **self.team_file.secrets}

    @property
    def provider_settings(self) -> dict[str, str]:
        """The settings of model providers that are set, keys included, by variable."""
        return {**self.settings.provider_settings, **self.secrets}

    @property
    def platforms(self) -> list[Platform[Any]]:
        """The active platforms: those that are configured, or the local ones if no other is.

        Raises:
            ConfigError: there is none.
        """
        installed = installed_platforms().usable.values()
        configured = [platform for platform in installed if platform.configured(self.settings.of_platform(platform))]
        if not configured:
            raise ConfigError("no chat platform is installed", [_NO_PLATFORM])
        return [platform for platform in configured if not platform.local] or configured

    def platform_context(self, platform: Platform[Any]) -> PlatformContext:
        """Facts about this bot for a platform."""
        people, roles = self.team_file.people.values(), self.team_file.roles.values()
        return PlatformContext(
            people=tuple(id_ for person in people if (id_ := person.ids.get(platform.name))),
            roles=tuple(id_ for role in roles if (id_ := role.ids.get(platform.name))),
            servers=self.team_file.servers,
            proxies=self.team_file.message_proxies,
            commands=tuple(HELP),
            data=self.settings.data,
        )

    def model_browser(self, today: date | None = None) -> ModelBrowser:
        """All models as of today, or of that day in UTC, by the current settings."""
        day = today or datetime.now(UTC).date()
        return ModelBrowser(
            own=self.team_file.models,
            base_urls=self.settings.base_urls,
            settings=self.provider_settings,
            today=day,
            memory=RouteMemory(self.settings.data, SystemClock()),
        )

    def route(self, model: str) -> Route:
        """The route of this model today, by the current settings.

        Raises:
            UnknownModelName: the name leads to no provider.
        """
        today = datetime.now(UTC).date()
        return resolve(model, self.team_file.models, self.settings.base_urls, have=self.provider_settings, today=today)


def load_config() -> LoadedConfig:
    """Read settings and team file. Settings without effect give a warning on standard error.

    Raises:
        ConfigError: something in them is wrong.
    """
    settings, used = load_settings(), frozenset[str]()
    use_downloaded(settings.data)
    try:
        team_file = read_team_file(settings.team_file, must_exist=settings.names_team_file)
        used = team_file.key_variables
    finally:  # before an error of the team file too: a misspelt setting may be its cause
        for warning in [*settings.warnings(used), *map(str, installed_platforms().broken)]:
            click.echo(f"townhall: warning: {warning}", err=True)
    return LoadedConfig(settings=settings, team_file=team_file)


def open_log_file(start: LoadedConfig) -> Path:
    """Start logging into the data folder; returns the log file.

    Raises:
        ConfigError: the folder cannot be written.
    """
    from bot.logging_setup import configure_logging

    return configure_logging(start.settings.data, start.settings.log_level, start.secrets, start.settings.log_format)


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """A bot that is ready to be started: `engine.start()` starts it."""

    engine: Engine
    commands: ChatCommands
    store: Store
    models: ModelClient
    directory: Directory
    clock: Clock
    platforms: tuple[str, ...]


@asynccontextmanager
async def open_app(
    start: LoadedConfig,
    adapters: Sequence[Adapter],
    location: StoreLocation,
    clock: Clock | None = None,
    menu: BotAutocomplete | None = None,
    store: Store | None = None,
) -> AsyncIterator[App]:
    """The bot on one store, its engine not yet started. Everything is stopped and closed at the end.

    `menu` is the adapters' autocomplete, made by `create_autocomplete`. The adapters need it before the store is open, so it is
    connected to the store here. `store` is the one of this location, if it is open already.

    Raises:
        StoreError: the store cannot be opened.
    """
    clock = clock or SystemClock()
    store = store or await open_store(location, clock.now)
    shared = _open_shared_spending(start, location)
    models = create_model_client(start, clock)
    models.preload_tokenizers(model for team in start.team_file.teams.values() for agent in team.agents for model in agent.models)
    team_file = start.team_file
    register_languages(team_file.languages)  # before the engine parses its first reply
    directory = Directory(
        team_file.people,
        team_file.roles,
        team_file.permissions,
        rotations=team_file.rotations,
        local_platforms=installed_platforms().local,
    )
    selections = ModelSelections(store)
    others = SpendingOfOthers(shared_spending_file(start), MAIN_OWNER)
    commands = ChatCommands(store, team_file, models, directory, selections, lambda: _model_browser(start, clock), others)
    engine = Engine(
        store=store,
        models=models,
        clock=clock,
        directory=directory,
        adapters=adapters,
        on_command=commands.handle,
        on_follow_up=commands.follow_up,
        budgets=team_file.budgets,
        shared_spending=shared,
        toolbox=Toolbox(team_file.tools, start.secrets, clock, team_file.folder),
    )
    commands.engine = engine  # set afterwards, because the engine calls the commands and they call the engine
    if menu is not None:
        menu.connect(selections, engine.under_way)
    try:
        models.load_calibrations({(found.model, found.by): found.ratio for found in await store.token_calibrations()})
        await selections.load()
        yield App(
            engine=engine,
            commands=commands,
            store=store,
            models=models,
            directory=directory,
            clock=clock,
            platforms=tuple(adapter.platform for adapter in adapters),
        )
    finally:
        await engine.stop()
        await models.close()
        await store.close()
        if shared is not None:
            shared.close()


MAIN_OWNER = "bot"
"""Name in the shared spending of the process that has the usual store: only one has it at a time."""


def shared_spending_file(start: LoadedConfig) -> Path:
    """File beside the store in which all processes on this store's budgets count together."""
    return spending_file(start.settings.store)


def _open_shared_spending(start: LoadedConfig, location: StoreLocation) -> SharedSpending | None:
    """Spending of all processes: for `townhall ask` beside a bot, which has another store, and for a bot with shared budgets."""
    main = start.settings.location
    if location != main and (not isinstance(main, Path) or main.exists()):
        return AskSpending(shared_spending_file(start), location_name(location))
    budgets = start.team_file.budgets
    shared = budgets.day or budgets.channel or budgets.channels
    return SharedSpending(shared_spending_file(start), MAIN_OWNER) if shared else None


def create_adapters(start: LoadedConfig, autocomplete: Autocomplete) -> list[Adapter]:
    """Create an adapter for each active platform.

    Raises:
        ConfigError: a platform's settings contradict one another, or there is no platform.
    """
    return [_create_adapter(start, platform, autocomplete) for platform in start.platforms]


def _create_adapter(start: LoadedConfig, platform: Platform[Any], autocomplete: Autocomplete) -> Adapter:
    try:
        return platform.create_adapter(start.settings.of_platform(platform), start.platform_context(platform), autocomplete)
    except InvalidPlatformSettings as error:
        raise to_config_error(error) from error
    except Exception as error:  # a platform may come from any package
        problem = Problem(
            where=f"platform {platform.name}",
            found=f"{type(error).__name__}: {error}",
            expected="an adapter",
            fix=f"check the settings of {platform.title}; if they are right, report it to the author of that package",
        )
        raise ConfigError(f"{platform.title} could not be started", [problem]) from error


_NO_PLATFORM = Problem(
    where=f"entry points of the group {ENTRY_POINT_GROUP}",
    found="none that can be used",
    expected="those of the package townhall",
    fix="install Townhall again: `make venv` in a checkout, else with pip",
)


def create_autocomplete(start: LoadedConfig, clock: Clock | None = None) -> BotAutocomplete:
    """The autocomplete of all adapters. Pass it to them and to `open_app`."""
    return BotAutocomplete(start.team_file, lambda: _model_browser(start, clock or SystemClock()))


def _model_browser(start: LoadedConfig, clock: Clock) -> ModelBrowser:
    return start.model_browser(datetime.fromtimestamp(clock.now(), UTC).date())


def create_model_client(start: LoadedConfig, clock: Clock) -> ModelClient:
    """A client for all models, by the settings and the team file."""
    file = start.team_file.file
    beside = (file.parent, file.parent / "scripts") if file else (Path(), Path("scripts"))
    return ModelClient(
        keys=start.provider_settings,
        base_urls=start.settings.base_urls,
        own=start.team_file.models,
        scripts=beside,
        clock=clock,
        data=start.settings.data,
    )


def temporary_store_path() -> Path:
    """A store file for a single run while a running bot has the usual one."""
    return Path(tempfile.mkdtemp(prefix="townhall-")) / "townhall.db"


_YOUNG, _MIDDLE, _OLD = 20_000, 10, 10
"""Thresholds of `gc.set_threshold`; Python's own are 700, 10 and 10."""


def tune_gc() -> None:
    """Tune the cyclic garbage collector for a long-lived process: exempt what is loaded now, and collect the rest seldom.

    Our values are frozen and form no cycles, so there is little to collect. With Python's thresholds a full collection of all
    live objects runs each time they have grown by a quarter: in a burst of a thousand replies the bot stalled for 130 ms, and
    the burst took a fifth longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
