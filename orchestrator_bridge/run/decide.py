"""`decide(state)`: what is now outstanding in a run. A plain function: no clock, no I/O.

Actions have stable ids, so deciding twice is harmless: who carries them out starts only what is new. What follows at once from
the state (a retirement, a bound, the end) is a `Record`: an event to append before deciding again. What a clock does is a `Wait`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from orchestrator_bridge.question import settle
from orchestrator_bridge.question.values import Ask, Question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.events import Bound, Event, Purpose
from orchestrator_bridge.run.state import (
    AgentState,
    Answer,
    Call,
    RunState,
    awaited,
    converged,
    counts,
    last_change,
    last_guidance,
    leader,
    tally,
)

MALFORMED_TRIES = 3
"""Responses in a row without a usable tool use that retire an agent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallModel:
    """Make this call; `out` says that it has been started. Attempts count from 1."""

    action: str
    agent: str
    purpose: Purpose
    attempt: int
    question: int | None = None
    out: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskPeople:
    """Make a question of this, or refuse it."""

    action: str
    agent: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Append this event: it follows from the state."""

    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Append this event (its `at` aside) when our clock reaches `until`, in seconds, if this is still outstanding then."""

    until: float
    event: Event


Action = CallModel | AskPeople | Record | Wait


def decide(state: RunState) -> tuple[Action, ...]:
    """What is outstanding: the questions to be asked, else the records that follow at once, else all that goes on side by side."""
    if state.end is not None:
        return ()
    records = _retirements(state)
    if state.asks and not records:
        return tuple(_asks(state))
    records = records or _ending(state) or _exhausted(state)
    if records:
        return tuple(Record(event=event) for event in records)
    return (*_calls(state), *_waits(state))


# What follows at once -----------------------------------------------------------------------------------------------------


def _asks(state: RunState) -> Iterator[AskPeople]:
    for action, pending in state.asks.items():
        yield AskPeople(action=action, agent=pending.agent, ask=pending.ask)


def _retirements(state: RunState) -> tuple[Event, ...]:
    reasons = {agent.spec.name: _unfit(agent) for agent in state.live}
    return tuple(e.AgentRetired(at=state.at, agent=name, reason=reason) for name, reason in reasons.items() if reason)


def _unfit(agent: AgentState) -> str:
    if agent.failure is not None:
        return f"{agent.failure.found} {agent.failure.advice}".strip()
    if agent.malformed >= MALFORMED_TRIES:
        return f"it used its tools wrongly {agent.malformed} times in a row."
    return ""


def _ending(state: RunState) -> tuple[Event, ...]:
    end = _end(state)
    return (*cancel_open(state, "the run has ended"), end) if end else ()


def cancel_open(state: RunState, why: str) -> tuple[Event, ...]:
    """The end of every question that is still open."""
    return tuple(
        e.QuestionSettled(at=state.at, question=question.id, outcome=settle.cancelled(question, state.at, why))
        for question in state.questions.values()
        if question.open
    )


def _end(state: RunState) -> Event | None:
    fatal = next((one for one in state.questions.values() if _ends_run(one)), None)
    if fatal is not None:
        return e.RunFailed(
            at=state.at, reason=f"Question {fatal.id} was not answered, and the team's fallback is to stop: {fatal.ask.question}"
        )
    if not state.live:
        return _best(state, "Every agent had to be retired")
    if state.bound is not None and _landed(state):
        return _best(state, f"Stopped by its bound on {_BOUNDS[state.bound]}")
    return _agreed(state)


_BOUNDS: dict[Bound, str] = {"calls": "model calls", "tokens": "tokens", "money": "money", "wall": "time"}


def _ends_run(question: Question) -> bool:
    return question.outcome is not None and question.outcome.decided_by == "fallback:fail"


def _landed(state: RunState) -> bool:
    """Nothing under way is worth waiting for: calls are paid already, but time that is up is up."""
    return state.bound == "wall" or not any(call.phase == "out" and call.purpose != "peer" for call in state.calls.values())


def _best(state: RunState, why: str) -> Event:
    best = leader(state)
    if best is None:
        return e.RunFailed(at=state.at, reason=f"{why} before there was any answer.{_reasons(state)}")
    return _finish(state, best, f"{why}: the best answer so far, {_votes(state, best)}.{_reasons(state)}")


def _reasons(state: RunState) -> str:
    return "".join(f" {agent.spec.name} retired: {agent.retired}" for agent in state.agents.values() if agent.retired)


def _agreed(state: RunState) -> Event | None:
    alone = _alone(state)
    if alone is not None:
        how = "One agent, one answer." if len(state.agents) == 1 else f"{alone.agent} was left to decide alone."
        return _finish(state, alone, how)
    winner = leader(state) if converged(state) else None
    if winner is None:
        return None
    if state.final_text is not None:
        return e.RunFinished(at=state.at, text=state.final_text, by=winner.agent, how=f"Won the vote, {_votes(state, winner)}.")
    if state.agents[winner.agent].retired is not None:
        return _finish(
            state, winner, f"Won the vote, {_votes(state, winner)}; its author is retired, so it is taken as it stands."
        )
    if state.final_failure is not None:
        return _finish(state, winner, f"Won the vote, {_votes(state, winner)}; taken as it stands ({state.final_failure}).")
    return None


def _finish(state: RunState, answer: Answer, how: str) -> Event:
    return e.RunFinished(at=state.at, text=answer.text, by=answer.agent, how=how, bound=state.bound)


