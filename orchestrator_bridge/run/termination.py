"""How a run ends: by agreement, by a bound, because nobody is left, or because a question's fallback is to stop."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question import settlement
from orchestrator_bridge.question.messages import closing_line
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.events import Bound, Event
from orchestrator_bridge.run.state import Answer, RunState, converged, has_waiters, last_guidance, leader, tally
from orchestrator_bridge.team.budgets import BudgetStatus, describe_budget

NAMES: dict[Bound, str] = {"calls": "model calls", "tokens": "tokens", "wall": "time"}
"""The bounds that are no budgets in words for people."""


def say_bound(bound: Bound, limit: Decimal | None) -> str:
    """What ended a run, in words for people; a budget with its limit in US dollars."""
    if bound in ("money", "channel", "day") and limit is not None:
        return describe_budget(bound, limit)
    return f"its bound on {NAMES.get(bound, bound)}"


def used_up(state: RunState) -> Bound | None:
    """The bound that allows no further call, budgets aside: they are looked at before each call, with what it may cost."""
    bounds, spent = state.team.bounds, state.spent
    if spent.wall >= bounds.wall:
        return "wall"
    if spent.calls >= bounds.calls:
        return "calls"
    return "tokens" if spent.tokens >= bounds.tokens else None


def own_budget(state: RunState) -> BudgetStatus:
    """How the run's own budget stands; what people have granted beyond it is part of it."""
    return BudgetStatus(budget="money", limit=state.team.bounds.money + state.raised, used=committed(state))


def committed(state: RunState) -> Decimal:
    """US dollars booked, unknown, and reserved for calls under way."""
    reserved = sum((call.reserved or Decimal(0) for call in state.calls.values() if call.phase == "out"), Decimal(0))
    return state.spent.cost + state.spent.unknown + reserved


CUT_OFF = "The run ended while this call was under way: nobody knows whether it had its effect."


def ending(state: RunState) -> tuple[Event, ...]:
    """The events that end the run now, if it ends: open questions are cancelled first."""
    end = _end(state)
    return (*cancel_open(state, "the run has ended"), end) if end else ()


def cancel_open(state: RunState, why: str) -> tuple[Event, ...]:
    """The end of every question that is still open, and of every tool's call that is under way."""
    questions = (
        e.QuestionSettled(at=state.at, question=question.id, outcome=settlement.cancelled_outcome(question, state.at, why))
        for question in state.questions.values()
        if question.open
    )
    uses = (
        e.ToolReturned(at=state.at, action=use.use, agent=use.agent, text=CUT_OFF, end="unknown")
        for use in state.uses.values()
        if use.phase == "out"
    )
    return (*questions, *uses)


def _end(state: RunState) -> Event | None:
    if state.external_agent is not None:
        return _guest_left(state, state.external_agent)
    fatal = next((one for one in state.questions.values() if _ends_run(one)), None)
    if fatal is not None:
        why = f"Question {fatal.id} was not answered, and the team's fallback is to stop: {fatal.ask.question}"
        return e.RunFailed(at=state.at, reason=why)
    return _agreed(state) or _stopped(state)


def _guest_left(state: RunState, guest: str) -> Event | None:
    """A run of an agent outside has no task but its questions, and ends with the last of them."""
    if state.asks or any(question.open for question in state.questions.values()):
        return None
    ended = [f"Question {one.id} ({one.ask.question}): {closing_line(one)}" for one in state.questions.values()]
    return e.RunFinished(at=state.at, text="\n".join(ended) or "Nothing was asked.", by=guest, how="Asked from outside.")


def _stopped(state: RunState) -> Event | None:
    if not state.live:
        return _best(state, "Every agent had to be retired")
    if state.bound is not None and _landed(state):
        return _best(state, f"Stopped by {say_bound(state.bound, state.limit)}")
    return None


def _ends_run(question: Question) -> bool:
    return question.outcome is not None and question.outcome.decided_by == "fallback:fail"


def _landed(state: RunState) -> bool:
    """Nothing under way is worth waiting for: calls are paid already, but time that is up is up."""
    return state.bound == "wall" or not any(call.phase == "out" and not call.is_side_call for call in state.calls.values())


def _best(state: RunState, why: str) -> Event:
    best = leader(state)
    if best is None:
        return e.RunFailed(at=state.at, reason=f"{why} before there was any answer.{who_retired(state)}")
    return _finish(state, best, f"{why}: the best answer so far, {_votes(state, best)}.{who_retired(state)}")


def who_retired(state: RunState) -> str:
    """Who retired why; what several have in common is said once."""
    reasons: dict[str, list[str]] = {}
    for agent in state.agents.values():
        if agent.retired is not None:
            reasons.setdefault(agent.retired, []).append(agent.spec.name)
    return "".join(f" {listed(names)} retired: {reason}" for reason, names in reasons.items())


def _agreed(state: RunState) -> Event | None:
    alone = _alone(state)
    if alone is not None:
        how = "One agent, one answer." if len(state.agents) == 1 else f"{alone.agent} was left to decide alone."
        return _finish(state, alone, how)
    winner = leader(state) if converged(state) else None
    return _won(state, winner) if winner is not None else None


def _won(state: RunState, winner: Answer) -> Event | None:
    """The winner's final text, or its answer as it stands where there will be none; None while it is being written."""
    won = f"Won the vote, {_votes(state, winner)}"
    if state.final_text is not None:
        return e.RunFinished(at=state.at, text=state.final_text, by=winner.agent, how=f"{won}.")
    if state.agents[winner.agent].retired is not None:
        return _finish(state, winner, f"{won}; its author is retired, so it is taken as it stands.")
    if state.final_failure is not None:
        return _finish(state, winner, f"{won}; taken as it stands ({state.final_failure}).")
    return None


def _finish(state: RunState, answer: Answer, how: str) -> Event:
    return e.RunFinished(at=state.at, text=answer.text, by=answer.agent, how=how, bound=state.bound)


def _votes(state: RunState, answer: Answer) -> str:
    votes = tally(state)
    number, total = len(votes.get(answer.label, ())), sum(len(voters) for voters in votes.values())
    return f"{number} of {total} votes" if total else "not voted on"


def _alone(state: RunState) -> Answer | None:
    """The answer of the one agent that is left, once it has seen all that the others and the people said."""
    if len(state.live) != 1 or has_waiters(state):
        return None
    agent = state.live[0]
    own = [answer for answer in state.answers if answer.agent == agent.spec.name]
    others = [answer.seq for answer in state.answers if answer.agent != agent.spec.name]
    if not own or not agent.idle or agent.vote is not None:
        return None
    return own[-1] if own[-1].seen_seq >= max((last_guidance(state), agent.last_private_seq, *others)) else None
