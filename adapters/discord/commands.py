"""The slash commands and the message menu: their forms, what they offer while somebody types, and how they reach the bridge."""

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
from adapters.discord.interactions import NOT_STORED, InteractionResponses
from adapters.discord.markdown import plain_line
from adapters.discord.messages import quoted_message, to_attachment
from adapters.discord.permissions import missing_permissions_text, missing_run_permissions
from orchestrator_bridge.chat.adapter import Autocomplete, DeliveryError, ModelOption
from orchestrator_bridge.chat.inbound import Attachment, CommandReceived, InboundHandler, Place

MAX_CHOICES = 25
MAX_CHOICE = 100
"""Discord's limits for choices, and for a choice's name and value."""

Choice = app_commands.Choice[str]
THIS_CHANNEL = "this channel"


def model_choices(found: Sequence[ModelOption]) -> list[Choice]:
    """Models: the name, whether it is the one in use, what speaks against it, its price and context."""
    return [
        Choice(name=plain_line(_model_label(one), MAX_CHOICE), value=one.name) for one in found if len(one.name) <= MAX_CHOICE
    ][:MAX_CHOICES]


def _model_label(one: ModelOption) -> str:
    current = "✓ " if one.current else ""
    unusable = "no key" if not one.usable and not one.warning else ""
    return " · ".join(part for part in (f"{current}{one.name}", one.warning or unusable, one.about) if part)


def name_choices(found: Iterable[str], search: str) -> list[Choice]:
    """Names with what was typed in any part of them."""
    wanted = search.casefold().strip()
    fitting = [name for name in found if wanted in name.casefold() and len(name) <= MAX_CHOICE]
    return [Choice(name=name, value=name) for name in fitting[:MAX_CHOICES]]


def run_choices(found: Sequence[tuple[int, str]], search: str) -> list[Choice]:
    """Runs by number and task."""
    lines = [(str(number), plain_line(f"{number} · {task}", MAX_CHOICE)) for number, task in found]
    return [Choice(name=line, value=number) for number, line in lines if search.casefold() in line.casefold()][:MAX_CHOICES]


def scope_choices(teams: Iterable[str], agents: Iterable[str], search: str) -> list[Choice]:
    """What a model can be picked for. The values are `channel`, `team:docs`, `agent:skeptic`."""
    every = [(THIS_CHANNEL, "channel"), *((f"team {one}", f"team:{one}") for one in teams)]
    every += [(f"agent {one}", f"agent:{one}") for one in agents]
    wanted = search.casefold().strip()
    return [Choice(name=name, value=value) for name, value in every if wanted in name.casefold() and len(value) <= MAX_CHOICE][
        :MAX_CHOICES
    ]


def scope_name(scope: str) -> str:
    """The scope as a menu knows it: empty for the channel, else the name of the team or the agent."""
    return "" if scope in ("", "channel", THIS_CHANNEL) else scope.partition(":")[2] or scope


_LOG = logging.getLogger(__name__)

Interaction = discord.Interaction[DiscordClient]
MAX_TASK = 6000
"""Characters that Discord takes in one field of a command."""
MESSAGE_MENU = "Ask the agents about this"
COMMAND_NAMES = frozenset({"ask", "model", "models", "team", "runs", "questions", "cancel", "cost", "help", MESSAGE_MENU})
"""Everything that Discord is told of."""
ACKNOWLEDGEMENTS = {
    "ask": "Taken: the run's card comes into this channel, and its answer into the card's thread.",
    "cancel": "Taken: the run's card says when it has ended.",
}
"""What is said when the bridge says nothing, since what it does is seen elsewhere."""


