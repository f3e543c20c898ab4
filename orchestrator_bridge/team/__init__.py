"""Configuration of teams, people, permissions and budgets, and the directory that resolves names."""

from __future__ import annotations

from orchestrator_bridge.team.authority import (
    Act,
    Facts,
    Verdict,
    decide,
)
from orchestrator_bridge.team.budgets import (
    Budgets,
    BudgetStatus,
)
from orchestrator_bridge.team.directory import (
    Audience,
    Directory,
    Mentioned,
    Responder,
    UnknownName,
)
from orchestrator_bridge.team.team import (
    AgentSpec,
    Bounds,
    ChannelRules,
    Escalation,
    FallbackStep,
    Limits,
    Permissions,
    PersonSpec,
    Policy,
    RoleSpec,
    RotationSpec,
    RoutingRule,
    Team,
)

__all__ = [
    "Act",
    "AgentSpec",
    "Audience",
    "Bounds",
    "BudgetStatus",
    "Budgets",
    "ChannelRules",
    "Directory",
    "Escalation",
    "Facts",
    "FallbackStep",
    "Limits",
    "Mentioned",
    "Permissions",
    "PersonSpec",
    "Policy",
    "Responder",
    "RoleSpec",
    "RotationSpec",
    "RoutingRule",
    "Team",
    "UnknownName",
    "Verdict",
    "decide",
]
