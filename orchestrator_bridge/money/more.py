"""The question for more money, put to those responsible when a budget is used up. Silence means no."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.money.standing import BudgetName, BudgetStatus, say_budget, say_dollars
from orchestrator_bridge.question.values import Ask, Outcome
from orchestrator_bridge.team import FallbackStep, Policy

ASKER = "townhall"
"""Who asks: no agent, but the run itself."""

_WHO = {"money": "it", "channel": "its runs", "day": "they"}
_SUBJECT = {"money": "This run", "channel": "This channel", "day": "All runs together"}
_TODAY: dict[BudgetName, str] = {"money": "", "channel": " today", "day": " today"}


def budget_question(short: BudgetStatus, amount: Decimal | None) -> Ask:
    """What is asked when a call that may cost `amount` does not fit any more."""
    verb = "have" if short.budget == "day" else "has"
    return Ask(
        question=(
            f"{_SUBJECT[short.budget]} {verb} used up {say_budget(short.budget, short.limit)}."
            f" How many US dollars more may {_WHO[short.budget]} spend{_TODAY[short.budget]}?"
        ),
        context=(
            f"Booked, reserved and unknown: {say_dollars(short.used)}."
            f" The next call may cost up to {say_dollars(amount or Decimal(0))}."
            " 0 means no more: the run then ends with the best answer so far."
        ),
        kind="number",
        assumption="no more, so the run ends with the best answer so far.",
    )


def budget_policy(policy: Policy) -> Policy:
    """The team's times, but one answer of those who were asked decides, and nothing decides for them."""
    chain = (FallbackStep(use="assume"),)
    return policy.model_copy(update={"quorum": "first", "decider": None, "responders": "asked", "fallback": chain})


def parse_grant(outcome: Outcome) -> Decimal:
    """How many US dollars more a person has granted; none if no person has."""
    if outcome.status != "answered" or outcome.decided_by != "human" or outcome.number is None:
        return Decimal(0)
    return max(Decimal(0), Decimal(str(outcome.number)))
