"""`/models` and `/model`: list models, and select one for a channel, for a team there, or for an agent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

from bot.commands.model_view import EXPENSIVE, ModelBrowser, ModelView, best_first
from bot.config.errors import ConfigError, Problem, format_value, suggest_name
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from orchestrator_bridge.chat.outbound import Confirmation, PrivateReply, Table
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.catalogue.pricing import format_price
from orchestrator_bridge.model.catalogue.sources import model_entries
from orchestrator_bridge.run.records import ModelSelected
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import AgentSpec, Team

CHANNEL_SCOPE = "channel"
MAX_LISTED = 25
"""Rows of a table in chat."""
RESET = "default"
"""Name that selects the team file's models again."""
_CONFIRMED = ("confirmed", "yes")
BUTTON_PLATFORMS = frozenset({"discord", "slack"})
"""Platforms whose forms have a field for the scope, and buttons to confirm: typed options are not mentioned there."""


class ModelSelections:
    """Models selected for channels, in memory and in the store; empty until `load`. New runs of the channel use them.

    The scope of an agent precedes that of its team, which precedes that of the whole channel.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._selections: dict[tuple[str, str], dict[str, str]] = {}

    async def load(self) -> None:
        """Read the selections of earlier processes.

        Raises:
            StoreError: the store cannot be read.
        """
        for selection in await self._store.model_selections():
            self._channel_selections(selection.place)[selection.scope] = selection.model

    def for_channel(self, place: Place) -> Mapping[str, str]:
        """Selected models of a place's channel, by scope: `channel`, `team:NAME`, `agent:NAME`."""
        return dict(self._selections.get((place.platform, place.channel), {}))

    async def select(self, place: Place, scope: str, model: str, by: Author, at: float) -> None:
        """Select a model for a scope; an empty `model` removes the selection.

        Raises:
            StoreError: it could not be stored, and nothing changed.
        """
        await self._store.append(rows=[ModelSelected(place=place, scope=scope, model=model, by=by.name, at=at)])
        self._channel_selections(place)[scope] = model
        if not model:
            del self._channel_selections(place)[scope]

    def apply_to(self, team: Team, place: Place) -> Team:
        """The team with the models selected for it in this place."""
        selected = self.for_channel(place)
        agents = tuple(_with_agent_model(agent, selected_model(selected, team.name, agent.name)) for agent in team.agents)
        return team if agents == team.agents else team.model_copy(update={"agents": agents})

    def _channel_selections(self, place: Place) -> dict[str, str]:
        return self._selections.setdefault((place.platform, place.channel), {})


def selected_model(selected: Mapping[str, str], team: str, agent: str) -> str:
    """Model selected for an agent of a team, from the models by scope; empty if none is."""
    return next((selected[scope] for scope in (f"agent:{agent}", f"team:{team}", CHANNEL_SCOPE) if selected.get(scope)), "")


def with_team_model(team: Team, model: str) -> Team:
    """The team with this model for every agent."""
    return team.model_copy(update={"agents": tuple(_with_agent_model(agent, model) for agent in team.agents)})


def _with_agent_model(agent: AgentSpec, model: str) -> AgentSpec:
    return agent.model_copy(update={"model": model}) if model and model != agent.model else agent


def parse_leading_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """Options and text of a command whose text is for agents: `key=value` counts only at the beginning.

    An option that a form gave is not searched for in the text.
    """
    found, text = {key: value for key, value in command.options if value}, command.text
    typed = [key for key in keys if key not in found]
    while typed and (match := re.match(rf"\s*({'|'.join(typed)})=(\S+)(?:\s+|$)", text)):
        found[match[1]] = match[2]
        typed.remove(match[1])
        text = text[match.end() :]
    return found, text


