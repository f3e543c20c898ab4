"""`/models` and `/model`: look models up, and pick one for a channel, for a team there, or for an agent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from bot.model_view import DEAR, ModelView, Shelf, best_first
from bot.options import anywhere
from bot.picks import CHANNEL, Picks, model_in
from bot.team_file import TeamFile
from bot.trouble import Problem, Trouble, show_value, suggest
from orchestrator_bridge.chat import CommandReceived, Confirmation, PrivateReply, Table
from orchestrator_bridge.model.catalogue import UnknownModelName
from orchestrator_bridge.model.catalogue.entries import model_entries
from orchestrator_bridge.model.catalogue.show import format_price
from orchestrator_bridge.people import Directory
from orchestrator_bridge.team import AgentSpec

LISTED = 25
"""Rows of a table in chat."""

NONE_ANY_MORE = "default"
"""Picked in place of a model: go back to the team file's."""

_YES = ("confirmed", "yes")


class ModelCommands:
    """What the two commands do. `shelf` gives the models as they are today."""

    def __init__(self, picks: Picks, team_file: TeamFile, directory: Directory, shelf: Callable[[], Shelf]) -> None:
        self._picks = picks
        self._team_file = team_file
        self._directory = directory
        self._shelf = shelf

    async def models(self, command: CommandReceived) -> PrivateReply:
        """The models, best first, with what each costs."""
        used = dict.fromkeys(agent.model for team in self._team_file.teams.values() for agent in team.agents)
        found = best_first(self._shelf().views(used, command.text))
        if not found:
            return _warn(f"No model has {show_value(command.text.strip())} in its name. /models shows those that are known.")
        more = f"{len(found) - LISTED} more: `/models` and a part of the name." if len(found) > LISTED else ""
        columns = ("model", "host", "$ in / cached / out per million, context", "to know")
        rows = tuple((view.route.name, view.route.provider, view.summary, _to_know(view)) for view in found[:LISTED])
        return PrivateReply(text=more, tables=(Table(title="Models, best first", columns=columns, rows=rows),))

    async def model(self, command: CommandReceived) -> PrivateReply:
        """Pick a model, or show the present ones where none is named."""
        chosen, name = anywhere(command, ("scope", "confirmed"))
        name = name or chosen.get("model", "")
        try:
            scope = self._scope(chosen.get("scope", ""))
            return await self._pick(command, scope, name, _YES in chosen.items()) if name else self._present(command)
        except Trouble as trouble:
            return _warn(str(trouble))

    def _scope(self, text: str) -> str:
        """A scope as it is stored; a team or an agent may be named without saying which of the two it is.

        Raises:
            Trouble: there is no such team or agent.
        """
        teams = [f"team:{name}" for name in self._team_file.teams]
        agents = [f"agent:{agent.name}" for team in self._team_file.teams.values() for agent in team.agents]
        scopes = [CHANNEL, *teams, *dict.fromkeys(agents)]
        wanted = text.strip() or CHANNEL
        found = next((scope for scope in scopes if wanted in (scope, scope.partition(":")[2])), None)
        if found is None:
            problem = Problem(
                where="scope", found=show_value(text), expected=f"one of {', '.join(scopes)}", mend=suggest(text, scopes)
            )
            raise Trouble("there is nothing of this name to pick a model for", [problem])
        return found

    async def _pick(self, command: CommandReceived, scope: str, name: str, confirmed: bool) -> PrivateReply:
        if not self._directory.may(command.author, "pick", command.place):
            return _warn("You may not pick models here; townhall.toml says who may, under [permissions].")
        if name == NONE_ANY_MORE:
            await self._picks.pick(command.place, scope, "", command.author, command.at)
            return PrivateReply(text=f"{_whom(scope)} with the team file's models again, from the next run on.", tone="good")
        try:
            view = self._shelf().view(name)
        except UnknownModelName as error:
            return _warn(str(error))
        if hindrance := _hindrance(view):
            return _warn(hindrance)
        doubt = _doubt(view)
        if doubt and not confirmed:
            confirm = Confirmation(label=f"Use {name}", name="model", text=name, options=(("scope", scope), _YES))
            typed = f"`/model {name} scope={scope} confirmed=yes`"
            return PrivateReply(text=f"{doubt} To use it all the same: {typed}.", tone="warning", confirm=confirm)
        await self._picks.pick(command.place, scope, name, command.author, command.at)
        return PrivateReply(text=f"{_whom(scope)} with {name} from the next run on: {_course(view)}", tone="good")

    def _present(self, command: CommandReceived) -> PrivateReply:
        """What the agents here work with, and by whose choice."""
        picks = self._picks.of(command.place)
        rows = [_row(team.name, agent, picks, self._shelf()) for team in self._team_file.teams.values() for agent in team.agents]
        columns = ("team", "agent", "model", "host", "$ in / cached / out per million, context", "chosen by")
        text = (
            "`/model NAME` picks one for this channel; add `scope=team:NAME` or `scope=agent:NAME` for a part of it, and"
            f" `/model {NONE_ANY_MORE}` goes back to the team file's."
        )
        return PrivateReply(text=text, tables=(Table(title="Models of this channel", columns=columns, rows=tuple(rows)),))


def _row(team: str, agent: AgentSpec, picks: Mapping[str, str], shelf: Shelf) -> tuple[str, ...]:
    picked = model_in(picks, team, agent.name)
    view = shelf.view(picked or agent.model)
    return (team, agent.name, view.route.name, view.route.provider, view.summary, "/model" if picked else "team file")


def _hindrance(view: ModelView) -> str:
    """Why a model cannot be picked; empty if it can."""
    name = view.route.name
    if view.lacks:
        return f"{name} cannot be called: it needs {', '.join(view.lacks)}. Put what is missing into .env, or pick another model."
    return f"{name} takes no tools, so agents cannot work with it. Pick another model." if view.route.tools is False else ""


def _doubt(view: ModelView) -> str:
    """What a person should say yes to before it is picked; empty if nothing speaks against it."""
    if view.retired:
        return view.notice
    if view.unheard_of:
        near = difflib.get_close_matches(view.route.name, model_entries(), n=2)
        mean = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"Nothing is known of {view.route.name} but that it would go to {view.route.provider}.{mean}"
    if view.dear and view.route.price is not None:
        return f"{view.route.name} is expensive: {format_price(view.route.price)}. A usual call costs more than ${DEAR}."
    return ""


def _to_know(view: ModelView) -> str:
    return "; ".join(
        part for part in (view.warning, "expensive" if view.dear else "", "" if view.retired else view.about) if part
    )


def _whom(scope: str) -> str:
    return "This channel works" if scope == CHANNEL else f"Here {scope.replace(':', ' ')} works"


def _course(view: ModelView) -> str:
    price = format_price(view.route.price) if view.route.price else "at a price that is not known, so bounds of money cannot hold"
    said = f"{view.route.provider} ({view.route.why}), {price}."
    return f"{said} {view.notice}".strip()


def _warn(text: str) -> PrivateReply:
    return PrivateReply(text=text, tone="warning")
