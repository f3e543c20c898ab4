"""`/models` and `/model`: look models up, and pick one for a channel, for a team there, or for an agent."""

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

# The models that people picked for channels, in memory and in the store; runs that begin there work with them.
#
# A pick for an agent goes before one for its team, and that before one for the whole channel.


CHANNEL_SCOPE = "channel"


class ModelSelections:
    """What was picked. Empty until `load`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._selections: dict[tuple[str, str], dict[str, str]] = {}

    async def load(self) -> None:
        """Read what was picked in earlier processes.

        Raises:
            StoreError: the store cannot be read.
        """
        for pick in await self._store.model_selections():
            self._channel_selections(pick.place)[pick.scope] = pick.model

    def for_channel(self, place: Place) -> Mapping[str, str]:
        """The models of a place's channel, by scope: `channel`, `team:NAME`, `agent:NAME`."""
        return dict(self._selections.get((place.platform, place.channel), {}))

    async def select(self, place: Place, scope: str, model: str, by: Author, at: float) -> None:
        """Take a model for a scope from now on; none where it is empty.

        Raises:
            StoreError: it could not be stored, and nothing changed.
        """
        await self._store.append(rows=[ModelSelected(place=place, scope=scope, model=model, by=by.name, at=at)])
        self._channel_selections(place)[scope] = model
        if not model:
            del self._channel_selections(place)[scope]

    def apply_to(self, team: Team, place: Place) -> Team:
        """The team with the models that were picked for it in this place."""
        picks = self.for_channel(place)
        agents = tuple(_with_agent_model(agent, selected_model(picks, team.name, agent.name)) for agent in team.agents)
        return team if agents == team.agents else team.model_copy(update={"agents": agents})

    def _channel_selections(self, place: Place) -> dict[str, str]:
        return self._selections.setdefault((place.platform, place.channel), {})


def selected_model(picks: Mapping[str, str], team: str, agent: str) -> str:
    """What was picked for an agent of a team; empty if nothing was."""
    return next((picks[scope] for scope in (f"agent:{agent}", f"team:{team}", CHANNEL_SCOPE) if picks.get(scope)), "")


def with_team_model(team: Team, model: str) -> Team:
    """The team with this model for every agent."""
    return team.model_copy(update={"agents": tuple(_with_agent_model(agent, model) for agent in team.agents)})


def _with_agent_model(agent: AgentSpec, model: str) -> AgentSpec:
    return agent.model_copy(update={"model": model}) if model and model != agent.model else agent


def parse_leading_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The choices of a command whose text is for agents: only words before the first other one count, the rest stays as it is.

    What a form gave is not looked for in the text.
    """
    found, text = {key: value for key, value in command.options if value}, command.text
    typed = [key for key in keys if key not in found]
    while typed and (match := re.match(rf"\s*({'|'.join(typed)})=(\S+)(?:\s+|$)", text)):
        found[match[1]] = match[2]
        typed.remove(match[1])
        text = text[match.end() :]
    return found, text


def parse_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The choices of a command whose text is a name: `key=value` counts wherever it stands."""
    found, rest = {key: value for key, value in command.options if value}, []
    for word in command.text.split():
        key, equals, value = word.partition("=")
        if equals and key in keys:
            found.setdefault(key, value)
        else:
            rest.append(word)
    return found, " ".join(rest)


MAX_LISTED = 25
"""Rows of a table in chat."""

RESET = "default"
"""Picked in place of a model: go back to the team file's."""

_CONFIRMED = ("confirmed", "yes")