def parse_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """Options and text of a command whose text is a name: `key=value` counts anywhere in it."""
    found, rest = {key: value for key, value in command.options if value}, []
    for word in command.text.split():
        key, equals, value = word.partition("=")
        if equals and key in keys:
            found.setdefault(key, value)
        else:
            rest.append(word)
    return found, " ".join(rest)


class ModelCommands:
    """Executes `/models` and `/model`. `browser` returns today's models."""

    def __init__(
        self, selections: ModelSelections, team_file: TeamFile, directory: Directory, browser: Callable[[], ModelBrowser]
    ) -> None:
        self._selections = selections
        self._team_file = team_file
        self._directory = directory
        self._browser = browser

    async def models(self, command: CommandReceived) -> PrivateReply:
        """List models with prices, best first."""
        used = dict.fromkeys(agent.model for team in self._team_file.teams.values() for agent in team.agents)
        found = best_first(self._browser().search(used, command.text))
        if not found:
            return warning_reply(f"No model has {format_value(command.text.strip())} in its name. `/models` lists all models.")
        more = f"{len(found) - MAX_LISTED} more: `/models` and a part of the name." if len(found) > MAX_LISTED else ""
        columns = ("model", "host", "$ in / cached / out per million, context", "notes")
        rows = []
        for view in found[:MAX_LISTED]:
            notices = (view.warning, "expensive" if view.expensive else "", "" if view.retired else view.about)
            rows.append((view.route.name, view.route.provider, view.summary, "; ".join(filter(None, notices))))
        return PrivateReply(text=more, tables=(Table(title="Models, best first", columns=columns, rows=tuple(rows)),))

    async def model(self, command: CommandReceived) -> PrivateReply:
        """Select a model, or show those in use if none is named."""
        options, name = parse_options(command, ("scope", "confirmed"))
        name = name or options.get("model", "")
        try:
            scope = self._scope(options.get("scope", ""))
        except ConfigError:
            return warning_reply(self._no_scope(options["scope"]))
        if not name:
            return self._current_models(command)
        return await self._select(command, scope, name, _CONFIRMED in options.items())

    def _scope(self, text: str) -> str:
        """Resolve a scope to its stored form; a team or an agent may be named without `team:` or `agent:`.

        Raises:
            ConfigError: there is no such team or agent.
        """
        teams = [f"team:{name}" for name in self._team_file.teams]
        agents = [f"agent:{agent.name}" for team in self._team_file.teams.values() for agent in team.agents]
        scopes = [CHANNEL_SCOPE, *teams, *dict.fromkeys(agents)]
        wanted = text.strip() or CHANNEL_SCOPE
        found = next((scope for scope in scopes if wanted in (scope, scope.partition(":")[2])), None)
        if found is None:
            problem = Problem(
                where="scope", found=format_value(text), expected=f"one of: {', '.join(scopes)}", fix=suggest_name(text, scopes)
            )
            raise ConfigError("unknown scope for a model", [problem])
        return found

    async def _select(self, command: CommandReceived, scope: str, name: str, confirmed: bool) -> PrivateReply:
        if name == RESET:
            await self._reset(command, scope)
            return PrivateReply(
                text=f"{_scope_text(scope)} the models of the team file again, starting with the next run.", tone="good"
            )
        try:
            view = self._browser().get(name)
        except UnknownModelName as error:
            hint = f" Did you mean {' or '.join(repr(near) for near in error.near)}?" if error.near else ""
            return warning_reply(f"No model is called {error.found!r}.{hint} `/models` lists the models.")
        if blocker := _blocker(view, for_operator=self._directory.is_local(command.place.platform)):
            return warning_reply(blocker)
        doubt = _confirmation_reason(view)
        if doubt and not confirmed:
            confirm = Confirmation(label=f"Use {name}", name="model", text=name, options=(("scope", scope), _CONFIRMED))
            return PrivateReply(text=f"{doubt}{_typed_confirmation(command, scope, name)}", tone="warning", confirm=confirm)
        await self._selections.select(command.place, scope, name, command.author, command.at)
        route = view.route
        price = format_price(route.price) if route.price else "price unknown, so spending limits do not apply"
        text = f"{_scope_text(scope)} {name}, starting with the next run: {route.provider} ({route.why}), {price}. {view.notice}"
        return PrivateReply(text=text.strip(), tone="good")

    async def _reset(self, command: CommandReceived, scope: str) -> None:
        """Remove the selection of a scope; for the channel, those of its teams and agents too, which would go on unseen."""
        for selected in self._selections.for_channel(command.place):
            if scope in (CHANNEL_SCOPE, selected):
                await self._selections.select(command.place, selected, "", command.author, command.at)

    def _no_scope(self, name: str) -> str:
        agents = [agent.name for team in self._team_file.teams.values() for agent in team.agents]
        scopes = [*(f"team:{team}" for team in self._team_file.teams), *dict.fromkeys(f"agent:{agent}" for agent in agents)]
        hint = f"; {suggestion}" if (suggestion := suggest_name(name, scopes)) else "."
        return f"There is no team or agent {name!r}{hint} Teams and agents: {', '.join(scopes)}."

    def _current_models(self, command: CommandReceived) -> PrivateReply:
        """Models in use in this channel, and where each was selected."""
        selected, browser = self._selections.for_channel(command.place), self._browser()
        rows = []
        members = [(team, agent) for team in self._team_file.teams.values() for agent in team.agents]
        for team, agent in members:
            model = selected_model(selected, team.name, agent.name)
            view = browser.get(model or agent.model)
            origin = "/model" if model else "team file"
            rows.append((team.name, agent.name, view.route.name, view.route.provider, view.summary, origin))
        columns = ("team", "agent", "model", "host", "$ in / cached / out per million, context", "selected in")
        part = (
            "or one team or agent in it"
            if command.place.platform in BUTTON_PLATFORMS
            else "with `scope=team:NAME` or `scope=agent:NAME` for a part of it"
        )
        text = f"`/model NAME` selects a model for this channel, {part}. `/model {RESET}` resets all of them to the team file."
        return PrivateReply(text=text, tables=(Table(title="Models of this channel", columns=columns, rows=tuple(rows)),))


