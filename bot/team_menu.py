"""What pickers offer from the team file alone: its teams, its agents, and the models that those work with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_bridge.menu import ModelChoice

if TYPE_CHECKING:
    from bot.start import Start
    from orchestrator_bridge.chat import Place


class TeamMenu:
    """A menu that is made once, at the start."""

    def __init__(self, start: Start) -> None:
        from bot.model_list import used_models

        self._team_file = start.team_file
        self._models = tuple(
            ModelChoice(name=one.route.name, about=f"used by {', '.join(one.users)}", usable=one.key != "missing")
            for one in used_models(start)
        )

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelChoice]:
        """Models of the team file with `search` in their name."""
        return [one for one in self._models if search.strip().lower() in one.name.lower()][:limit]

    def teams(self, place: Place) -> Sequence[str]:
        """Every team, the default one first."""
        others = [name for name in self._team_file.teams if name != self._team_file.default_team]
        return [self._team_file.default_team, *others]

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """The agents of a team, or of the default one."""
        return [agent.name for agent in self._team_file.team(team or None).agents]

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """None: the team file knows of no runs."""
        return ()
