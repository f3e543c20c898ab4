"""The slash commands and the message menu: their forms, what they offer while somebody types, and how they reach the bridge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import discord
from discord import app_commands

from adapters.discord import pickers
from adapters.discord.answers import Answers
from adapters.discord.client import Client
from adapters.discord.hear import attachment_of, quoted
from adapters.discord.permissions import missing_for_runs, say_missing
from adapters.discord.places import author_of, channel_place
from adapters.discord.presses import NOT_STORED
from orchestrator_bridge.chat import Attachment, CommandReceived, InboundHandler, Place
from orchestrator_bridge.menu import Autocomplete

_LOG = logging.getLogger(__name__)

Interaction = discord.Interaction[Client]
TASK = 6000
"""Characters that Discord takes in one field of a command."""
MENU = "Ask the agents about this"
NAMES = frozenset({"ask", "model", "models", "team", "runs", "questions", "cancel", "cost", "help", MENU})
"""Everything that Discord is told of."""
TAKEN = {
    "ask": "Taken: the run's card comes into this channel, and its answer into the card's thread.",
    "cancel": "Taken: the run's card says when it has ended.",
}
"""What is said when the bridge says nothing, since what it does is seen elsewhere."""


class Tree(app_commands.CommandTree[Client]):
    """Every command goes through one door, which takes it to the bridge; what is typed into a form is answered from the menu."""

    def __init__(self, client: Client, autocomplete: Autocomplete, answers: Answers, on_event: InboundHandler) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
        )
        self._answers = answers
        self._receive = on_event
        for command in _slash_commands(Picker(autocomplete)):
            self.add_command(command)
        self.add_command(app_commands.ContextMenu(name=MENU, callback=_about_message))

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """discord.py asks here whether it may go on: only with what is being typed."""
        if interaction.type is discord.InteractionType.autocomplete:
            return True
        await self.client.work(self._take(interaction))
        return False

    async def _take(self, interaction: Interaction) -> None:
        """Acknowledge while it is being stored; what cannot be done here for lack of permissions is said at once."""
        heard = commanded(interaction)
        lacking = missing_for_runs(interaction) if heard.name == "ask" else ()
        acknowledging = asyncio.create_task(self._answers.acknowledge(interaction))
        last = say_missing(lacking) if lacking else await self._store(heard)
        await acknowledging
        if last is not None:
            await self._answers.settle(str(interaction.id), last)

    async def _store(self, event: CommandReceived) -> str | None:
        """Give it to the bridge; what to say if the bridge says nothing."""
        try:
            await self._receive(event)
        except Exception:
            _LOG.exception("%s could not be stored", event.key)
            return NOT_STORED
        return TAKEN.get(event.name)


class Picker:
    """Offers what can be picked, from memory."""

    def __init__(self, autocomplete: Autocomplete) -> None:
        self._menu = autocomplete

    async def model(self, interaction: Interaction, typed: str) -> list[pickers.Choice]:
        """Models, for the scope that is chosen already."""
        scope = pickers.scope_name(str(getattr(interaction.namespace, "scope", "") or ""))
        team = str(getattr(interaction.namespace, "team", "") or "")
        return _safe(
            lambda: pickers.models(self._menu.models(_place(interaction), typed, scope=scope or team, limit=pickers.MOST))
        )

    async def team(self, interaction: Interaction, typed: str) -> list[pickers.Choice]:
        """Teams, the place's own first."""
        return _safe(lambda: pickers.names(self._menu.teams(_place(interaction)), typed))

    async def scope(self, interaction: Interaction, typed: str) -> list[pickers.Choice]:
        """The channel, teams, agents."""
        place = _place(interaction)
        return _safe(lambda: pickers.scopes(self._menu.teams(place), self._menu.agents(place), typed))

    async def run(self, interaction: Interaction, typed: str) -> list[pickers.Choice]:
        """Runs under way here."""
        return _safe(lambda: pickers.runs(self._menu.runs(_place(interaction)), typed))


def _safe(offer: Callable[[], list[pickers.Choice]]) -> list[pickers.Choice]:
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

_LINE = {"ask": "task", "model": "model", "models": "search", "team": "team", "cancel": "run", "cost": "run"}
"""The field that is the rest of the command's line; every other field is an option beside it."""


def commanded(interaction: Interaction) -> CommandReceived:
    """A command, or the message menu, as the bridge takes it."""
    given: dict[str, Any] = dict(iter(interaction.namespace))
    name = interaction.command.name if interaction.command else ""
    line = str(given.pop(_LINE.get(name, ""), "") or "")
    if name == MENU:
        name, line = "ask", _task_about(interaction)
    files = [value for value in given.values() if isinstance(value, discord.Attachment)]
    options = [(key, str(value)) for key, value in given.items() if isinstance(value, str | int) and str(value)]
    return CommandReceived(
        place=_place(interaction),
        interaction=str(interaction.id),
        author=author_of(interaction.user),
        name=name,
        text=line,
        at=interaction.created_at.timestamp(),
        options=tuple(options),
        attachments=tuple(_uploaded(file) for file in files),
    )


def _uploaded(file: discord.Attachment) -> Attachment:
    """A file given with a command stands in no message: its address is all there is."""
    return attachment_of(file, file.url)


def _task_about(interaction: Interaction) -> str:
    """The message that the menu was opened on, as a task."""
    data: Any = interaction.data or {}
    found = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if found is None:
        return ""
    channel: Any = interaction.channel
    message = discord.Message(state=interaction._state, channel=channel, data=found)
    return f"What about this?\n\n{quoted(message, interaction.client.me)}"


# The commands' forms --------------------------------------------------------------------------------------------------------


async def _about_message(interaction: Interaction, message: discord.Message) -> None:
    """The message menu; the one door takes it before it comes here."""


def _slash_commands(pick: Picker) -> Sequence[app_commands.Command[Any, ..., Any]]:
    return (*_commands_that_act(pick), *_commands_that_tell(pick))


def _commands_that_act(pick: Picker) -> Sequence[app_commands.Command[Any, ..., Any]]:
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
        task: app_commands.Range[str, 1, TASK],
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


def _commands_that_tell(pick: Picker) -> Sequence[app_commands.Command[Any, ..., Any]]:
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