def warning_reply(text: str) -> PrivateReply:
    """Private reply to a command that was not executed."""
    return PrivateReply(text=text, tone="warning")


def _typed_confirmation(command: CommandReceived, scope: str, name: str) -> str:
    """The command that confirms, where there are no buttons."""
    if command.place.platform in BUTTON_PLATFORMS:
        return ""
    return f" To use it anyway: `/model {name} scope={scope} confirmed=yes`."


def _blocker(view: ModelView, *, for_operator: bool) -> str:
    """Reason why a model cannot be selected; empty if it can. The names of settings are for the operator of the bot only."""
    name = view.route.name
    if view.lacks and not for_operator:
        return f"{name} cannot be used: this bot has no access to {view.route.provider}. Its administrator can set it up."
    if view.lacks:
        return f"{name} cannot be used: this bot needs {', '.join(view.lacks)} for it. Select another model."
    return f"{name} makes no tool calls, which agents need. Select another model." if view.unusable else ""


def _confirmation_reason(view: ModelView) -> str:
    """Reason to ask for a confirmation before the model is selected; empty if there is none."""
    if view.retired:
        return view.notice
    if view.unverified:
        near = difflib.get_close_matches(view.route.name, model_entries(), n=2)
        suggestion = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"{view.route.name} is not a known model. It would be requested from {view.route.provider}.{suggestion}"
    if view.expensive and view.route.price is not None:
        return f"{view.route.name} is expensive: {format_price(view.route.price)}. A typical call costs more than ${EXPENSIVE}."
    return ""


def _scope_text(scope: str) -> str:
    return "This channel uses" if scope == CHANNEL_SCOPE else f"In this channel, {scope.replace(':', ' ')} uses"
