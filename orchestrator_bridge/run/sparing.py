"""What people are spared: limits on how much they are asked, over which the agent is told so and goes by its assumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.open_questions import OpenQuestionIndex
from orchestrator_bridge.people import Audience
from orchestrator_bridge.question.values import Question, Responder
from orchestrator_bridge.run.state import RunState, questions_asked
from orchestrator_bridge.text import listed


@dataclass(frozen=True, slots=True)
class QuestionQuota:
    """The limits of a run's team, by what is open in all runs."""

    open: OpenQuestionIndex

    def is_overloaded(self, state: RunState, person: Responder) -> bool:
        """Whether somebody has as many open questions as one person gets."""
        return self.open.for_person(person.id) + self._uncounted(state, person) >= state.team.limits.open_per_person

    def exclude_overloaded(self, state: RunState, audience: Audience) -> tuple[tuple[str, ...], Audience]:
        """The names of those who have enough open questions, and the audience without them."""
        full = {one.who.id for one in audience.people if self.is_overloaded(state, one.who)}
        names = tuple(one.who.name for one in audience.people if one.who.id in full)
        return names, replace(audience, people=tuple(one for one in audience.people if one.who.id not in full))

    def _uncounted(self, state: RunState, person: Responder) -> int:
        """Questions that have come to somebody in this very transaction, less those that have ended in it."""
        counted = {one.id for one in state.questions.values() if self.open.is_asked(one.id, person.id)}
        waiting = {one.id for one in state.questions.values() if one.open and _waits_for(one, person)}
        ended = {one.id for one in state.questions.values() if not one.open}
        return len(waiting - counted) - len(counted & ended)

    def quota_error(self, state: RunState, agent: str) -> str:
        """Which limit a further question of this agent would break, in words for it; empty if none."""
        return _over_in_all(state, agent) or self._over_open(state, agent)

    def _over_open(self, state: RunState, agent: str) -> str:
        limits, open_here = state.team.limits, [one for one in state.questions.values() if one.open]
        elsewhere = sum(not self.open.contains(one.id) for one in open_here)
        if sum(one.agent == agent for one in open_here) >= limits.open_per_agent:
            return f"you have {_questions(limits.open_per_agent, 'open ')}, the most at a time for one agent."
        if len(open_here) >= limits.open_per_run:
            return f"this run has {_questions(limits.open_per_run, 'open ')}, the most at a time."
        if self.open.in_channel(state.place) + elsewhere >= limits.open_per_channel:
            return f"this channel has {_questions(limits.open_per_channel, 'open ')}, the most at a time."
        return ""


def _over_in_all(state: RunState, agent: str) -> str:
    """How much an agent outside may ask in all is said by its token."""
    limits = state.team.limits
    if state.external_agent is None and state.agents[agent].asked >= limits.per_agent:
        return f"you have asked {_questions(limits.per_agent)}, the limit for one agent of this run."
    if state.external_agent is None and questions_asked(state) >= limits.per_run:
        return f"the {_questions(limits.per_run)} that this run may ask have been asked."
    return ""


def _waits_for(question: Question, person: Responder) -> bool:
    return person.id not in question.passed and any(one.id == person.id for one in question.humans)


def overload_message(names: Sequence[str], most: int) -> str:
    """That these people have enough to answer."""
    has = "has" if len(names) == 1 else "have"
    return f"{listed(names)} {has} {_questions(most, 'open ')} already, the most that one person gets"


def _questions(count: int, kind: str = "") -> str:
    return f"{count} {kind}question{'' if count == 1 else 's'}"
