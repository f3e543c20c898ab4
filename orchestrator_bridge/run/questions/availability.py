"""Availability of the people asked: quiet hours, and limits of open questions per person, channel, run and agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.quorum import active_deciders, final_decider_id, required_votes
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Audience, Directory, Mentioned, Responder, UnknownName


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietPerson:
    """A person with quiet hours now. `until`: their end by our clock; `clock`: the same as the person's own clock shows it."""

    id: str
    name: str
    until: float
    clock: str


@dataclass(frozen=True, slots=True)
class QuietHoursPolicy:
    """Applies quiet hours to questions, by the `asleep` setting of their policy."""

    directory: Directory

    def quiet_among(self, people: Iterable[Mentioned], now: float) -> dict[str, float]:
        """The end of quiet hours, by our clock, of each of these people who has them now; by the person's id."""
        ends = {person.who.id: self.directory.quiet_until(person.who.id, now) for person in people}
        return {person: until for person, until in ends.items() if until is not None}

    def quiet_people(self, people: Iterable[Mentioned], now: float) -> tuple[QuietPerson, ...]:
        """Those of these people who have quiet hours now, with name and local time for messages."""
        people = tuple(people)
        names = {person.who.id: person.who.name for person in people}
        return tuple(
            QuietPerson(id=person, name=names[person], until=until, clock=self.directory.local_time(person, until, now))
            for person, until in self.quiet_among(people, now).items()
        )

    def apply(self, transaction: Transaction, question: Question) -> Question:
        """Adapt a question that is about to be posted to the quiet hours of the people asked.

        `next`: ask the others now, or the first escalation step with somebody awake. `fall_back`: ask the others now, or fall
        back at once. Otherwise, and where that leaves nobody: post it, and start its times when enough people are awake.
        """
        people = tuple(
            Mentioned(who=person, author=author) for person in question.humans if (author := question.author(person.id))
        )
        asleep = self.quiet_among(people, transaction.now)
        if not asleep:
            return question
        awake = any(person.who.id not in asleep for person in people)
        match question.policy.asleep:
            case "next" | "fall_back" if awake:
                return self._without(question, asleep, transaction.now)
            case "next":
                if successors := self._escalated_early(transaction.state, question, transaction.now):
                    return self._replaced_by(question, successors, asleep, transaction.now)
            case "fall_back":
                if not question.groups:
                    return question.model_copy(update={"asleep": asleep, "gone": frozenset(asleep)})
            case "wait":
                pass
            case _:
                assert_never(question.policy.asleep)
        notes = (*question.notes, *self._notes(question, asleep, "is not disturbed before", transaction.now))
        return question.model_copy(update={"asleep": asleep, "starts_at": earliest_start(question, asleep), "notes": notes})

    def _without(self, question: Question, asleep: Mapping[str, float], now: float) -> Question:
        asked = tuple(person for person in question.asked if person.id not in asleep)
        decider = question.decider if question.decider and question.decider.id not in asleep else None
        notes = (*question.notes, *self._notes(question, asleep, "is not asked: quiet hours until", now))
        return question.model_copy(update={"asked": asked, "decider": decider, "notes": notes})

    def _escalated_early(self, state: RunState, question: Question, now: float) -> tuple[Mentioned, ...]:
        """The people of the first escalation step in which somebody is awake."""
        for step in question.policy.escalate:
            try:
                found = self.directory.audience(step.to, place=state.place, by=state.by, agents=(), now=now)
            except UnknownName:  # the team file has changed since the run began
                continue
            asleep = self.quiet_among(found.people, now)
            if awake := tuple(person for person in found.people if person.who.id not in asleep):
                return awake
        return ()

    def _replaced_by(
        self, question: Question, people: tuple[Mentioned, ...], asleep: Mapping[str, float], now: float
    ) -> Question:
        question = self._without(question, asleep, now)
        peers = (responder for responder in question.asked if responder.kind == "agent")
        authors = {**question.authors, **{person.who.id: person.author for person in people}}
        return question.model_copy(update={"asked": (*(person.who for person in people), *peers), "authors": authors})

    def _notes(self, question: Question, asleep: Mapping[str, float], what: str, now: float) -> tuple[str, ...]:
        names = {person.id: person.name for person in question.humans}
        times = {person: self.directory.local_time(person, until, now) for person, until in asleep.items()}
        return tuple(f"{names[person]} {what} {clock}" for person, clock in times.items())


def earliest_start(question: Question, asleep: Mapping[str, float]) -> float:
    """The time, by our clock, at which enough deciders and the final decider are awake; 0 if they are awake now."""
    # With a quorum of n the n-th to wake up completes it. A role has members whose quiet hours are not known, so it is awake.
    wakes = sorted(asleep.get(decider.id, 0.0) for decider in active_deciders(question))
    enough = 0.0 if question.groups or not wakes else wakes[min(required_votes(question), len(wakes)) - 1]
    return max(enough, asleep.get(final_decider_id(question), 0.0))


