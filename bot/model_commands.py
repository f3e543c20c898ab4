"""`/models` and `/model`: look models up, and pick one for a channel, for a team there, or for an agent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from bot.model_view import EXPENSIVE, ModelBrowser, ModelView, best_first
from bot.options import parse_options
from bot.picks import CHANNEL_SCOPE, ModelSelections, selected_model
from bot.team_file import TeamFile
from bot.trouble import ConfigError, Problem, format_value, suggest_name
from orchestrator_bridge.chat import CommandReceived, Confirmation, PrivateReply, Table
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.catalogue.entries import model_entries
from orchestrator_bridge.model.catalogue.show import format_price
from orchestrator_bridge.people import Directory
from orchestrator_bridge.team import AgentSpec

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
