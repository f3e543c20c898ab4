"""The models that people picked for channels, in memory and in the store; runs that begin there work with them.

A pick for an agent goes before one for its team, and that before one for the whole channel.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.store.port import Store
from orchestrator_bridge.store.rows import ModelSelected
from orchestrator_bridge.team import AgentSpec, Team

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