def _votes(state: RunState, answer: Answer) -> str:
    votes = tally(state)
    number, total = len(votes.get(answer.label, ())), sum(len(voters) for voters in votes.values())
    return f"{number} of {total} votes" if total else "not voted on"


def _alone(state: RunState) -> Answer | None:
    """The answer of the one agent that is left, once it has seen all that the others and the people said."""
    if len(state.live) != 1 or awaited(state):
        return None
    agent = state.live[0]
    own = [answer for answer in state.answers if answer.agent == agent.spec.name]
    others = [answer.seq for answer in state.answers if answer.agent != agent.spec.name]
    if not own or not agent.rests or agent.vote is not None:
        return None
    return own[-1] if own[-1].seen >= max((last_guidance(state), agent.fresh, *others)) else None


# Bounds -------------------------------------------------------------------------------------------------------------------


def _exhausted(state: RunState) -> tuple[Event, ...]:
    bound = _used_up(state) if state.bound is None and any(_startable(state)) else None
    return (e.BoundReached(at=state.at, bound=bound),) if bound else ()


def _used_up(state: RunState) -> Bound | None:
    bounds, spent = state.team.bounds, state.spent
    if spent.wall >= bounds.wall:
        return "wall"
    if spent.calls >= bounds.calls:
        return "calls"
    if spent.tokens >= bounds.tokens:
        return "tokens"
    return "money" if committed(state) >= bounds.money else None


def committed(state: RunState) -> Decimal:
    """US dollars booked, unknown, and reserved for calls under way."""
    reserved = sum((call.reserved or Decimal(0) for call in state.calls.values() if call.phase == "out"), Decimal(0))
    return state.spent.cost + state.spent.unknown + reserved


# Side by side -------------------------------------------------------------------------------------------------------------


def _calls(state: RunState) -> Iterator[CallModel]:
    """Calls under way, and as many new ones as the bound on calls leaves."""
    for call in state.calls.values():
        if call.phase == "out":
            yield _again(call)
    if state.bound is None:
        left = state.team.bounds.calls - state.spent.calls
        yield from list(_startable(state))[: max(0, left)]


def _startable(state: RunState) -> Iterator[CallModel]:
    for call in state.calls.values():
        if call.phase == "due":
            yield _again(call)
    yield from _peer_calls(state)
    final = _final_call(state)
    if final is not None:
        yield final
        return
    for agent in state.live:
        if _needs_call(state, agent):
            yield CallModel(
                action=f"work:{agent.spec.name}:{len(agent.turns) + 1}", agent=agent.spec.name, purpose="work", attempt=1
            )


def _again(call: Call) -> CallModel:
    return CallModel(
        action=call.action,
        agent=call.agent,
        purpose=call.purpose,
        attempt=call.attempt if call.phase == "out" else call.attempt + 1,
        question=call.question,
        out=call.phase == "out",
    )


def _peer_calls(state: RunState) -> Iterator[CallModel]:
    """One side call for every agent that an open question asks and that has not replied."""
    for question in state.questions.values():
        if not question.open:
            continue
        heard = {reply.author.id for reply in question.replies} | question.passed
        for name in question.peers:
            action = f"peer:{question.id}:{name}"
            if f"agent:{name}" not in heard and action not in state.calls:
                yield CallModel(action=action, agent=name, purpose="peer", attempt=1, question=question.id)


def _final_call(state: RunState) -> CallModel | None:
    """The winner writes the final text."""
    if not converged(state):
        return None
    winner = leader(state)
    action = f"final:{state.finals + 1}"
    if winner is None or action in state.calls or state.agents[winner.agent].retired is not None:
        return None
    return CallModel(action=action, agent=winner.agent, purpose="final", attempt=1)


def _needs_call(state: RunState, agent: AgentState) -> bool:
    if agent.waits or _working(state, agent) is not None:
        return False
    if not agent.rests:
        return True
    return not counts(state, agent) and not any(_holds_up(state, agent))


def _working(state: RunState, agent: AgentState) -> Call | None:
    return next((call for call in state.calls.values() if call.agent == agent.spec.name and call.purpose != "peer"), None)


def _holds_up(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The others' calls with an older view that an agent which has answered waits for."""
    newest = last_change(state)
    for call in state.calls.values():
        if call.purpose != "peer" and call.agent != agent.spec.name and call.seen < newest and not call.straggles:
            yield call


# What a clock does --------------------------------------------------------------------------------------------------------


def _waits(state: RunState) -> Iterator[Wait]:
    for call in state.calls.values():
        if call.phase == "resting" and state.bound is None:
            yield Wait(until=call.retry_at, event=e.RetryDue(at=call.retry_at, action=call.action))
    for call in {call.action: call for agent in state.live for call in _held_by(state, agent)}.values():
        due = call.started_at + state.team.bounds.straggler_after
        yield Wait(until=due, event=e.StragglerDue(at=due, action=call.action))
    if state.busy and state.bound is None:
        until = state.at + max(0.0, state.team.bounds.wall - state.spent.wall)
        yield Wait(until=until, event=e.BoundReached(at=until, bound="wall"))


def _held_by(state: RunState, agent: AgentState) -> Iterator[Call]:
    idle = agent.rests and not agent.waits and _working(state, agent) is None and not counts(state, agent)
    return _holds_up(state, agent) if idle else iter(())
