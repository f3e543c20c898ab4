"""A run with real state, prompts and questions whose agents play a script; the test decides when a call returns."""

from __future__ import annotations

from orchestrator_bridge.model.interface import Request, Response
from orchestrator_bridge.model.scripted.client import play_turn
from orchestrator_bridge.model.scripted.script import Script
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.decide import CallModel
from orchestrator_bridge.run.requests import make_request
from orchestrator_bridge.team.team import AgentSpec, Team
from tests.support.run_simulator import RunSimulator

TEAM = ("planner", "skeptic", "operator")


class ScriptedRun(RunSimulator):
    """One run whose agents all play the same script."""

    def __init__(self, script: Script, task: str, agents: tuple[str, ...] = TEAM, *, gone: bool = False) -> None:
        self.script = script
        team = Team(agents=tuple(AgentSpec(name=name, model="scripted/demo") for name in agents))
        super().__init__(team, unattended=gone, task=task)

    def complete_call(self, who: str) -> Response:
        """Complete a call under way: an agent's own by its name, a peer's side call by its action."""
        response = play_turn(self.script, self.request(who), "scripted/demo")[1]
        self.deliver(inputs.CallFinished(action=self.calls_under_way[who], consumed=(), result=response))
        return response

    def request(self, who: str) -> Request:
        """Request of a call under way."""
        call = self.state.calls[self.calls_under_way[who]]
        again = CallModel(action=call.action, agent=call.agent, purpose=call.purpose, attempt=1, question=call.question)
        return make_request(self.state, again, call.seen_seq)

    def play_to_end(self) -> None:
        """Complete calls until the run waits for people only or has ended."""
        while self.calls_under_way and self.state.end is None:
            self.complete_call(next(iter(self.calls_under_way)))

    def choice_of(self, agent: str) -> str:
        """Name of the agent for whom another votes; empty if it has no vote."""
        vote = self.state.agents[agent].vote
        names = {agent.label: agent.spec.name for agent in self.state.agents.values()}
        return names[vote.label] if vote else ""

    def answer_of(self, agent: str) -> str:
        """An agent's current answer."""
        return next((answer.text for answer in reversed(self.state.answers) if answer.agent == agent), "")
