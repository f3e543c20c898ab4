"""The parts of the bot put together: store, models, people, platforms, commands, engine. Started and stopped as one."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.commands import ChatCommands
from bot.menu import BotAutocomplete
from bot.model_view import ModelBrowser
from bot.picks import ModelSelections
from bot.start import LoadedConfig
from orchestrator_bridge.chat import Adapter
from orchestrator_bridge.clock import Clock, SystemClock
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.model.clients import ModelClient
from orchestrator_bridge.people import Directory
from orchestrator_bridge.question.words import register_languages
from orchestrator_bridge.store.port import Store
from orchestrator_bridge.store.sqlite import SqliteStore
from orchestrator_bridge.tool.toolbox import Toolbox


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """A bot that is ready to be started."""

    engine: Engine
    commands: ChatCommands
    store: Store
    models: ModelClient
    directory: Directory
    clock: Clock
    platforms: tuple[str, ...]


@asynccontextmanager
async def open_app(
    start: LoadedConfig, adapters: Sequence[Adapter], file: Path, clock: Clock | None = None, menu: BotAutocomplete | None = None
) -> AsyncIterator[App]:
    """The bot over one store file, its engine not yet started; all is stopped and closed at the end.

    `menu` is what the adapters offer in their pickers, as `create_autocomplete` makes it; it is filled with what the store knows.

    Raises:
        StoreError: the store cannot be opened.
    """
    clock = clock or SystemClock()
    store = await SqliteStore.open(file, clock=clock.now)
    models = create_model_client(start, clock)
    models.preload_tokenizers(model for team in start.team_file.teams.values() for agent in team.agents for model in agent.models)
    people = start.team_file
    register_languages(people.languages)
    directory = Directory(people.people, people.roles, people.permissions)
    picks = ModelSelections(store)
    commands = ChatCommands(store, people, models, directory, picks, lambda: _model_browser(start, clock))
    engine = Engine(
        store=store,
        models=models,
        clock=clock,
        directory=directory,
        adapters=adapters,
        on_command=commands.handle,
        budgets=people.budgets,
        toolbox=Toolbox(people.tools, start.secrets, clock, people.folder),
    )
    commands.engine = engine
    if menu is not None:
        menu.connect(picks, engine.under_way)
    try:
        models.load_calibrations({(one.model, one.by): one.ratio for one in await store.token_calibrations()})
        await picks.load()
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


def create_autocomplete(start: LoadedConfig, clock: Clock | None = None) -> BotAutocomplete:
    """What adapters offer in their pickers. Give it to them, and to `open_app`."""
    return BotAutocomplete(start.team_file, lambda: _model_browser(start, clock or SystemClock()))


def _model_browser(start: LoadedConfig, clock: Clock) -> ModelBrowser:
    return start.model_browser(datetime.fromtimestamp(clock.now(), UTC).date())


def create_model_client(start: LoadedConfig, clock: Clock) -> ModelClient:
    """All models, with the settings and the team file of this start."""
    file = start.team_file.file
    beside = (file.parent, file.parent / "scripts") if file else (Path(), Path("scripts"))
    return ModelClient(
        keys=start.provider_settings,
        base_urls=start.settings.base_urls,
        own=start.team_file.models,
        scripts=beside,
        clock=clock.now,
    )


def temporary_store_path() -> Path:
    """A store file for one run beside a running bot, which has the usual one."""
    return Path(tempfile.mkdtemp(prefix="townhall-")) / "townhall.db"
