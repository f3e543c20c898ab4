"""Whom a question goes to that names nobody in particular: as the team's routes say, else as the team does."""

from __future__ import annotations

import re

from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import fold_text
from orchestrator_bridge.team import RoutingRule, Team


def route_question(ask: Ask, agent: str, team: Team) -> tuple[str, ...]:
    """The names whom a question goes to: those that it names itself, except that `humans` alone is nobody in particular.

    The first route that fits takes the place of `humans`; without one, an `ask` without names goes to whom all of the team ask.
    """
    to = ask.to or team.ask
    if ask.to and "humans" not in ask.to:
        return to
    route = next((route for route in team.routes if _rule_matches(route, ask, agent)), None)
    if route is None:
        return to
    rest = [name for name in ask.to if name != "humans"]
    return tuple(dict.fromkeys((*route.to, *rest)))


def _rule_matches(route: RoutingRule, ask: Ask, agent: str) -> bool:
    if route.agents and agent not in route.agents:
        return False
    text = fold_text(" ".join((ask.question, *(option.label for option in ask.options))))
    return not route.words or any(_pattern(word).search(text) for word in route.words)


def _pattern(word: str) -> re.Pattern[str]:
    """A whole word or phrase; `*` at its end stands for any ending."""
    phrase = rf"(?<!\w){re.escape(fold_text(word.removesuffix('*')))}"
    return re.compile(phrase if word.endswith("*") else rf"{phrase}(?!\w)")