class DiscordCommandTree(app_commands.CommandTree[DiscordClient]):
    """Every command goes through one door, which takes it to the bridge; what is typed into a form is answered from the menu."""

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
        for command in _slash_commands(CommandAutocomplete(autocomplete)):
            self.add_command(command)
        self.add_command(app_commands.ContextMenu(name=MESSAGE_MENU, callback=_message_menu_callback))

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """discord.py asks here whether it may go on: only with what is being typed."""
        if interaction.type is discord.InteractionType.autocomplete:
            return True
        await self.client.run_tracked(self._handle(interaction))
        return False

    async def _handle(self, interaction: Interaction) -> None:
        """Acknowledge while it is being stored; what cannot be done here for lack of permissions is said at once."""
        heard = to_command(interaction)
        lacking = missing_run_permissions(interaction) if heard.name == "ask" else ()
        acknowledging = asyncio.create_task(self._responses.acknowledge(interaction))
        last = missing_permissions_text(lacking) if lacking else await self._store(heard)
        await acknowledging
        if last is not None:
            await self._responses.finish(str(interaction.id), last)

    async def _store(self, event: CommandReceived) -> str | None:
        """Give it to the bridge; what to say if the bridge says nothing."""
        try:
            await self._receive(event)
        except Exception:
            _LOG.exception("%s could not be stored", event.key)
            return NOT_STORED
        return ACKNOWLEDGEMENTS.get(event.name)