class ModelCommands:
    """What the two commands do. `browser` gives the models as they are today."""

    def __init__(
        self, selections: ModelSelections, team_file: TeamFile, directory: Directory, browser: Callable[[], ModelBrowser]
    ) -> None:
        self._selections = selections
        self._team_file = team_file
        self._directory = directory
        self._browser = browser

    async def models(self, command: CommandReceived) -> PrivateReply:
        """The models, best first, with what each costs."""
        used = dict.fromkeys(agent.model for team in self._team_file.teams.values() for agent in team.agents)
        found = best_first(self._browser().search(used, command.text))
        if not found:
            return _warn(f"No model has {format_value(command.text.strip())} in its name. /models shows those that are known.")
        more = f"{len(found) - MAX_LISTED} more: `/models` and a part of the name." if len(found) > MAX_LISTED else ""
        columns = ("model", "host", "$ in / cached / out per million, context", "to know")
        rows = tuple((view.route.name, view.route.provider, view.summary, _notices(view)) for view in found[:MAX_LISTED])
        return PrivateReply(text=more, tables=(Table(title="Models, best first", columns=columns, rows=rows),))

    async def model(self, command: CommandReceived) -> PrivateReply:
        """Pick a model, or show the present ones where none is named."""
        chosen, name = parse_options(command, ("scope", "confirmed"))
        name = name or chosen.get("model", "")
        try:
            scope = self._scope(chosen.get("scope", ""))
            return (
                await self._select(command, scope, name, _CONFIRMED in chosen.items()) if name else self._current_models(command)
            )
        except ConfigError as trouble:
            return _warn(str(trouble))

    def _scope(self, text: str) -> str:
        """A scope as it is stored; a team or an agent may be named without saying which of the two it is.

        Raises:
            Trouble: there is no such team or agent.
        """
        teams = [f"team:{name}" for name in self._team_file.teams]
        agents = [f"agent:{agent.name}" for team in self._team_file.teams.values() for agent in team.agents]
        scopes = [CHANNEL_SCOPE, *teams, *dict.fromkeys(agents)]
        wanted = text.strip() or CHANNEL_SCOPE
        found = next((scope for scope in scopes if wanted in (scope, scope.partition(":")[2])), None)
        if found is None:
            problem = Problem(
                where="scope", found=format_value(text), expected=f"one of {', '.join(scopes)}", fix=suggest_name(text, scopes)
            )
            raise ConfigError("there is nothing of this name to pick a model for", [problem])
        return found

    async def _select(self, command: CommandReceived, scope: str, name: str, confirmed: bool) -> PrivateReply:
        if not self._directory.may(command.author, "pick", command.place):
            return _warn("You may not pick models here; townhall.toml says who may, under [permissions].")
        if name == RESET:
            await self._selections.select(command.place, scope, "", command.author, command.at)
            return PrivateReply(
                text=f"{_scope_text(scope)} with the team file's models again, from the next run on.", tone="good"
            )
        try:
            view = self._browser().get(name)
        except UnknownModelName as error:
            return _warn(str(error))
        if hindrance := _blocker(view):
            return _warn(hindrance)
        doubt = _confirmation_reason(view)
        if doubt and not confirmed:
            confirm = Confirmation(label=f"Use {name}", name="model", text=name, options=(("scope", scope), _CONFIRMED))
            typed = f"`/model {name} scope={scope} confirmed=yes`"
            return PrivateReply(text=f"{doubt} To use it all the same: {typed}.", tone="warning", confirm=confirm)
        await self._selections.select(command.place, scope, name, command.author, command.at)
        return PrivateReply(text=f"{_scope_text(scope)} with {name} from the next run on: {_replacement_hint(view)}", tone="good")

    def _current_models(self, command: CommandReceived) -> PrivateReply:
        """What the agents here work with, and by whose choice."""
        picks = self._selections.for_channel(command.place)
        rows = [
            _agent_row(team.name, agent, picks, self._browser())
            for team in self._team_file.teams.values()
            for agent in team.agents
        ]
        columns = ("team", "agent", "model", "host", "$ in / cached / out per million, context", "chosen by")
        text = (
            "`/model NAME` picks one for this channel; add `scope=team:NAME` or `scope=agent:NAME` for a part of it, and"
            f" `/model {RESET}` goes back to the team file's."
        )
        return PrivateReply(text=text, tables=(Table(title="Models of this channel", columns=columns, rows=tuple(rows)),))


def _agent_row(team: str, agent: AgentSpec, picks: Mapping[str, str], shelf: ModelBrowser) -> tuple[str, ...]:
    picked = selected_model(picks, team, agent.name)
    view = shelf.get(picked or agent.model)
    return (team, agent.name, view.route.name, view.route.provider, view.summary, "/model" if picked else "team file")


def _blocker(view: ModelView) -> str:
    """Why a model cannot be picked; empty if it can."""
    name = view.route.name
    if view.lacks:
        return f"{name} cannot be called: it needs {', '.join(view.lacks)}. Put what is missing into .env, or pick another model."
    return f"{name} takes no tools, so agents cannot work with it. Pick another model." if view.route.tools is False else ""


def _confirmation_reason(view: ModelView) -> str:
    """What a person should say yes to before it is picked; empty if nothing speaks against it."""
    if view.retired:
        return view.notice
    if view.unverified:
        near = difflib.get_close_matches(view.route.name, model_entries(), n=2)
        mean = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"Nothing is known of {view.route.name} but that it would go to {view.route.provider}.{mean}"
    if view.expensive and view.route.price is not None:
        return f"{view.route.name} is expensive: {format_price(view.route.price)}. A usual call costs more than ${EXPENSIVE}."
    return ""


def _notices(view: ModelView) -> str:
    return "; ".join(
        part for part in (view.warning, "expensive" if view.expensive else "", "" if view.retired else view.about) if part
    )


def _scope_text(scope: str) -> str:
    return "This channel works" if scope == CHANNEL_SCOPE else f"Here {scope.replace(':', ' ')} works"


def _replacement_hint(view: ModelView) -> str:
    price = format_price(view.route.price) if view.route.price else "at a price that is not known, so bounds of money cannot hold"
    said = f"{view.route.provider} ({view.route.why}), {price}."
    return f"{said} {view.notice}".strip()


def _warn(text: str) -> PrivateReply:
    return PrivateReply(text=text, tone="warning")
