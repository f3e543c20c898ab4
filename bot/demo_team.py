"""The team that works where no team file names one: three scripted agents, so that a first start needs no key."""

from __future__ import annotations

from orchestrator_bridge.team import AgentSpec, Team

_MODEL = "scripted/demo"

DEMO_TEAM = Team(
    name="demo",
    about="Three scripted agents that disagree, ask you one thing, and use what you say.",
    agents=(
        AgentSpec(name="planner", model=_MODEL, persona="You plan in small steps that can be taken back."),
        AgentSpec(name="skeptic", model=_MODEL, persona="You look for what could go wrong."),
        AgentSpec(name="operator", model=_MODEL, persona="You have to live with the result, and ask whoever decides."),
    ),
)
