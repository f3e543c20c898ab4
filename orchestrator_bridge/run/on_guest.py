"""A run that is made of the questions of an agent outside: that agent is a guest among the team's, and nobody calls it.

What it asks is a turn of its own with one tool use, so that all else is as for any agent: the use gets one result, which is the
outcome, and the outcome is there for whoever comes back for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator_bridge.outside import ExternalAgent
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.change import update_agent
from orchestrator_bridge.run.state import PendingAsk, RunState, Turn, Use
from orchestrator_bridge.team import AgentSpec, Team


def guest_of(outside: ExternalAgent, team: Team) -> AgentSpec:
    """The guest among the team's agents. Where a judge is to decide and the team names none, the team's first model judges."""
    return AgentSpec(name=outside.agent, model=team.agents[0].model)


def _on_guest_asked(state: RunState, event: e.GuestAsked) -> RunState:
    guest = state.external_agent
    if guest is None:
        return state
    use = Use(id=event.action, name="ask_others", arguments=event.ask.model_dump_json())
    turn = Turn(seen_from_seq=state.seq, seen_seq=state.seq, text="", uses=(use,))
    state = update_agent(state, guest, turns=(*state.agents[guest].turns, turn))
    return replace(state, asks={**state.asks, event.action: PendingAsk(agent=guest, use=event.action, ask=event.ask)})


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {e.GuestAsked: _on_guest_asked}
