"""What pickers of platforms offer while somebody types. Answered from memory: a platform waits a second or two at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator_bridge.chat import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOption:
    """One model of a picker. `about` is its price and context in a few words, `warning` its lifecycle or what it lacks.

    A picker with little room shows the name first, then as much of the warning and of `about` as fits.
    """

    name: str
    about: str
    warning: str = ""
    usable: bool = True
    current: bool = False
    """The model that this place uses now, for the scope that is being picked for."""


class Autocomplete(Protocol):
    """What can be picked. No method waits for anything."""

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        """Models with `search` in any part of their name, best first.

        `scope` is what is picked for: empty for the channel, else the name of a team or of an agent.
        """
        ...

    def teams(self, place: Place) -> Sequence[str]:
        """Names of teams, the one that this place uses first."""
        ...

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        """Names of a team's agents; of the place's team where none is named."""
        ...

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        """Runs under way in a place, newest first: number and task."""
        ...
