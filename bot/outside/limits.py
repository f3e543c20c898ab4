"""How much may come through a token: over a limit the agent is told which, and until when. Plain functions."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from bot.outside.token import TokenScope
from orchestrator_bridge.money.standing import say_dollars
from orchestrator_bridge.store.port import TokenActivity
from orchestrator_bridge.text import listed


def question_quota_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    """Why no further question may be asked through a token; nothing if one may."""
    if len(use.open) >= terms.open_questions:
        which = listed([str(number) for number in use.open])
        until = f", until one of them ends: {which}" if use.open else ""
        return f"{_counted(len(use.open), 'question')} of your token {_are(len(use.open))} open, the most at a time{until}."
    if use.asked >= terms.questions_a_day:
        return f"{_counted(use.asked, 'question')} came through your token today, its limit, until {_midnight(now, zone)}."
    return _budget_error(terms, use, now, zone)


def run_quota_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    """Why no further run may be started through a token; nothing if one may."""
    if use.runs >= terms.runs_a_day:
        return f"{_counted(use.runs, 'run')} came through your token today, its limit, until {_midnight(now, zone)}."
    return _budget_error(terms, use, now, zone)


def _budget_error(terms: TokenScope, use: TokenActivity, now: float, zone: tzinfo) -> str:
    limit = terms.money_a_day
    if limit is None or use.cost < limit or not use.cost:
        return ""
    spent = f"{say_dollars(use.cost)} of {say_dollars(Decimal(limit))}"
    return f"{spent} are booked or reserved for what came through your token today, until {_midnight(now, zone)}."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _midnight(now: float, zone: tzinfo) -> str:
    """The end of the day in the budgets' time zone."""
    tomorrow = datetime.fromtimestamp(now, zone).replace(tzinfo=None).date() + timedelta(days=1)
    return f"{datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone):%Y-%m-%d %H:%M %Z}"
