"""Quiet hours: what becomes of a question for those of its people who are not to be disturbed, by the policy's `asleep`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.quorum import active_deciders, final_decider_id, required_votes
from orchestrator_bridge.run.state import RunState, questions_asked
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietPerson:
    """Somebody whose quiet hours it is: their id and name, until when by our clock, and what their own clock shows then."""

    id: str
    name: str
    until: float
    clock: str


@dataclass(frozen=True, slots=True)
class QuietHoursPolicy:
    """Who is not to be disturbed, and what that means for a question."""

    directory: Directory

    def quiet_among(self, people: Iterable[Mentioned], now: float) -> dict[str, float]:
        """Those of these people, by id, whose quiet hours it is, and until when by our clock."""
        found = {one.who.id: self.directory.quiet_until(one.who.id, now) for one in people}
        return {one: until for one, until in found.items() if until is not None}

    def quiet_people(self, people: Iterable[Mentioned], now: float) -> tuple[QuietPerson, ...]:
        """The same with what is to be told of them."""
        people = tuple(people)
        names = {one.who.id: one.who.name for one in people}
        return tuple(
            QuietPerson(id=one, name=names[one], until=until, clock=self.directory.local_time(one, until))
            for one, until in self.quiet_among(people, now).items()
        )

    def apply(self, transaction: Transaction, question: Question) -> Question:
        """A question that is about to be posted, as the policy has it for those who are asleep."""
        people = tuple(Mentioned(who=one, author=author) for one in question.humans if (author := question.author(one.id)))
        asleep = self.quiet_among(people, transaction.now)
        if not asleep:
            return question
        awake = [one for one in people if one.who.id not in asleep]
        match question.policy.asleep:
            case "next" if awake:
                return self._without(question, asleep)
            case "next" if next_ones := self._next(transaction.state, question, transaction.now):
                return self._in_their_place(question, next_ones, asleep)
            case "fall_back" if awake:
                return self._without(question, asleep)
            case "fall_back" if not question.groups:
                return question.model_copy(update={"asleep": asleep, "gone": frozenset(asleep)})
        return self._waiting(question, asleep)

    def _without(self, question: Question, asleep: Mapping[str, float]) -> Question:
        kept = tuple(one for one in question.asked if one.id not in asleep)
        decider = question.decider if question.decider and question.decider.id not in asleep else None
        notes = (*question.notes, *self._notes(question, asleep, "is not asked, since nobody disturbs them before"))
        return question.model_copy(update={"asked": kept, "decider": decider, "notes": notes})

    def _next(self, state: RunState, question: Question, now: float) -> tuple[Mentioned, ...]:
        """Those of the first step of the escalation in which somebody is awake."""
        for step in question.policy.escalate:
            try:
                found = self.directory.audience(step.to, place=state.place, by=state.by, agents=())
            except UnknownName:  # the team file has changed since the run began
                continue
            asleep = self.quiet_among(found.people, now)
            if awake := tuple(one for one in found.people if one.who.id not in asleep):
                return awake
        return ()

    def _in_their_place(self, question: Question, people: tuple[Mentioned, ...], asleep: Mapping[str, float]) -> Question:
        question = self._without(question, asleep)
        peers = (one for one in question.asked if one.kind == "agent")
        authors = {**question.authors, **{one.who.id: one.author for one in people}}
        return question.model_copy(update={"asked": (*(one.who for one in people), *peers), "authors": authors})

    def _waiting(self, question: Question, asleep: dict[str, float]) -> Question:
        """It is posted, but its times count from when enough are awake, and nobody is woken for it."""
        notes = (*question.notes, *self._notes(question, asleep, "is not disturbed before"))
        return question.model_copy(update={"asleep": asleep, "starts_at": earliest_start(question, asleep), "notes": notes})

    def _notes(self, question: Question, asleep: Mapping[str, float], what: str) -> tuple[str, ...]:
        names = {one.id: one.name for one in question.humans}
        return tuple(f"{names[one]} {what} {self.directory.local_time(one, until)}" for one, until in asleep.items())


def earliest_start(question: Question, asleep: Mapping[str, float]) -> float:
    """From when on, by our clock, enough of those who decide are awake, and whoever has the last word; 0 if they are now."""
    wakes = sorted(asleep.get(one.id, 0.0) for one in active_deciders(question))
    enough = 0.0 if question.groups or not wakes else wakes[min(required_votes(question), len(wakes)) - 1]
    return max(enough, asleep.get(final_decider_id(question), 0.0))


class OpenQuestionIndex:
    """Counts the open questions of every person (by id) and every channel."""

    def __init__(self) -> None:
        self._questions: dict[int, tuple[int, str, tuple[str, ...]]] = {}
        self._people: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()

    def add(self, question: int, run: int, place: Place, people: Sequence[str]) -> None:
        """A question is open, in this place and for these people."""
        self.discard(question)
        channel = _channel(place)
        self._questions[question] = run, channel, tuple(people)
        self._people.update(people)
        self._channels[channel] += 1

    def set_audience(self, question: int, people: Sequence[str]) -> None:
        """A question is for these people now."""
        if question in self._questions:
            run, channel, before = self._questions[question]
            self._people.subtract(before)
            self._people.update(people)
            self._questions[question] = run, channel, tuple(people)

    def discard(self, question: int) -> None:
        """A question has ended."""
        known = self._questions.pop(question, None)
        if known is not None:
            self._channels[known[1]] -= 1
            self._people.subtract(known[2])

    def contains(self, question: int) -> bool:
        """Whether a question is counted already: one that is just being made is not yet."""
        return question in self._questions

    def is_asked(self, question: int, person: str) -> bool:
        """Whether somebody is counted among those whom a question asks."""
        return question in self._questions and person in self._questions[question][2]

    def for_person(self, person: str) -> int:
        """How many open questions somebody has."""
        return self._people[person]

    def in_channel(self, place: Place) -> int:
        """How many open questions there are in a channel."""
        return self._channels[_channel(place)]


def _channel(place: Place) -> str:
    return f"{place.platform}/{place.channel}"


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
