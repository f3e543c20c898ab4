"""Slash commands and the message menu: definitions, autocomplete, and delivery as `CommandReceived`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

from adapters.discord.channels import PLATFORM, interaction_place, interaction_thread, to_author
from adapters.discord.client import DiscordClient
from adapters.discord.content import message_attachments, quoted_message, to_attachment
from adapters.discord.interactions import FINISHING, NO_CHANNEL
from adapters.discord.markdown import plain_line
from adapters.discord.permissions import missing_permissions_text, missing_run_permissions
from adapters.discord.responses import InteractionResponses
from orchestrator_bridge.chat.adapter import Autocomplete, ModelOption
from orchestrator_bridge.chat.inbound import Attachment, CommandReceived, InboundHandler, Place

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

_LOOKUPS = ("models", "team", "runs", "questions", "cost", "recall", "help")
COMMAND_NAMES = frozenset({"ask", "model", "cancel", "finish", "supersede", *_LOOKUPS, MESSAGE_MENU})
"""All commands that are registered with Discord."""

ACKNOWLEDGEMENTS = {
    "ask": "Received. The run card appears in this channel, the answer in the card's thread.",
    "cancel": "Received. The run card shows when the run has ended.",
    "finish": FINISHING,
}
"""Private replies to commands whose result appears elsewhere and that the bridge itself does not answer."""

OUTDATED = "This command has changed. Please reload Discord (Ctrl+R), or start the app again, and give the command once more."


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
    """All commands, delivered to the bridge; autocomplete is answered from memory."""

    def __init__(
        self, client: DiscordClient, autocomplete: Autocomplete, responses: InteractionResponses, on_event: InboundHandler
    ) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        )
        self._responses = responses
        choices = CommandAutocomplete(autocomplete)
        commands = CommandDelivery(responses, on_event)
        for command in (*acting_commands(commands, choices), *lookup_commands(commands, choices), *memory_commands(commands)):
            self.add_command(command)
        self.add_command(app_commands.ContextMenu(name=MESSAGE_MENU, callback=commands.message_menu))

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Called by discord.py for a command that it does not know, or whose fields differ from ours: those of an older
        registration."""
        _LOG.warning("the command of interaction %s was refused: %s", interaction.id, error)
        if interaction.type is discord.InteractionType.application_command:
            await self._responses.refuse(interaction, OUTDATED)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Called by discord.py before a command. A payload that discord.py cannot read is ignored here: it reads it in a task
        whose errors reach nobody."""
        if _is_well_formed(interaction):
            return True
        _LOG.warning("a malformed command was ignored (interaction %s)", interaction.id)
        return False


_OPTION_TYPES: dict[int, type] = {4: int}
"""Types of the values of command fields, by their kind; all others that we use are texts or ids
(docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-option-type)."""


def _is_well_formed(interaction: Interaction) -> bool:
    """True if a command has an author, a name and fields that can be read."""
    data: Any = interaction.data
    try:
        options = data.get("options", [])
        app_commands.Namespace(interaction, data.get("resolved", {}), options)
        fitting = [isinstance(option["value"], _OPTION_TYPES.get(option["type"], str)) for option in options]
        if data.get("type", 1) not in [kind.value for kind in discord.AppCommandType]:
            return False
        return all(fitting) and isinstance(data["name"], str) and isinstance(interaction.user.id, int)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


class CommandDelivery:
    """Delivers slash commands and the message menu to the bridge, for one client."""

    def __init__(self, responses: InteractionResponses, on_event: InboundHandler) -> None:
        self._responses = responses
        self._receive = on_event

    async def deliver(
        self,
        interaction: Interaction,
        name: str,
        text: str | None = None,
        *,
        options: Mapping[str, str | None] | None = None,
        attachments: tuple[Attachment, ...] = (),
        quoted: tuple[discord.Message, ...] = (),
    ) -> None:
        """Deliver a command; `quoted` messages are a part of its text. A run that could not be shown for lack of permissions is
        refused here."""
        place = interaction_place(interaction, interaction.client.me, task=name == "ask")
        in_thread = interaction_place(interaction, interaction.client.me)
        missing = missing_run_permissions(interaction) if name == "ask" else ()
        if place is None or missing:
            await self._responses.refuse(interaction, missing_permissions_text(missing) if missing else NO_CHANNEL)
            return
        command = CommandReceived(
            place=place,
            interaction=str(interaction.id),
            author=to_author(interaction.user),
            name=name,
            text=text or "",
            at=interaction.created_at.timestamp(),
            options=tuple((key, value) for key, value in (options or {}).items() if value),
            attachments=attachments,
            thread=interaction_thread(interaction, *quoted) if name == "ask" else None,
            card_thread=in_thread if in_thread is not None and in_thread.thread is not None else None,
        )
        work = self._responses.store(interaction, command, self._receive, ACKNOWLEDGEMENTS.get(name))
        await interaction.client.run_tracked(work)

    async def message_menu(self, interaction: Interaction, message: discord.Message) -> None:
        """Deliver the message menu: the message is the task's content, with its files, embeds and what it forwards."""
        quoted = quoted_message(message, interaction.client.me)
        task, files = f"What about this?\n\n{quoted}", message_attachments(message)
        await self.deliver(interaction, "ask", task, attachments=files, quoted=(message,))


