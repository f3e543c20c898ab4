"""Slash commands and the message menu: definitions, autocomplete, and conversion to `CommandReceived`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

from adapters.discord.channels import channel_place, to_author
from adapters.discord.client import DiscordClient
from adapters.discord.errors import bounded_attempt
from adapters.discord.interactions import InteractionResponses
from adapters.discord.markdown import plain_line
from adapters.discord.messages import quoted_message, to_attachment
from adapters.discord.permissions import missing_permissions_text, missing_run_permissions
from orchestrator_bridge.chat.adapter import Autocomplete, DeliveryError, ModelOption
from orchestrator_bridge.chat.inbound import CommandReceived, InboundHandler, Place

MAX_CHOICES = 25
MAX_CHOICE = 100
"""Discord's limits: choices of one field, and characters of a choice's name and value."""

_LOG = logging.getLogger(__name__)

Choice = app_commands.Choice[str]
Interaction = discord.Interaction[DiscordClient]
THIS_CHANNEL = "this channel"

MAX_TASK = 6000
"""Characters of one command field, Discord's limit."""

MESSAGE_MENU = "Ask the agents about this"

COMMAND_NAMES = frozenset({"ask", "model", "models", "team", "runs", "questions", "cancel", "cost", "help", MESSAGE_MENU})
"""All commands that are registered with Discord."""

ACKNOWLEDGEMENTS = {
    "ask": "Received. The run card appears in this channel, the answer in the card's thread.",
    "cancel": "Received. The run card shows when the run has ended.",
}
"""Private replies to commands whose result appears elsewhere and that the bridge itself does not answer."""

_LINE_FIELDS = {"ask": "task", "model": "model", "models": "search", "team": "team", "cancel": "run", "cost": "run"}
"""The field that holds the rest of the command line; every other field is an option."""


def model_choices(models: Sequence[ModelOption]) -> list[Choice]:
    """Models with their warning, price and context; a check mark stands before the selected one."""
    choices = []
    for model in [model for model in models if len(model.name) <= MAX_CHOICE][:MAX_CHOICES]:
        current = "✓ " if model.current else ""
        unusable = "no key" if not model.usable and not model.warning else ""
        label = " · ".join(filter(None, (f"{current}{model.name}", model.warning or unusable, model.about)))
        choices.append(Choice(name=plain_line(label, MAX_CHOICE), value=model.name))
    return choices


def name_choices(names: Iterable[str], search: str) -> list[Choice]:
    """Names that contain the search text."""
    wanted = search.casefold().strip()
    fitting = [name for name in names if wanted in name.casefold() and len(name) <= MAX_CHOICE]
    return [Choice(name=name, value=name) for name in fitting[:MAX_CHOICES]]


def run_choices(runs: Sequence[tuple[int, str]], search: str) -> list[Choice]:
    """Runs by number and task."""
    lines = [(str(number), plain_line(f"{number} · {task}", MAX_CHOICE)) for number, task in runs]
    return [Choice(name=line, value=number) for number, line in lines if search.casefold() in line.casefold()][:MAX_CHOICES]


def scope_choices(teams: Iterable[str], agents: Iterable[str], search: str) -> list[Choice]:
    """Scopes for which a model can be selected. The values are such as `channel`, `team:docs`, `agent:skeptic`."""
    scopes = [(THIS_CHANNEL, "channel"), *((f"team {team}", f"team:{team}") for team in teams)]
    scopes += [(f"agent {agent}", f"agent:{agent}") for agent in agents]
    wanted = search.casefold().strip()
    fitting = [(name, value) for name, value in scopes if wanted in name.casefold() and len(value) <= MAX_CHOICE]
    return [Choice(name=name, value=value) for name, value in fitting[:MAX_CHOICES]]


def scope_name(scope: str) -> str:
    """The name of a scope's team or agent, as `Autocomplete` takes it; empty for the channel."""
    return "" if scope in ("", "channel", THIS_CHANNEL) else scope.partition(":")[2] or scope


