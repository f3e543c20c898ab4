"""Autocomplete for the platforms' forms, from memory: models (best first), teams, agents and running runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot.commands.model_view import ModelBrowser, ModelView, best_first
from bot.commands.models import CHANNEL_SCOPE, ModelSelections, selected_model
from bot.config.team_schema import TeamFile
from orchestrator_bridge.chat.adapter import ModelOption
from orchestrator_bridge.chat.inbound import Place

ListRuns = Callable[[Place], Sequence[tuple[int, str]]]
"""Running runs of a place: number and task."""


class BotAutocomplete:
    """Implements `Autocomplete`. Adapters get it before the store is open: until `connect` it knows the team file alone."""

    def __init__(self, team_file: TeamFile, browser: Callable[[], ModelBrowser]) -> None:
        self._team_file = team_file
        self._browser = browser
        self._selections: ModelSelections | None = None
        self._running: ListRuns = lambda _: ()

    def connect(self, selections: ModelSelections, running: ListRuns) -> None:
        """Offer selected models and running runs from now on."""
        self._selections = selections
        self._running = running

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Models with `search` in any part of their names: those in use first, then usable ones, retired ones last."""
        current = self._current_models(place, scope)
        of_teams = [agent.model for team in self._team_file.teams.values() for agent in team.agents]
        views = best_first(self._browser().search([*current, *of_teams], search))
        views.sort(key=lambda view: (view.retired, view.route.name not in current))
        return [_to_option(view, view.route.name in current) for view in views[:limit]]

    def teams(self, place: Place) -> Sequence[str]:
        """Names of the teams, the default team first."""
        default = self._team_file.default_team
        return [default, *(name for name in self._team_file.teams if name != default)]

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """Names of a team's agents; of the default team if `team` is empty or unknown."""
        named = self._team_file.teams.get(team) or self._team_file.team()
        return [agent.name for agent in named.agents]

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """Running runs of a place, newest first: number and task."""
        return self._running(place)

    def _current_models(self, place: Place, scope: str) -> Mapping[str, None]:
        """Models in use in the scope, each once, in the order of the agents."""
        selected = self._selections.for_channel(place) if self._selections else {}
        name = scope.partition(":")[2] or ("" if scope == CHANNEL_SCOPE else scope)
        found: dict[str, None] = {}
        for team in self._team_file.teams.values():
            for agent in team.agents:
                if name in ("", team.name, agent.name) and (name or team.name == self._team_file.default_team):
                    found[selected_model(selected, team.name, agent.name) or agent.model] = None
        return found


def _to_option(view: ModelView, current: bool) -> ModelOption:
    return ModelOption(
        name=view.route.name,
        about=view.picker_text,
        warning=view.hint,
        usable=view.usable,
        current=current,
    )