class CommandAutocomplete:
    """Autocomplete of command fields, from memory: Discord drops choices that take longer than three seconds."""

    def __init__(self, autocomplete: Autocomplete) -> None:
        self._autocomplete = autocomplete

    async def model(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Models, for the scope that is chosen already."""
        scope = scope_name(str(getattr(interaction.namespace, "scope", "") or ""))
        team = str(getattr(interaction.namespace, "team", "") or "")
        return _or_empty(
            lambda: model_choices(
                self._autocomplete.models(_autocomplete_place(interaction), typed, scope=scope or team, limit=MAX_CHOICES)
            )
        )

    async def team(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Teams, the channel's own first."""
        return _or_empty(lambda: name_choices(self._autocomplete.teams(_autocomplete_place(interaction)), typed))

    async def scope(self, interaction: Interaction, typed: str) -> list[Choice]:
        """The channel, teams, agents."""
        place = _autocomplete_place(interaction)
        return _or_empty(lambda: scope_choices(self._autocomplete.teams(place), self._autocomplete.agents(place), typed))

    async def run(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Active runs of this channel."""
        return _or_empty(lambda: run_choices(self._autocomplete.runs(_autocomplete_place(interaction)), typed))


def _or_empty(offer: Callable[[], list[Choice]]) -> list[Choice]:
    """The choices, or none if they cannot be computed: the typed text counts all the same."""
    try:
        return offer()
    except Exception:
        _LOG.exception("autocomplete failed")
        return []


def _autocomplete_place(interaction: Interaction) -> Place:
    return interaction_place(interaction, interaction.client.me) or Place(platform=PLATFORM, channel="")


def acting_commands(commands: CommandDelivery, choices: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    """The commands that start, stop or change something."""

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
    ) -> None:
        # No message holds the file of a command, so its address must do.
        files = (to_attachment(attachment, attachment.url),) if attachment is not None else ()
        await commands.deliver(interaction, "ask", task, options={"team": team, "model": model}, attachments=files)

    @app_commands.command(name="model", description="Select a model: type any part of its name")
    @app_commands.describe(model="Any part of the model's name", scope="This channel, a team or an agent")
    @app_commands.autocomplete(model=choices.model, scope=choices.scope)
    async def model_(interaction: Interaction, model: str | None = None, scope: str | None = None) -> None:
        await commands.deliver(interaction, "model", model, options={"scope": scope})

    @app_commands.command(name="cancel", description="Cancel a run and close its questions")
    @app_commands.describe(run="The run; by default the only active one")
    @app_commands.autocomplete(run=choices.run)
    async def cancel(interaction: Interaction, run: str | None = None) -> None:
        await commands.deliver(interaction, "cancel", run)

    @app_commands.command(name="finish", description="End a run now, with the best answer so far")
    @app_commands.describe(run="The run; by default the only active one")
    @app_commands.autocomplete(run=choices.run)
    async def finish(interaction: Interaction, run: str | None = None) -> None:
        await commands.deliver(interaction, "finish", run)

    return ask, model_, cancel, finish


def lookup_commands(commands: CommandDelivery, choices: CommandAutocomplete) -> Sequence[app_commands.Command[Any, ..., Any]]:
    """The commands that show something, or answer a question."""

    @app_commands.command(name="models", description="List models with price, context and end of service")
    @app_commands.describe(search="Any part of a name")
    async def models(interaction: Interaction, search: str | None = None) -> None:
        await commands.deliver(interaction, "models", search)

    @app_commands.command(name="team", description="Show the team of this channel, its models and its rules")
    @app_commands.describe(team="The name of another team")
    @app_commands.autocomplete(team=choices.team)
    async def team_(interaction: Interaction, team: str | None = None) -> None:
        await commands.deliver(interaction, "team", team)

    @app_commands.command(name="runs", description="List active and earlier runs")
    async def runs(interaction: Interaction) -> None:
        await commands.deliver(interaction, "runs")

    @app_commands.command(name="questions", description="List the questions that wait for you, and answer them")
    @app_commands.describe(question="The number of a question", answer="Your answer, or: pass, more 1h, cancel")
    async def questions(interaction: Interaction, question: int | None = None, answer: str | None = None) -> None:
        number = str(question) if question is not None else None
        await commands.deliver(interaction, "questions", options={"question": number, "answer": answer})

    @app_commands.command(name="cost", description="Show the cost of runs, agents and models")
    @app_commands.describe(run="The number of a run")
    async def cost(interaction: Interaction, run: str | None = None) -> None:
        await commands.deliver(interaction, "cost", run)

    @app_commands.command(name="help", description="Show this bot's commands")
    async def help_(interaction: Interaction) -> None:
        await commands.deliver(interaction, "help")

    return models, team_, runs, questions, cost, help_


def memory_commands(commands: CommandDelivery) -> Sequence[app_commands.Command[Any, ..., Any]]:
    """The commands on decisions."""

    @app_commands.command(name="recall", description="Find what was decided here, by whom and when")
    @app_commands.describe(words="Words of the question or of the decision")
    async def recall(interaction: Interaction, words: str | None = None) -> None:
        await commands.deliver(interaction, "recall", words)

    @app_commands.command(name="supersede", description="Replace a decision by a later one")
    @app_commands.describe(old="The number of the decision to replace", new="The number of the decision that counts now")
    async def supersede(interaction: Interaction, old: int, new: int) -> None:
        await commands.deliver(interaction, "supersede", f"{old} {new}")

    return recall, supersede
