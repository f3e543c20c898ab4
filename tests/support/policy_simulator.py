"""Runs whose question policy is tried out: people, roles, and what they see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.outbound import Acknowledgement, Note, QuestionCard
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Limits, Permissions, PersonSpec, Policy, RoleSpec, RoutingRule
from tests.support.run_simulator import RunSimulator, team

ANA = Author(platform="slack", id="U1", name="Ana")
BEN = Author(platform="slack", id="U2", name="Ben")
LEAD = Author(platform="slack", id="U3", name="The Lead")
EVE = Author(platform="slack", id="U9", name="Eve")
PEOPLE = {"ana": PersonSpec(ids={"slack": "U1"}), "ben": PersonSpec(ids={"slack": "U2"}), "lead": PersonSpec(ids={"slack": "U3"})}
ROLES = {"dba": RoleSpec(people=("ben",)), "oncall": RoleSpec(ids={"slack": "S1"})}
OPTIONS = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "my", "label": "MySQL"}]
NIGHT = datetime(2026, 11, 20, 23, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
SLEEPS: dict[str, Any] = {"quiet": "22:00-07:00", "time_zone": "Europe/Berlin"}


def simulator(
    size: int = 1,
    *,
    people: dict[str, PersonSpec] | None = None,
    permissions: Permissions | None = None,
    limits: Limits | None = None,
    routes: tuple[RoutingRule, ...] = (),
    now: float = 1000.0,
    calls: int = 60,
    **policy: Any,
) -> RunSimulator:
    directory = Directory(people or PEOPLE, ROLES, permissions)
    made = team(size, policy=Policy.model_validate({"settle_delay": 0, **policy}), limits=limits, calls=calls)
    return RunSimulator(made.model_copy(update={"routes": routes}), directory=directory, by=ANA, now=now)


def notes(played: RunSimulator) -> list[Note]:
    return [post.post for post in played.posts() if isinstance(post.post, Note)]


def pinged(played: RunSimulator) -> list[list[str]]:
    """Whom each note and each new card notifies, in order."""
    posts = [post.post for post in played.posts() if isinstance(post.post, Note | QuestionCard) and not post.replaces]
    return [[author.id for author in post.mentions] for post in posts if post.mentions]


def told(played: RunSimulator, agent: str) -> str:
    """What an agent alone was told, beside the results of its tools."""
    return "\n".join(news.text for news in played.state.messages if news.to == agent)


def card(played: RunSimulator, number: int = 1) -> QuestionCard:
    """The newest state of a question's card."""
    cards = [post.post for post in played.posts() if isinstance(post.post, QuestionCard) and post.post.question == number]
    return cards[-1]


def receipts(played: RunSimulator) -> list[Acknowledgement]:
    return [post.post for post in played.posts() if isinstance(post.post, Acknowledgement)]
