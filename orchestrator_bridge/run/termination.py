"""End of a run: by agreement, by a bound, because no agent is left, or because a question's fallback is to stop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question import settlement
from orchestrator_bridge.question.messages import closing_line
from orchestrator_bridge.question.screening import newest_similar
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.events import Bound, Event
from orchestrator_bridge.run.state import (
    AgentState,
    Answer,
    Finish,
    RunState,
    converged,
    has_waiters,
    last_guidance,
    leader,
    tally,
)
from orchestrator_bridge.team.budgets import BudgetStatus, describe_budget

CUT_OFF = "The run ended while this call was under way: nobody knows whether it had its effect."
BROKEN_OFF = "This call was broken off, since the answer is wanted now: nobody knows whether it had its effect."


def describe_bound(bound: Bound, limit: Decimal | None) -> str:
    """The bound that ended a run in words; a budget with its limit in US dollars."""
    match bound:
        case "money" | "channel" | "day":
            return f"its bound on {bound}" if limit is None else describe_budget(bound, limit)
        case "calls":
            return "its bound on model calls"
        case "tokens":
            return "its bound on tokens"
        case "wall":
            return "its bound on time"
        case _:
            assert_never(bound)


def used_up(state: RunState) -> Bound | None:
    """The bound that allows no further call, or None. Budgets are checked before each call, with what it may cost."""
    bounds, spent = state.team.bounds, state.spent
    if spent.wall >= bounds.wall:
        return "wall"
    if spent.calls >= bounds.calls:
        return "calls"
    return "tokens" if spent.tokens >= bounds.tokens else None


def own_budget(state: RunState) -> BudgetStatus:
    """The status of the run's own budget, with what people granted beyond it."""
    return BudgetStatus(budget="money", limit=state.team.bounds.money + state.raised, used=committed(state))


def committed(state: RunState) -> Decimal:
    """US dollars booked, unknown, and reserved for calls under way."""
    reserved = sum((call.reserved or Decimal(0) for call in state.calls.values() if call.phase == "out"), Decimal(0))
    return state.spent.cost + state.spent.unknown + reserved


def ending(state: RunState) -> tuple[Event, ...]:
    """The events that end the run now, if it ends: open questions are cancelled first."""
    end = _end(state)
    return (*cancel_open(state, "the run has ended"), end) if end else ()


def cancel_open(state: RunState, why: str) -> tuple[Event, ...]:
    """The events that end every open question and every tool call under way."""
    questions = (
        e.QuestionSettled(
            at=state.at,
            question=question.id,
            outcome=settlement.cancelled_outcome(question, state.at, why),
            similar=newest_similar(question, state.questions.values()),
        )
        for question in state.questions.values()
        if question.open
    )
    uses = (
        e.ToolReturned(at=state.at, action=use.use, agent=use.agent, text=CUT_OFF, end="unknown")
        for use in state.uses.values()
        if use.phase == "out"
    )
    return (*questions, *uses)


def interruptions(state: RunState) -> tuple[Event, ...]:
    """The events that end every question and tool use once a person wants the best answer so far."""
    if state.finish is None:
        return ()
    why = f"{state.finish.by} wanted the answer now"
    refused = (e.QuestionRefused(at=state.at, action=action, reason=f"{why}.") for action in state.asks)
    questions = (
        e.QuestionSettled(
            at=state.at,
            question=question.id,
            outcome=settlement.cancelled_outcome(question, state.at, why),
            similar=newest_similar(question, state.questions.values()),
        )
        for question in state.questions.values()
        if question.open
    )
    uses = (
        e.ToolReturned(at=state.at, action=use.use, agent=use.agent, text=BROKEN_OFF, end="unknown")
        if use.phase == "out"
        else e.ToolReturned(at=state.at, action=use.use, agent=use.agent, text=f"Not called: {why}.", end="not_called")
        for use in state.uses.values()
        if use.phase != "asked"
    )
    return (*refused, *questions, *uses)


def may_answer_last(state: RunState, agent: AgentState) -> bool:
    """True if an agent may still answer after a person wanted the best answer so far: in a call under way, or in its last."""
    own = [call for call in state.calls.values() if call.agent == agent.spec.name and not call.is_side_call]
    if any(call.phase == "out" for call in own):
        return state.bound != "wall"
    return state.bound is None and (bool(own) or (state.finish is not None and agent.seen_seq < state.finish.seq))


def _end(state: RunState) -> Event | None:
    if state.external_agent is not None:
        return _external_agent_done(state, state.external_agent)
    for question in state.questions.values():
        if question.outcome is not None and question.outcome.decided_by == "fallback:fail":
            reason = f"Question {question.id} was not answered, and the team's fallback is to stop: {question.ask.question}"
            return e.RunFailed(at=state.at, reason=reason)
    # Agreement goes before a bound: a vote that was completed by the last call within a bound still counts.
    return _agreement(state) or _stop(state)