class CommandAutocomplete:
    """Offers what can be picked, from memory."""

    def __init__(self, autocomplete: Autocomplete) -> None:
        self._menu = autocomplete

    async def model(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Models, for the scope that is chosen already."""
        scope = scope_name(str(getattr(interaction.namespace, "scope", "") or ""))
        team = str(getattr(interaction.namespace, "team", "") or "")
        return _or_empty(
            lambda: model_choices(self._menu.models(_place(interaction), typed, scope=scope or team, limit=MAX_CHOICES))
        )

    async def team(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Teams, the place's own first."""
        return _or_empty(lambda: name_choices(self._menu.teams(_place(interaction)), typed))

    async def scope(self, interaction: Interaction, typed: str) -> list[Choice]:
        """The channel, teams, agents."""
        place = _place(interaction)
        return _or_empty(lambda: scope_choices(self._menu.teams(place), self._menu.agents(place), typed))

    async def run(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Runs under way here."""
        return _or_empty(lambda: run_choices(self._menu.runs(_place(interaction)), typed))


def _or_empty(offer: Callable[[], list[Choice]]) -> list[Choice]:
    """A picker that breaks is empty: what is typed counts all the same."""
    try:
        return offer()
    except Exception:
        _LOG.exception("a picker broke")
        return []


def _place(interaction: Interaction) -> Place:
    channel: Any = interaction.channel
    return channel_place(channel, interaction.user.id)


# From Discord's words to the bridge's -----------------------------------------------------------------------------------------

_LINE_FIELDS = {"ask": "task", "model": "model", "models": "search", "team": "team", "cancel": "run", "cost": "run"}
"""The field that is the rest of the command's line; every other field is an option beside it."""


def to_command(interaction: Interaction) -> CommandReceived:
    """A command, or the message menu, as the bridge takes it."""
    given: dict[str, Any] = dict(iter(interaction.namespace))
    name = interaction.command.name if interaction.command else ""
    line = str(given.pop(_LINE_FIELDS.get(name, ""), "") or "")
    if name == MESSAGE_MENU:
        name, line = "ask", _quoted_task(interaction)
    files = [value for value in given.values() if isinstance(value, discord.Attachment)]
    options = [(key, str(value)) for key, value in given.items() if isinstance(value, str | int) and str(value)]
    return CommandReceived(
        place=_place(interaction),
        interaction=str(interaction.id),
        author=to_author(interaction.user),
        name=name,
        text=line,
        at=interaction.created_at.timestamp(),
        options=tuple(options),
        attachments=tuple(_to_attachment(file) for file in files),
    )


def _to_attachment(file: discord.Attachment) -> Attachment:
    """A file given with a command stands in no message: its address is all there is."""
    return to_attachment(file, file.url)


def _quoted_task(interaction: Interaction) -> str:
    """The message that the menu was opened on, as a task."""
    data: Any = interaction.data or {}
    found = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if found is None:
        return ""
    channel: Any = interaction.channel
    message = discord.Message(state=interaction._state, channel=channel, data=found)
    return f"What about this?\n\n{quoted_message(message, interaction.client.me)}"


# The commands' forms --------------------------------------------------------------------------------------------------------


async def _message_menu_callback(interaction: Interaction, message: discord.Message) -> None:
    """The message menu; the one door takes it before it comes here."""


def _slash_commands(pick: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    return (*_acting_commands(pick), *_lookup_commands(pick))


def _acting_commands(pick: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    @app_commands.command(name="ask", description="Give the agents a task")
    @app_commands.describe(
        task="What is to be done",
        team="Which team works on it; the channel's own if you leave it out",
        model="The model of every agent in this run, instead of their own",
        attachment="An image or a text that belongs to the task",
    )
    @app_commands.autocomplete(team=pick.team, model=pick.model)
    async def ask(
        interaction: Interaction,
        task: app_commands.Range[str, 1, MAX_TASK],
        team: str | None = None,
        model: str | None = None,
        attachment: discord.Attachment | None = None,
    ) -> None: ...

    @app_commands.command(name="model", description="Pick a model: type any part of its name")
    @app_commands.describe(model="The model, by any part of its name", scope="For what: this channel, a team, an agent")
    @app_commands.autocomplete(model=pick.model, scope=pick.scope)
    async def model_(interaction: Interaction, model: str | None = None, scope: str | None = None) -> None: ...

    @app_commands.command(name="cancel", description="End a run; its questions are closed")
    @app_commands.describe(run="Which run; the only one under way if you leave it out")
    @app_commands.autocomplete(run=pick.run)
    async def cancel(interaction: Interaction, run: str | None = None) -> None: ...

    return ask, model_, cancel


def _lookup_commands(pick: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    @app_commands.command(name="models", description="The models there are, with price, context and how long they live")
    @app_commands.describe(search="Any part of a name")
    async def models(interaction: Interaction, search: str | None = None) -> None: ...

    @app_commands.command(name="team", description="Who works here, with which model and by which rules")
    @app_commands.describe(team="A team's name")
    @app_commands.autocomplete(team=pick.team)
    async def team_(interaction: Interaction, team: str | None = None) -> None: ...

    @app_commands.command(name="runs", description="What is under way and what came of earlier tasks")
    async def runs(interaction: Interaction) -> None: ...

    @app_commands.command(name="questions", description="What waits for you, to be answered on the spot")
    @app_commands.describe(question="One question's number", answer="Your words, or: pass, more 1h, cancel")
    async def questions(interaction: Interaction, question: int | None = None, answer: str | None = None) -> None: ...

    @app_commands.command(name="cost", description="What runs, agents and models have cost")
    @app_commands.describe(run="One run's number")
    async def cost(interaction: Interaction, run: str | None = None) -> None: ...

    @app_commands.command(name="help", description="What I can do here")
    async def help_(interaction: Interaction) -> None: ...

    return models, team_, runs, questions, cost, help_


class CommandSync:
    """`file` remembers what Discord was told; `guild` is a server that gets the commands at once, while developing."""

    def __init__(self, file: Path | None, guild: int | None) -> None:
        self._file = file
        self._guild = guild

    async def sync(self, tree: DiscordCommandTree) -> None:
        """Tell Discord if something changed; what goes wrong is logged, and tried again at the next start."""
        guild = discord.Object(self._guild) if self._guild is not None else None
        if guild is not None:
            tree.copy_global_to(guild=guild)
        told = _fingerprint(tree, guild)
        if told == await asyncio.to_thread(self._read_fingerprint):
            return
        try:
            async with bounded_attempt(60.0):
                await tree.sync(guild=guild)
        except DeliveryError as failure:
            _LOG.warning("the commands could not be made known to Discord: %s", failure)
        else:
            _LOG.info("the commands were made known to Discord")
            await asyncio.to_thread(self._write_fingerprint, told)

    def _read_fingerprint(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8").strip() if self._file else ""
        except OSError:
            return ""  # none yet: telling once more does no harm

    def _write_fingerprint(self, told: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write_text(f"{told}\n", encoding="utf-8")
        except OSError as error:
            _LOG.warning("%s cannot be written, so the commands are made known again at the next start: %s", self._file, error)


def _fingerprint(tree: DiscordCommandTree, guild: discord.Object | None) -> str:
    """The same for the same commands of the same application on the same server."""
    commands = [command.to_dict(tree) for command in tree.get_commands(guild=guild)]
    whole = json.dumps([tree.client.application_id, guild and guild.id, commands], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()