class DiscordCommandTree(app_commands.CommandTree[DiscordClient]):
    """All commands, delivered to the bridge by one method; autocomplete is answered from memory.

    The callbacks of the commands have no bodies: they only declare names, fields and descriptions. All commands share one path
    from acknowledgement to delivery, which discord.py offers in `interaction_check`, before it parses anything that could fail.
    """

    def __init__(
        self, client: DiscordClient, autocomplete: Autocomplete, responses: InteractionResponses, on_event: InboundHandler
    ) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        )
        self._responses = responses
        self._receive = on_event
        choices = CommandAutocomplete(autocomplete)
        for command in (*_acting_commands(choices), *_lookup_commands(choices)):
            self.add_command(command)
        self.add_command(app_commands.ContextMenu(name=MESSAGE_MENU, callback=_message_menu_callback))

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Called by discord.py before a command. Only autocomplete goes on from here."""
        if interaction.type is discord.InteractionType.autocomplete:
            return True
        await self.client.run_tracked(self._handle(interaction))
        return False

    async def _handle(self, interaction: Interaction) -> None:
        """Deliver a command. A run that could not be shown for lack of permissions is refused here."""
        command = to_command(interaction)
        missing = missing_run_permissions(interaction) if command.name == "ask" else ()
        if missing:
            await self._responses.refuse(interaction, missing_permissions_text(missing))
        else:
            await self._responses.store(interaction, command, self._receive, ACKNOWLEDGEMENTS.get(command.name))


class CommandAutocomplete:
    """Autocomplete of command fields, from memory: Discord drops choices that take longer than three seconds."""

    def __init__(self, autocomplete: Autocomplete) -> None:
        self._autocomplete = autocomplete

    async def model(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Models, for the scope that is chosen already."""
        scope = scope_name(str(getattr(interaction.namespace, "scope", "") or ""))
        team = str(getattr(interaction.namespace, "team", "") or "")
        return _or_empty(
            lambda: model_choices(self._autocomplete.models(_place(interaction), typed, scope=scope or team, limit=MAX_CHOICES))
        )

    async def team(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Teams, the channel's own first."""
        return _or_empty(lambda: name_choices(self._autocomplete.teams(_place(interaction)), typed))

    async def scope(self, interaction: Interaction, typed: str) -> list[Choice]:
        """The channel, teams, agents."""
        place = _place(interaction)
        return _or_empty(lambda: scope_choices(self._autocomplete.teams(place), self._autocomplete.agents(place), typed))

    async def run(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Active runs of this channel."""
        return _or_empty(lambda: run_choices(self._autocomplete.runs(_place(interaction)), typed))


def _or_empty(offer: Callable[[], list[Choice]]) -> list[Choice]:
    """The choices, or none if they cannot be computed: the typed text counts all the same."""
    try:
        return offer()
    except Exception:
        _LOG.exception("autocomplete failed")
        return []


def _place(interaction: Interaction) -> Place:
    channel: Any = interaction.channel
    return channel_place(channel, interaction.user.id)


def to_command(interaction: Interaction) -> CommandReceived:
    """A slash command, or the message menu, as `CommandReceived`."""
    fields: dict[str, Any] = dict(iter(interaction.namespace))
    name = interaction.command.name if interaction.command else ""
    line = str(fields.pop(_LINE_FIELDS.get(name, ""), "") or "")
    if name == MESSAGE_MENU:
        name, line = "ask", _quoted_task(interaction)
    files = [value for value in fields.values() if isinstance(value, discord.Attachment)]
    options = [(key, str(value)) for key, value in fields.items() if isinstance(value, str | int) and str(value)]
    return CommandReceived(
        place=_place(interaction),
        interaction=str(interaction.id),
        author=to_author(interaction.user),
        name=name,
        text=line,
        at=interaction.created_at.timestamp(),
        options=tuple(options),
        attachments=tuple(to_attachment(file, file.url) for file in files),  # no message holds them: the address must do
    )


def _quoted_task(interaction: Interaction) -> str:
    """The message on which the menu was opened, as a task."""
    data: Any = interaction.data or {}
    found = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if found is None:
        return ""
    channel: Any = interaction.channel
    message = discord.Message(state=interaction._state, channel=channel, data=found)
    return f"What about this?\n\n{quoted_message(message, interaction.client.me)}"


async def _message_menu_callback(interaction: Interaction, message: discord.Message) -> None:
    """Unused: `interaction_check` delivers the message menu before discord.py calls this."""


def _acting_commands(choices: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    @app_commands.command(name="ask", description="Give the agents a task")
    @app_commands.describe(
        task="The task",
        team="The team that works on it; by default the channel's team",
        model="One model for every agent in this run, instead of their own",
        attachment="An image or a text file that belongs to the task",
    )
    @app_commands.autocomplete(team=choices.team, model=choices.model)
    async def ask(
        interaction: Interaction,
        task: app_commands.Range[str, 1, MAX_TASK],
        team: str | None = None,
        model: str | None = None,
        attachment: discord.Attachment | None = None,
    ) -> None: ...

    @app_commands.command(name="model", description="Select a model: type any part of its name")
    @app_commands.describe(model="Any part of the model's name", scope="This channel, a team or an agent")
    @app_commands.autocomplete(model=choices.model, scope=choices.scope)
    async def model_(interaction: Interaction, model: str | None = None, scope: str | None = None) -> None: ...

    @app_commands.command(name="cancel", description="Cancel a run and close its questions")
    @app_commands.describe(run="The run; by default the only active one")
    @app_commands.autocomplete(run=choices.run)
    async def cancel(interaction: Interaction, run: str | None = None) -> None: ...

    return ask, model_, cancel


def _lookup_commands(choices: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    @app_commands.command(name="models", description="List models with price, context and end of service")
    @app_commands.describe(search="Any part of a name")
    async def models(interaction: Interaction, search: str | None = None) -> None: ...

    @app_commands.command(name="team", description="Show the team of this channel, its models and its rules")
    @app_commands.describe(team="The name of another team")
    @app_commands.autocomplete(team=choices.team)
    async def team_(interaction: Interaction, team: str | None = None) -> None: ...

    @app_commands.command(name="runs", description="List active and earlier runs")
    async def runs(interaction: Interaction) -> None: ...

    @app_commands.command(name="questions", description="List the questions that wait for you, and answer them")
    @app_commands.describe(question="The number of a question", answer="Your answer, or: pass, more 1h, cancel")
    async def questions(interaction: Interaction, question: int | None = None, answer: str | None = None) -> None: ...

    @app_commands.command(name="cost", description="Show the cost of runs, agents and models")
    @app_commands.describe(run="The number of a run")
    async def cost(interaction: Interaction, run: str | None = None) -> None: ...

    @app_commands.command(name="help", description="Show this bot's commands")
    async def help_(interaction: Interaction) -> None: ...

    return models, team_, runs, questions, cost, help_


class CommandSync:
    """Registration of the commands with Discord, which limits how often that may be done.

    `file` stores the fingerprint of the last registration; `guild` is a server that receives the commands at once, for
    development.
    """

    def __init__(self, file: Path | None, guild: int | None) -> None:
        self._file = file
        self._guild = guild

    async def sync(self, tree: DiscordCommandTree) -> None:
        """Register the commands if they have changed. A failure is logged, and the next start tries again."""
        guild = discord.Object(self._guild) if self._guild is not None else None
        if guild is not None:
            tree.copy_global_to(guild=guild)
        fingerprint = _fingerprint(tree, guild)
        # Discord allows 200 new commands a day for each server, and bots are restarted often during development.
        if fingerprint == await asyncio.to_thread(self._read_fingerprint):
            return
        try:
            async with bounded_attempt(60.0):
                await tree.sync(guild=guild)
        except DeliveryError as failure:
            _LOG.warning("the slash commands were not registered, the next start tries again: %s", failure)
        else:
            _LOG.info("the slash commands were registered with Discord")
            await asyncio.to_thread(self._write_fingerprint, fingerprint)

    def _read_fingerprint(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip() if self._file else ""
        except OSError:
            return ""  # none yet: registering again does no harm

    def _write_fingerprint(self, fingerprint: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write_text(f"{fingerprint}\n", encoding="utf-8")
        except OSError as error:
            _LOG.warning("%s cannot be written, so the next start registers the commands again: %s", self._file, error)


def _fingerprint(tree: DiscordCommandTree, guild: discord.Object | None) -> str:
    """Hash of the commands, the application and the server."""
    commands = [command.to_dict(tree) for command in tree.get_commands(guild=guild)]
    text = json.dumps([tree.client.application_id, guild and guild.id, commands], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