def _external_agent_done(state: RunState, name: str) -> Event | None:
    """The end of a run that consists of an external agent's questions: it comes with the last of them."""
    questions = state.questions.values()
    if state.asks or any(question.open for question in questions):
        return None
    ended = [f"Question {question.id} ({question.ask.question}): {closing_line(question)}" for question in questions]
    return e.RunFinished(at=state.at, text="\n".join(ended) or "Nothing was asked.", by=name, how="Asked from outside.")


def _agreement(state: RunState) -> Event | None:
    """The end by the vote, or by the answer of the only agent."""
    if state.finish is None and (alone := _answer_of_last_agent(state)):
        how = "One agent, one answer." if len(state.agents) == 1 else f"{alone.agent} was left to decide alone."
        return _finish(state, alone, how)
    winner = leader(state) if converged(state) else None
    return _end_by_vote(state, winner) if winner is not None else None


def _answer_of_last_agent(state: RunState) -> Answer | None:
    """The answer of the one agent that is left, once it has seen all that the other agents and people said."""
    if len(state.live) != 1 or has_waiters(state):
        return None
    agent = state.live[0]
    own = [answer for answer in state.answers if answer.agent == agent.spec.name]
    others = [answer.seq for answer in state.answers if answer.agent != agent.spec.name]
    # An agent that voted, for an answer of its own or of a retired agent, is ended by its vote (`_end_by_vote`).
    if not own or not agent.idle or agent.vote is not None:
        return None
    return own[-1] if own[-1].seen_seq >= max((last_guidance(state), agent.last_private_seq, *others)) else None


def _end_by_vote(state: RunState, winner: Answer) -> Event | None:
    """The winner's final text, or its unchanged answer where there will be none; None while the text is being written."""
    won = f"Won the vote, {_votes(state, winner)}"
    if state.final_text is not None:
        return e.RunFinished(at=state.at, text=state.final_text, by=winner.agent, how=f"{won}.")
    if state.agents[winner.agent].retired is not None:
        return _finish(state, winner, f"{won}; its author is retired, so it is used unchanged.")
    if state.final_failure is not None:
        return _finish(state, winner, f"{won}; used unchanged ({state.final_failure}).")
    return None


def _stop(state: RunState) -> Event | None:
    """The end because no agent is left or a bound is reached, with the best answer so far."""
    if not state.live:
        return _nobody_left(state)
    if state.finish is not None:
        return _finished_early(state, state.finish)
    if state.bound is None:
        return None
    # Calls under way are paid already, so their answers are awaited; but when the time is up, it is up.
    if state.bound != "wall" and any(call.phase == "out" and not call.is_side_call for call in state.calls.values()):
        return None
    return _best_answer(state, f"Stopped by {describe_bound(state.bound, state.limit)}")


def _finished_early(state: RunState, finish: Finish) -> Event | None:
    """The end that a person wanted. A final text under way is awaited; without any answer, so are those of the last calls."""
    if any(call.purpose == "final" and call.phase == "out" for call in state.calls.values()):
        return None
    best = leader(state)
    if best is not None:
        how = f"Finished early by {finish.by}: the best answer so far, {_votes(state, best)}.{retirement_reasons(state)}"
        return replace(_finish(state, best, how), early=finish.by)
    if any(may_answer_last(state, agent) for agent in state.live):
        return None
    return e.RunFailed(
        at=state.at, reason=f"{finish.by} finished the run before there was any answer.{retirement_reasons(state)}"
    )


def _nobody_left(state: RunState) -> Event:
    """The end of a run whose agents all had to be retired. Words that nobody could vote on are no result of a team."""
    if not state.answers or any(turn.uses for agent in state.agents.values() for turn in agent.turns):
        return _best_answer(state, "Every agent had to be retired")
    return e.RunFailed(
        at=state.at, reason=f"The agents answered in words alone, and none of them could vote.{retirement_reasons(state)}"
    )


def _best_answer(state: RunState, why: str) -> Event:
    best = leader(state)
    if best is None:
        return e.RunFailed(at=state.at, reason=f"{why} before there was any answer.{retirement_reasons(state)}")
    return _finish(state, best, f"{why}: the best answer so far, {_votes(state, best)}.{retirement_reasons(state)}")


def retirement_reasons(state: RunState) -> str:
    """Sentences on which agents retired and why, one a reason, each with a leading space."""
    reasons: dict[str, list[str]] = {}
    for agent in state.agents.values():
        if agent.retired is not None:
            reasons.setdefault(agent.retired, []).append(agent.spec.name)
    return "".join(f" {listed(names)} retired: {reason}" for reason, names in reasons.items())


def _finish(state: RunState, answer: Answer, how: str) -> e.RunFinished:
    return e.RunFinished(at=state.at, text=answer.text, by=answer.agent, how=how, bound=state.bound)


def _votes(state: RunState, answer: Answer) -> str:
    votes = tally(state)
    number, total = len(votes.get(answer.label, ())), sum(len(voters) for voters in votes.values())
    return f"{number} of {total} votes" if total else "not voted on"