class OpenQuestionIndex:
    """Counts of open questions, of all runs, per person (by id) and per channel."""

    def __init__(self) -> None:
        # Updated when a transaction is stored. Questions of the current transaction are added by `QuestionQuota`.
        self._questions: dict[int, tuple[int, str, tuple[str, ...]]] = {}
        self._people: Counter[str] = Counter()
        self._channels: Counter[str] = Counter()

    def add(self, question: int, run: int, place: Place, people: Sequence[str]) -> None:
        """Count an open question, in this place and for these people."""
        self.discard(question)
        channel = _channel(place)
        self._questions[question] = run, channel, tuple(people)
        self._people.update(people)
        self._channels[channel] += 1

    def set_audience(self, question: int, people: Sequence[str]) -> None:
        """Replace the people whom a question asks."""
        if question in self._questions:
            run, channel, before = self._questions[question]
            self._people.subtract(before)
            self._people.update(people)
            self._questions[question] = run, channel, tuple(people)

    def discard(self, question: int) -> None:
        """Stop counting a question."""
        known = self._questions.pop(question, None)
        if known is not None:
            self._channels[known[1]] -= 1
            self._people.subtract(known[2])

    def contains(self, question: int) -> bool:
        """True if a question is counted already; one of the current transaction is not yet."""
        return question in self._questions

    def is_asked(self, question: int, person: str) -> bool:
        """True if a person is counted among those whom a question asks."""
        return question in self._questions and person in self._questions[question][2]

    def of_person(self, person: str) -> Sequence[tuple[int, int]]:
        """The open questions that ask a person, as pairs of run and question."""
        return [(run, question) for question, (run, _, people) in self._questions.items() if person in people]

    def for_person(self, person: str) -> int:
        """The number of open questions that a person has."""
        return self._people[person]

    def in_channel(self, place: Place) -> int:
        """The number of open questions in a channel."""
        return self._channels[_channel(place)]


def _channel(place: Place) -> str:
    return f"{place.platform}/{place.channel}"


@dataclass(frozen=True, slots=True)
class QuestionQuota:
    """Checks the limits of a run's team against the open questions of all runs."""

    open: OpenQuestionIndex

    def is_overloaded(self, state: RunState, person: Responder) -> bool:
        """True if a person has as many open questions as the team's limit allows."""
        return self.open.for_person(person.id) + self._uncounted(state, person) >= state.team.limits.open_per_person

    def exclude_overloaded(self, state: RunState, audience: Audience) -> tuple[tuple[str, ...], Audience]:
        """The names of overloaded people, and the audience without them."""
        overloaded = {person.who.id for person in audience.people if self.is_overloaded(state, person.who)}
        names = tuple(person.who.name for person in audience.people if person.who.id in overloaded)
        return names, replace(audience, people=tuple(person for person in audience.people if person.who.id not in overloaded))

    def _uncounted(self, state: RunState, person: Responder) -> int:
        """Questions that the current transaction has put to a person, less those that it has ended: the index has neither yet."""
        questions = state.questions.values()
        counted = {question.id for question in questions if self.open.is_asked(question.id, person.id)}
        waiting = {
            question.id
            for question in questions
            if question.open and person.id not in question.passed and any(human.id == person.id for human in question.humans)
        }
        ended = {question.id for question in questions if not question.open}
        return len(waiting - counted) - len(counted & ended)

    def quota_error(self, state: RunState, agent: str) -> str:
        """The limit that a further question of this agent would exceed, in words for the agent; empty if none."""
        return _over_total(state, agent) or self._over_open(state, agent)

    def _over_open(self, state: RunState, agent: str) -> str:
        limits, open_here = state.team.limits, [question for question in state.questions.values() if question.open]
        uncounted = sum(not self.open.contains(question.id) for question in open_here)
        if sum(question.agent == agent for question in open_here) >= limits.open_per_agent:
            return f"you have {_questions(limits.open_per_agent, 'open ')}, the most at a time for one agent."
        if len(open_here) >= limits.open_per_run:
            return f"this run has {_questions(limits.open_per_run, 'open ')}, the most at a time."
        if self.open.in_channel(state.place) + uncounted >= limits.open_per_channel:
            return f"this channel has {_questions(limits.open_per_channel, 'open ')}, the most at a time."
        return ""


def _over_total(state: RunState, agent: str) -> str:
    limits = state.team.limits
    if state.external_agent is not None:  # its access token limits how much it may ask
        return ""
    if state.agents[agent].asked >= limits.per_agent:
        return f"you have asked {_questions(limits.per_agent)}, the limit for one agent of this run."
    if state.questions_asked >= limits.per_run:
        return f"the {_questions(limits.per_run)} that this run may ask have been asked."
    return ""


def overload_message(names: Sequence[str], most: int) -> str:
    """The sentence that these people have as many open questions as they may."""
    has = "has" if len(names) == 1 else "have"
    return f"{listed(names)} {has} {_questions(most, 'open ')} already, the most that one person gets"


def _questions(count: int, kind: str = "") -> str:
    return f"{count} {kind}question{'' if count == 1 else 's'}"
