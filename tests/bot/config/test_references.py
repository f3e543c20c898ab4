from __future__ import annotations

from bot.config.references import dropped_parameters, with_model
from orchestrator_bridge.team.team import AgentSpec, Team


def test_another_model_loses_what_it_does_not_take_and_the_pick_says_so() -> None:
    before = Team(agents=(AgentSpec(name="one", model="grok-4.3", effort="high", temperature=0.5),))
    after = before.model_copy(update={"agents": (with_model(before.agents[0], "grok-4.1-fast", {}),)})
    assert after.agents[0].parameters == {"temperature": 0.5}
    assert dropped_parameters(before, after) == ["grok-4.1-fast does not take effort as one has it: left out."]


def test_another_model_that_takes_everything_loses_nothing() -> None:
    before = AgentSpec(name="one", model="grok-4.1-fast", temperature=0.5)
    assert with_model(before, "grok-4.3", {}) == before.model_copy(update={"model": "grok-4.3"})
